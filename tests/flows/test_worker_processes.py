"""Workers in processes of their own, on both databases: several at once, told to stop, killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from desk import decide_next
from receiver import Receiver

from notice_intake.flows.along import stop_along
from notice_intake.flows.health import readiness
from notice_intake.flows.mount import utc_now
from notice_intake.store import outbox, workers

HOST = Path(__file__).with_name("worker_host.py")


class Slowly(Receiver):
    """Takes 50 ms for each callback, and says how many it had at once."""

    def __init__(self) -> None:
        self.at_once = self.most = 0
        self.pause = 0.05
        self._counting = threading.Lock()
        super().__init__()

    def take(self, headers, body):
        with self._counting:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(self.pause)
        with self._counting:
            self.at_once -= 1
            return super().take(headers, body)


@pytest.fixture
def slowly():
    opened = Slowly()
    yield opened
    opened.close()


@pytest.fixture
def start(database):
    """Start a worker; every one that still runs at the end is killed."""
    url, schema = database
    begun = []

    def begin(*arguments):
        command = [sys.executable, str(HOST), url, schema or "-", *arguments]
        env = {**os.environ, "PYTHONPATH": str(HOST.parents[2])}
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env))
        return begun[-1]

    yield begin
    for one in begun:
        one.kill()
        one.communicate()


@pytest.fixture
def busy(make_house, slowly):
    """A house with 60 referrals whose first callbacks wait."""
    house = make_house(undo_seconds=0)
    house.clock.now = datetime.now(UTC)
    agency = house.agency(callback_url=slowly.url)
    slowly.secret = agency.secret
    for _ in range(60):
        agency.refer()
    return house, agency, slowly


def until(condition, seconds=30.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)


def left(house):
    with house.mount.storage.read() as tx:
        return outbox.pending(tx)


def alive(house):
    with house.mount.storage.read() as tx:
        return workers.everyone(tx)


def test_two_workers_share_the_work_and_send_nothing_twice(busy, start):
    house, _, receiver = busy
    both = [start("--once"), start("--once")]
    for one in both:
        output, _ = one.communicate(timeout=60)
        assert one.returncode == 0, output
    assert left(house) == 0
    assert Counter(receiver.ids).most_common(1)[0][1] == 1
    assert len(receiver.verified) == 60


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_and_gives_back_the_rest(busy, start):
    house, _, receiver = busy
    receiver.pause = 0.4
    worker = start("--concurrency", "4")
    until(lambda: receiver.most > 0)
    assert len(alive(house)) == 1
    worker.send_signal(signal.SIGTERM)
    output, _ = worker.communicate(timeout=10)
    assert worker.returncode == 0, output
    assert alive(house) == [], "it has said goodbye"
    with house.mount.storage.read() as tx:
        table = tx.tables.outbox
        held = tx.execute(table.select().where(table.c.lease_token.is_not(None))).all()
        done = tx.execute(table.select().where(table.c.state == "done")).all()
    assert held == []
    assert len(done) == len(receiver.ids), "what had arrived is written down"
    assert 0 < len(done) < 60


def test_a_worker_that_is_killed_loses_nothing(busy, start):
    house, _, receiver = busy
    receiver.pause = 0.2
    worker = start()
    until(lambda: len(receiver.ids) >= 5)
    worker.kill()
    worker.wait(10)
    assert left(house) > 0
    receiver.pause = 0.0
    other = start()
    # The lease of what the first one held is 12 seconds.
    until(lambda: left(house) == 0)
    other.send_signal(signal.SIGTERM)
    other.wait(10)
    assert len(set(receiver.ids)) == 60
    twice = [one for one, count in Counter(receiver.ids).items() if count > 1]
    assert len(twice) <= 16, "only what was under way can arrive twice"


def test_a_hook_that_does_not_end_does_not_keep_the_worker(make_house, start):
    house = make_house(undo_seconds=0)
    house.clock.now = datetime.now(UTC)
    agency = house.agency()
    agency.refer(agency.order("https://platform.example/p1"))
    decide_next(house, ground_kind="law")
    worker = start("slow")

    def informing():
        with house.mount.storage.read() as tx:
            table = tx.tables.outbox
            found = tx.execute(table.select().where(table.c.kind == "inform", table.c.lease_token.is_not(None))).all()
        return bool(found)

    until(informing)
    begun = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    worker.wait(15)
    assert time.monotonic() - begun < 10
    assert not informing(), "its lease was given back"


def test_a_decision_reaches_the_agency_at_once_though_another_process_took_it(make_house, start, receiver):
    house = make_house(undo_seconds=0)
    house.clock.now = datetime.now(UTC)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    worker = start()
    until(lambda: bool(alive(house)))
    agency.refer()
    until(lambda: len(receiver.verified) == 1)
    took = []
    for _ in range(4):
        time.sleep(0.3)
        house.clock.now = datetime.now(UTC)
        agency.refer(agency.order())
        before = len(receiver.verified)
        begun = time.monotonic()
        decide_next(house, ground_kind="law")
        until(lambda before=before: any(e["type"] == "item.decided" for e in receiver.verified[before:]), 10)
        took.append(time.monotonic() - begun)
    worker.send_signal(signal.SIGTERM)
    worker.wait(10)
    assert min(took) < 2.5, f"{took}: it waited for the worker's next look"


def test_readyz_says_when_the_only_worker_was_killed(house, start):
    worker = start()
    until(lambda: bool(alive(house)))
    worker.kill()
    worker.wait(10)
    house.clock.now = utc_now()
    assert readiness(house.mount, now=house.clock.now)["worker"] == "ok"
    house.clock.advance(minutes=3)
    assert readiness(house.mount, now=house.clock.now)["worker"] == "none is running"


def test_a_lease_that_is_too_short_is_refused_at_start():
    from notice_intake.errors import SettingsError
    from notice_intake.settings import Settings

    with pytest.raises(SettingsError, match="callbacks would leave twice"):
        Settings(worker_lease_seconds=25, callback_timeout_seconds=20)


def test_without_any_worker_the_process_itself_works_where_it_is_told_to(make_house, receiver):
    house = make_house(undo_seconds=0, worker_in_process=True)
    house.clock.now = datetime.now(UTC)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    agency.refer()
    until(lambda: len(receiver.verified) == 1)
    stop_along(house.mount)
    assert "notice-intake-worker" not in {one.name for one in threading.enumerate()}
