"""The checker finds each kind of violation, and nothing where all is well."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from .invariants import check, check_restored
from .rows import (
    KINDS,
    Acknowledged,
    Arrival,
    CaseRow,
    DecisionRow,
    ItemRow,
    ReferralRow,
    Seen,
    Stored,
    Taken,
    WorkRow,
)


def arrival(number: int, **changes) -> Arrival:
    one = Arrival("agy", f"msg{number}", "ref", number, b"%d" % number, True, 10 * number, 10 * number + 1)
    return replace(one, **changes)


STORED = Stored(
    referrals=[ReferralRow("ref", "agy", "R-1", 3)],
    items=[ItemRow("itm", "ref", "cas", "effected", "removed")],
    cases=[CaseRow("cas", "closed", "dec")],
    decisions=[DecisionRow("dec", "cas", True, True)],
    work=[
        WorkRow("msg1", "callback", "ref", 1, "done"),
        WorkRow("msg2", "callback", "ref", 2, "done", told=("itm", "decided", "removed")),
        WorkRow("msg3", "callback", "ref", 3, "done", told=("itm", "effected", "removed")),
        WorkRow("eff", "enforce", "cas", 1, "done", decision="dec"),
    ],
    journal=frozenset({("ref", "referral.received"), ("cas", "decision.recorded")}),
)
SEEN = Seen(
    acknowledged=[Acknowledged("agy", "R-1", "ref", 1)],
    taken=[Taken("cas", "dec")],
    arrivals=[arrival(1), arrival(2), arrival(3)],
    applied=frozenset({"dec"}),
)


def work(number: int, **changes) -> list[WorkRow]:
    return [replace(row, **changes) if at == number else row for at, row in enumerate(STORED.work, 1)]


UNEFFECTED = [DecisionRow("dec", "cas", True, False)]
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(days=200)
TOLD = (None, ("decided", "removed"), ("effected", "removed"))


def body(told: tuple[str, str] | None) -> bytes:
    data = {"item": "itm", "status": told[0], "outcome": told[1]} if told else {}
    return json.dumps({"data": data}).encode()


#: The same after its purge.
PURGED = replace(
    STORED,
    referrals=[replace(STORED.referrals[0], parts=(False, False), purged_at=NOW)],
    items=[replace(STORED.items[0], parts=(False,), changed_at=EARLIER)],
    cases=[replace(STORED.cases[0], state="purged", parts=(False,), changed_at=NOW)],
    decisions=[replace(STORED.decisions[0], parts=(False,), changed_at=EARLIER)],
    work=[replace(row, told=None, emptied=row.kind == "callback") for row in STORED.work],
    purged={"ref": 7, "cas": 7},
    period=timedelta(days=184),
)
HEARD = replace(SEEN, arrivals=[arrival(number, body=body(told)) for number, told in enumerate(TOLD, 1)])
#: What may not be, once something was purged.
PURGES: list[tuple[str, dict]] = [
    ("purged too soon", {"items": [replace(PURGED.items[0], changed_at=NOW - timedelta(days=183))]}),
    ("purged too soon", {"decisions": [replace(PURGED.decisions[0], changed_at=NOW - timedelta(days=183))]}),
    ("purged too soon", {"items": [replace(PURGED.items[0], status="received")]}),
    ("purged too soon", {"work": [*PURGED.work[:3], replace(PURGED.work[3], state="dead")]}),
    ("purged too soon", {"work": [*PURGED.work[:2], replace(PURGED.work[2], state="due"), PURGED.work[3]]}),
    ("purged too soon", {"cases": STORED.cases}),
    *(("purged too soon", {"held": {name: 6}}) for name in ("agy", "ref", "cas")),
    ("half purged", {"referrals": [replace(PURGED.referrals[0], parts=(False, True))]}),
    ("half purged", {"referrals": STORED.referrals}),
    ("half purged", {"referrals": [replace(PURGED.referrals[0], purged_at=None)]}),
    ("half purged", {"items": [replace(PURGED.items[0], parts=(True,))]}),
    ("half purged", {"cases": [replace(PURGED.cases[0], state="closed")]}),
    ("half purged", {"cases": [replace(PURGED.cases[0], parts=(True,))]}),
    ("half purged", {"decisions": [replace(PURGED.decisions[0], parts=(True,))]}),
    ("half purged", {"work": [STORED.work[0], *PURGED.work[1:]]}),
    ("half purged", {"purged": {"ref": 7, "cas": 7, "cas9": 7}}),
    ("unjournalled", {"purged": {"ref": 7}}),
    ("unjournalled", {"purged": {"cas": 7}}),
    ("untold", {"items": [replace(PURGED.items[0], status="restored")]}),
    ("lost", {"referrals": []}),
    ("half", {"items": []}),
]
CASES: list[tuple[str, dict, dict]] = [
    ("lost", {"referrals": [], "items": [], "journal": STORED.journal}, {}),
    ("lost", {"referrals": [ReferralRow("ref", "agy", "R-2", 3)]}, {}),
    ("lost", {"referrals": [ReferralRow("ref", "other", "R-1", 3)]}, {}),
    ("lost", {"items": []}, {}),
    ("twice", {"referrals": [*STORED.referrals, ReferralRow("ref2", "agy", "R-1", 0)]}, {}),
    ("twice", {}, {"acknowledged": [*SEEN.acknowledged, Acknowledged("agy", "R-1", "ref2", 1)]}),
    ("half", {"cases": []}, {}),
    ("half", {"items": []}, {}),
    ("half", {"items": [replace(STORED.items[0], case="gone")]}, {}),
    ("half", {"cases": [CaseRow("cas", "closed", "gone")]}, {}),
    ("unjournalled", {"journal": frozenset({("cas", "decision.recorded")})}, {}),
    ("unjournalled", {"journal": frozenset({("ref", "referral.received")})}, {}),
    ("decision lost", {}, {"taken": [*SEEN.taken, Taken("cas", "dec9")]}),
    ("decision lost", {}, {"taken": [Taken("cas9", "dec")]}),
    ("not effected", {"decisions": UNEFFECTED, "work": STORED.work[:3]}, {}),
    ("not effected", {"decisions": UNEFFECTED}, {}),
    ("not effected", {"decisions": UNEFFECTED, "work": work(4, state="dead")}, {}),
    ("not effected", {"decisions": UNEFFECTED, "work": work(4, state="cancelled")}, {}),
    ("false effect", {}, {"applied": frozenset()}),
    ("phantom effect", {}, {"applied": frozenset({"dec", "dec9"})}),
    ("untold", {"items": [replace(STORED.items[0], status="restored")]}, {}),
    ("untold", {"items": [replace(STORED.items[0], outcome="no_action")]}, {}),
    ("gap", {"work": [STORED.work[0], *STORED.work[2:]]}, {}),
    ("gap", {"work": STORED.work[:2]}, {}),
    ("undelivered", {"work": work(3, state="dead")}, {}),
    ("undelivered", {"work": work(3, state="cancelled")}, {}),
    ("false delivery", {}, {"arrivals": SEEN.arrivals[:2]}),
    ("false delivery", {}, {"arrivals": [*SEEN.arrivals[:2], arrival(3, accepted_at=None)]}),
    ("phantom callback", {}, {"arrivals": [*SEEN.arrivals, arrival(4)]}),
    ("phantom callback", {}, {"arrivals": [*SEEN.arrivals, arrival(3, sequence=2, at=50)]}),
    ("out of order", {}, {"arrivals": [arrival(1), arrival(2, at=25, accepted_at=26), arrival(3, at=20)]}),
    ("out of order", {}, {"arrivals": [arrival(1), arrival(2, accepted_at=32), arrival(3)]}),
    ("out of order", {}, {"arrivals": [arrival(2), arrival(3)]}),
    ("another id", {}, {"arrivals": [*SEEN.arrivals, arrival(3, id="msg9", at=50)]}),
    ("another id", {}, {"arrivals": [*SEEN.arrivals, arrival(3, body=b"other", at=50)]}),
    ("badly signed", {}, {"arrivals": [*SEEN.arrivals, arrival(3, genuine=False, at=50)]}),
    ("stuck", {"work": work(3, state="due")}, {}),
    ("stuck", {"work": work(4, state="due")}, {}),
    ("journal", {"journal_faults": ["entry 7"]}, {}),
    ("half purged", {"referrals": [replace(STORED.referrals[0], parts=(True, False))]}, {}),
    ("half purged", {"work": work(1, emptied=True)}, {"arrivals": HEARD.arrivals}),
    ("kept too long", {"overdue": 1}, {}),
]


def test_nothing_is_found_where_all_is_well():
    assert check(STORED, SEEN) == []


@pytest.mark.parametrize(("kind", "stored", "seen"), CASES)
def test_each_violation_is_found_and_named(kind, stored, seen):
    found = check(replace(STORED, **stored), replace(SEEN, **seen))
    assert kind in {one.kind for one in found}, found


def test_the_table_above_knows_every_kind():
    assert {kind for kind, *_ in (*CASES, *PURGES)} == set(KINDS)


def test_a_purge_may_take_what_is_over():
    assert check(PURGED, HEARD) == []
    # What is left of something may be held when a part of it is gone.
    assert check(replace(PURGED, held={"ref": 8}), HEARD) == []


@pytest.mark.parametrize(("kind", "stored"), PURGES)
def test_what_a_purge_may_not_do_is_found_and_named(kind, stored):
    found = check(replace(PURGED, **stored), HEARD)
    assert kind in {one.kind for one in found}, found


def test_a_backup_knows_nothing_of_what_came_after_it():
    earlier = replace(
        STORED,
        referrals=[replace(STORED.referrals[0], sequence=2)],
        items=[replace(STORED.items[0], status="decided")],
        decisions=[replace(STORED.decisions[0], effected=False)],
        work=[*STORED.work[:2], replace(STORED.work[3], state="due")],
    )
    assert check_restored(earlier, SEEN) == []
    assert {one.kind for one in check(earlier, SEEN)} == {"phantom callback", "stuck"}


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("lost", {"referrals": [], "items": [], "work": []}),
        ("decision lost", {"decisions": [], "work": STORED.work[:3]}),
        ("gap", {"work": [STORED.work[0], *STORED.work[2:]]}),
        ("journal", {"journal_faults": ["the end was cut off"]}),
        ("half", {"cases": []}),
    ],
)
def test_what_a_backup_lacks_is_found(kind, stored):
    assert kind in {one.kind for one in check_restored(replace(STORED, **stored), SEEN)}


@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        ({}, {"arrivals": [*SEEN.arrivals, arrival(1, at=50, accepted_at=51)]}),
        ({}, {"arrivals": [arrival(1, at=5, accepted_at=None), *SEEN.arrivals]}),
        ({"decisions": UNEFFECTED, "work": work(4, state="dead"), "cases": [CaseRow("cas", "failed", "dec")]}, {}),
        ({"decisions": UNEFFECTED, "work": work(4, state="dead"), "cases": [CaseRow("cas", "open", "dec")]}, {}),
        (
            {
                "cases": [CaseRow("cas", "closed", "dec2")],
                "decisions": [*UNEFFECTED, DecisionRow("dec2", "cas", False, False)],
                "work": work(4, state="cancelled"),
            },
            {},
        ),
        ({"work": work(3, state="feed")}, {"arrivals": SEEN.arrivals[:2]}),
    ],
    ids=[
        "a callback twice",
        "refused, then taken",
        "given up where a person sees it",
        "given up and open again",
        "decided anew",
        "polled",
    ],
)
def test_what_is_allowed_is_no_violation(stored, seen):
    assert check(replace(STORED, **stored), replace(SEEN, **seen)) == []
