"""The whole way of one referral, on both databases."""

from __future__ import annotations

import threading

from conftest import House
from notice_intake.core.decisions import Draft
from notice_intake.core.queue import QueueFilter
from notice_intake.flows import claims, decide, desk_queries
from notice_intake.flows.work import work

REMOVE = Draft(
    outcome="removed",
    ground_kind="terms",
    ground_reference="Terms, 4.2",
    facts="Seen.",
    explanation="Falls under the clause.",
    category="STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
)


def decide_next(house: House, draft: Draft = REMOVE) -> str:
    moderator, now = house.gate.moderator, house.clock.now
    case_id = claims.claim_next(house.mount, QueueFilter(), moderator=moderator, now=now)
    version = desk_queries.case_file(house.mount, case_id, moderator=moderator, now=now).row.version
    decide.decide(house.mount, case_id, draft, moderator=moderator, version=version, now=now)
    return case_id


def run_worker(house: House) -> None:
    work(house.mount, stop=threading.Event(), once=True)


def test_a_referral_is_received_decided_carried_out_and_answered(house):
    agency = house.agency()
    receipt = agency.refer(agency.document("https://platform.example/p7"))
    assert receipt.status_code == 201
    assert receipt.json["items"][0]["status"] == "received"

    decide_next(house)
    run_worker(house)
    assert not house.platform.applied, "nothing leaves inside the undo window"

    house.clock.advance(seconds=31)
    run_worker(house)
    assert [action.content_key for action in house.platform.applied.values()] == ["p7"]
    status = agency.get(receipt.json["status_path"]).json["items"][0]
    assert (status["status"], status["outcome"]) == ("effected", "removed")
    types = [event["type"] for event in agency.get("/v1/events").json["events"]]
    assert types == ["referral.received", "item.in_review", "item.decided", "item.effected"]
    assert [uploader for uploader, _ in house.platform.informed.values()] == ["user-of-p7"]
