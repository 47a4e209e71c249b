"""Everything under fire: gunicorn, two workers, a database, four agencies with receivers, and what is done to them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from bench.servers import ROOT
from flask import Flask
from sqlalchemy import func, select

from notice_intake.errors import TemporarilyUnavailable
from notice_intake.flows import agencies, journal_check, retention
from notice_intake.store import migrate

from . import host, reading
from .databases import BackupFailed, Database, Postgres, Sqlite
from .invariants import check, check_restored
from .load import Client, Moderator
from .receivers import MANNERS, Receiver
from .rows import Seen, Stored, Violation
from .service import Service

ENGINES: dict[str, Callable[..., Database]] = {"sqlite": Sqlite, "postgresql": Postgres}
_INSTRUMENTS = ["eu.iru.referral"]
_AGENCIES = 4
_DAY = 86_400
#: Longer than the period after which the referrals here may be purged.
_HALF_A_YEAR = 190 * _DAY
_PURGE = "purge killed"
#: What counts itself, if it came to be.
_COUNTED = (_PURGE, "worker killed while it delivers", "backup taken")


@dataclass
class Tally:
    """What happened on one database."""

    engine: str
    faults: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    acknowledged: int = 0
    requests: int = 0
    decisions: int = 0
    effected: int = 0
    due: int = 0
    delivered: int = 0
    arrivals: int = 0
    entries: int = 0
    purged: int = 0
    backups: int = 0
    fell: int = 0
    seconds: float = 0.0
    violations: list[Violation] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add what happened on another platform."""
        for one in fields(self):
            if one.name != "engine":
                setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def count(self, kind: str) -> int:
        """Return how many violations there are of a kind."""
        return sum(one.kind == kind for one in self.violations)


@dataclass(frozen=True)
class Backup:
    """A saved database, and what had been seen before it was begun."""

    file: Path
    seen: Seen
    anchors: list[journal_check.Anchor]


class Arena:
    """One database with all its processes. Use it as a context: it ends what it started."""

    def __init__(self, engine: str, root: Path, *, seed: str, mount: bool = True, workers: int = 2) -> None:
        self.tally, self._root, self._seed = Tally(engine), root, seed
        self._stack = ExitStack()
        self.database = ENGINES[engine](root, mount=mount)
        self._stack.callback(self.database.close)
        self.clock = host.Clock(root / "clock")
        self.mount = host.mount_on(Flask("reader"), root, self.database.url)
        self._stack.callback(self.mount.storage.dispose)
        migrate.upgrade(self.mount.storage)
        self.receivers = [Receiver(f"{seed} receiver {number}") for number in range(_AGENCIES)]
        self._port = _free_port()
        self.clients = [self._enrolled(number, one) for number, one in enumerate(self.receivers)]
        dice = [random.Random(f"{seed} moderator {number}") for number in range(2)]
        self.moderators = [Moderator(self._port, f"m-{number}", one) for number, one in enumerate(dice)]
        self.web = self._service("web", *_gunicorn(self._port))
        work = ("-m", "flask", "--app", "tests.faults.host", "notice-intake", "work")
        self.workers = [self._service(f"worker {number}", *work) for number in range(1, workers + 1)]
        self.purge = self._service("purge", "-m", "flask", "--app", "tests.faults.host", "notice-intake", "purge")
        self.purge.ends = True
        self.services = [self.web, *self.workers]
        self._backups: list[Backup] = []
        self._anchors: list[journal_check.Anchor] = []
        self._started = time.monotonic()

    def __enter__(self) -> Arena:
        for one in self.services:
            one.start()
        self._answers()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (*self.services, self.purge):
            one.kill()
        for receiver in self.receivers:
            receiver.close()
        self._stack.close()

    def round(self, plan: list[str], dice: random.Random) -> list[Violation]:
        """Load everything, inject the faults of ``plan``, heal, wait until nothing is due, and check."""
        if _PURGE in plan:
            self._prepare_to_age(dice)
        stop = threading.Event()
        callers = [one.send for one in self.clients] + [one.decide for one in self.moderators]
        threads = [threading.Thread(target=one, args=(stop,), daemon=True) for one in callers]
        for one in threads:
            one.start()
        if _PURGE in plan:
            self._age(dice)
        for kind in plan:
            time.sleep(dice.uniform(0.05, 0.6))
            self._inject(kind, dice)
            self._tend()
            # Mostly the next fault meets a platform that is up again, and sometimes one that is just starting.
            if dice.random() < 0.7:
                self._answers()
        time.sleep(dice.uniform(0.1, 0.6))
        stop.set()
        for one in threads:
            one.join(30)
        self._heal()
        self._drain()
        return self._check(overdue=self._purge_the_rest() if _PURGE in plan else 0)

    def keep(self) -> None:
        """Copy the file of an SQLite database to where the logs are: its disk goes."""
        for one in self.database.disk.where.glob("faults.db*"):
            shutil.copy(one, self._root)

    def kinds(self) -> list[str]:
        """Return the faults that can be injected here, by name."""
        own = ("web killed", "web process killed", "worker killed", "worker killed while it delivers")
        more = ("all killed", "worker stalled past its lease", "clock forward", "clock back", "disk full")
        more += (_PURGE, "backup taken")
        return [*own, *more, "platform poisoned", *self.database.faults, *(f"endpoint: {one}" for one in MANNERS)]

    def _inject(self, kind: str, dice: random.Random) -> None:
        if kind.startswith("endpoint: "):
            dice.choice(self.receivers).manner = kind.removeprefix("endpoint: ")
        elif kind in self.database.faults:
            self.database.faults[kind](dice)
            time.sleep(dice.uniform(0, 0.5))
            self.database.heal()
        else:
            getattr(self, "_" + kind.replace(" ", "_"))(dice)
        if kind not in _COUNTED:
            self.tally.faults[kind] += 1

    def _web_killed(self, _dice: random.Random) -> None:
        self.web.kill()

    def _web_process_killed(self, dice: random.Random) -> None:
        children = self.web.pids()[1:]
        if children:
            with suppress(OSError):
                os.kill(dice.choice(children), signal.SIGKILL)

    def _worker_killed(self, dice: random.Random) -> None:
        dice.choice(self.workers).kill()

    def _worker_killed_while_it_delivers(self, dice: random.Random) -> None:
        def strike() -> None:
            for one in self.workers:
                one.kill()
            self.tally.faults["worker killed while it delivers"] += 1

        healthy = [one for one in self.receivers if not one.manner] or self.receivers
        dice.choice(healthy).strike = strike

    def _all_killed(self, _dice: random.Random) -> None:
        for one in (*self.services, self.purge):
            one.signal(signal.SIGKILL)

    def _worker_stalled_past_its_lease(self, dice: random.Random) -> None:
        victim = dice.choice(self.workers)
        victim.signal(signal.SIGSTOP)
        self.clock.jump(30)
        time.sleep(dice.uniform(0.3, 1.0))
        victim.signal(signal.SIGCONT)

    def _clock_forward(self, dice: random.Random) -> None:
        self.clock.jump(dice.choice((5, 60, 3600, 90_000)))

    def _clock_back(self, dice: random.Random) -> None:
        self.clock.jump(-dice.choice((5, 60, 3600, 90_000)))

    def _disk_full(self, dice: random.Random) -> None:
        users = [pid for one in (*self.services, self.purge) for pid in one.pids()]
        self.database.disk.fill(self.database.writers() or users)
        time.sleep(dice.uniform(0.4, 1.2))
        self.database.disk.relieve()
        # A server that could not write its log has given up, and does not come back by itself.
        self.database.heal()

    def _platform_poisoned(self, _dice: random.Random) -> None:
        (self._root / "poison").touch()

    def _prepare_to_age(self, dice: random.Random) -> None:
        """Give tokens that last for the half-year that follows, move on to other content, place some legal holds."""
        now = self.mount.clock()
        for client in self.clients:
            # Some of the content stays: what is referred again is not purged.
            client.first += 300
            # Twice, so that none is left that runs out in the course of it.
            for _ in range(2):
                client.token = agencies.rotate(self.mount, client.agency, now=now).token
        table = self.mount.storage.tables.referral
        with self.mount.storage.read() as tx:
            known = list(
                tx.execute(select(table.c.id).where(table.c.purged_at.is_(None)).order_by(table.c.id)).scalars()
            )
        for name in dice.sample(known, min(3, len(known))):
            retention.place_hold(self.mount, name, reference="file 1", until=None, now=now)

    def _age(self, dice: random.Random) -> None:
        """Have what the rounds before left be old enough to be purged, and begin with that."""
        # A worker would sweep it away before the command has started.
        for one in self.workers:
            one.kill()
            self.tally.faults["worker killed"] += 1
        self.clock.jump(_HALF_A_YEAR)
        self._purge_killed(dice)
        self._tend()
        self.purge.start()

    def _purge_killed(self, dice: random.Random) -> None:
        self.purge.start()
        before, ends = self._slices(), time.monotonic() + 8
        while self.purge.pids() and self._slices() == before and time.monotonic() < ends:
            time.sleep(0.01)
        time.sleep(dice.uniform(0, 0.06))
        if self.purge.pids():
            self.purge.kill()
            self.tally.faults[_PURGE] += 1

    def _slices(self) -> int:
        """Return how many slices the command has purged so far; -1 where the database is not there to be asked."""
        table = self.mount.storage.tables.journal
        mine = (table.c.action == "retention.purged") & (table.c.actor_kind == "operator")
        with suppress(TemporarilyUnavailable), self.mount.storage.read() as tx:
            return int(tx.execute(select(func.count()).select_from(table).where(mine)).scalar_one())
        return -1

    def _purge_the_rest(self) -> int:
        """Purge what is still due; return how many cases are left that should not be."""
        # What stood in the way is looked at again within a day.
        self.clock.jump(2 * _DAY)
        self.purge.finish(60)
        ends = time.monotonic() + 15
        while (left := reading.overdue(self.mount)) and time.monotonic() < ends:
            time.sleep(0.2)
        return left

    def _backup_taken(self, _dice: random.Random) -> None:
        backup = Backup(self._root / f"backup-{len(self._backups)}", self._seen(), list(self._anchors))
        with suppress(BackupFailed):
            self.database.back_up(backup.file)
            self._backups.append(backup)
            self.tally.faults["backup taken"] += 1

    def _tend(self) -> None:
        for one in self.services:
            one.start()

    def _heal(self) -> None:
        (self._root / "poison").unlink(missing_ok=True)
        for receiver in self.receivers:
            receiver.manner, receiver.strike = "", None
        self.database.disk.relieve()
        self.database.heal()
        self.mount.storage.dispose()
        self._tend()
        self._answers()
        never = threading.Event()
        threading.Timer(60, never.set).start() if any(one.open for one in self.clients) else None
        for client in self.clients:
            client.finish(never)
        never.set()

    def _drain(self) -> None:
        """Wait until nothing is due; what waits for its time gets it by moving the clock."""
        ends, step, before, still = time.monotonic() + 90, 45, -1, 0
        while time.monotonic() < ends and (left := reading.due(self.mount)):
            self._tend()
            still = still + 1 if left == before else 0
            before = left
            if still >= 2:
                self.clock.jump(step)
                step, still = min(2 * step, 7200), 0
            time.sleep(0.25)

    def _seen(self) -> Seen:
        return Seen(
            acknowledged=[one for client in self.clients for one in list(client.acknowledged)],
            taken=[one for moderator in self.moderators for one in list(moderator.taken)],
            arrivals=[one for receiver in self.receivers for one in receiver.arrivals],
            applied=host.applied(self._root / "applied"),
        )

    def _restored(self, backup: Backup) -> Stored:
        """Restore a backup, and read and check it as if it were the database."""
        with self.database.restored(backup.file) as url:
            mount = host.mount_on(Flask("restored"), self._root, url)
            try:
                return reading.stored(mount, since=backup.anchors)
            finally:
                mount.storage.dispose()
                backup.file.unlink()

    def _check_backups(self, seen: Seen) -> list[Violation]:
        found: list[Violation] = []
        for one in self._backups:
            then = replace(seen, acknowledged=one.seen.acknowledged, taken=one.seen.taken)
            broken = check_restored(self._restored(one), then)
            found += [replace(each, about=f"{each.about}, in a backup that was restored") for each in broken]
            self.tally.backups += 1
        self._backups.clear()
        return found

    def _check(self, *, overdue: int) -> list[Violation]:
        stored = replace(reading.stored(self.mount, since=self._anchors), overdue=overdue)
        seen = self._seen()
        found = check(stored, seen) + self._check_backups(seen)
        for client in self.clients:
            found += [Violation("lost", f"{client.agency}: never acknowledged") for _ in client.open]
        tally = self.tally
        callbacks = [row for row in stored.work if row.kind == "callback"]
        tally.rounds += 1
        tally.acknowledged = len({one.id for one in seen.acknowledged})
        tally.requests = sum(client.tries for client in self.clients)
        tally.decisions, tally.effected = len(stored.decisions), sum(one.effected for one in stored.decisions)
        tally.due, tally.delivered = len(callbacks), sum(row.state == "done" for row in callbacks)
        tally.arrivals, tally.entries = len(seen.arrivals), len(stored.journal)
        tally.purged = sum(one.state == "purged" for one in stored.cases)
        tally.fell = sum(one.fell for one in (*self.services, self.purge))
        tally.seconds = time.monotonic() - self._started
        tally.violations, tally.surprises = found, [line for client in self.clients for line in client.surprises]
        return found

    def _answers(self) -> None:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            self._tend()
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self._port}/notices/healthz", timeout=5):
                return
            time.sleep(0.1)
        raise RuntimeError(f"the web does not answer: {self.web.log.read_text()[-2000:]}")

    def _enrolled(self, number: int, receiver: Receiver) -> Client:
        options = {"place": "BE", "instruments": _INSTRUMENTS, "callback_url": receiver.url}
        new = agencies.enrol(self.mount, f"Unit {number}", now=self.mount.clock(), **options)
        receiver.agency, receiver.secret = new.agency_id, new.webhook_secret or ""
        dice = random.Random(f"{self._seed} client {number}")
        return Client(self._port, new.agency_id, new.token, f"U{number}", dice)

    def _service(self, name: str, *arguments: str) -> Service:
        paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
        own = {"FAULTS_ROOT": str(self._root), "FAULTS_URL": self.database.url, "PYTHONPATH": paths}
        log = self._root / f"{name.replace(' ', '-')}.log"
        return Service(name, [sys.executable, *arguments], {**os.environ, **own}, log)


def _gunicorn(port: int) -> list[str]:
    config = str(ROOT / "tests" / "bench" / "gunicorn.conf.py")
    where = ("--bind", f"127.0.0.1:{port}", "--config", config)
    size = ("--workers", "2", "--threads", "4", "--worker-class", "gthread", "--preload")
    return ["-m", "gunicorn", "tests.faults.host:create_app()", *where, *size]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
