"""A platform whose search or mail is down delays neither a decision nor an order; what it answers is looked at."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime

import pytest
from desk import (
    KEEP,
    ONE,
    REMOVE,
    TWO,
    case_file,
    decide_case,
    decide_next,
    queue,
    run_worker,
    statuses,
)
from test_exchange import LINK, ask_case, post

from notice_intake.core.actions import Confirmation
from notice_intake.errors import Conflict
from notice_intake.flows import claims, retention
from notice_intake.store import cases

NOT_POSSIBLE = replace(KEEP, outcome="not_possible", impossibility="force_majeure")


def down(*_args, **_options):
    raise ConnectionError("down")


@pytest.mark.parametrize("back", [True, False], ids=["search is back", "search stays down"])
def test_an_order_that_came_while_the_search_was_down_is_carried_out(house, back):
    agency = house.agency()
    house.platform.resolving = False
    order = agency.refer(agency.order(LINK))
    house.platform.resolving = back
    run_worker(house)
    decide_next(house, ground_kind="law")
    run_worker(house)
    assert statuses(agency, order) == [("effected", "removed")]


def test_what_is_added_to_an_order_that_could_not_be_found_is_looked_for(house):
    agency = house.agency()
    house.platform.resolving = False
    order = agency.refer(agency.order("https://platform.example/x1"))
    reference = order.json["items"][0]["reference"]
    more = {"text": "Here.", "items": [{"reference": reference, "url": LINK}]}
    assert post(agency, order, "supplements", more).status_code == 201
    house.platform.resolving = True
    run_worker(house)
    (row,) = queue(house)
    assert "unresolved" not in row.flags


def test_a_statement_to_the_uploader_that_cannot_leave_does_not_delay_an_order(house):
    first, second = house.agency("One"), house.agency("Two")
    first.refer(first.document(LINK))
    decide_next(house, outcome="visibility_restricted")
    house.platform.inform = down
    for _ in range(6):
        run_worker(house, after=1000)
    order = second.refer(second.order(LINK))
    decide_next(house, ground_kind="law")
    run_worker(house)
    assert statuses(second, order) == [("effected", "removed")]


@pytest.mark.parametrize("when", ["before it is carried out", "before the uploader is told"])
def test_an_uploader_is_not_told_where_an_order_on_the_content_forbids_it(house, when):
    first, second = house.agency("One"), house.agency("Two")
    first.refer(first.document(LINK))
    decide_next(house, outcome="visibility_restricted")
    tell = house.platform.inform
    if when == "before it is carried out":
        house.platform.faults = [ConnectionError("down")]
    else:
        house.platform.inform = down
    run_worker(house, after=31)
    house.platform.inform = tell
    house.clock.advance(seconds=1)
    second.refer(second.order(LINK, disclosure={"uploader": "withhold"}))
    run_worker(house, after=900)
    assert not house.platform.informed


@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        Confirmation(at=datetime(2026, 3, 2, 9, 0)),
        Confirmation(at="2026-03-02"),
        Confirmation(reference=None),
    ],
    ids=["nothing", "true", "naive time", "text for a time", "no reference"],
)
def test_a_platform_that_confirms_nothing_is_asked_again_and_the_desk_says_why(house, answer):
    agency = house.agency()
    receipt = agency.refer()
    case_id = decide_next(house)
    apply = house.platform.apply
    house.platform.apply = lambda _action, *, key: answer
    run_worker(house, after=31)
    (effect,) = [one for one in case_file(house, case_id).effects if one.kind == "enforce"]
    assert (effect.state, effect.attempts) == ("due", 1)
    assert "Error" in effect.last_error
    house.platform.apply = apply
    run_worker(house, after=60)
    assert statuses(agency, receipt) == [("effected", "removed")]


def test_a_hook_that_ends_the_process_is_a_fault_like_any_other(house):
    agency = house.agency()
    agency.refer()
    case_id = decide_next(house)

    def leave(_action, *, key):
        raise SystemExit(3)

    house.platform.apply = leave
    run_worker(house, after=31)
    (effect,) = [one for one in case_file(house, case_id).effects if one.kind == "enforce"]
    assert (effect.attempts, "SystemExit" in effect.last_error) == (1, True)


def test_referrals_that_turn_out_to_name_one_content_are_counted_once(house):
    agency = house.agency()

    def refer(number):
        links = (f"https://platform.example/{way}{number}/p{number}" for way in ("a", "b"))
        return agency.refer(agency.document(*links))

    refer(1)
    house.platform.resolving = False
    refer(2)
    house.platform.resolving = True
    run_worker(house)
    run_worker(house)
    assert sorted(row.referrals for row in queue(house)) == [1, 1]


def test_a_question_about_an_order_stays_open_when_its_case_is_joined_to_another(house):
    first, second = house.agency("One"), house.agency("Two")
    first.refer(first.document(LINK))
    house.platform.resolving = False
    second.refer(second.order(LINK))
    (unresolved,) = [row for row in queue(house) if "unresolved" in row.flags]
    ask_case(house, unresolved.id, "orders")
    house.platform.resolving = True
    run_worker(house)
    (row,) = queue(house)
    assert "needs_clarification" in row.flags


def test_what_was_not_possible_for_one_does_not_answer_another(house):
    first, second = house.agency("One"), house.agency("Two")
    first.refer(first.document(LINK))
    case_id = decide_next(house, NOT_POSSIBLE)
    run_worker(house, after=31)
    asked = second.refer(second.document(LINK))
    assert asked.json["items"][0]["status"] == "received"
    assert case_file(house, case_id).row.state == "open"


def test_an_item_that_an_old_decision_answered_can_be_complained_about(house):
    first, second = house.agency("One"), house.agency("Two")
    first.refer(first.document(LINK))
    decide_next(house)
    run_worker(house, after=31)
    house.clock.advance(days=300)
    told = second.refer(second.document(LINK))
    assert told.json["items"][0]["status"] == "effected"
    reference = told.json["items"][0]["reference"]
    assert post(second, told, "complaints", {"items": [reference], "text": "Look again."}).status_code == 201


@pytest.mark.parametrize("kind", ["document", "order"])
def test_what_was_not_possible_is_purged_once_nobody_can_answer_any_more(house, kind):
    agency = house.agency()
    receipt = agency.refer(getattr(agency, kind)(LINK))
    case_id = decide_next(house, NOT_POSSIBLE)
    run_worker(house, after=31)
    if kind == "order":
        assert post(agency, receipt, "withdrawal", {"reason": "Sent by mistake."}).status_code == 201
        run_worker(house)
    house.clock.advance(days=4000)
    retention.purge_due(house.mount, now=house.clock.now)
    with house.mount.storage.read() as tx:
        assert cases.find_row(tx, case_id).state == "purged"


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_a_case_that_is_decided_while_somebody_claims_it_is_not_held(house, monkeypatch):
    agency = house.agency()
    agency.refer()
    case_id = queue(house)[0].id
    claim = cases.claim

    def late(tx, wanted, **options):
        monkeypatch.setattr(cases, "claim", claim)
        other = threading.Thread(target=decide_case, args=(house, case_id, REMOVE, TWO))
        other.start()
        other.join()
        return claim(tx, wanted, **options)

    monkeypatch.setattr(cases, "claim", late)
    with pytest.raises(Conflict, match="decided already"):
        claims.claim(house.mount, case_id, moderator=ONE, now=house.clock.now)
    assert case_file(house, case_id).row.claim is None
