"""What the invariants are about: rows of the tables, what was seen from outside, and what does not hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

#: What a violation can be called, and what it means.
KINDS = {
    "lost": "a referral was acknowledged, and is not stored as it was acknowledged",
    "half": "a referral is stored without its items, an item without its case, or a decision without its case",
    "twice": "one referral of an agency is stored twice, or was acknowledged under two ids",
    "unjournalled": "something is stored, and the journal does not tell of it",
    "decision lost": "a moderator was told that a decision is taken, and it is not stored",
    "not effected": "a decision is neither carried out nor visibly waiting or given up",
    "false effect": "a decision is noted as carried out, and the platform never did so",
    "phantom effect": "the platform carried out what no stored decision asks for",
    "untold": "an item has changed, and no callback tells of it",
    "gap": "the callbacks of a referral are not numbered without gaps",
    "undelivered": "a callback is neither delivered nor waiting in the agency's feed",
    "false delivery": "a callback is noted as delivered, and the receiver never took it",
    "phantom callback": "a receiver was told what is not stored",
    "out of order": "a callback came before the one ahead of it had been taken",
    "another id": "one change came under two ids, or one id with two bodies",
    "badly signed": "a callback came with a signature that is not the platform's",
    "stuck": "work is still due although everything is whole again",
    "journal": "the journal does not verify",
    "purged too soon": "something was purged before its period was over, or while it was open, due, given up or held",
    "half purged": "of what was purged something is left, or of what was not purged something is gone",
    "kept too long": "something was to be purged, and the purge has passed it over",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that does not hold."""

    kind: str
    about: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.about} ({KINDS[self.kind]})"


#: What a callback says of its item: the item's id, its status, its outcome.
Told = tuple[str, str, str | None]


def told_by(body: bytes | str) -> Told | None:
    """Return what the body of a callback says of an item; None where it is about none."""
    data = json.loads(body)["data"]
    return (data["item"], data["status"], data["outcome"]) if "item" in data else None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A referral whose receipt reached its client."""

    agency: str
    reference: str
    id: str
    items: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision of which a moderator was told that it is taken."""

    case: str
    id: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A callback that reached a receiver, in the order of arrival; ``accepted`` says whether it took it (a 2xx).

    ``at`` and ``accepted_at`` are counts of one clock of the receiver: what is smaller was earlier.
    """

    agency: str
    id: str
    referral: str
    sequence: int
    body: bytes
    genuine: bool
    at: int
    accepted_at: int | None


#: Whether each part of a row that a purge takes is there: all of them, or none after it.
Parts = tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class ReferralRow:
    id: str
    agency: str
    reference: str
    sequence: int
    parts: Parts = (True,)
    purged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ItemRow:
    id: str
    referral: str
    case: str
    status: str
    outcome: str | None
    parts: Parts = (True,)
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CaseRow:
    id: str
    state: str
    decision: str | None
    parts: Parts = (True,)
    #: Of a case that is purged: when that was.
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    id: str
    case: str
    restrictive: bool
    effected: bool
    parts: Parts = (True,)
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkRow:
    """A row of the outbox. ``told`` is what a callback says of its item; ``emptied``: its body is gone."""

    id: str
    kind: str
    lane: str
    position: int
    state: str
    decision: str | None = None
    told: Told | None = None
    emptied: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """What the tables hold."""

    referrals: Sequence[ReferralRow] = ()
    items: Sequence[ItemRow] = ()
    cases: Sequence[CaseRow] = ()
    decisions: Sequence[DecisionRow] = ()
    work: Sequence[WorkRow] = ()
    #: Pairs of object and action.
    journal: frozenset[tuple[str, str]] = frozenset()
    #: What the journal's own check finds, in words.
    journal_faults: Sequence[str] = ()
    #: Cases and referrals that the journal says were purged, with the number of its entry.
    purged: Mapping[str, int] = field(default_factory=dict)
    #: Agencies, referrals and cases under a legal hold, with the number of the entry of the first.
    held: Mapping[str, int] = field(default_factory=dict)
    #: How long a case is kept after its last change, at least.
    period: timedelta = timedelta(0)
    #: Cases that could be purged, and were not.
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen from outside."""

    acknowledged: Sequence[Acknowledged] = ()
    taken: Sequence[Taken] = ()
    arrivals: Sequence[Arrival] = ()
    #: Decisions that the platform says it carried out.
    applied: frozenset[str] = frozenset()
    journal_actions: Mapping[str, str] = field(
        default_factory=lambda: {"referral": "referral.received", "decision": "decision.recorded"}
    )
