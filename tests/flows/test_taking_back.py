"""Content does not stay down against the decision in force, whatever went wrong on the way; nor is anybody told so."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from desk import KEEP, LEAD, REMOVE, TWO, case_file, claim_next, decide_case, decide_next, events, run_worker, statuses
from sqlalchemy import event
from test_exchange import LINK, ask_case, post, referral_of

from notice_intake.core.actions import Confirmation
from notice_intake.errors import Conflict, PlatformRefused
from notice_intake.flows import decide
from notice_intake.store import leases

GERMANY = replace(REMOVE, outcome="access_disabled", territories=("DE",), ground_kind="law", ground_reference="x")
FRAUD = "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"


class Shelf:
    """What is up and what is down, as a platform would know it; it can act and then not answer."""

    def __init__(self, house, *, lost_answers=0):
        self.down, self._lost = set(), lost_answers
        house.platform.apply, house.platform.revert = self.apply, self.revert

    def apply(self, action, *, key):
        self.down.add(action.content_key)
        if self._lost:
            self._lost -= 1
            raise TimeoutError("no answer in time")
        return Confirmation()

    def revert(self, action, *, key):
        self.down.discard(action.content_key)
        return Confirmation()


def complain(agency, receipt):
    reference = receipt.json["items"][0]["reference"]
    answer = post(agency, receipt, "complaints", {"items": [reference], "text": "Look again."})
    assert answer.status_code == 201, answer.json


def removed(house):
    """A case whose content the platform has taken down."""
    agency = house.agency()
    receipt = agency.refer(agency.document(LINK))
    case_id = decide_next(house)
    run_worker(house, after=31)
    assert statuses(agency, receipt) == [("effected", "removed")]
    return agency, receipt, case_id


def settle(house):
    """Long enough for every retry."""
    for _ in range(3):
        run_worker(house, after=1000)


def keep_when_free(house, case_id):
    """The worker may be about to ask once more; then the desk says to try again in a moment, as a moderator would."""
    for _ in range(200):
        try:
            return decide_case(house, case_id, KEEP, LEAD)
        except Conflict:
            time.sleep(0.05)
    raise AssertionError("the work of the decision before was never free")


def test_a_restoring_that_the_platform_refused_is_asked_for_again_by_the_next_decision(house):
    agency, receipt, case_id = removed(house)
    decide_case(house, case_id, KEEP)
    house.platform.faults = [PlatformRefused("not now")]
    run_worker(house, after=31)
    assert case_file(house, case_id).row.state == "failed"
    decide_case(house, case_id, KEEP)
    settle(house)
    assert len(house.platform.reverted) == 1
    assert (case_file(house, case_id).row.state, statuses(agency, receipt)) == ("closed", [("restored", "no_action")])


def test_a_restoring_that_waits_is_asked_for_by_the_decision_on_a_complaint(house):
    agency, receipt, case_id = removed(house)
    decide_case(house, case_id, KEEP)
    house.platform.faults = [ConnectionError("down")] * 3
    run_worker(house, after=31)
    house.platform.faults = []
    complain(agency, receipt)
    decide_case(house, case_id, KEEP, LEAD)
    settle(house)
    assert (len(house.platform.reverted), statuses(agency, receipt)) == (1, [("restored", "no_action")])


def test_a_removal_outlives_a_second_one_that_never_got_an_answer_and_is_taken_back_with_it(house):
    agency, receipt, case_id = removed(house)
    complain(agency, receipt)
    decide_case(house, case_id, REMOVE, LEAD)
    house.platform.faults = [ConnectionError("down")]
    run_worker(house, after=31)
    house.platform.faults = []
    complain(agency, receipt)
    decide_case(house, case_id, KEEP, LEAD)
    settle(house)
    first, second = (one.decision_id for one in reversed(house.platform.reverted.values()))
    assert first == next(iter(house.platform.applied))
    assert second != first
    assert statuses(agency, receipt) == [("restored", "no_action")]


def test_what_the_platform_did_and_never_confirmed_is_taken_back(house):
    shelf = Shelf(house, lost_answers=1)
    agency = house.agency()
    receipt = agency.refer(agency.document(LINK))
    case_id = decide_next(house)
    run_worker(house, after=31)
    assert shelf.down == {"p1"}
    complain(agency, receipt)
    decide_case(house, case_id, KEEP, LEAD)
    settle(house)
    assert not shelf.down
    # Nobody was told that it was carried out: so nobody is told that it is restored.
    assert statuses(agency, receipt) == [("decided", "no_action")]
    assert case_file(house, case_id).row.state == "closed"


def test_what_the_platform_refused_needs_no_taking_back(house):
    agency = house.agency()
    receipt = agency.refer(agency.document(LINK))
    case_id = decide_next(house)
    house.platform.faults = [PlatformRefused("cannot")]
    run_worker(house, after=31)
    decide_case(house, case_id, KEEP)
    settle(house)
    assert (house.platform.reverted, statuses(agency, receipt)) == ({}, [("decided", "no_action")])


def test_what_the_platform_does_after_its_time_is_taken_back(house):
    """It answers after the lease has run out; meanwhile the content is to stay, and has been restored."""
    shelf, answered = Shelf(house), threading.Event()
    agency = house.agency()
    receipt = agency.refer(agency.document(LINK))
    case_id = decide_next(house)
    done = shelf.apply

    def slow(action, *, key):
        house.platform.apply = done
        house.clock.advance(seconds=61)
        complain(agency, receipt)
        keep_when_free(house, case_id)
        run_worker(house, after=31)
        try:
            return done(action, key=key)
        finally:
            answered.set()

    house.platform.apply = slow
    run_worker(house, after=31)
    # Its thread goes on by itself: nobody waits for work whose time is over.
    assert answered.wait(30)
    for _ in range(50):
        settle(house)
        if not shelf.down:
            break
        time.sleep(0.1)
    assert not shelf.down
    assert case_file(house, case_id).row.state == "closed"


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_a_worker_that_takes_the_work_in_the_very_moment_of_the_next_decision_is_noticed(house):
    agency = house.agency()
    receipt = agency.refer(agency.document(LINK))
    case_id = decide_next(house)
    house.platform.faults = [ConnectionError("down")]
    run_worker(house, after=31)
    complain(agency, receipt)
    house.clock.advance(seconds=1000)
    taken = []

    def take(_connection, _cursor, statement, parameters, *_rest):
        if not taken and statement.startswith("UPDATE") and "outbox" in statement and "enforce" in str(parameters):
            taken.append(None)
            worker = threading.Thread(target=lease)
            worker.start()
            worker.join()

    def lease():
        with house.mount.storage.begin() as tx:
            taken[:] = leases.effects(tx, now=house.clock.now, limit=5, until=house.clock.now + leases.LEASE)

    event.listen(house.mount.storage.engine, "before_cursor_execute", take)
    try:
        with pytest.raises(Conflict, match="right now"):
            decide_case(house, case_id, KEEP, LEAD)
    finally:
        event.remove(house.mount.storage.engine, "before_cursor_execute", take)
    assert [one.row.kind for one in taken] == ["enforce"]


def test_a_decision_that_is_set_aside_leaves_the_one_before_it_and_the_complaint(house):
    first, second = house.agency("One"), house.agency("Two")
    receipt = first.refer(first.document(LINK))
    case_id = decide_next(house)
    run_worker(house, after=31)
    complain(first, receipt)
    decide_case(house, case_id, KEEP, TWO)
    house.clock.advance(seconds=5)
    second.refer(second.document(LINK, category=FRAUD, keywords=None))
    file = case_file(house, case_id)
    assert (file.row.state, file.row.outcome) == ("open", "removed")
    decide_case(house, case_id, KEEP, LEAD)
    settle(house)
    assert len(house.platform.reverted) == 1
    assert statuses(first, receipt) == [("restored", "no_action")]
    (complaint,) = referral_of(first, receipt)["complaints"]
    assert complaint["items"][0]["result"] == "reversed"
    assert [kind for kind, _ in events(first)].count("complaint.decided") == 1


def test_a_complaint_about_what_is_withdrawn_is_closed_as_withdrawn(house):
    agency = house.agency()
    receipt = agency.refer(agency.document(LINK))
    case_id = decide_next(house, KEEP)
    run_worker(house, after=31)
    complain(agency, receipt)
    decide_case(house, case_id, REMOVE, TWO)
    assert post(agency, receipt, "withdrawal", {"reason": "Sent by mistake."}).status_code == 201
    settle(house)
    (complaint,) = referral_of(agency, receipt)["complaints"]
    assert complaint["items"][0]["result"] == "withdrawn"
    assert not house.platform.applied


def test_an_answer_within_the_undo_window_sets_the_decision_aside(house):
    agency = house.agency()
    receipt = agency.refer(agency.document(LINK))
    case_id = claim_next(house)
    ask_case(house, case_id, receipt.json["id"])
    house.clock.advance(seconds=5)
    decide_case(house, case_id)
    reference = receipt.json["items"][0]["reference"]
    answer = post(
        agency, receipt, "supplements", {"text": "Here.", "items": [{"reference": reference, "text": "More."}]}
    )
    assert answer.status_code == 201
    settle(house)
    assert not house.platform.applied
    assert (case_file(house, case_id).row.state, statuses(agency, receipt)[0][0]) == ("open", "received")
    decide_case(house, case_id)
    settle(house)
    assert statuses(agency, receipt) == [("effected", "removed")]


def test_an_order_that_opens_a_case_again_is_not_told_that_the_content_is_restored(house):
    first, second, case_id = reopened_while_restoring(house)
    house.clock.advance(seconds=1)
    order = second.refer(second.order(LINK))
    run_worker(house, after=900)
    assert statuses(second, order)[0][0] in ("received", "in_review")
    # Nor does the case close over it.
    answer = post(first[0], first[1], "withdrawal", {"reason": "Sent by mistake."})
    assert answer.status_code == 201
    assert case_file(house, case_id).row.state == "open"


def reopened_while_restoring(house):
    agency, receipt, case_id = removed(house)
    decide_case(house, case_id, KEEP)
    house.platform.faults = [ConnectionError("down")]
    run_worker(house, after=31)
    return (agency, receipt), house.agency("Two"), case_id


def test_an_order_is_not_answered_by_a_decision_that_was_taken_while_it_was_on_its_way(house):
    """The request came first, the platform took a second to say what it names, and a decision fell meanwhile."""
    first, second = house.agency("One"), house.agency("Two")
    first.refer(first.document(LINK))
    house.clock.advance(minutes=1)
    case_id = claim_next(house)
    resolve = house.platform.resolve

    def slow(targets):
        house.platform.resolve = resolve
        house.clock.advance(seconds=1)
        decide_case(house, case_id, GERMANY)
        house.platform.faults = [ConnectionError("down")]
        run_worker(house, after=31)
        return resolve(targets)

    house.platform.resolve = slow
    order = second.refer(second.order(LINK))
    assert case_file(house, case_id).row.state == "open"
    run_worker(house, after=900)
    assert statuses(second, order)[0][0] in ("received", "in_review")


def test_undoing_not_possible_lets_the_clock_of_a_complaint_run(house):
    agency = house.agency()
    receipt = agency.refer(agency.document(LINK))
    case_id = decide_next(house, KEEP)
    run_worker(house, after=31)
    complain(agency, receipt)
    decide_case(house, case_id, replace(KEEP, outcome="not_possible", impossibility="force_majeure"), TWO)
    decide.undo(house.mount, case_id, moderator=TWO, now=house.clock.now)
    assert case_file(house, case_id).row.due_at is not None
