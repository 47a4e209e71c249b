"""What must hold when everything is whole again and nothing is due. Pure: rows and sightings in, violations out.

The rows are those of the tables; the sightings are what clients, moderators, receivers and the platform saw themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that does not hold."""

    kind: str
    about: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.about} ({KINDS[self.kind]})"


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


@dataclass(frozen=True, slots=True)
class ReferralRow:
    id: str
    agency: str
    reference: str
    sequence: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    id: str
    referral: str
    case: str
    status: str
    outcome: str | None


@dataclass(frozen=True, slots=True)
class CaseRow:
    id: str
    state: str
    decision: str | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    id: str
    case: str
    restrictive: bool
    effected: bool


@dataclass(frozen=True, slots=True)
class WorkRow:
    """A row of the outbox. ``told`` is what a callback says of its item: its id, status and outcome."""

    id: str
    kind: str
    lane: str
    position: int
    state: str
    decision: str | None = None
    told: tuple[str, str, str | None] | None = None


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


def check(stored: Stored, seen: Seen) -> list[Violation]:
    """Return everything that does not hold."""
    found: list[Violation] = []
    for rule in (_acknowledged, _whole, _journalled, _decided, _effected, _told, _delivered, _received, _idle):
        found += rule(stored, seen)
    return found


def _acknowledged(stored: Stored, seen: Seen) -> Iterator[Violation]:
    rows = {row.id: row for row in stored.referrals}
    items = _grouped((item.referral, item) for item in stored.items)
    ids: dict[tuple[str, str], str] = {}
    for one in seen.acknowledged:
        row = rows.get(one.id)
        if row is None or (row.agency, row.reference) != (one.agency, one.reference):
            yield Violation("lost", f"{one.reference}, acknowledged as {one.id}")
        elif len(items[one.id]) != one.items:
            yield Violation("lost", f"{one.id}: {one.items} items acknowledged, {len(items[one.id])} stored")
        if ids.setdefault((one.agency, one.reference), one.id) != one.id:
            yield Violation("twice", f"{one.reference}: {ids[one.agency, one.reference]} and {one.id}")
    once: dict[tuple[str, str], str] = {}
    for row in stored.referrals:
        if once.setdefault((row.agency, row.reference), row.id) != row.id:
            yield Violation("twice", f"{row.reference}: {once[row.agency, row.reference]} and {row.id}")


def _whole(stored: Stored, _seen: Seen) -> Iterator[Violation]:
    cases = {row.id for row in stored.cases}
    referrals = {row.id for row in stored.referrals}
    with_items = {row.referral for row in stored.items}
    decisions = {row.id for row in stored.decisions}
    for referral in referrals - with_items:
        yield Violation("half", f"{referral} has no items")
    for item in stored.items:
        if item.case not in cases or item.referral not in referrals:
            yield Violation("half", f"item {item.id} belongs to what is not stored")
    for case in stored.cases:
        if case.decision is not None and case.decision not in decisions:
            yield Violation("half", f"case {case.id} rests on decision {case.decision}, which is not stored")
    for decision in stored.decisions:
        if decision.case not in cases:
            yield Violation("half", f"decision {decision.id} has no case")


def _journalled(stored: Stored, seen: Seen) -> Iterator[Violation]:
    for referral in stored.referrals:
        if (referral.id, seen.journal_actions["referral"]) not in stored.journal:
            yield Violation("unjournalled", referral.id)
    for decision in stored.decisions:
        if (decision.case, seen.journal_actions["decision"]) not in stored.journal:
            yield Violation("unjournalled", decision.id)
    for fault in stored.journal_faults:
        yield Violation("journal", fault)


def _decided(stored: Stored, seen: Seen) -> Iterator[Violation]:
    decisions = {row.id: row for row in stored.decisions}
    for one in seen.taken:
        if one.id not in decisions or decisions[one.id].case != one.case:
            yield Violation("decision lost", f"{one.id} on {one.case}")


def _effected(stored: Stored, seen: Seen) -> Iterator[Violation]:
    enforcing = {row.decision: row for row in stored.work if row.kind == "enforce"}
    cases = {row.id: row for row in stored.cases}
    for decision in stored.decisions:
        if decision.effected and decision.id not in seen.applied:
            yield Violation("false effect", decision.id)
        if not decision.restrictive or decision.effected:
            continue
        work, case = enforcing.get(decision.id), cases.get(decision.case)
        state = work.state if work is not None else None
        current = case is not None and case.decision == decision.id
        # On the desk what was given up stands in a list of its own; its case failed, or was opened again since.
        given_up = state == "dead" and case is not None and (case.state in ("failed", "open") or not current)
        replaced = state == "cancelled" and not current
        if not (state == "due" or given_up or replaced):
            where = f"its work is {state or 'not there'}, its case {case.state if case else 'not there'}"
            yield Violation("not effected", f"{decision.id}: {where}")
    known = {row.id for row in stored.decisions}
    for applied in seen.applied - known:
        yield Violation("phantom effect", applied)


def _told(stored: Stored, _seen: Seen) -> Iterator[Violation]:
    callbacks = [row for row in stored.work if row.kind == "callback"]
    lanes = _grouped((row.lane, row) for row in callbacks)
    for referral in stored.referrals:
        positions = sorted(row.position for row in lanes[referral.id])
        if positions != list(range(1, referral.sequence + 1)):
            yield Violation("gap", f"{referral.id}: {positions} of {referral.sequence}")
    last: dict[str, tuple[int, str, str | None]] = {}
    for row in callbacks:
        if row.told is not None:
            item, status, outcome = row.told
            last[item] = max(last.get(item, (0, "", None)), (row.position, status, outcome), key=lambda one: one[0])
    for item in stored.items:
        said = last.get(item.id, (0, "received", None))
        if said[1:] != (item.status, item.outcome):
            yield Violation("untold", f"{item.id} is {item.status}/{item.outcome}, told was {said[1]}/{said[2]}")


def _delivered(stored: Stored, seen: Seen) -> Iterator[Violation]:
    accepted = {one.id for one in seen.arrivals if one.accepted_at is not None}
    for row in stored.work:
        if row.kind != "callback":
            continue
        if row.state == "done" and row.id not in accepted:
            yield Violation("false delivery", row.id)
        elif row.state not in ("done", "due", "feed"):
            yield Violation("undelivered", f"{row.id} is {row.state}")


def _received(stored: Stored, seen: Seen) -> Iterator[Violation]:
    known = {row.id: (row.lane, row.position) for row in stored.work if row.kind == "callback"}
    bodies: dict[str, bytes] = {}
    ids: dict[tuple[str, int], str] = {}
    taken: dict[tuple[str, int], int] = {}
    for one in seen.arrivals:
        change = (one.referral, one.sequence)
        if one.accepted_at is not None:
            taken[change] = min(one.accepted_at, taken.get(change, one.accepted_at))
    for one in seen.arrivals:
        change = (one.referral, one.sequence)
        if not one.genuine:
            yield Violation("badly signed", one.id)
        if known.get(one.id) != change:
            yield Violation("phantom callback", f"{one.id}: sequence {one.sequence} of {one.referral}")
        if bodies.setdefault(one.id, one.body) != one.body or ids.setdefault(change, one.id) != one.id:
            yield Violation("another id", f"sequence {one.sequence} of {one.referral}: {ids[change]} and {one.id}")
        ahead = taken.get((one.referral, one.sequence - 1))
        if one.sequence > 1 and (ahead is None or ahead > one.at):
            yield Violation("out of order", f"sequence {one.sequence} of {one.referral}")


def _idle(stored: Stored, _seen: Seen) -> Iterator[Violation]:
    for row in stored.work:
        if row.state == "due":
            yield Violation("stuck", f"{row.kind} {row.id}")


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found
