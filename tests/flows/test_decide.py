"""Deciding, on the facts as they stand; undoing while nothing has left; superseding what was carried out."""

from __future__ import annotations

import pytest
from desk import KEEP, ONE, REMOVE, TWO, case_file, claim_next, decide_case, decide_next, events, run_worker, statuses

from notice_intake.errors import ClaimHeld, Conflict, DocumentRefused, StaleVersion
from notice_intake.flows import decide


def test_a_decision_on_stale_facts_is_refused(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    first.refer(first.document("https://platform.example/p1"))
    case_id = claim_next(house)
    seen = case_file(house, case_id).row.version
    second.refer(second.order("https://platform.example/p1"))
    with pytest.raises(StaleVersion) as refused:
        decide.decide(house.mount, case_id, KEEP, moderator=ONE, version=seen, now=house.clock.now)
    assert (refused.value.seen, refused.value.current) == (seen, seen + 1)
    assert case_file(house, case_id).decisions == ()


def test_a_case_that_somebody_else_holds_cannot_be_decided(house):
    house.agency().refer()
    case_id = claim_next(house, ONE)
    with pytest.raises(ClaimHeld):
        decide_case(house, case_id, moderator=TWO)


def test_a_refused_draft_leaves_nothing_behind(house):
    house.agency().refer()
    case_id = claim_next(house)
    with pytest.raises(DocumentRefused):
        decide_case(house, case_id, Draftless)
    file = case_file(house, case_id)
    assert (file.row.state, file.decisions, file.effects[1:]) == ("open", (), ())


Draftless = REMOVE.__class__(outcome="removed")


def test_undo_inside_the_window_leaves_no_trace_outside(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = decide_next(house)
    assert case_file(house, case_id).undo_until is not None
    house.clock.advance(seconds=29)
    decide.undo(house.mount, case_id, moderator=ONE, now=house.clock.now)
    file = case_file(house, case_id)
    assert (file.row.state, file.row.claim.name, file.row.outcome) == ("open", "Moderator One", None)
    assert file.decisions[0].undone_at == house.clock.now
    run_worker(house, after=60)
    assert not house.platform.applied
    assert statuses(agency, receipt) == [("in_review", None)]
    decide_case(house, case_id, KEEP)
    run_worker(house, after=60)
    assert events(agency)[2:] == [("item.decided", "no_action")]


@pytest.mark.parametrize("wait", [30, 3600])
def test_undo_after_the_window_is_refused(house, wait):
    house.agency().refer()
    case_id = decide_next(house)
    house.clock.advance(seconds=wait)
    with pytest.raises(Conflict):
        decide.undo(house.mount, case_id, moderator=ONE, now=house.clock.now)


def test_an_order_takes_effect_at_once_and_cannot_be_undone(house):
    agency = house.agency()
    receipt = agency.refer(agency.order("https://platform.example/p1"))
    case_id = decide_next(house, ground_kind="law")
    assert case_file(house, case_id).undo_until is None
    with pytest.raises(Conflict):
        decide.undo(house.mount, case_id, moderator=ONE, now=house.clock.now)
    run_worker(house)
    assert statuses(agency, receipt) == [("effected", "removed")]


def test_a_later_decision_takes_the_earlier_one_back(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = decide_next(house)
    run_worker(house, after=31)
    assert statuses(agency, receipt) == [("effected", "removed")]
    decide_case(house, case_id, KEEP)
    run_worker(house, after=31)
    assert len(house.platform.reverted) == 1
    assert statuses(agency, receipt) == [("restored", "no_action")]
    assert events(agency)[-2:] == [("item.decided", "no_action"), ("item.restored", "no_action")]
    assert case_file(house, case_id).row.state == "closed"


def test_changing_the_restriction_reverts_first_and_ends_effected(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = decide_next(house, outcome="visibility_restricted")
    run_worker(house, after=31)
    decide_case(house, case_id)
    run_worker(house, after=31)
    assert [action.outcome for action in house.platform.reverted.values()] == ["visibility_restricted"]
    assert [action.outcome for action in house.platform.applied.values()] == ["visibility_restricted", "removed"]
    assert statuses(agency, receipt) == [("effected", "removed")]
    assert ("item.restored", "removed") not in events(agency)


def test_two_moderators_deciding_at_once_leave_one_decision(house):
    import threading

    house.agency().refer()
    case_id = claim_next(house)
    version = case_file(house, case_id).row.version
    outcomes: list[str] = []

    def go() -> None:
        try:
            decide.decide(house.mount, case_id, REMOVE, moderator=ONE, version=version, now=house.clock.now)
            outcomes.append("decided")
        except (StaleVersion, Conflict):
            outcomes.append("refused")

    threads = [threading.Thread(target=go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["decided", *["refused"] * 5]
    assert len(case_file(house, case_id).decisions) == 1


def test_undo_takes_back_the_decision_that_it_was_offered_for_and_no_later_one(house):
    house.agency().refer()
    case_id = claim_next(house)
    offered = decide_case(house, case_id)
    decide.undo(house.mount, case_id, moderator=ONE, now=house.clock.now)
    later = decide_case(house, case_id, KEEP)
    with pytest.raises(StaleVersion):
        decide.undo(house.mount, case_id, moderator=ONE, now=house.clock.now, decision_id=offered.decision_id)
    assert case_file(house, case_id).row.outcome == "no_action"
    decide.undo(house.mount, case_id, moderator=ONE, now=house.clock.now, decision_id=later.decision_id)
    assert case_file(house, case_id).row.state == "open"
