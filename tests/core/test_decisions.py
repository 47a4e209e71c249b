"""The rules of deciding."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from notice_intake.core.cases import Case, Member
from notice_intake.core.catalogue import EU
from notice_intake.core.codes import CaseState, EffectKind, ItemStatus, Outcome
from notice_intake.core.decisions import Draft, allowed_outcomes, decide, may_decide
from notice_intake.core.in_effect import Enacted
from notice_intake.errors import Conflict, DocumentRefused, NotPermitted
from notice_intake.regimes.eu_dsa import NOTICE
from notice_intake.regimes.eu_iru import IRU_REFERRAL
from notice_intake.regimes.eu_tco import REMOVAL_ORDER

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
UNDO = timedelta(seconds=30)
INSTRUMENTS = {one.code: one for one in (IRU_REFERRAL, NOTICE, REMOVAL_ORDER)}
VOLUNTARY = Member("itm_1", "ref_1", "agy_1", IRU_REFERRAL.code, ItemStatus.IN_REVIEW)
ORDERED = replace(VOLUNTARY, item_id="itm_2", instrument=REMOVAL_ORDER.code)
CASE = Case(
    id="cas_1",
    key="content:p1",
    version=3,
    state=CaseState.OPEN,
    due=IRU_REFERRAL.clock.due(NOW),
    priority=1,
    instrument=IRU_REFERRAL.code,
    category="STATEMENT_CATEGORY_VIOLENCE",
)
REMOVE = Draft(
    outcome="removed",
    ground_kind="terms",
    ground_reference="Terms, 4.2",
    facts="Seen.",
    explanation="Why.",
    category="STATEMENT_CATEGORY_VIOLENCE",
)
KEEP = Draft(outcome="no_action", facts="Seen.")


def verdict(draft: Draft, case: Case = CASE, *members: Member):
    return decide(case, draft, members=members or (VOLUNTARY,), instruments=INSTRUMENTS, undo=UNDO, now=NOW)


def pointers(draft: Draft, case: Case = CASE, *members: Member) -> list[str]:
    with pytest.raises(DocumentRefused) as refused:
        verdict(draft, case, *members)
    return [error.pointer for error in refused.value.errors]


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        (Draft(), ["/outcome"]),
        (Draft(outcome="deleted"), ["/outcome"]),  # not a word of ours
        (replace(REMOVE, facts="  "), ["/facts"]),
        (replace(REMOVE, ground_kind=""), ["/ground_kind"]),
        (replace(REMOVE, ground_kind="custom"), ["/ground_kind"]),
        (replace(REMOVE, ground_reference=" "), ["/ground_reference"]),
        (replace(REMOVE, explanation=""), ["/explanation"]),
        (replace(REMOVE, category=""), ["/category"]),
        (replace(REMOVE, category="STATEMENT_CATEGORY_UNKNOWN"), ["/category"]),
        (replace(REMOVE, keywords=("KEYWORD_UNKNOWN",)), ["/keywords"]),
        (replace(REMOVE, facts="x" * 5001), ["/facts"]),
        (replace(REMOVE, explanation="x" * 2001), ["/explanation"]),
        (replace(REMOVE, ground_reference="x" * 501), ["/ground_reference"]),
        (replace(REMOVE, facts="a\x00b"), ["/facts"]),  # PostgreSQL cannot store it
        (replace(REMOVE, outcome="access_disabled"), ["/territories"]),
        (replace(REMOVE, outcome="access_disabled", territories=("XX",)), ["/territories"]),
        (replace(KEEP, outcome="not_possible"), ["/impossibility"]),
        (replace(KEEP, outcome="not_possible", impossibility="tired"), ["/impossibility"]),
    ],
)
def test_a_draft_with_a_fault_is_refused_at_the_field(draft, expected):
    assert pointers(draft) == expected


@pytest.mark.parametrize("outcome", ["no_action", "already_gone", "not_found"])
def test_deciding_not_to_act_needs_only_the_facts(outcome):
    assert verdict(replace(KEEP, outcome=outcome)).decision.outcome == outcome


@pytest.mark.parametrize("outcome", ["no_action", "visibility_restricted", "not_found", "account_suspended"])
def test_an_order_does_not_allow_less_than_it_asks(outcome):
    assert "/outcome" in pointers(replace(REMOVE, outcome=outcome), CASE, VOLUNTARY, ORDERED)


def test_disabling_access_under_an_order_covers_every_member_state():
    narrow = replace(REMOVE, outcome="access_disabled", territories=("BE", "FR"))
    assert pointers(narrow, CASE, ORDERED) == ["/territories"]
    assert verdict(narrow).decision.territories == ("BE", "FR")  # a voluntary referral allows it
    wide = replace(narrow, territories=EU)
    assert verdict(wide, CASE, ORDERED).decision.territories == tuple(sorted(EU))


def test_a_withdrawn_order_binds_nobody():
    withdrawn = replace(ORDERED, status=ItemStatus.WITHDRAWN)
    assert Outcome.NO_ACTION in allowed_outcomes([VOLUNTARY, withdrawn], INSTRUMENTS)
    assert Outcome.NO_ACTION not in allowed_outcomes([VOLUNTARY, ORDERED], INSTRUMENTS)


def test_a_voluntary_decision_rests_and_an_order_does_not():
    assert verdict(REMOVE).decision.effective_at == NOW + UNDO
    urgent = replace(CASE, due=REMOVAL_ORDER.clock.due(NOW), priority=0, instrument=REMOVAL_ORDER.code)
    assert verdict(REMOVE, urgent, ORDERED).decision.effective_at == NOW


@pytest.mark.parametrize(
    ("case", "window"),
    [
        (replace(CASE, due=replace(CASE.due, at=NOW + timedelta(seconds=10))), timedelta(seconds=10)),
        (replace(CASE, due=replace(CASE.due, at=NOW - timedelta(hours=1))), UNDO),  # already late: nothing to save
        (replace(CASE, priority=0), timedelta(0)),  # a threat to life
    ],
)
def test_the_undo_window_never_passes_a_deadline(case, window):
    assert verdict(REMOVE, case).decision.effective_at == NOW + window


@pytest.mark.parametrize(
    ("before", "draft", "expected"),
    [
        (None, REMOVE, ["announce", "enforce"]),
        (None, KEEP, ["announce"]),
        # Superseding: what is in effect is taken back before the other is carried out.
        (Outcome.REMOVED, KEEP, ["announce", "revert"]),
        (Outcome.VISIBILITY_RESTRICTED, REMOVE, ["announce", "revert", "enforce"]),
        (Outcome.REMOVED, REMOVE, ["announce", "enforce"]),  # the same again: nothing to take back
    ],
)
def test_effects_follow_from_what_is_in_effect_and_the_new_decision(before, draft, expected):
    found = (Enacted("dec_0", before, begun=True, confirmed=True),) if before else ()
    assert [effect.kind for effect in verdict(draft, replace(CASE, in_effect=found)).effects] == expected


def test_a_case_whose_decision_is_on_its_way_is_not_decided_again():
    with pytest.raises(Conflict):
        verdict(REMOVE, replace(CASE, state=CaseState.DECIDED))


def test_every_outcome_that_restricts_is_carried_out():
    for outcome in ("removed", "visibility_restricted", "account_suspended", "account_terminated"):
        assert EffectKind.ENFORCE in [effect.kind for effect in verdict(replace(REMOVE, outcome=outcome)).effects]


def test_a_role_can_be_required():
    lead_only = replace(IRU_REFERRAL, role="lead")
    may_decide(frozenset({"moderator", "lead"}), [lead_only])
    may_decide(frozenset({"lead"}), [IRU_REFERRAL])  # a lead is a moderator
    with pytest.raises(NotPermitted, match="lead"):
        may_decide(frozenset({"moderator"}), [lead_only])
