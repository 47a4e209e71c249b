"""Several agencies, one case, one decision; each is answered for its own items."""

from __future__ import annotations

import threading

from desk import KEEP, case_file, decide_case, decide_next, events, queue, run_worker, statuses


def test_items_that_name_the_same_content_become_one_case(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two", country="PL")
    mine = first.refer(first.document("https://platform.example/p1", "https://platform.example/p2"))
    theirs = second.refer(second.document("hxxps://platform[.]example/p1?utm_source=x"))
    rows = sorted(queue(house), key=lambda row: row.title)
    assert [(row.title, row.agencies, row.referrals) for row in rows] == [
        ("Post 1", ("Unit One", "Unit Two"), 2),
        ("Post 2", ("Unit One",), 1),
    ]
    decide_case(house, rows[0].id)
    run_worker(house, after=31)
    assert len(house.platform.applied) == 1
    assert statuses(first, mine) == [("effected", "removed"), ("received", None)]
    assert statuses(second, theirs) == [("effected", "removed")]
    assert len(events(first)) == len(events(second)) == 3


def test_what_the_platform_does_not_know_meets_by_its_canonical_link(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    first.refer(first.document("https://elsewhere.example/a?id=1&utm_source=x"))
    second.refer(second.document("https://ELSEWHERE.example:443/a?id=1"))
    (row,) = queue(house)
    assert row.flags == ("unknown",)
    assert row.referrals == 2


def test_the_strictest_clock_wins(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    first.refer(first.document("https://platform.example/p1"))
    house.clock.advance(minutes=10)
    second.refer(second.order("https://platform.example/p1"))
    (row,) = queue(house)
    assert (row.due_kind, row.instrument) == ("legal", "eu.tco.removal_order")
    assert (row.due_at - house.clock.now).total_seconds() == 3600
    assert "clock_tightened" in row.flags


def test_a_referral_for_a_decided_case_is_answered_at_once(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    first.refer(first.document("https://platform.example/p1"))
    case_id = decide_next(house)
    run_worker(house, after=31)
    late = second.refer(second.document("https://platform.example/p1"))
    assert late.json["items"][0]["status"] == "effected"
    assert late.json["items"][0]["outcome"] == "removed"
    assert events(second) == [
        ("referral.received", None),
        ("item.decided", "removed"),
        ("item.effected", "removed"),
    ]
    assert queue(house) == []
    ordered = second.refer(second.order("https://platform.example/p1"))
    assert ordered.json["items"][0]["status"] == "effected"
    assert "order_after_decision" in case_file(house, case_id).row.flags


def test_an_order_after_no_action_opens_the_case_again(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    asked = first.refer(first.document("https://platform.example/p1"))
    case_id = decide_next(house, KEEP)
    run_worker(house, after=31)
    ordered = second.refer(second.order("https://platform.example/p1"))
    (row,) = queue(house)
    assert (row.id, row.due_kind) == (case_id, "legal")
    assert "reopened" in row.flags
    decide_next(house, ground_kind="law")
    run_worker(house)
    assert statuses(second, ordered) == [("effected", "removed")]
    assert statuses(first, asked) == [("effected", "removed")], "who was told no action hears that it changed"


def test_an_order_does_not_wait_for_the_undo_window_of_an_earlier_decision(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    first.refer(first.document("https://platform.example/p1"))
    decide_next(house)
    ordered = second.refer(second.order("https://platform.example/p1"))
    run_worker(house)
    assert statuses(second, ordered) == [("effected", "removed")]


def test_an_order_sets_an_untold_refusal_aside(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    asked = first.refer(first.document("https://platform.example/p1"))
    decide_next(house, KEEP)
    ordered = second.refer(second.order("https://platform.example/p1"))
    run_worker(house, after=60)
    assert statuses(first, asked) == [("in_review", None)]
    decide_next(house, ground_kind="law")
    run_worker(house)
    assert statuses(first, asked) == statuses(second, ordered) == [("effected", "removed")]
    assert ("item.decided", "no_action") not in events(first)


def test_an_uploader_is_not_told_where_one_authority_forbids_it(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    first.refer(first.document("https://platform.example/p1"))
    second.refer(second.order("https://platform.example/p1", disclosure={"uploader": "withhold"}))
    decide_next(house, ground_kind="law")
    run_worker(house)
    assert len(house.platform.applied) == 1
    assert house.platform.informed == {}


def test_an_agency_sees_nothing_of_another(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    receipt = first.refer(first.document("https://platform.example/p1")).json
    second.refer(second.document("https://platform.example/p1"))
    assert second.get(receipt["status_path"]).status_code == 404
    assert receipt["id"] not in second.get("/v1/referrals").text + second.get("/v1/events").text


def test_parallel_referrals_of_the_same_content_become_one_case(house):
    agencies = [house.agency(f"Unit {number}") for number in range(6)]
    links = [f"https://platform.example/p{number}" for number in range(5)]
    answers: list[int] = []

    def go(agency) -> None:
        for order in (links, links[::-1]):
            answers.append(agency.refer(agency.document(*order)).status_code)

    threads = [threading.Thread(target=go, args=(agency,)) for agency in agencies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201] * 12
    assert sorted((row.title, row.referrals) for row in queue(house)) == [(f"Post {n}", 12) for n in range(5)]
