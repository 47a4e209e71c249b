"""What a further item does to a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from notice_intake.core.cases import Case, Holder, join
from notice_intake.core.clocks import ClockKind, Due
from notice_intake.core.codes import CaseState, ItemStatus, Outcome
from notice_intake.regimes.eu_dsa import NOTICE
from notice_intake.regimes.eu_iru import IRU_REFERRAL
from notice_intake.regimes.eu_tco import REMOVAL_ORDER

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECURITY = "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY"
FRAUD = "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"
OPEN = Case(
    id="cas_1",
    key="content:p1",
    version=1,
    state=CaseState.OPEN,
    due=IRU_REFERRAL.clock.due(NOW),
    priority=1,
    instrument=IRU_REFERRAL.code,
    category=SECURITY,
)


def decided(outcome: Outcome, state: CaseState = CaseState.CLOSED, *, announced: bool = True) -> Case:
    return replace(OPEN, state=state, decision_id="dec_1", outcome=outcome, announced=announced)


def joined(case: Case, instrument=IRU_REFERRAL, *, category: str = SECURITY, priority: int | None = None):
    due = instrument.clock.due(NOW + timedelta(minutes=5))
    given = instrument.priority if priority is None else priority
    return join(case, instrument=instrument, due=due, priority=given, category=category)


def test_an_order_tightens_the_clock_of_an_open_case():
    result = joined(OPEN, REMOVAL_ORDER)
    assert (result.state, result.status, result.answered) == (CaseState.OPEN, ItemStatus.RECEIVED, None)
    assert result.due.kind is ClockKind.LEGAL
    assert result.instrument == "eu.tco.removal_order"
    assert result.priority == 0
    assert result.flags == ("clock_tightened",)


def test_a_later_request_of_the_same_kind_does_not_move_the_clock():
    result = joined(OPEN)
    assert result.due == OPEN.due
    assert result.flags == ()


def test_an_overdue_house_target_does_not_hide_an_order():
    overdue = replace(OPEN, due=Due(NOW - timedelta(days=3), ClockKind.HOUSE, "rule"))
    assert joined(overdue, REMOVAL_ORDER).priority == 0
    assert joined(overdue, REMOVAL_ORDER).due.kind is ClockKind.LEGAL


def test_a_threat_to_life_makes_a_voluntary_referral_urgent():
    assert joined(OPEN, IRU_REFERRAL, priority=0).flags == ("clock_tightened",)


@pytest.mark.parametrize(
    ("outcome", "state", "instrument", "category", "status", "answered"),
    [
        # Content that is down needs no second decision, whoever asks.
        (Outcome.REMOVED, CaseState.CLOSED, IRU_REFERRAL, SECURITY, ItemStatus.EFFECTED, Outcome.REMOVED),
        (Outcome.REMOVED, CaseState.CLOSED, REMOVAL_ORDER, SECURITY, ItemStatus.EFFECTED, Outcome.REMOVED),
        (Outcome.REMOVED, CaseState.CLOSED, NOTICE, FRAUD, ItemStatus.EFFECTED, Outcome.REMOVED),
        # Decided is not effected.
        (Outcome.REMOVED, CaseState.DECIDED, IRU_REFERRAL, SECURITY, ItemStatus.DECIDED, Outcome.REMOVED),
        # A refusal to act stands against another request of the same weight for the same reason …
        (Outcome.NO_ACTION, CaseState.CLOSED, IRU_REFERRAL, SECURITY, ItemStatus.DECIDED, Outcome.NO_ACTION),
        # … but not for another reason, …
        (Outcome.NO_ACTION, CaseState.CLOSED, NOTICE, FRAUD, ItemStatus.RECEIVED, None),
        # … and never against an order.
        (Outcome.NO_ACTION, CaseState.CLOSED, REMOVAL_ORDER, SECURITY, ItemStatus.RECEIVED, None),
        # An order asks for more than less visibility.
        (Outcome.VISIBILITY_RESTRICTED, CaseState.CLOSED, REMOVAL_ORDER, SECURITY, ItemStatus.RECEIVED, None),
        # Access may have ended in fewer countries than an order asks for.
        (Outcome.ACCESS_DISABLED, CaseState.CLOSED, REMOVAL_ORDER, SECURITY, ItemStatus.RECEIVED, None),
        (
            Outcome.ACCESS_DISABLED,
            CaseState.CLOSED,
            IRU_REFERRAL,
            SECURITY,
            ItemStatus.EFFECTED,
            Outcome.ACCESS_DISABLED,
        ),
        # What could not be found for a referral is looked for again for an order.
        (Outcome.NOT_FOUND, CaseState.CLOSED, IRU_REFERRAL, SECURITY, ItemStatus.DECIDED, Outcome.NOT_FOUND),
        (Outcome.ALREADY_GONE, CaseState.CLOSED, REMOVAL_ORDER, SECURITY, ItemStatus.RECEIVED, None),
        # What the platform could not carry out answers nobody.
        (Outcome.REMOVED, CaseState.FAILED, IRU_REFERRAL, SECURITY, ItemStatus.RECEIVED, None),
    ],
)
def test_a_decided_case_answers_at_once_or_opens_again(outcome, state, instrument, category, status, answered):
    result = joined(decided(outcome, state), instrument, category=category)
    assert (result.status, result.answered) == (status, answered)
    if answered is None:
        assert result.state is CaseState.OPEN
        assert result.flags == ("reopened",)
        assert result.due == instrument.clock.due(NOW + timedelta(minutes=5))
    else:
        assert result.state is state


def test_an_order_on_removed_content_is_answered_and_flagged():
    assert joined(decided(Outcome.REMOVED), REMOVAL_ORDER).flags == ("order_after_decision",)


def test_nothing_is_answered_before_the_undo_window_ends():
    result = joined(decided(Outcome.REMOVED, CaseState.DECIDED, announced=False))
    assert (result.status, result.answered, result.state) == (ItemStatus.RECEIVED, None, CaseState.DECIDED)


def test_a_claim_counts_until_it_runs_out():
    held = replace(OPEN, holder=Holder("m1", "One", NOW + timedelta(minutes=1)))
    later = NOW + timedelta(minutes=1)
    assert held.held_by("m1", NOW)
    assert not held.held_by("m1", later)
    assert held.held_against("m2", NOW) == held.holder
    assert held.held_against("m1", NOW) is None
    assert held.held_against("m2", later) is None
