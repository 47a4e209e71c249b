"""Endpoints that fail: left alone, probed, given to a person; nothing is dropped, nothing overtakes, nobody waits."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from desk import ONE, decide_next, queue, run_worker

from notice_intake import signals
from notice_intake.client import verify_callback
from notice_intake.core.journal import Actor
from notice_intake.delivery.sender import Sender
from notice_intake.errors import Conflict
from notice_intake.flows import callback_keys, ledger
from notice_intake.flows.sweeps import sweep
from notice_intake.flows.work import work
from notice_intake.store import agencies, attempts, leases, outbox

LEASE = leases.LEASE
ENGINEER = Actor("moderator", "eng", "Engineer")


@pytest.fixture
def live(house, receiver):
    house.clock.now = datetime.now(UTC)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    return house, agency, receiver


@pytest.fixture
def heard():
    """What the signals about endpoints said."""
    found = []
    listeners = []
    for signal in (
        signals.endpoint_ailing,
        signals.endpoint_disabled,
        signals.endpoint_recovered,
        signals.deadline_near,
    ):

        def listen(_mount, signal=signal, **facts):
            found.append((signal.name, facts))

        signal.connect(listen)
        listeners.append((signal, listen))
    yield found
    for signal, listen in listeners:
        signal.disconnect(listen)


def endpoint_of(house, agency):
    with house.mount.storage.read() as tx:
        return agencies.endpoints(tx, [agency.id])[agency.id]


def messages(house, agency):
    return [row for row, _ in ledger.page(house.mount, ledger.Chosen(agency.id))[0]][::-1]


def tried(house, message_id):
    with house.mount.storage.read() as tx:
        return list(attempts.of_message(tx, message_id))[::-1]


def now_again(house):
    """Bring the clock to the present, which the receiver's own check of timestamps needs."""
    house.clock.now = datetime.now(UTC)


def break_it(house, agency, receiver, status=500):
    """Have five callbacks fail, which opens the breaker."""
    receiver.status = lambda _: status
    for _ in range(6):
        agency.refer()
    run_worker(house)
    run_worker(house, after=61)


def test_five_failures_leave_the_endpoint_alone_and_burn_no_more_attempts(live):
    house, agency, receiver = live
    break_it(house, agency, receiver)
    found = endpoint_of(house, agency)
    assert found.openings >= 1
    assert found.not_before > house.clock.now
    before = {one.id: one.attempts for one in messages(house, agency)}
    for _ in range(5):
        run_worker(house, after=3601)
    after = {one.id: one.attempts for one in messages(house, agency)}
    assert after == before
    assert {one.state for one in messages(house, agency)} == {"due"}
    causes = [one.cause for row in messages(house, agency) for one in tried(house, row.id)]
    assert causes.count("probe") >= 5


def test_one_probe_that_arrives_lets_everything_go_in_order(live):
    house, agency, receiver = live
    break_it(house, agency, receiver)
    decide_next(house)
    receiver.status = lambda _: 204
    now_again(house)
    house.clock.now += timedelta(seconds=1)
    with house.mount.storage.begin() as tx:
        agencies.note_endpoint(tx, endpoint_of(house, agency).id, not_before=house.clock.now)
        table = tx.tables.outbox
        tx.execute(table.update().values(due_at=house.clock.now))
    run_worker(house)
    found = endpoint_of(house, agency)
    assert (found.failures, found.openings, found.not_before, found.failing_since) == (0, 0, None, None)
    assert {one.state for one in messages(house, agency)} == {"done"}
    by_referral = {}
    for event in receiver.verified:
        by_referral.setdefault(event["data"]["referral"], []).append(event["data"]["sequence"])
    assert all(one == sorted(one) for one in by_referral.values())
    assert len(set(receiver.ids)) == len(receiver.ids)


def test_a_message_that_a_receiver_cannot_take_does_not_close_it_for_the_others(live):
    house, agency, receiver = live
    poisoned = agency.refer().json["id"]
    receiver.status = lambda event: 500 if event["data"]["referral"] == poisoned else 204
    for after in (0, 10, 100, 600, 2000, 4000):
        run_worker(house, after=after)
    assert endpoint_of(house, agency).openings >= 1
    now_again(house)
    agency.refer()
    with house.mount.storage.begin() as tx:
        agencies.note_endpoint(tx, endpoint_of(house, agency).id, not_before=house.clock.now)
    run_worker(house)
    assert len(receiver.verified) == 1
    assert endpoint_of(house, agency).openings == 0


def test_what_a_receiver_says_about_a_message_is_not_held_against_it(live):
    house, agency, receiver = live
    receiver.status = lambda _: 422
    for _ in range(8):
        agency.refer()
    run_worker(house)
    found = endpoint_of(house, agency)
    assert (found.failures, found.openings) == (0, 0)


def test_each_attempt_is_written_down(live):
    house, agency, receiver = live
    agency.refer()
    receiver.answer = lambda _: (500, b"not today\x1b[31m")
    run_worker(house)
    receiver.answer = lambda _: (204, b"")
    run_worker(house, after=8)
    (row,) = messages(house, agency)
    first, second = tried(house, row.id)
    assert (first.number, first.cause, first.status, first.failure) == (1, "schedule", 500, "status")
    assert first.excerpt == "not today [31m"
    assert first.address == "127.0.0.1"
    assert (second.number, second.status, second.failure) == (2, 204, "")
    assert len(first.signed_by.split()) == 2, "the secret and the key of the platform"
    assert agency.secret not in str(first) + str(second)


def test_a_fault_of_ours_in_an_attempt_counts_and_is_logged_and_the_endpoint_rests(live, caplog, monkeypatch):
    house, agency, receiver = live
    agency.refer()

    def broken(*_args, **_options):
        raise KeyError("ours")

    monkeypatch.setattr(Sender, "post", broken)
    for _ in range(7):
        run_worker(house, after=30 * 3600)
    (row,) = messages(house, agency)
    assert (row.state, row.attempts, row.last_error) == ("due", 5, "a fault of the platform")
    assert [one.failure for one in tried(house, row.id)][:5] == ["fault"] * 5
    assert endpoint_of(house, agency).openings > 0
    logged = [one for one in caplog.records if "a fault in the middle" in one.getMessage()]
    assert logged
    assert all(one.exc_info is not None and row.id in one.getMessage() for one in logged)
    monkeypatch.undo()
    now_again(house)
    with house.mount.storage.begin() as tx:
        agencies.note_endpoint(tx, endpoint_of(house, agency).id, not_before=None)
        tx.execute(tx.tables.outbox.update().values(due_at=house.clock.now))
    run_worker(house)
    assert len(receiver.verified) == 1


def test_an_attempt_whose_worker_died_is_written_down_as_lost(live):
    house, agency, _ = live
    agency.refer()
    with house.mount.storage.begin() as tx:
        until = house.clock.now + LEASE
        (taken,) = leases.callbacks(tx, now=house.clock.now, limit=9, until=until, rooms={}, most=4)
    assert run_worker(house).delivered == 0, "somebody else holds the lease"
    run_worker(house, after=61)
    (row,) = messages(house, agency)
    assert [(one.number, one.failure) for one in tried(house, row.id)] == [(1, "lost"), (2, "")]
    value = {"id": taken.row.id, "token": taken.row.lease_token, "state": "due", "due_at": house.clock.now}
    value |= {"attempts": 9, "done_at": None, "error": "late", "status": 500}
    with house.mount.storage.begin() as tx:
        outbox.settle(tx, [value])
    (row,) = messages(house, agency)
    assert (row.state, row.attempts) == ("done", 1), "a worker that was too slow must not undo what another has done"


def test_work_that_is_given_back_was_never_tried(live):
    house, agency, _ = live
    agency.refer()
    with house.mount.storage.begin() as tx:
        until = house.clock.now + LEASE
        taken = leases.callbacks(tx, now=house.clock.now, limit=9, until=until, rooms={}, most=4)
        leases.give_back(tx, taken)
    run_worker(house)
    (row,) = messages(house, agency)
    assert [one.number for one in tried(house, row.id)] == [1]


def test_only_one_worker_probes(live):
    house, agency, receiver = live
    break_it(house, agency, receiver)
    house.clock.now = endpoint_of(house, agency).not_before + timedelta(hours=1)
    now, until = house.clock.now, house.clock.now + LEASE
    with house.mount.storage.begin() as tx:
        first = leases.callbacks(tx, now=now, limit=9, until=until, rooms={}, most=4)
    with house.mount.storage.begin() as tx:
        second = leases.callbacks(tx, now=now, limit=9, until=until, rooms={}, most=4)
    assert [one.probe for one in first] == [True]
    assert second == []


def test_people_hear_of_an_endpoint_that_fails_for_an_hour_and_for_a_day_once_each(live, heard):
    house, agency, receiver = live
    break_it(house, agency, receiver)
    for hours in (0.5, 1, 1, 20, 3, 1):
        run_worker(house, after=hours * 3600)
        sweep(house.mount, now=house.clock.now)
    told = [(name, facts["hours"]) for name, facts in heard if name == "endpoint-ailing"]
    assert told == [("endpoint-ailing", 1), ("endpoint-ailing", 24)]
    (view,) = ledger.endpoints(house.mount, now=house.clock.now)
    assert (view.state, view.needs_person) == ("failing", True)
    assert view.waiting == 6


def test_after_days_it_is_disabled_holds_everything_and_comes_back_by_itself(live, heard):
    house, agency, receiver = live
    break_it(house, agency, receiver)
    for _ in range(6):
        run_worker(house, after=24 * 3600)
    found = endpoint_of(house, agency)
    assert (found.state, found.reason) == ("disabled", "failing")
    assert [facts["reason"] for name, facts in heard if name == "endpoint-disabled"] == ["failing"]
    assert {one.state for one in messages(house, agency)} == {"due"}
    agency.refer()
    # The receiver is mended; the next look at it is a day later, or when an engineer says so.
    receiver.status = lambda _: 204
    now_again(house)
    ledger.enable(house.mount, found.id, actor=ENGINEER, now=house.clock.now)
    with house.mount.storage.begin() as tx:
        tx.execute(tx.tables.outbox.update().values(due_at=house.clock.now))
    run_worker(house)
    assert {one.state for one in messages(house, agency)} == {"done"}
    with pytest.raises(Conflict):
        ledger.enable(house.mount, found.id, actor=ENGINEER, now=house.clock.now)


def test_a_disabled_endpoint_is_still_looked_at_once_a_day(live, heard):
    house, agency, receiver = live
    agency.refer()
    now_again(house)
    with house.mount.storage.begin() as tx:
        late = {"state": "disabled", "reason": "failing", "openings": 9, "failures": 40, "warned": 2}
        late |= {"failing_since": house.clock.now - timedelta(days=9), "not_before": house.clock.now}
        agencies.note_endpoint(tx, endpoint_of(house, agency).id, **late)
    run_worker(house)
    assert endpoint_of(house, agency).state == "active"
    assert [name for name, _ in heard] == ["endpoint-recovered"]
    assert len(receiver.verified) == 1


def test_gone_is_not_looked_at_again(live, heard):
    house, agency, receiver = live
    agency.refer()
    receiver.status = lambda _: 410
    run_worker(house)
    assert [facts["reason"] for name, facts in heard if name == "endpoint-disabled"] == ["gone"]
    receiver.status = lambda _: 204
    for _ in range(4):
        run_worker(house, after=40 * 3600)
    assert receiver.verified == receiver.rejected == []


def test_all_that_was_given_up_can_be_sent_again_in_order(live):
    house, agency, receiver = live
    for _ in range(3):
        agency.refer()
    receiver.status = lambda _: 422
    for _ in range(14):
        run_worker(house, after=30 * 3600)
    assert {one.state for one in messages(house, agency)} == {"dead"}
    receiver.status = lambda _: 204
    now_again(house)
    assert ledger.replay_many(house.mount, agency.id, actor=ENGINEER, now=house.clock.now) == 3
    assert ledger.replay_many(house.mount, agency.id, actor=ENGINEER, now=house.clock.now) == 0
    run_worker(house)
    assert len(receiver.verified) == 3
    (last,) = [one for one in tried(house, messages(house, agency)[0].id) if one.cause == "replay"]
    assert (last.number, last.failure) == (14, "")


def test_what_arrived_can_be_sent_again_since_a_time(live):
    house, agency, receiver = live
    agency.refer()
    run_worker(house)
    house.clock.advance(seconds=2)
    since = house.clock.now
    agency.refer()
    run_worker(house)
    ids = receiver.ids[:]
    count = ledger.replay_many(house.mount, agency.id, ledger.Wish(since, True), actor=ENGINEER, now=since)
    assert count == 1
    run_worker(house, after=1)
    assert receiver.ids == [*ids, ids[1]]


def test_a_callback_can_be_checked_with_the_public_key_alone(house, receiver):
    """Ed25519, Standard Webhooks v1a, by the client and by the library itself."""
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    house.clock.now = datetime.now(UTC)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    kept = []
    real = receiver.take
    receiver.take = lambda headers, body: kept.append((headers, body)) or real(headers, body)
    agency.refer()
    run_worker(house)
    public = agency.get("/v1/endpoint").json["public_key"]
    ((headers, body),) = kept
    entries = dict(one.split(",", 1) for one in headers["webhook-signature"].split(" "))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    key.verify(base64.b64decode(entries["v1a"]), content)
    assert verify_callback(headers, body, public).type == "referral.received"
    assert len(receiver.verified) == 1, "a library that knows v1 only takes it too"
    other = callback_keys.published(house.mount, house.agency("Unit Two", callback_url=receiver.url).id)
    assert other != public, "what one agency can show as ours means nothing to another"
    with pytest.raises(Exception, match="No signature"):
        verify_callback(headers, body, other)


def test_a_hanging_agency_slows_nobody(make_house, receiver):
    """The others' callbacks arrive while one receiver has not answered a single one."""
    import socket

    hung = socket.create_server(("127.0.0.1", 0))
    house = make_house(callback_networks=["127.0.0.0/8"], callback_timeout_seconds=4)
    house.clock.now = datetime.now(UTC)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    silent = house.agency("Unit Two", callback_url=f"http://127.0.0.1:{hung.getsockname()[1]}/")
    for _ in range(12):
        silent.refer(silent.document("https://platform.example/p1"))
        agency.refer(agency.document("https://platform.example/p2"))
    stop = threading.Event()
    running = threading.Thread(target=work, args=(house.mount,), kwargs={"stop": stop})
    started = time.monotonic()
    running.start()
    while len(receiver.verified) < 12 and time.monotonic() - started < 10:
        time.sleep(0.02)
    took = time.monotonic() - started
    stop.set()
    running.join(15)
    hung.close()
    assert len(receiver.verified) == 12
    assert took < 3.5, f"{took:.1f} s: they waited for the silent one"
    assert endpoint_of(house, silent).failures in (0, 4), "a few at once, not all"
    with house.mount.storage.read() as tx:
        left = tx.execute(tx.tables.outbox.select().where(tx.tables.outbox.c.lease_token.is_not(None))).all()
    assert left == [], "what had not begun was given back"


def test_deadlines_that_come_near_are_called_out_once(house, heard):
    agency = house.agency()
    agency.refer(agency.order("https://platform.example/p1"))
    agency.refer(agency.document("https://platform.example/p2"))
    sweep(house.mount, now=house.clock.now)
    assert heard == []
    house.clock.advance(minutes=46)
    for _ in range(2):
        sweep(house.mount, now=house.clock.now)
    ((name, facts),) = heard
    assert (name, facts["due_kind"], facts["held_by"]) == ("deadline-near", "legal", None)
    flagged = [row.flags for row in queue(house) if "deadline_near" in row.flags]
    assert len(flagged) == 1


def test_old_attempts_are_forgotten_and_newer_ones_kept(live):
    house, agency, _ = live
    agency.refer()
    run_worker(house)
    house.clock.advance(days=60)
    agency.refer()
    with house.mount.storage.begin() as tx:
        row = {"message_id": "msg_x", "agency_id": agency.id, "number": 1, "cause": "schedule", "at": house.clock.now}
        row |= {"milliseconds": 1, "status": None, "failure": "dns", "address": "", "signed_by": "", "excerpt": ""}
        attempts.add(tx, [row])
    house.clock.advance(days=40)
    sweep(house.mount, now=house.clock.now)
    first = messages(house, agency)[0]
    assert tried(house, first.id) == []
    assert len(tried(house, "msg_x")) == 1


def test_a_great_backlog_for_a_disabled_endpoint_is_not_walked_over(live):
    """The plan, not the time: each agency's work is looked up by an index of its own."""
    house, agency, _ = live
    agency.refer()
    with house.mount.storage.read() as tx:
        if tx.dialect != "sqlite":
            pytest.skip("PostgreSQL chooses its plans by the numbers of rows")
        from sqlalchemy import text

        query = (
            "EXPLAIN QUERY PLAN SELECT id FROM ni_outbox AS outbox WHERE outbox.state = 'due' AND due_at <= '2030' "
            "AND agency_id = 'x' ORDER BY due_at, id LIMIT 4"
        )
        plan = " ".join(row.detail for row in tx.execute(text(query)))
    assert "ix_ni_outbox_agency (agency_id=? AND due_at<?)" in plan
    assert "TEMP B-TREE" not in plan


def test_the_engineer_of_a_moderators_desk_may_send_one_again(live):
    from notice_intake.flows import effects

    house, agency, receiver = live
    agency.refer()
    receiver.status = lambda _: 422
    for _ in range(14):
        run_worker(house, after=30 * 3600)
    (row,) = messages(house, agency)
    receiver.status = lambda _: 204
    now_again(house)
    effects.replay(house.mount, row.id, moderator=ONE, now=house.clock.now)
    run_worker(house)
    assert receiver.ids == [row.id]
