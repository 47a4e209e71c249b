"""The rules of what goes between agency and platform, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notice_intake.core.cases import Case, Member
from notice_intake.core.clocks import STANDS_STILL, ClockKind, Due, ItemClock, of_items
from notice_intake.core.codes import CaseState, ItemStatus, Outcome
from notice_intake.core.messages import (
    COMPLAINT_WINDOW,
    Consequence,
    Named,
    check_complaint,
    check_question,
    check_supplement,
    check_withdrawal,
    may_answer,
    named,
    result_of,
    withdraw,
)
from notice_intake.errors import Conflict, DocumentRefused, NotPermitted

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = Due(NOW + timedelta(hours=1), ClockKind.LEGAL, "order")
DAY = Due(NOW + timedelta(hours=24), ClockKind.HOUSE, "house")


def clock(due, priority, left=None):
    return ItemClock(due, priority, due.rule, left)


@pytest.mark.parametrize(
    ("clocks", "at", "priority", "left"),
    [
        ([clock(DAY, 1)], DAY.at, 1, None),
        ([clock(DAY, 1), clock(HOUR, 0)], HOUR.at, 0, None),
        ([clock(DAY, 1), clock(HOUR, 0, timedelta(minutes=5))], DAY.at, 1, None),
        ([clock(HOUR, 0, timedelta(minutes=5))], STANDS_STILL, 1, timedelta(minutes=5)),
        ([clock(HOUR, 0, timedelta(minutes=9)), clock(DAY, 1, timedelta(0))], STANDS_STILL, 1, timedelta(0)),
        # Life comes before the law's clock, whenever each ends.
        ([clock(DAY, 0), clock(Due(NOW, ClockKind.HOUSE, "late"), 1)], DAY.at, 0, None),
    ],
)
def test_the_clock_of_a_case_is_the_strictest_that_runs(clocks, at, priority, left):
    found = of_items(clocks)
    assert (found.due.at, found.priority, found.left) == (at, priority, left)


def test_no_item_that_waits_sets_no_clock():
    assert of_items([]) is None


def case(state, *, outcome=None, announced=False, flags=()):
    return Case("cas", "key", 1, state, DAY, 1, "x", "c", outcome=outcome, announced=announced, flags=flags)


def members(*statuses):
    return [Member(f"i{n}", "ref", "agy", "x", status) for n, status in enumerate(statuses)]


GONE, WAITS, DONE = ItemStatus.WITHDRAWN, ItemStatus.IN_REVIEW, ItemStatus.EFFECTED
OPEN, DECIDED, CLOSED, FAILED = CaseState.OPEN, CaseState.DECIDED, CaseState.CLOSED, CaseState.FAILED


@pytest.mark.parametrize(
    ("state", "outcome", "announced", "statuses", "complained", "flags", "expected"),
    [
        (OPEN, None, False, (GONE,), False, (), Consequence.CLOSES),
        (OPEN, None, False, (GONE, WAITS), False, (), Consequence.STAYS),
        (OPEN, Outcome.REMOVED, True, (GONE, DONE), False, (), Consequence.CLOSES),
        (OPEN, Outcome.REMOVED, True, (GONE, DONE), True, (), Consequence.STAYS),
        (OPEN, Outcome.REMOVED, True, (GONE, GONE), False, ("withdrawn_after_decision",), Consequence.STAYS),
        (DECIDED, Outcome.REMOVED, False, (GONE,), False, (), Consequence.UNDOES),
        (DECIDED, Outcome.REMOVED, False, (GONE, WAITS), False, (), Consequence.STAYS),
        (DECIDED, Outcome.REMOVED, True, (GONE,), False, (), Consequence.REOPENS),
        (CLOSED, Outcome.REMOVED, True, (GONE, DONE), False, (), Consequence.REOPENS),
        (FAILED, Outcome.REMOVED, True, (GONE,), False, (), Consequence.REOPENS),
        (CLOSED, Outcome.NO_ACTION, True, (GONE,), False, (), Consequence.STAYS),
        (CLOSED, None, False, (GONE,), False, (), Consequence.STAYS),
    ],
)
def test_what_a_withdrawal_does_to_a_case(state, outcome, announced, statuses, complained, flags, expected):
    standing = case(state, outcome=outcome, announced=announced, flags=flags)
    assert withdraw(standing, members(*statuses), complained=complained) is expected


def item(status):
    return Named("i1", "31-1", status, "cas")


@pytest.mark.parametrize("status", list(ItemStatus))
def test_which_items_take_what(status):
    takes_facts = {ItemStatus.RECEIVED, ItemStatus.IN_REVIEW, ItemStatus.NEEDS_CLARIFICATION, ItemStatus.NOT_POSSIBLE}
    decided = {ItemStatus.DECIDED, ItemStatus.EFFECTED, ItemStatus.RESTORED, ItemStatus.NOT_POSSIBLE}
    checks = (
        (status in takes_facts, lambda: check_supplement([item(status)])),
        (status is not ItemStatus.WITHDRAWN, lambda: check_withdrawal([item(status)])),
        (status in decided, lambda: check_complaint(item(status), decided_at=NOW, pending=False, now=NOW)),
    )
    for allowed, check in checks:
        if allowed:
            check()
        else:
            with pytest.raises(Conflict):
                check()


@pytest.mark.parametrize(
    ("decided_at", "pending", "refused"),
    [
        (NOW - COMPLAINT_WINDOW, False, False),
        (NOW - COMPLAINT_WINDOW - timedelta(seconds=1), False, True),
        (NOW, True, True),
        (None, False, True),
    ],
)
def test_when_a_complaint_is_taken(decided_at, pending, refused):
    if not refused:
        check_complaint(item(DONE), decided_at=decided_at, pending=pending, now=NOW)
        return
    with pytest.raises(Conflict):
        check_complaint(item(DONE), decided_at=decided_at, pending=pending, now=NOW)


def test_six_months_are_never_longer_than_the_window():
    # The longest six months of the calendar are those from March to September and from July to January.
    assert max((datetime(2027, m + 6, 1) - datetime(2027, m, 1)).days for m in range(1, 7)) <= COMPLAINT_WINDOW.days


@pytest.mark.parametrize(
    ("who", "roles", "allowed"),
    [("m-2", {"moderator"}, True), ("m-1", {"moderator"}, False), ("m-1", {"moderator", "lead"}, True)],
)
def test_who_answers_a_complaint(who, roles, allowed):
    if allowed:
        may_answer(who, frozenset(roles), decided_by="m-1")
    else:
        with pytest.raises(NotPermitted):
            may_answer(who, frozenset(roles), decided_by="m-1")


def test_a_complaint_is_upheld_by_the_same_outcome_only():
    assert result_of(Outcome.NO_ACTION, Outcome.NO_ACTION) == "upheld"
    assert result_of(Outcome.NO_ACTION, Outcome.REMOVED) == "reversed"


def test_references_are_known_and_stand_once():
    known = [item(WAITS)]
    assert named(known, ["31-1"], pointers=["/items/0"]) == known
    with pytest.raises(DocumentRefused) as refused:
        named(known, ["31-1", "31-2", "31-1"], pointers=["/items/0", "/items/1", "/items/2"])
    assert [(one.pointer, one.code) for one in refused.value.errors] == [
        ("/items/1", "unknown"),
        ("/items/2", "repeated"),
    ]


@pytest.mark.parametrize(
    ("reason", "text", "codes"),
    [
        ("other", "What is it?", []),
        ("none", "What is it?", ["required"]),
        ("other", "", ["required"]),
        ("other", "x" * 2001, ["too_long"]),
        ("other", "a\x00b", ["bad_character"]),
    ],
)
def test_what_is_wrong_with_a_question(reason, text, codes):
    assert [one.code for one in check_question(reason, text)] == codes
