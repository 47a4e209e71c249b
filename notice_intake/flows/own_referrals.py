"""What an agency sees of its own referrals on its pages: what it sent, how each item stands, what happened, and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.codes import CaseState, ItemStatus, MessageKind
from ..core.messages import ANSWERED, UNDECIDED
from ..errors import NotFound
from ..store import messages, own_referrals, referrals
from ..store.agencies import Agency
from ..store.storage import Tx
from .case_parts import message_views, referral_view
from .desk_queries import read_cursor, write_cursor
from .mount import Mount
from .views import ItemView, MessageView, ReferralView

STATES = ("all", "asked", "open", "answered")


@dataclass(frozen=True, slots=True)
class ReferralRow:
    """One referral in the agency's list."""

    id: str
    agency_reference: str
    instrument: str
    instrument_name: str
    received_at: datetime
    updated_at: datetime
    due_at: datetime
    due_kind: str
    channel: str
    #: (status, how many items stand so), the most urgent for the agency first.
    statuses: tuple[tuple[str, int], ...]
    items: int

    @property
    def waits(self) -> bool:
        """Whether an item still waits for a decision."""
        return any(status in UNDECIDED for status, _ in self.statuses)


@dataclass(frozen=True, slots=True)
class Reasons:
    """A decision, as far as its agency is told of it: never what the moderator noted for the desk, nor who decided."""

    outcome: str
    at: datetime
    effected_at: datetime | None
    territories: tuple[str, ...]
    ground_kind: str | None
    ground_reference: str
    explanation: str
    impossibility: str | None


@dataclass(frozen=True, slots=True)
class ItemFile:
    """One item: as sent, as it stands, and what was decided on it, newest first."""

    view: ItemView
    due_at: datetime | None
    updated_at: datetime
    decisions: tuple[Reasons, ...]
    #: Whether the agency can ask to look again.
    complainable: bool
    #: Whether its case is purged: the reasons are deleted.
    purged: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that the agency was told."""

    id: str
    type: str
    at: datetime
    #: The agency's own reference of the item; empty where it is about the whole referral.
    reference: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ReferralFile:
    """Everything that an agency sees of one of its referrals."""

    referral: ReferralView
    sequence: int
    updated_at: datetime
    items: tuple[ItemFile, ...]
    #: Newest first.
    messages: tuple[MessageView, ...]
    #: Questions that wait for an answer, oldest first.
    questions: tuple[MessageView, ...]
    told: tuple[Told, ...]
    #: Since when its texts, links and names are deleted; None while they are kept.
    purged_at: datetime | None = None

    @property
    def supplementable(self) -> bool:
        """Whether something still waits for a decision, or can with further facts."""
        return any(one.view.status in (*UNDECIDED, ItemStatus.NOT_POSSIBLE) for one in self.items if not one.purged)

    @property
    def withdrawable(self) -> tuple[ItemFile, ...]:
        """The items that can be taken back."""
        return tuple(one for one in self.items if one.view.status != ItemStatus.WITHDRAWN and not one.purged)

    @property
    def complainable(self) -> tuple[ItemFile, ...]:
        """The items whose decision can be asked to be looked at again."""
        return tuple(one for one in self.items if one.complainable)


def page(
    mount: Mount, *, agency: Agency, state: str, reference: str | None, cursor: str | None, limit: int = 50
) -> tuple[tuple[ReferralRow, ...], str | None]:
    """Return a page of the agency's referrals, those that changed last first, and where to go on."""
    purpose = "own:" + agency.id
    place = read_cursor(mount, cursor, purpose)
    before = (place[0], place[1]) if place else None
    with mount.storage.read() as tx:
        rows = own_referrals.page(tx, agency.id, state=state, reference=reference, before=before, limit=limit + 1)
        items = referrals.items_of(tx, [row.id for row in rows[:limit]])
    shown = tuple(_row(mount, row, [one for one in items if one.referral_id == row.id]) for row in rows[:limit])
    more = rows[limit - 1] if len(rows) > limit else None
    return shown, write_cursor(mount, [more.updated_at.isoformat(), more.id], purpose) if more is not None else None


def asked(mount: Mount, *, agency: Agency) -> int:
    """Return how many of the agency's referrals wait for its answer."""
    with mount.storage.read() as tx:
        return own_referrals.asked(tx, agency.id)


def referral_file(mount: Mount, referral_id: str, *, agency: Agency, now: datetime) -> ReferralFile:
    """Return one referral. Raises ``NotFound`` for another agency's as for none."""
    with mount.storage.read() as tx:
        own = referrals.find(tx, referral_id, agency_id=agency.id)
        if own is None:
            raise NotFound
        (row,) = referrals.of_case(tx, [own.id])
        items = referrals.items_of(tx, [own.id])
        view = referral_view(mount, row, items)
        rows = messages.of_referrals(tx, [own.id])
        resting = own_referrals.resting(tx, {one.decision_id for one in rows if one.decision_id}, now=now)
        said = message_views(rows, {own.id: view}, resting=resting)
        files = _items(tx, view, items, own, now=now)
        told = own_referrals.told(tx, own.id)
    waiting = [one for one in said if one.kind == MessageKind.QUESTION and one.result is None]
    return ReferralFile(
        referral=view,
        sequence=own.sequence,
        updated_at=own.updated_at,
        items=files,
        messages=said,
        questions=tuple(reversed(waiting)),
        told=tuple(_told(one) for one in told),
        purged_at=own.purged_at,
    )


def _row(mount: Mount, row: Any, items: Sequence[Any]) -> ReferralRow:
    instrument = mount.instruments.get(row.instrument)
    counts = [(str(status), sum(1 for one in items if one.status == status)) for status in _ORDER]
    return ReferralRow(
        id=row.id,
        agency_reference=row.agency_reference,
        instrument=row.instrument,
        instrument_name=instrument.name if instrument else row.instrument,
        received_at=row.received_at,
        updated_at=row.updated_at,
        due_at=row.due_at,
        due_kind=row.due_kind,
        channel=row.channel,
        statuses=tuple((status, count) for status, count in counts if count),
        items=len(items),
    )


_ORDER = (
    ItemStatus.NEEDS_CLARIFICATION,
    ItemStatus.NOT_POSSIBLE,
    ItemStatus.RECEIVED,
    ItemStatus.IN_REVIEW,
    ItemStatus.DECIDED,
    ItemStatus.EFFECTED,
    ItemStatus.RESTORED,
    ItemStatus.WITHDRAWN,
)


def _items(tx: Tx, view: ReferralView, items: Sequence[Any], own: Any, *, now: datetime) -> tuple[ItemFile, ...]:
    case_ids = list(dict.fromkeys(one.case_id for one in items))
    taken = own_referrals.decisions_of(tx, case_ids, now=now)
    waiting = messages.unclosed_of(tx, MessageKind.COMPLAINT, item_ids=[one.id for one in items])
    pending = {row.item_id for row in waiting}
    moving = own_referrals.in_state(tx, case_ids, CaseState.DECIDED, announced=False)
    purged = own_referrals.in_state(tx, case_ids, CaseState.PURGED)
    found = []
    for shown, item in zip(view.items, items, strict=True):
        decided = _decisions(item, [one for one in taken if one.case_id == item.case_id])
        free = item.id not in pending and item.case_id not in moving
        due_at = (item.due_at or own.due_at) if item.status in UNDECIDED and item.clock_left is None else None
        gone = item.case_id in purged
        complainable = bool(decided) and item.status in ANSWERED and free and not gone
        found.append(ItemFile(shown, due_at, item.updated_at, decided, complainable, gone))
    return tuple(found)


def _decisions(item: Any, taken: Sequence[Any]) -> tuple[Reasons, ...]:
    """Return what answered an item: whatever was decided since it came, else the decision that stood when it came."""
    since = [one for one in taken if one.effective_at >= item.received_at]
    if not since and (item.status in ANSWERED or item.outcome is not None):
        since = list(taken[:1])
    until = item.updated_at if item.status == ItemStatus.WITHDRAWN else None
    return tuple(_reasons(one) for one in since if until is None or one.effective_at <= until)


def _reasons(row: Any) -> Reasons:
    return Reasons(
        outcome=row.outcome,
        at=row.effective_at,
        effected_at=row.effected_at,
        territories=tuple(row.territories),
        ground_kind=row.ground_kind,
        ground_reference=row.ground_reference,
        explanation=row.explanation,
        impossibility=row.impossibility,
    )


def _told(row: Any) -> Told:
    if row.body is None:  # purged
        return Told(row.id, row.type, row.created_at, "", "")
    document = json.loads(row.body)
    data = document["data"]
    at = datetime.fromisoformat(document["timestamp"])
    return Told(row.id, row.type, at, str(data.get("item_reference") or ""), str(data.get("outcome") or ""))
