"""What must hold when everything is whole again and nothing is due. Pure: rows and sightings in, violations out.

The rows are those of the tables; the sightings are what clients, moderators, receivers and the platform saw themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from .rows import Seen, Stored, Told, Violation, told_by


def check(stored: Stored, seen: Seen) -> list[Violation]:
    """Return everything that does not hold."""
    return [violation for rule in (*_ALWAYS, _idle) for violation in rule(stored, seen)]


def check_restored(stored: Stored, seen: Seen) -> list[Violation]:
    """Return what does not hold of a backup that was restored.

    ``seen`` has what was acknowledged and taken before the backup was begun. Of what receivers and the platform saw
    only that counts which the backup knows: the rest came later. Work may be due in it.
    """
    known, decided = {row.id for row in stored.work}, {row.id for row in stored.decisions}
    arrivals = [one for one in seen.arrivals if one.id in known]
    then = replace(seen, arrivals=arrivals, applied=seen.applied & decided)
    return [violation for rule in _ALWAYS for violation in rule(stored, then)]


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


def _told(stored: Stored, seen: Seen) -> Iterator[Violation]:
    callbacks = [row for row in stored.work if row.kind == "callback"]
    lanes = _grouped((row.lane, row) for row in callbacks)
    for referral in stored.referrals:
        positions = sorted(row.position for row in lanes[referral.id])
        if positions != list(range(1, referral.sequence + 1)):
            yield Violation("gap", f"{referral.id}: {positions} of {referral.sequence}")
    last: dict[str, tuple[int, str, str | None]] = {}
    heard = {one.id: one.body for one in seen.arrivals if one.accepted_at is not None}
    for row in callbacks:
        # A purge empties callbacks that were delivered; what they said, their receivers have.
        told: Told | None = told_by(heard[row.id]) if row.emptied and row.id in heard else row.told
        if told is not None:
            item, status, outcome = told
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


_UNDECIDED = ("received", "in_review", "needs_clarification")


def _purged(stored: Stored, _seen: Seen) -> Iterator[Violation]:
    gone = {row.id for row in stored.cases if row.state == "purged"}
    lanes = _grouped((row.lane, row) for row in stored.work)
    items = _grouped((row.case, row) for row in stored.items)
    named = _grouped((row.referral, row.case) for row in stored.items)
    agencies = {row.id: row.agency for row in stored.referrals}
    for row in stored.referrals:
        emptied = tuple(not one.emptied for one in lanes[row.id] if one.kind == "callback")
        yield from _parted(row.id, (*row.parts, *emptied), purged=row.purged_at is not None)
        if (row.purged_at is None) == (gone >= set(named[row.id])) and named[row.id]:
            left = len(set(named[row.id]) - gone)
            kind = "half purged" if row.purged_at is None else "purged too soon"
            yield Violation(kind, f"{row.id}: purged at {row.purged_at}, {left} of its cases are not")
        if row.purged_at is not None:
            yield from _in_the_way(row.id, lanes[row.id], held=_held(stored, row.id, {row.id, row.agency}))
    for case in stored.cases:
        yield from _parted(case.id, case.parts, purged=case.id in gone)
        for item in items[case.id]:
            yield from _parted(item.id, item.parts, purged=case.id in gone)
        if case.id in gone:
            names = {case.id, *(item.referral for item in items[case.id])}
            names |= {agencies[item.referral] for item in items[case.id] if item.referral in agencies}
            yield from _in_the_way(case.id, lanes[case.id], held=_held(stored, case.id, names))
            yield from (Violation("purged too soon", f"{it.id}: {it.status}") for it in items[case.id] if _open(it))
    yield from _periods(stored, items)
    done = gone | {row.id for row in stored.referrals if row.purged_at is not None}
    yield from (Violation("unjournalled", f"the purge of {one}") for one in done - stored.purged.keys())
    yield from (
        Violation("half purged", f"{one}: the journal says it was purged") for one in stored.purged.keys() - done
    )
    if stored.overdue:
        yield Violation("kept too long", f"{stored.overdue} cases")


def _periods(stored: Stored, items: dict[str, list[Any]]) -> Iterator[Violation]:
    decisions = _grouped((row.case, row) for row in stored.decisions)
    for case in stored.cases:
        for decision in decisions[case.id]:
            yield from _parted(decision.id, decision.parts, purged=case.state == "purged")
        times = [row.changed_at for row in (*items[case.id], *decisions[case.id]) if row.changed_at is not None]
        if case.state == "purged" and case.changed_at is not None and times:
            kept = case.changed_at - max(times)
            if kept < stored.period:
                yield Violation("purged too soon", f"{case.id}: {kept} after its last change")


def _open(item: Any) -> bool:
    return item.status in _UNDECIDED


def _held(stored: Stored, name: str, names: set[str]) -> bool:
    """Whether a hold on one of ``names`` stood when this was purged: a referral may be held of which a part is gone."""
    held = [stored.held[one] for one in names & stored.held.keys()]
    return bool(held) and (name not in stored.purged or min(held) < stored.purged[name])


def _parted(name: str, parts: tuple[bool, ...], *, purged: bool) -> Iterator[Violation]:
    if purged and any(parts):
        yield Violation("half purged", f"{name}: purged, and something of it is left: {parts}")
    if not purged and not all(parts):
        yield Violation("half purged", f"{name}: not purged, and something of it is gone: {parts}")


def _in_the_way(name: str, work: list[Any], *, held: bool) -> Iterator[Violation]:
    if held:
        yield Violation("purged too soon", f"{name}: under a hold")
    for row in work:
        if row.state in ("due", "dead"):
            yield Violation("purged too soon", f"{name}: {row.kind} {row.id} is {row.state}")


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


_ALWAYS = (_acknowledged, _whole, _journalled, _decided, _effected, _told, _delivered, _received, _purged)
