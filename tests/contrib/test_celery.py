"""A platform's own Celery on a real Redis: it wakes the work at once, and losing it loses nothing."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from notice_intake.testing import FakeAgency

pytest.importorskip("celery", reason="needs the extra celery")
REDIS = shutil.which("redis-server") or "/usr/bin/redis-server"
if not Path(REDIS).exists():
    pytest.skip("Redis is not installed here: apt-get install redis-server", allow_module_level=True)

from celery_host import make  # noqa: E402  it imports Celery

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def until(holds: Callable[[], Any], seconds: float = 30) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if holds():
            return True
        time.sleep(0.02)
    return bool(holds())


class Redis:
    """A Redis of the test's own, on loopback."""

    def __init__(self, where: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._where = where
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = {"--port": str(self.port), "--bind": "127.0.0.1", "--save": "", "--appendonly": "no"}
        arguments = [part for pair in {**options, "--dir": str(self._where)}.items() for part in pair]
        self._process = subprocess.Popen([REDIS, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert until(self._answers), "Redis did not start"

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as opened:
                opened.sendall(b"PING\r\n")
                return opened.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    started = Redis(tmp_path)
    yield started
    started.kill()


class Place:
    """A web process (this one) and what it needs beside it."""

    def __init__(self, tmp_path: Path, redis: Redis, receiver: Any) -> None:
        self.storage_url = f"sqlite:///{tmp_path / 'host.db'}"
        self.redis, self.receiver = redis, receiver
        self.app, self.queue = make(self.storage_url, redis.url)
        self.worker_log = tmp_path / "worker.log"
        self._worker: subprocess.Popen[bytes] | None = None
        assert self.command("db", "upgrade").exit_code == 0
        added = self.command(
            *("agency", "add", "Unit One", "--country", "BE", "--instrument", "eu.iru.referral", "--json"),
            *("--callback-url", receiver.url),
        )
        found = json.loads(added.stdout)
        receiver.secret = found["webhook_secret"]
        self.agency = FakeAgency(self.app.test_client(), found["token"])
        self._number = 0

    def command(self, *args: str) -> Any:
        return self.app.test_cli_runner().invoke(args=["notice-intake", *args])

    def refer(self) -> float:
        """Send a referral; return how long that took."""
        self._number += 1
        document = self.agency.document(f"https://platform.example/p{self._number}")
        began = time.monotonic()
        assert self.agency.refer(document).status_code == 201
        return time.monotonic() - began

    def start_worker(self) -> None:
        arguments = ["-A", "celery_host:celery_app", "worker", "--concurrency=2", "--loglevel=INFO"]
        arguments += ["--without-gossip", "--without-mingle", "--pool=prefork"]
        environment = {**os.environ, "CELERY_HOST_STORAGE": self.storage_url, "CELERY_HOST_BROKER": self.redis.url}
        environment["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(HERE)))
        with self.worker_log.open("ab") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "celery", *arguments], env=environment, cwd=HERE, stdout=log, stderr=log
            )
        assert until(lambda: b"ready." in self.worker_log.read_bytes(), 60), self.worker_log.read_text()[-2000:]

    def stop_worker(self) -> None:
        if self._worker is not None:
            self._worker.terminate()
            try:
                self._worker.wait(20)
            except subprocess.TimeoutExpired:
                self._worker.kill()
                self._worker.wait()
            self._worker = None

    def heard(self) -> int:
        return len(set(self.receiver.ids))


@pytest.fixture
def place(tmp_path: Path, redis: Redis, receiver: Any) -> Iterator[Place]:
    made = Place(tmp_path, redis, receiver)
    yield made
    made.stop_worker()
    made.queue.close()


def test_celery_wakes_the_work_and_losing_its_broker_loses_nothing(place, redis, caplog):
    caplog.set_level(logging.WARNING, "notice_intake.celery")
    # Threads of the tests before, whose brokers are gone, may still say so.
    others = {one.ident for one in threading.enumerate()}
    place.start_worker()
    place.refer()
    assert until(lambda: place.heard() == 1), place.worker_log.read_text()[-3000:]

    def said(words: str) -> int:
        return sum(words in one.message for one in caplog.records if one.thread not in others)

    took = []
    killer = threading.Timer(0.3, redis.kill)
    killer.start()
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        took.append(place.refer())
        time.sleep(0.02)
    killer.join()
    sent = 1 + len(took)
    assert len(took) > 10
    assert sorted(took)[len(took) // 2] < 0.5, "a broker that is away must not slow requests"
    assert until(lambda: said("does not answer"))
    assert said("does not answer") == 1

    # The sweep, which beat or a worker beside it does on its own.
    assert until(lambda: place.command("work", "--once").exit_code == 0 and place.heard() == sent), place.heard()

    redis.start()
    place.refer()
    place.refer()

    def woken_again() -> bool:
        if place.heard() >= sent + 2:
            return True
        time.sleep(0.5)
        place.refer()
        return False

    assert until(woken_again, 60), place.worker_log.read_text()[-3000:]
    assert said("answers again")
    assert not place.receiver.rejected


def test_a_broker_that_hangs_slows_nobody(place, redis):
    place.refer()
    redis.kill()
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", redis.port))
        silent.listen(50)
        took = [place.refer() for _ in range(20)]
    assert max(took) < 2
    assert place.command("work", "--once").exit_code == 0
    assert place.heard() == 21


def test_nothing_is_sent_for_a_transaction_that_was_rolled_back(place, redis):
    mount = place.app.extensions["notice_intake"]["notice_intake"]
    wakeup = place.app.extensions["notice_intake_celery"]["notice_intake"]
    sent = []
    wakeup._task = type("Task", (), {"apply_async": lambda self, **options: sent.append(options)})()
    answer = place.agency.refer(place.agency.document("not a link"))
    assert answer.status_code == 422
    time.sleep(0.4)
    assert sent == []
    for _ in range(30):
        place.refer()
    assert until(lambda: sent)
    time.sleep(0.6)
    assert 1 <= len(sent) < 30, "referrals of one moment share a task"
    assert all(set(one) == {"retry", "expires", "ignore_result"} for one in sent), "a task carries no data"
    assert mount is not None
