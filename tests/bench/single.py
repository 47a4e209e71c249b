"""Single intake under gunicorn, over what does less of it on the same kind of database.

The floor is a bare Flask view with one raw INSERT and COMMIT; the peer an ordinary Django REST framework project with
JSON Web Tokens that checks the same document and writes one row (``tests.bench.drf``).
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psycopg
from sqlalchemy import func, select

from notice_intake.flows.mount import Mount

from . import floors
from .apps import prepared
from .figures import Goal, Result, over, spread
from .load import Load, generator, load
from .servers import ROOT, Database, Gunicorn, Postgres, environment, gunicorn, touch_memory

RATE = Goal(0.30, 0.45, 0.65)
CPU = Goal(3.0, 2.2, 1.6, most=True)
PEER = Goal(None, 2.0, 3.0)


@dataclass(slots=True)
class _Subject:
    name: str
    engine: str
    server: Gunicorn
    token: str
    mount: Mount | None
    loads: list[Load] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [one.rate for one in self.loads]


def run(where: Path, server: Postgres, *, quick: bool) -> Result:
    """Measure all six subjects in interleaved rounds."""
    rounds, seconds = (2, 2.0) if quick else (9, 3.0)
    with ExitStack() as stack:
        subjects = [
            stack.enter_context(one)
            for engine in ("SQLite", "PostgreSQL")
            for one in (_floor(where, server, engine), _intake(where, server, engine), _peer(where, server, engine))
        ]
        server.fill_log()
        for number in range(-1, rounds):
            for place, subject in enumerate(subjects):
                _measure(
                    subject, 1.0 if number < 0 else seconds, series=(number + 1) * len(subjects) + place, where=where
                )
        for subject in subjects:
            _check_stored(subject)
    return _result(subjects, seconds)


def _measure(subject: _Subject, seconds: float, *, series: int, where: Path) -> None:
    touch_memory()
    before = subject.server.cpu()
    found = load(subject.server.port, token=subject.token, seconds=seconds, series=series, where=where)
    subject.loads.append(found)
    subject.cpu.append((subject.server.cpu() - before) / found.requests * 1e6)


@contextmanager
def _floor(where: Path, server: Postgres, engine: str) -> Iterator[_Subject]:
    if engine == "SQLite":
        database = Database(engine, f"sqlite:///{where / 'floor.db'}")
        with sqlite3.connect(where / "floor.db") as connection:
            connection.execute(floors.CREATE)
    else:
        database = Database(engine, server.url, pid=server.pid)
        with psycopg.connect(server.url) as connection:
            connection.execute(floors.CREATE)
    with gunicorn("floors:raw_app()", database) as running:
        yield _Subject("bare Flask, one raw INSERT", engine, running, "none", None)


@contextmanager
def _intake(where: Path, server: Postgres, engine: str) -> Iterator[_Subject]:
    database = Database(engine, f"sqlite:///{where / 'single.db'}") if engine == "SQLite" else server.database()
    mount, _, token = prepared(database.url, database.schema)
    with gunicorn("apps:intake_app()", database) as running:
        yield _Subject("intake", engine, running, token, mount)
    mount.storage.dispose()


@contextmanager
def _peer(where: Path, server: Postgres, engine: str) -> Iterator[_Subject]:
    database = Database(engine, f"sqlite:///{where / 'drf.db'}") if engine == "SQLite" else server.database()
    token = _drf(database)
    with gunicorn("drf.wsgi:application", database) as running:
        subject = _Subject("DRF + JWT, one row", engine, running, token, None)
        yield subject
    answered, rows = sum(one.requests for one in subject.loads), int(_drf(database, "count"))
    if rows < answered:
        raise RuntimeError(f"{answered} referrals were answered by the peer, but {rows} are stored")


def _drf(database: Database, *arguments: str) -> str:
    command = [sys.executable, "-m", "tests.bench.drf", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment(database), stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def _check_stored(subject: _Subject) -> None:
    """Every answer 201 must be a referral with two cases, two items, an entry and a callback."""
    if subject.mount is None:
        return
    answered = sum(one.requests for one in subject.loads)
    with subject.mount.storage.read() as tx:
        t = tx.tables
        counts = [
            tx.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (t.referral, t.outbox, t.item, t.case)
        ]
    wanted = [1, 1, 2, 2]
    # What was under way when the generator stopped is stored too, though nobody read the answer.
    if any(
        not answered * each <= count <= (answered + 8 * len(subject.loads)) * each
        for count, each in zip(counts, wanted, strict=True)
    ):
        raise RuntimeError(f"{answered} referrals were answered, but the tables hold {counts}")


def _result(subjects: list[_Subject], seconds: float) -> Result:
    result = Result("Single intake")
    result.table.append(("subject", "database", "requests/s", "CPU us per request", "p50 ms", "p99 ms"))
    for subject in subjects:
        del subject.loads[0], subject.cpu[0]
        result.table.append(
            (
                subject.name,
                subject.engine,
                spread(subject.rates),
                spread(subject.cpu),
                f"{median(one.p50_ms for one in subject.loads):.1f}",
                f"{median(one.p99_ms for one in subject.loads):.0f}",
            )
        )
    for floor, intake, peer in (subjects[0:3], subjects[3:6]):
        result.ratios.append(over(f"single intake, requests, {intake.engine}", intake.rates, floor.rates, RATE))
        result.ratios.append(over(f"single intake, CPU per request, {intake.engine}", intake.cpu, floor.cpu, CPU))
        result.ratios.append(
            over(f"single intake over DRF + JWT, requests, {intake.engine}", intake.rates, peer.rates, PEER)
        )
    rounds = len(subjects[0].loads)
    result.notes.append(
        f"gunicorn, 2 workers of 4 threads, 8 connections, {rounds} interleaved rounds of {seconds:g} s; load by "
        f"{generator()}. The referral has 2 items, which become 2 cases; reference and content are new each time. "
        "CPU counts the server's processes and PostgreSQL's, not the load generator. Memory is touched before each "
        "round, and PostgreSQL's log filled, as for bulk."
    )
    result.notes.append(
        "DRF + JWT is tests/bench/drf: an ordinary project of Django REST framework and simplejwt, two middlewares, "
        "connections kept, the same pragmas. It reads the user with each request, checks the document with nested "
        "serializers outside any transaction, and writes one row: no journal, no callback, nothing resolved or joined."
    )
    return result
