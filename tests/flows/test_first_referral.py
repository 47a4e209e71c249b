"""The whole way of one referral, on both databases."""

from __future__ import annotations

from dataclasses import replace

from desk import REMOVE, claim_next, decide_case, decide_next, events, run_worker, statuses


def test_a_referral_is_received_decided_carried_out_and_answered(house):
    agency = house.agency()
    receipt = agency.refer(agency.document("https://platform.example/p7"))
    assert receipt.status_code == 201
    assert statuses(agency, receipt) == [("received", None)]

    decide_next(house)
    run_worker(house)
    assert not house.platform.applied, "nothing leaves inside the undo window"

    run_worker(house, after=31)
    assert [action.content_key for action in house.platform.applied.values()] == ["p7"]
    assert statuses(agency, receipt) == [("effected", "removed")]
    assert events(agency) == [
        ("referral.received", None),
        ("item.in_review", None),
        ("item.decided", "removed"),
        ("item.effected", "removed"),
    ]
    assert [uploader for uploader, _ in house.platform.informed.values()] == ["user-of-p7"]


def test_the_feed_keeps_the_order_of_a_referral_although_a_clock_goes_back(house):
    agency = house.agency("Unit One")
    agency.refer(agency.order("https://platform.example/p1"))
    case_id = claim_next(house)
    house.clock.advance(seconds=-5)
    decide_case(house, case_id, replace(REMOVE, ground_kind="law"))
    run_worker(house)
    told = [one["data"]["sequence"] for one in agency.get("/v1/events").json["events"]]
    assert told == [1, 2, 3, 4]
