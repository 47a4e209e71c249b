"""Questions, supplements, withdrawals and complaints: from the agency to the desk and back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from desk import (
    KEEP,
    LEAD,
    ONE,
    REMOVE,
    TWO,
    case_file,
    claim_next,
    decide_case,
    decide_next,
    events,
    queue,
    run_worker,
    statuses,
)

from notice_intake.core.decisions import Draft
from notice_intake.errors import ClaimHeld, Conflict, DocumentRefused, NotPermitted, StaleVersion
from notice_intake.flows.questions import EVERY_ORDER, Question, ask

LINK = "https://platform.example/p1"


def post(agency, receipt, call, document, **headers):
    path = receipt.json["status_path"]
    sent = {"If-Match": agency.get(path).headers["ETag"], **headers}
    url = f"/notices{path}/{call}"
    return agency._client.post(url, json=document, headers={**agency.headers, **sent})


def ask_case(house, case_id, *to, reason="not_precise", text="Which minute?", moderator=ONE):
    version = case_file(house, case_id).row.version
    question = Question(reason, text, to)
    return ask(house.mount, case_id, question, moderator=moderator, version=version, now=house.clock.now)


def referral_of(agency, receipt):
    return agency.get(receipt.json["status_path"]).json


def test_a_question_stops_an_orders_hour_and_the_answer_lets_the_rest_run(house):
    agency = house.agency()
    receipt = agency.refer(agency.order(LINK))
    case_id = claim_next(house)
    house.clock.advance(minutes=20)
    (question,) = ask_case(house, case_id, EVERY_ORDER, reason="manifest_error", text="The link names two posts.")
    file = case_file(house, case_id)
    assert file.row.due_at is None
    assert file.row.claim is None
    assert "needs_clarification" in file.row.flags
    assert not queue(house, due="overdue")
    told = referral_of(agency, receipt)
    assert told["items"][0]["status"] == "needs_clarification"
    assert told["items"][0]["due_at"] is None
    assert told["questions"][0]["text"] == "The link names two posts."
    event = agency.get("/v1/events").json["events"][-1]
    assert event["type"] == "item.needs_clarification"
    assert (event["data"]["question"], event["data"]["reason_code"]) == (question, "manifest_error")
    assert "two posts" not in str(event)

    house.clock.advance(hours=30)
    answered = post(agency, receipt, "supplements", {"answers": question, "text": "The first one."})
    assert answered.status_code == 201, answered.json
    assert case_file(house, case_id).row.due_at == house.clock.now + timedelta(minutes=40)
    assert statuses(agency, receipt) == [("received", None)]
    assert referral_of(agency, receipt)["questions"][0]["answered_at"] is not None
    assert [kind for kind, _ in events(agency)][-2:] == ["referral.supplemented", "item.received"]


def test_a_missed_hour_stays_missed_through_a_question(house):
    agency = house.agency()
    receipt = agency.refer(agency.order(LINK))
    (row,) = queue(house)
    house.clock.advance(hours=2)
    ask_case(house, row.id, EVERY_ORDER)
    house.clock.advance(hours=2)
    post(agency, receipt, "supplements", {"text": "The first one."})
    assert case_file(house, row.id).row.due_at == house.clock.now


def test_a_question_to_one_agency_leaves_the_clock_of_another(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    first.refer(first.order(LINK))
    second.refer(second.document(LINK))
    (row,) = queue(house)
    assert row.due_kind == "legal"
    ask_case(house, row.id, EVERY_ORDER)
    (row,) = queue(house)
    assert (row.due_kind, row.due_at) == ("house", house.clock.now + timedelta(hours=24))


def test_a_question_to_a_voluntary_referral_stops_no_clock(house):
    agency = house.agency()
    receipt = agency.refer()
    (row,) = queue(house)
    ask_case(house, row.id, receipt.json["id"])
    assert case_file(house, row.id).row.due_at == row.due_at


def test_what_a_question_needs(house):
    agency = house.agency()
    receipt = agency.refer()
    (row,) = queue(house)
    with pytest.raises(DocumentRefused) as refused:
        ask_case(house, row.id, EVERY_ORDER, reason="because", text=" ")
    assert [one.pointer for one in refused.value.errors] == ["/question_reason", "/question", "/question_to"]
    with pytest.raises(StaleVersion):
        ask(
            house.mount,
            row.id,
            Question("other", "?", (receipt.json["id"],)),
            moderator=ONE,
            version=9,
            now=house.clock.now,
        )
    claim_next(house, TWO)
    with pytest.raises(ClaimHeld):
        ask_case(house, row.id, receipt.json["id"])
    decide_case(house, row.id, KEEP, TWO)
    with pytest.raises(Conflict):
        ask_case(house, row.id, receipt.json["id"])
    assert events(agency) == [("referral.received", None), ("item.in_review", None)]


def test_a_supplement_makes_an_open_page_stale(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = claim_next(house)
    seen = case_file(house, case_id)
    assert post(agency, receipt, "supplements", {"text": "Seen again today."}).status_code == 201
    from notice_intake.flows import decide

    with pytest.raises(StaleVersion):
        decide.decide(house.mount, case_id, KEEP, moderator=ONE, version=seen.row.version, now=house.clock.now)
    now = case_file(house, case_id)
    assert [line.action for line in now.history][-1] == "referral.supplemented"
    assert now.messages[-1].text == "Seen again today."
    assert statuses(agency, receipt) == [("in_review", None)]


def test_a_better_link_has_the_platform_asked_again(house):
    agency = house.agency()
    receipt = agency.refer(agency.document("https://platform.example/unclear"))
    (row,) = queue(house)
    ask_case(house, row.id, receipt.json["id"], reason="content_not_found")
    reference = receipt.json["items"][0]["reference"]
    document = {"text": "Here it is.", "items": [{"reference": reference, "url": "https://platform.example/p7"}]}
    assert post(agency, receipt, "supplements", document).status_code == 201
    run_worker(house)
    file = case_file(house, row.id)
    assert file.content is not None
    assert file.content.key == "p7"
    assert not {"unknown", "unresolved"} & set(file.row.flags)


def test_clarifying_an_order_that_was_not_possible_opens_it_again_with_what_was_left(house):
    agency = house.agency()
    receipt = agency.refer(agency.order(LINK))
    case_id = claim_next(house)
    house.clock.advance(minutes=50)
    draft = Draft(outcome="not_possible", facts="Cannot be told apart.", impossibility="insufficient_information")
    decide_case(house, case_id, draft)
    run_worker(house)
    assert statuses(agency, receipt) == [("not_possible", "not_possible")]
    house.clock.advance(days=2)
    assert post(agency, receipt, "supplements", {"text": "x", "items": [_item(receipt)]}).status_code == 201
    file = case_file(house, case_id)
    assert (file.row.state, file.row.due_at) == ("open", house.clock.now + timedelta(minutes=10))
    assert statuses(agency, receipt) == [("received", None)]
    decide_next(house)
    run_worker(house)
    assert statuses(agency, receipt) == [("effected", "removed")]


def _item(receipt, **facts):
    return {"reference": receipt.json["items"][0]["reference"], **facts}


def test_withdrawing_closes_a_case_with_nothing_left(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = claim_next(house)
    answer = post(agency, receipt, "withdrawal", {"reason": "Sent in error."})
    assert answer.status_code == 201, answer.json
    file = case_file(house, case_id)
    assert (file.row.state, file.row.outcome, file.row.claim) == ("closed", None, None)
    assert statuses(agency, receipt) == [("withdrawn", None)]
    assert events(agency)[-1] == ("item.withdrawn", None)
    assert post(agency, receipt, "withdrawal", {"reason": "Again."}).status_code == 409
    # The same content referred again opens it again.
    agency.refer(agency.document(referred_link(file)))
    assert case_file(house, case_id).row.state == "open"


def referred_link(file):
    return file.referrals[0].items[0].locator


def test_a_withdrawn_order_no_longer_binds(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    first.refer(first.document(LINK))
    order = second.refer(second.order(LINK))
    (row,) = queue(house)
    assert "no_action" not in case_file(house, row.id).outcomes
    post(second, order, "withdrawal", {"reason": "Revoked."})
    (row,) = queue(house)
    assert (row.due_kind, row.instrument) == ("house", "eu.iru.referral")
    assert "no_action" in case_file(house, row.id).outcomes
    decided = decide_case(house, row.id, KEEP)
    assert decided.undo_until is not None
    run_worker(house, after=31)
    assert statuses(second, order) == [("withdrawn", None)]


def test_withdrawing_in_the_undo_window_takes_the_decision_back(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = decide_next(house)
    post(agency, receipt, "withdrawal", {"reason": "Sent in error."})
    run_worker(house, after=60)
    file = case_file(house, case_id)
    assert (file.row.state, file.row.outcome) == ("closed", None)
    assert file.decisions[0].undone_at is not None
    assert house.platform.applied == {}
    assert ("item.decided", "removed") not in events(agency)


def test_withdrawing_what_was_carried_out_puts_it_before_a_person(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = decide_next(house)
    run_worker(house, after=31)
    post(agency, receipt, "withdrawal", {"reason": "A court has revoked it."})
    file = case_file(house, case_id)
    assert file.row.state == "open"
    assert "withdrawn_after_decision" in file.row.flags
    assert len(house.platform.reverted) == 0
    decide_case(house, case_id, KEEP)
    run_worker(house, after=31)
    assert len(house.platform.reverted) == 1
    assert "withdrawn_after_decision" not in case_file(house, case_id).row.flags
    assert statuses(agency, receipt) == [("withdrawn", "removed")]


def test_a_complaint_is_answered_by_somebody_else(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = decide_next(house, KEEP)
    run_worker(house, after=31)
    reference = receipt.json["items"][0]["reference"]
    answer = post(agency, receipt, "complaints", {"items": [reference], "text": "Look at minute two."})
    assert answer.status_code == 201, answer.json
    file = case_file(house, case_id)
    assert (file.row.state, file.row.outcome) == ("open", "no_action")
    assert "complaint" in file.row.flags
    assert post(agency, receipt, "complaints", {"items": [reference], "text": "Again."}).status_code == 409
    with pytest.raises(NotPermitted):
        decide_case(house, case_id, REMOVE, ONE)
    decide_case(house, case_id, REMOVE, TWO)
    run_worker(house, after=31)
    told = [one for one in agency.get("/v1/events").json["events"] if one["type"].startswith("complaint.")]
    assert [one["type"] for one in told] == ["complaint.received", "complaint.decided"]
    assert told[1]["data"]["result"] == "reversed"
    assert told[1]["data"]["outcome"] == "removed"
    assert told[1]["data"]["complaint"] == answer.json["id"]
    assert statuses(agency, receipt) == [("effected", "removed")]
    complaints = referral_of(agency, receipt)["complaints"]
    assert complaints[0]["items"] == [{"reference": reference, "result": "reversed"}]
    assert "complaint" not in case_file(house, case_id).row.flags


def test_the_same_outcome_again_upholds_it_and_undoing_opens_the_complaint_again(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = decide_next(house, KEEP)
    run_worker(house, after=31)
    reference = receipt.json["items"][0]["reference"]
    post(agency, receipt, "complaints", {"items": [reference], "text": "Look again."})
    from notice_intake.flows import decide

    decide_case(house, case_id, KEEP, TWO)
    decide.undo(house.mount, case_id, moderator=TWO, now=house.clock.now)
    assert referral_of(agency, receipt)["complaints"][0]["items"][0]["result"] is None
    with pytest.raises(ClaimHeld):
        decide_case(house, case_id, KEEP, LEAD)
    house.clock.advance(hours=1)
    # A lead may answer alone, even about a decision of their own.
    decide_case(house, case_id, KEEP, LEAD)
    # While it can be undone nobody is told, by polling neither.
    before = agency.get(receipt.json["status_path"])
    assert before.json["complaints"][0]["items"][0]["result"] is None
    (listed,) = agency.get("/v1/referrals").json["referrals"]
    assert listed["complaints"] == before.json["complaints"]
    run_worker(house, after=31)
    assert referral_of(agency, receipt)["complaints"][0]["items"][0]["result"] == "upheld"
    assert events(agency)[-1] == ("complaint.decided", "no_action")
    assert agency.get(receipt.json["status_path"]).headers["ETag"] != before.headers["ETag"]


def test_a_complaint_comes_too_early_and_too_late(house):
    agency = house.agency()
    receipt = agency.refer()
    reference = receipt.json["items"][0]["reference"]
    document = {"items": [reference], "text": "Look again."}
    assert post(agency, receipt, "complaints", document).status_code == 409
    decide_next(house, KEEP)
    run_worker(house, after=31)
    house.clock.advance(days=185)
    assert post(agency, receipt, "complaints", document).status_code == 409
    house.clock.advance(days=-2)
    assert post(agency, receipt, "complaints", document).status_code == 201


def test_no_facts_are_taken_for_what_is_decided(house):
    agency = house.agency()
    receipt = agency.refer()
    decide_next(house, KEEP)
    run_worker(house, after=31)
    assert post(agency, receipt, "supplements", {"text": "More."}).status_code == 409
    refused = post(agency, receipt, "supplements", {"text": "More.", "items": [_item(receipt)]})
    assert "complain" in refused.json["detail"]
