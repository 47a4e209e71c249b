"""What the desk reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from itsdangerous import BadSignature

from ..core.cases import Member
from ..core.codes import CaseState, EffectState, ItemStatus
from ..core.decisions import allowed_outcomes
from ..core.messages import UNDECIDED, asked
from ..core.queue import QueueFilter
from ..errors import DocumentRefused, FieldError, NotFound, NotPermitted
from ..hooks import Moderator
from ..store import agencies, cases, decisions, journal, messages, originals, outbox, queue, referrals
from ..store.storage import Tx
from .case_parts import decision_view, effect_view, history_entry, message_views, referral_view
from .complaints import check_moderator
from .entry_values import CHANNEL, UNKNOWN_COUNTRY
from .mount import Mount
from .viewing import VIEWS
from .views import CaseFile, Claim, EffectView, Facet, NamedIn, PurgedCase, QueueCounts, QueuePage, QueueRow


def queue_page(
    mount: Mount,
    wanted: QueueFilter,
    *,
    moderator: Moderator,
    now: datetime,
    cursor: str | None = None,
    limit: int = 50,
) -> QueuePage:
    """Return a page of the queue, most urgent first. Raises ``DocumentRefused`` for a cursor that is not ours."""
    after = read_cursor(mount, cursor, "queue")
    with mount.storage.read() as tx:
        rows = queue.page(tx, wanted, moderator_id=moderator.id, now=now, after=after, limit=limit + 1)
        names = queue.agencies_of(tx, [row.id for row in rows[:limit]]) if rows else {}
    shown = tuple(queue_row(mount, row, names.get(row.id, []), now=now) for row in rows[:limit])
    last = rows[limit - 1] if len(rows) > limit else None
    return QueuePage(shown, _cursor_after(mount, last, wanted.state) if last is not None else None)


def queue_counts(mount: Mount, *, moderator: Moderator, now: datetime) -> QueueCounts:
    """Count the queue, each number up to a cap."""
    with mount.storage.read() as tx:
        return QueueCounts(cap=queue.COUNT_CAP, **queue.counts(tx, moderator_id=moderator.id, now=now))


def facets(mount: Mount) -> dict[str, tuple[Facet, ...]]:
    """Return what the filters can be set to."""
    with mount.storage.read() as tx:
        values = queue.facet_values(tx)
        everyone = agencies.everyone(tx)
    found = {name: tuple(Facet(one, one) for one in values[name]) for name in ("kind", "language", "operation")}
    names = {code: instrument.name for code, instrument in mount.instruments.items()}
    found["instrument"] = tuple(Facet(one, names.get(one, one)) for one in values["instrument"])
    found["agency"] = tuple(
        Facet(one.id, one.name if one.country == UNKNOWN_COUNTRY else f"{one.name} ({one.country})") for one in everyone
    )
    return found


def case_file(mount: Mount, case_id: str, *, moderator: Moderator, now: datetime) -> CaseFile:
    """Return everything known about a case. Raises ``NotFound``."""
    with mount.storage.read() as tx:
        row = cases.find_row(tx, case_id)
        if row is None:
            raise NotFound
        if row.state == CaseState.PURGED:
            raise NotFound("The retention period of this case has ended: what it held is deleted.")
        return _case_file(mount, tx, row, moderator=moderator, now=now)


def purged_case(mount: Mount, case_id: str) -> PurgedCase | None:
    """Return what is left of a case after its retention period; None where it is not purged, or was never there."""
    with mount.storage.read() as tx:
        row = cases.find_row(tx, case_id)
        if row is None or row.state != CaseState.PURGED:
            return None
        referral_ids = list(dict.fromkeys(item.referral_id for item in cases.member_rows(tx, case_id)))
        named = referrals.of_case(tx, referral_ids)
        # Entries about a referral that another case keeps alive may still say what was deleted here.
        objects = [case_id, *[one.id for one in named if one.purged_at is not None]]
        return PurgedCase(
            id=row.id,
            kind=row.kind,
            instrument_name=_name_of(mount, row.instrument),
            category=row.category,
            outcome=row.outcome,
            opened_at=row.opened_at,
            purged_at=row.updated_at,
            referrals=tuple(
                NamedIn(one.id, one.agency_name, one.agency_reference, _name_of(mount, one.instrument), one.received_at)
                for one in named
            ),
            decisions=tuple(decision_view(one) for one in decisions.of_case(tx, case_id)),
            history=tuple(history_entry(one) for one in journal.history(tx, objects, without=VIEWS)),
        )


def _name_of(mount: Mount, instrument: str) -> str:
    known = mount.instruments.get(instrument)
    return known.name if known else instrument


def _case_file(mount: Mount, tx: Tx, row: Any, *, moderator: Moderator, now: datetime) -> CaseFile:
    items = cases.member_rows(tx, row.id)
    members = [cases.to_member(item) for item in items]
    referral_ids = list(dict.fromkeys(item.referral_id for item in items))
    found = referrals.of_case(tx, referral_ids)
    entered = [one.id for one in found if one.channel == CHANNEL]
    files = originals.of_referrals(tx, entered) if entered else []
    views = tuple(
        referral_view(
            mount,
            referral,
            [item for item in items if item.referral_id == referral.id],
            files=[one for one in files if one.referral_id == referral.id],
        )
        for referral in found
    )
    taken = tuple(decision_view(one) for one in decisions.of_case(tx, row.id))
    names = {one.id: one.agency for one in views}
    references = {one.id: one.agency_reference for one in views}
    return CaseFile(
        row=queue_row(mount, row, [(one.agency, one.operation) for one in views], now=now),
        opened_at=row.opened_at,
        content=cases.content_from_json(row.content),
        referrals=views,
        decisions=taken,
        history=tuple(history_entry(one) for one in journal.history(tx, [row.id, *referral_ids], without=VIEWS)),
        effects=tuple(effect_view(one, agencies=names, references=references) for one in outbox.of_case(tx, row.id)),
        outcomes=tuple(str(one) for one in allowed_outcomes(members, mount.instruments)),
        undo_until=_undo_until(row, taken, now),
        suggested=_suggested(mount, row, members, views),
        messages=message_views(messages.of_case(tx, row.id), {one.id: one for one in views}),
        **_asking(mount, row, members),
        answered_by_others=not _may_answer(tx, row, moderator),
    )


def _asking(mount: Mount, row: Any, members: list[Member]) -> dict[str, Any]:
    """Whom a moderator can ask."""
    waiting = [one for one in members if one.status in UNDECIDED] if row.state == CaseState.OPEN else []
    orders = asked(waiting, referral_ids=frozenset(), every_order=True, instruments=mount.instruments)
    return {"askable": tuple(dict.fromkeys(one.referral_id for one in waiting)), "askable_orders": bool(orders)}


def _may_answer(tx: Tx, row: Any, moderator: Moderator) -> bool:
    try:
        check_moderator(tx, cases.to_case(row), moderator)
    except NotPermitted:
        return False
    return True


def effects_page(
    mount: Mount, *, state: str, cursor: str | None = None, limit: int = 50
) -> tuple[tuple[EffectView, ...], str | None]:
    """Return effects and callbacks in one state, oldest first."""
    after = read_cursor(mount, cursor, "effects")
    with mount.storage.read() as tx:
        place = (after[0], after[1]) if after else None
        rows = outbox.page(tx, state=EffectState(state), after=place, limit=limit + 1)
        names = {one.id: one.name for one in agencies.everyone(tx)}
    shown = [
        effect_view(row, agencies={row.referral_id: names.get(row.agency_id, "")}, references={})
        for row in rows[:limit]
    ]
    more = len(rows) > limit
    last = rows[limit - 1] if more else None
    token = write_cursor(mount, [last.created_at.isoformat(), last.id], "effects") if last is not None else None
    return tuple(shown), token


def queue_row(mount: Mount, row: Any, named: list[tuple[str, str | None]], *, now: datetime) -> QueueRow:
    """Read a case's row as the queue shows it."""
    held = row.claimed_by is not None and row.claimed_until > now
    near = row.state == CaseState.OPEN and row.clock_left is None and row.called_out == row.due_at
    return QueueRow(
        id=row.id,
        version=row.version,
        state=row.state,
        title=(row.content or {}).get("title", ""),
        kind=row.kind,
        locator=row.locator,
        due_at=row.due_at if row.clock_left is None else None,
        due_kind=row.due_kind,
        due_rule=row.due_rule,
        instrument=row.instrument,
        instrument_name=_name_of(mount, row.instrument),
        agencies=tuple(dict.fromkeys(name for name, _ in named)),
        language=row.language,
        operation=next((operation for _, operation in named if operation), None),
        referrals=row.referrals,
        claim=Claim(row.claimed_by, row.claimed_name, row.claimed_until) if held else None,
        flags=(*row.flags, "deadline_near") if near else tuple(row.flags),
        outcome=row.outcome,
    )


def write_cursor(mount: Mount, values: list[Any], purpose: str) -> str:
    """Return an opaque, signed place in a list."""
    return str(mount.secrets.serializer("cursor:" + purpose).dumps(values))


def read_cursor(mount: Mount, cursor: str | None, purpose: str) -> list[Any] | None:
    """Read a place again. Raises ``DocumentRefused`` for one that was not written here."""
    if not cursor:
        return None
    try:
        values = mount.secrets.serializer("cursor:" + purpose).loads(cursor)
    except BadSignature:
        detail = "This cursor was not given out here. Start again without one."
        raise DocumentRefused([FieldError("/cursor", "invalid", detail)]) from None
    return [
        datetime.fromisoformat(one) if isinstance(one, str) and "T" in one and ":" in one else one for one in values
    ]


def _cursor_after(mount: Mount, row: Any, state: str) -> str:
    if state == CaseState.OPEN:
        return write_cursor(mount, [row.priority, row.due_at.isoformat(), row.id], "queue")
    return write_cursor(mount, [row.updated_at.isoformat(), row.id], "queue")


def _undo_until(row: Any, taken: Any, now: datetime) -> datetime | None:
    current = next((one for one in taken if one.id == row.decision_id), None)
    if current is None or row.announced or row.state != CaseState.DECIDED:
        return None
    effective: datetime = current.effective_at
    return effective if effective > now else None


def _suggested(mount: Mount, row: Any, members: list[Member], views: Any) -> dict[str, object]:
    """What the decision form starts with: what the strictest referral says."""
    live = [one.instrument for one in members if one.status is not ItemStatus.WITHDRAWN]
    known = [mount.instruments[code] for code in dict.fromkeys(live) if code in mount.instruments]
    strict = next((one for one in known if one.code == row.instrument), known[0] if known else None)
    lead = next((one for one in views if one.instrument == row.instrument), views[0] if views else None)
    grounds = lead.grounds if lead is not None else ()
    ground = next((one for one in grounds if strict is None or one[0] == strict.ground), None)
    return {
        "category": row.category,
        "keywords": lead.keywords if lead is not None else (),
        "ground_kind": str(strict.ground) if strict is not None else "terms",
        "ground_reference": ground[1] if ground is not None else (strict.source if strict and strict.binding else ""),
    }
