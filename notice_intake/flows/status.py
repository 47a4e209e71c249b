"""What an agency reads about its own referrals: by id, by page, or as the feed of events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.codes import MessageKind, Result
from ..core.messages import UNDECIDED
from ..errors import DocumentRefused, FieldError, NotFound
from ..store import decisions, messages, outbox, own_referrals, referrals
from ..store.agencies import Agency
from ..store.storage import Tx
from .callbacks import path_of
from .desk_queries import read_cursor, write_cursor
from .mount import Mount


def referral(mount: Mount, referral_id: str, *, agency: Agency) -> dict[str, Any]:
    """Return one referral with the state of its items. ``NotFound`` for another agency's as for none."""
    with mount.storage.read() as tx:
        row = referrals.find(tx, referral_id, agency_id=agency.id)
        if row is None:
            raise NotFound
        items = referrals.items_of(tx, [row.id])
        said = messages.of_referrals(tx, [row.id])
        known = _known(tx, items, said, now=mount.clock())
    return _view(row, items, said, known)


def page(
    mount: Mount, *, agency: Agency, since: datetime | None, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the agency's referrals by time of their last change, oldest first, and where to go on."""
    purpose = "referrals:" + agency.id
    place = read_cursor(mount, cursor, purpose)
    after = (place[0], place[1]) if place else None
    with mount.storage.read() as tx:
        rows = referrals.page(tx, agency.id, since=since, after=after, limit=limit + 1)
        ids = [row.id for row in rows[:limit]]
        found = referrals.items_of(tx, ids)
        told = messages.of_referrals(tx, ids)
        known = _known(tx, found, told, now=mount.clock())
    items, said = _by_referral(found), _by_referral(told)
    shown = [_view(row, items.get(row.id, []), said.get(row.id, []), known) for row in rows[:limit]]
    more = rows[limit - 1] if len(rows) > limit else None
    return shown, write_cursor(mount, [more.updated_at.isoformat(), more.id], purpose) if more is not None else None


def events(mount: Mount, *, agency: Agency, after: str | None, limit: int) -> tuple[list[dict[str, Any]], str]:
    """Return the same bodies under the same ids as the callbacks, and the place to ask from next.

    Numbered in the order of commits: who asks from the place that the last answer gave misses nothing.
    """
    number = _number(after)
    with mount.storage.begin() as tx:
        rows = outbox.feed(tx, agency.id, after=number, limit=limit)
    found = [{"id": row.id, **json.loads(row.body)} for row in rows]
    return found, str(rows[-1].feed_number if rows else number)


def _number(after: str | None) -> int:
    if not after:
        return 0
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        detail = "Give the value of next from the last answer, or leave it out to begin."
        raise DocumentRefused([FieldError("/after", "invalid", detail)])
    return int(after)


def _by_referral(rows: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.referral_id, []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """What agencies know of decisions."""

    #: The decision that each answered item was answered with, by the item's id.
    by_item: Mapping[str, Any]
    #: The decisions that nobody is told of yet, by id.
    resting: frozenset[str]


def _known(tx: Tx, items: Sequence[Any], said: Sequence[Any], *, now: datetime) -> _Known:
    answering = {row.decision_id for row in said if row.decision_id is not None}
    return _Known(_decided(tx, items), own_referrals.resting(tx, answering, now=now))


def _decided(tx: Tx, items: Sequence[Any]) -> dict[str, Any]:
    """Return the decision that each answered item was answered with, by the item's id.

    The newest that had taken effect when the item moved, and that says what the item says: one that still rests in
    its undo window is nobody's business yet.
    """
    answered = [item for item in items if item.outcome is not None]
    if not answered:
        return {}
    known = decisions.of_cases(tx, sorted({item.case_id for item in answered}))
    found: dict[str, Any] = {}
    for item in answered:
        fits = (
            one
            for one in known
            if one.case_id == item.case_id and one.outcome == item.outcome and one.effective_at <= item.updated_at
        )
        found[item.id] = next(fits, None)
    return found


def _decision(row: Any) -> dict[str, Any] | None:
    """Return a decision in codes: what moderators write is for the uploader, and may name another agency."""
    if row is None:
        return None
    return {
        "id": row.id,
        "outcome": row.outcome,
        "territories": row.territories,
        "ground": row.ground_kind,
        "category": row.category or None,
        "impossibility": row.impossibility,
        "automated": False,
        "decided_at": _time(row.decided_at),
        "effective_at": _time(row.effective_at),
    }


def _view(row: Any, items: Sequence[Any], said: Sequence[Any], known: _Known) -> dict[str, Any]:
    return {
        "id": row.id,
        "agency_reference": row.agency_reference,
        "instrument": row.instrument,
        "received_at": _time(row.received_at),
        "due_at": _time(row.due_at),
        "due_kind": row.due_kind,
        "due_rule": row.due_rule,
        "updated_at": _time(row.updated_at),
        "sequence": row.sequence,
        "status_path": path_of(row.id),
        "purged_at": _time(row.purged_at) if row.purged_at is not None else None,
        "items": [
            {
                "id": item.id,
                "reference": item.reference,
                "status": item.status,
                "outcome": item.outcome,
                "due_at": _due_at(row, item),
                "updated_at": _time(item.updated_at),
                "decision": _decision(known.by_item.get(item.id)),
            }
            for item in items
        ],
        "questions": [_question(rows) for rows in _messages(said, MessageKind.QUESTION)],
        "supplements": [_supplement(rows) for rows in _messages(said, MessageKind.SUPPLEMENT)],
        "complaints": [_complaint(rows, known) for rows in _messages(said, MessageKind.COMPLAINT)],
    }


def _due_at(row: Any, item: Any) -> str | None:
    """Return until when an item waits; None where its clock stands still or nothing is waited for."""
    if item.status not in UNDECIDED or item.clock_left is not None:
        return None
    return _time(item.due_at or row.due_at)


def _messages(said: Sequence[Any], kind: MessageKind) -> Iterator[list[Any]]:
    """Yield the messages of a kind, each as its rows."""
    for message_id in dict.fromkeys(row.id for row in said if row.kind == kind):
        yield [row for row in said if row.id == message_id]


def _question(rows: Sequence[Any]) -> dict[str, Any]:
    first = rows[0]
    answered = [row.closed_at for row in rows if row.result == Result.ANSWERED]
    return {
        "id": first.id,
        "reason_code": first.reason_code,
        "text": first.text,
        "items": [row.reference for row in rows],
        "asked_at": _time(first.created_at),
        "answered_at": _time(max(answered)) if answered else None,
    }


def _supplement(rows: Sequence[Any]) -> dict[str, Any]:
    first = rows[0]
    return {
        "id": first.id,
        "answers": first.answers,
        "received_at": _time(first.created_at),
        "items": [row.reference for row in rows],
    }


def _complaint(rows: Sequence[Any], known: _Known) -> dict[str, Any]:
    """Return a complaint; one that a decision answered which can still be undone waits like any other."""
    first = rows[0]
    results = [None if row.decision_id in known.resting else row.result for row in rows]
    items = [{"reference": row.reference, "result": result} for row, result in zip(rows, results, strict=True)]
    return {"id": first.id, "received_at": _time(first.created_at), "items": items}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
