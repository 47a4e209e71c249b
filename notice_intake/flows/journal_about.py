"""What an operator reads in the journal, and what is erased beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.journal import Actor, Entry
from ..store import cases, journal, referrals
from .mount import Mount


@dataclass(frozen=True, slots=True)
class Line:
    """An entry, with what it commits to where that is not erased."""

    id: int
    at: datetime
    action: str
    object: str
    actor_kind: str
    #: Of a person as of an agency; empty where it is erased.
    actor_id: str
    actor_name: str
    facts: dict[str, str]
    leaf: str


def about(mount: Mount, object_id: str, *, limit: int = 1000) -> Sequence[Line]:
    """Return all that stands in the journal about a referral with its cases, a case, an agency …, views among it."""
    with mount.storage.read() as tx:
        case_ids = {row.case_id for row in referrals.items_of(tx, [object_id])}
        rows = journal.history(tx, [object_id, *sorted(case_ids)], limit=limit)
    return [_line(row) for row in rows]


def forget(mount: Mount, *, person: str | None = None, object_id: str | None = None, now: datetime) -> int:
    """Erase who a person is in all entries, or all that the entries about an object commit to; return how many.

    The entries stay, and verify as before. That it was done is journalled, not for whom.
    """
    with mount.storage.begin() as tx:
        objects = [object_id, *_cases(tx, object_id)] if object_id is not None else []
        count = journal.forget(tx, person=person, objects=objects)
        if count:
            entry = Entry(Actor("operator"), "journal.forgotten", "journal", now, {"openings": str(count)})
            journal.append(tx, [entry])
    return count


def _cases(tx: Any, referral_id: str) -> list[str]:
    """Return the cases of a referral that no other referral has: what others share stays."""
    case_ids = sorted({row.case_id for row in referrals.items_of(tx, [referral_id])})
    return [one for one in case_ids if all(row.referral_id == referral_id for row in cases.member_rows(tx, one))]


def _line(row: Any) -> Line:
    facts = {**json.loads(row.payload)["facts"], **(row.private or {})}
    return Line(
        id=row.id,
        at=row.at,
        action=row.action,
        object=row.object,
        actor_kind=row.actor_kind,
        actor_id=row.person or row.actor_id,
        actor_name=row.name or "",
        facts=facts,
        leaf=row.leaf,
    )
