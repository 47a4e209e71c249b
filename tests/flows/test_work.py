"""The worker: effects confirmed or tried again, callbacks signed, in order, never dropped."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from desk import KEEP, ONE, case_file, claim_next, decide_case, decide_next, events, queue, run_worker, statuses

from notice_intake import PlatformRefused
from notice_intake.errors import Conflict
from notice_intake.flows import desk_queries, effects
from notice_intake.flows.work import work
from notice_intake.store import leases, outbox


@pytest.fixture
def live(house, receiver):
    """A house whose clock is the real one: an independent verifier refuses old timestamps."""
    from datetime import UTC, datetime

    house.clock.now = datetime.now(UTC)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    return house, agency, receiver


def until(holds, seconds=10):
    ends = time.monotonic() + seconds
    while not holds() and time.monotonic() < ends:
        time.sleep(0.05)
    return holds()


def freed(house):
    """How often a claim that ran out was freed."""
    with house.mount.storage.read() as tx:
        table = tx.tables.journal
        return len(tx.execute(table.select().where(table.c.action == "case.claim_expired")).all())


def test_callbacks_arrive_signed_in_order_and_once(live):
    house, agency, receiver = live
    agency.refer(agency.document("https://platform.example/p1", "https://platform.example/p2"))
    decide_next(house)
    decide_next(house, KEEP)
    run_worker(house, after=31)
    assert receiver.rejected == []
    sequences = [event["data"]["sequence"] for event in receiver.verified]
    assert sequences == [1, 2, 3, 4, 5, 6]
    assert len(set(receiver.ids)) == len(receiver.ids)
    run_worker(house, after=3600)
    assert len(receiver.ids) == 6


def test_a_callback_says_only_what_it_must(live):
    house, agency, receiver = live
    document = agency.document("https://platform.example/p1")
    document["items"][0]["reasons"] = "CANARY-REASON"
    document["contact"] = {"name": "CANARY-NAME"}
    agency.refer(document)
    decide_next(house, facts="CANARY-FACTS", explanation="CANARY-EXPLANATION")
    run_worker(house, after=31)
    assert "CANARY" not in str(receiver.verified)
    assert "platform.example" not in str(receiver.verified)
    last = receiver.verified[-1]
    assert last["type"] == "item.effected"
    assert last["data"]["agency_reference"] == document["agency_reference"]
    assert last["data"]["item_reference"] == document["items"][0]["reference"]
    assert (last["data"]["status"], last["data"]["outcome"]) == ("effected", "removed")


def test_the_feed_says_the_same_under_the_same_ids(live):
    house, agency, receiver = live
    agency.refer()
    decide_next(house)
    run_worker(house, after=31)
    found = agency.get("/v1/events").json["events"]
    assert [one["id"] for one in found] == receiver.ids
    assert [{k: v for k, v in one.items() if k != "id"} for one in found] == receiver.verified


def test_a_receiver_that_fails_is_tried_again_and_nothing_overtakes(live):
    house, agency, receiver = live
    agency.refer()
    decide_next(house)
    receiver.status = lambda event: 500 if event["data"]["sequence"] == 2 else 204
    run_worker(house, after=31)
    assert [event["data"]["sequence"] for event in receiver.verified] == [1]
    receiver.status = lambda event: 204
    for _ in range(4):
        run_worker(house, after=8)
    assert [event["data"]["sequence"] for event in receiver.verified] == [1, 2, 3, 4]


def test_one_referral_that_waits_does_not_hold_up_another(live):
    house, agency, receiver = live
    first = agency.refer().json["id"]
    agency.refer()
    receiver.status = lambda event: 500 if event["data"]["referral"] == first else 204
    run_worker(house)
    assert len(receiver.verified) == 1


def test_an_endpoint_that_is_gone_keeps_its_callbacks(live):
    house, agency, receiver = live
    agency.refer()
    receiver.status = lambda _: 410
    run_worker(house)
    agency.refer()
    run_worker(house, after=60)
    with house.mount.storage.read() as tx:
        assert outbox.pending(tx) == 2
    receiver.status = lambda _: 204
    with house.mount.storage.begin() as tx:
        from notice_intake.store import agencies

        found = agencies.endpoints(tx, [agency.id])[agency.id]
        agencies.note_endpoint(tx, found.id, state="active")
    run_worker(house, after=10)
    assert len(receiver.verified) == 2


def test_what_is_given_up_shows_on_the_desk_and_can_be_replayed(live):
    house, agency, receiver = live
    agency.refer()
    receiver.status = lambda _: 422
    for _ in range(14):
        run_worker(house, after=timedelta(hours=30).total_seconds())
    (dead,), _ = desk_queries.effects_page(house.mount, state="dead")
    assert (dead.kind, dead.attempts, dead.last_error, dead.agency) == ("callback", 13, "status 422", "Unit One")
    from datetime import UTC, datetime

    house.clock.now = datetime.now(UTC)
    receiver.status = lambda _: 204
    effects.replay(house.mount, dead.id, moderator=ONE, now=house.clock.now)
    run_worker(house)
    assert receiver.ids == [dead.id], "the id is kept, so that the receiver can tell a repetition"
    with pytest.raises(Conflict):
        effects.replay(house.mount, dead.id, moderator=ONE, now=house.clock.now)


def test_decided_is_not_effected_until_the_platform_confirms(house):
    agency = house.agency()
    receipt = agency.refer()
    decide_next(house)
    house.platform.faults = [ConnectionError("media store down")] * 3
    run_worker(house, after=31)
    assert statuses(agency, receipt) == [("decided", "removed")]
    for _ in range(6):
        run_worker(house, after=400)
    assert statuses(agency, receipt) == [("effected", "removed")]
    assert len(house.platform.applied) == 1


def test_the_platform_can_refuse_for_good_and_a_person_sees_it(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = decide_next(house)
    house.platform.faults = [PlatformRefused("The account is under a legal hold.")]
    run_worker(house, after=31)
    assert statuses(agency, receipt) == [("decided", "removed")]
    assert [row.id for row in queue(house, state="failed")] == [case_id]
    (dead,), _ = desk_queries.effects_page(house.mount, state="dead")
    assert dead.last_error == "The account is under a legal hold."
    effects.replay(house.mount, dead.id, moderator=ONE, now=house.clock.now)
    run_worker(house)
    assert statuses(agency, receipt) == [("effected", "removed")]
    assert case_file(house, case_id).row.state == "closed"


def test_a_crash_between_the_platform_and_our_commit_does_nothing_twice(house):
    """The worker dies after the platform has acted: the lease runs out, the same key comes again."""
    agency = house.agency()
    receipt = agency.refer(agency.order("https://platform.example/p1"))
    decide_next(house, ground_kind="law")
    with house.mount.storage.begin() as tx:
        (announce,) = leases.effects(tx, now=house.clock.now, limit=10, until=house.clock.now + leases.LEASE)
    assert announce.row.kind == "announce"
    run_worker(house)
    assert statuses(agency, receipt) == [("in_review", None)], "somebody else holds the lease"
    run_worker(house, after=61)
    assert statuses(agency, receipt) == [("effected", "removed")]
    with house.mount.storage.begin() as tx:
        finished = outbox.finish(tx, announce.row, state="done", now=house.clock.now)
    assert not finished, "a worker that was too slow must not close what another has done"


def test_evidence_is_kept_before_content_goes(house):
    agency = house.agency()
    agency.refer()
    decide_next(house)
    run_worker(house, after=31)
    with house.mount.storage.read() as tx:
        (row,) = tx.execute(house.mount.storage.tables.evidence.select()).all()
    assert row.location.startswith("vault/p")


def test_a_referral_is_taken_while_the_platform_cannot_say_what_it_names(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    first.refer(first.document("https://platform.example/p1"))
    house.platform.resolving = False
    taken = second.refer(second.order("https://platform.example/p1"))
    alone = second.refer(second.document("https://platform.example/p2"))
    assert (taken.status_code, alone.status_code) == (201, 201)
    assert sorted(row.flags for row in queue(house)) == [(), ("unresolved",), ("unresolved",)]
    house.platform.resolving = True
    run_worker(house)
    rows = sorted(queue(house), key=lambda row: row.title)
    assert [(row.title, row.referrals, row.due_kind, row.flags) for row in rows] == [
        ("Post 1", 2, "legal", ()),
        ("Post 2", 1, "house", ()),
    ]
    decide_next(house, ground_kind="law")
    run_worker(house)
    assert statuses(second, taken) == [("effected", "removed")]
    assert ("item.effected", "removed") in events(first)


def test_not_possible_is_told_with_its_own_word(house):
    agency = house.agency()
    receipt = agency.refer(agency.order("https://platform.example/p1"))
    decide_next(house, KEEP, outcome="not_possible", impossibility="insufficient_information")
    run_worker(house)
    assert statuses(agency, receipt) == [("not_possible", "not_possible")]


def test_an_order_does_not_queue_behind_a_retry_of_an_earlier_decision(house):
    first, second = house.agency("Unit One"), house.agency("Unit Two")
    asked = first.refer(first.document("https://platform.example/p1"))
    decide_next(house, outcome="visibility_restricted")
    house.platform.faults = [ConnectionError("down")] * 9
    for _ in range(6):
        run_worker(house, after=400)
    assert statuses(first, asked) == [("decided", "visibility_restricted")]
    house.platform.faults = []
    ordered = second.refer(second.order("https://platform.example/p1"))
    decide_next(house, ground_kind="law")
    run_worker(house)
    assert statuses(second, ordered) == [("effected", "removed")]
    assert statuses(first, asked) == [("effected", "removed")]
    assert house.platform.reverted == {}, "what never took effect is not taken back"
    run_worker(house, after=3600)
    assert [action.outcome for action in house.platform.applied.values()] == ["removed"]


def test_what_was_given_up_is_not_replayed_over_a_later_decision(house):
    agency = house.agency()
    receipt = agency.refer()
    case_id = decide_next(house)
    house.platform.faults = [PlatformRefused("Under a legal hold.")]
    run_worker(house, after=31)
    (dead,), _ = desk_queries.effects_page(house.mount, state="dead")
    decide_case(house, case_id, KEEP)
    run_worker(house, after=31)
    with pytest.raises(Conflict):
        effects.replay(house.mount, dead.id, moderator=ONE, now=house.clock.now)
    assert house.platform.applied == house.platform.reverted == {}
    assert statuses(agency, receipt) == [("decided", "no_action")]
    assert case_file(house, case_id).row.state == "closed"


def test_an_order_that_cannot_be_carried_out_stops_its_clock(house):
    agency = house.agency()
    agency.refer(agency.order("https://platform.example/p1"))
    house.clock.advance(minutes=20)
    case_id = decide_next(house, KEEP, outcome="not_possible", impossibility="force_majeure")
    assert case_file(house, case_id).row.due_at is None
    with house.mount.storage.read() as tx:
        (left,) = tx.execute(house.mount.storage.tables.case.select()).all()
    assert left.clock_left == 40 * 60


def test_a_clock_that_is_set_back_does_not_put_the_sweep_off(house):
    """Claims that ran out are freed, by a worker that began before the clock was right too."""
    house.agency().refer()
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(house.mount,), kwargs={"stop": stop})

    def ran_out():
        assert claim_next(house) is not None
        house.clock.advance(seconds=house.mount.settings.claim_seconds + 60)

    ran_out()
    worker.start()
    try:
        assert until(lambda: freed(house) == 1)
        house.clock.advance(hours=-3)
        ran_out()
        assert until(lambda: freed(house) == 2)
    finally:
        stop.set()
        worker.join(20)


def test_a_disabled_endpoint_does_not_make_the_platform_look_ill(house, receiver):
    agency = house.agency(callback_url=receiver.url)
    agency.refer()
    receiver.status = lambda _: 410
    run_worker(house)
    agency.refer()
    house.clock.advance(hours=2)
    assert house.client.get("/notices/readyz").status_code == 200
    house.agency("Unit Two").refer()
    decide_next(house)
    house.clock.advance(minutes=10)
    assert house.client.get("/notices/readyz").json["checks"]["worker"] != "ok"
