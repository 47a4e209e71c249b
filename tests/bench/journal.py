"""The journal: entries that are written and sealed over the same rows merely inserted; checking over reading."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from notice_intake.core.journal import Actor, Entry, write
from notice_intake.flows import sealing
from notice_intake.flows.journal_check import check
from notice_intake.flows.mount import Mount
from notice_intake.ids import random_bytes
from notice_intake.store.storage import Storage, Tx
from notice_intake.store.tables import make_tables

from .apps import prepared
from .figures import Goal, Ratio, Result, over, spread
from .servers import Database, Postgres

GOAL = Goal(None, 0.7, 0.9)
FLAT = Goal(None, 1.5, 1.1, most=True)
_TOGETHER = 500
_PAGE = 2000


def run(where: Path, server: Postgres, *, quick: bool) -> Result:
    """Insert, insert and seal, read, and check the same entries, by turns, on both databases."""
    rounds, count = (5, 10_000) if quick else (9, 20_000)
    result = Result("Journal")
    result.table.append(("database", "inserted/s", "inserted and sealed/s", "sealed/s", "read/s", "checked/s"))
    for engine in ("SQLite", "PostgreSQL"):
        database = Database(engine, f"sqlite:///{where / 'journal.db'}") if engine == "SQLite" else server.database()
        mount, agency_id, _ = prepared(database.url, database.schema)
        times = [_round(mount, agency_id, count, number) for number in range(rounds)]
        mount.storage.dispose()
        rates = {name: [count / one[name] for one in times] for name in times[0]}
        words = f"inserted and sealed over inserted, {engine}"
        result.ratios.append(over(words, rates["inserted and sealed"], rates["inserted"], GOAL))
        result.ratios.append(over(f"checked over read, {engine}", rates["checked"], rates["read"], GOAL))
        names = ("inserted", "inserted and sealed", "sealed", "read", "checked")
        result.table.append((engine, *(spread(rates[name]) for name in names)))
    small, large = (20_000, 100_000) if quick else (20_000, 400_000)
    peaks = [_peak(where, size) for size in (small, large)]
    words = f"peak memory of a check, {large:,} entries over {small:,}"
    result.ratios.append(Ratio(words, peaks[1] / peaks[0], FLAT))
    result.notes.append(
        f"{count:,} entries like those of a referral, {_TOGETHER} a transaction, {rounds} interleaved rounds. Inserted "
        f"and read through SQLAlchemy Core, each row made beforehand; sealed in batches of {sealing.BATCH:,}, each "
        "signed; read and checked from the first row to the last, whatever the rounds before left included. What is "
        "compared goes first by turns. On SQLite each begins with an empty write-ahead log and ends before the log is "
        "moved into the database: else one of them pays, by chance, for what all have written."
    )
    return result


def _round(mount: Mount, agency_id: str, count: int, number: int) -> dict[str, float]:
    """Return how long each took, in seconds; reading and checking as of ``count`` entries."""
    # New numbers each time: ids rise, and an index grows at its end.
    rows = [_row(mount, agency_id, each) for each in range(number * count, (number + 1) * count)]
    plain = make_tables("plain_", mount.storage.tables.metadata.schema).journal
    with mount.storage.begin() as tx:
        plain.create(tx.connection, checkfirst=True)
    found: dict[str, float] = {}

    def inserted() -> None:
        found["inserted"] = _timed(lambda: _insert(mount.storage, plain, rows))

    def sealed() -> None:
        written = _timed(lambda: _insert(mount.storage, mount.storage.tables.journal, rows))
        found["sealed"] = _timed(lambda: sealing.seal(mount, now=mount.clock()))
        found["inserted and sealed"] = written + found["sealed"]

    for each in (inserted, sealed) if number % 2 else (sealed, inserted):
        _settled(mount)
        each()
    with mount.storage.begin() as tx:
        plain.drop(tx.connection)
    share = count / _count(mount)
    for name, call in (("read", _read), ("checked", _check))[:: 1 if number % 2 else -1]:
        _settled(mount)
        found[name] = _timed(partial(call, mount)) * share
    return found


def _row(mount: Mount, agency_id: str, number: int) -> dict[str, Any]:
    facts = {
        "instrument": "eu.iru.referral",
        "channel": "bulk",
        "body": "0" * 64,
        "items": "2",
        "cases": f"cas_{number:026d},cas_{number + 1:026d}",
    }
    at, referral_id = mount.clock(), f"ref_{number:026d}"
    written = write(Entry(Actor("agency", agency_id), "referral.received", referral_id, at, facts), random_bytes())
    who = {"actor_kind": "agency", "actor_id": agency_id}
    return {"object": referral_id, "action": "referral.received", **who, "at": at, "payload": written.payload} | {
        "leaf": written.leaf
    }


def _settled(mount: Mount) -> None:
    """Clear away what was left by whatever was measured before."""
    gc.collect()
    engine = mount.storage.engine
    if engine is not None and engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _timed(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _insert(storage: Storage, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    for place in range(0, len(rows), _TOGETHER):
        with storage.begin() as tx:
            tx.execute(insert(table), rows[place : place + _TOGETHER])


def _count(mount: Mount) -> int:
    with mount.storage.read() as tx:
        return sum(len(page) for page in _pages(tx))


def _read(mount: Mount) -> None:
    with mount.storage.read() as tx:
        for _ in _pages(tx):
            pass


def _pages(tx: Tx) -> Any:
    table, after = tx.tables.journal, 0
    while page := tx.execute(select(table).where(table.c.id > after).order_by(table.c.id).limit(_PAGE)).all():
        yield page
        after = page[-1].id


def _check(mount: Mount) -> None:
    found = check(mount)
    if found.faults or found.waiting:
        raise RuntimeError(f"the journal is not intact: {found.faults[:3]}, {found.waiting} wait")


_PEAK = """
import resource, sys
from tests.bench.apps import open_mount
from notice_intake.flows.journal_check import check
found = check(open_mount(sys.argv[1], None))
assert not found.faults and found.entries >= int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _peak(where: Path, count: int) -> float:
    url = f"sqlite:///{where / f'memory-{count}.db'}"
    mount, agency_id, _ = prepared(url, None)
    for start in range(0, count, 20_000):
        rows = [_row(mount, agency_id, number) for number in range(start, start + 20_000)]
        _insert(mount.storage, mount.storage.tables.journal, rows)
    sealing.seal(mount, now=mount.clock())
    mount.storage.dispose()
    ran = subprocess.run([sys.executable, "-c", _PEAK, url, str(count)], capture_output=True, text=True, check=True)
    return float(ran.stdout)
