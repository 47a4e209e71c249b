"""Bulk intake, over what does less with the same lines.

The floor is a bare Flask view that parses and hand-checks them, answers each and stores nothing; beside it stands the
loop alone, without HTTP and answers. The peer loads each line with marshmallow and stores one row a referral by the
ORM's ``add_all``.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from .apps import prepared
from .documents import write_lines
from .figures import Goal, Result, over, spread
from .floors import parse_and_check
from .peers import load_and_add, open_engine
from .servers import Database, Gunicorn, Postgres, gunicorn, touch_memory

RATE = Goal(0.20, 0.30, 0.45)
PEER = Goal(None, 2.5, 4.0)
#: The loop neither receives the lines nor answers them, so nothing was asked of us beside it.
LOOP = Goal(None)
_ENGINES = ("SQLite", "PostgreSQL")
_BY_ORM = "marshmallow + ORM add_all"
MEMORY = Goal(1.5, 1.5, 1.1, most=True)


def run(where: Path, server: Postgres, *, quick: bool) -> Result:
    """Measure bulk intake on both databases, with one item and with two items a referral, in interleaved rounds."""
    rounds, lines = (1, 5_000) if quick else (3, 20_000)
    rates: dict[tuple[str, int], list[float]] = {}
    cpu: dict[tuple[str, int], list[float]] = {}
    with ExitStack() as stack:
        engines = {
            engine: stack.enter_context(_Intake(where / f"{engine}.db", server, engine, workers=2))
            for engine in _ENGINES
        }
        peers = {engine: stack.enter_context(_peer(where, server, engine)) for engine in engines}
        floor = stack.enter_context(gunicorn("floors:checking_app()", Database("none", "")))
        for engine, intake in engines.items():
            _warm_up(intake, peers[engine], floor, where)
        server.fill_log()
        for number in range(rounds):
            for items in (1, 2):
                file = where / "lines.ndjson"
                write_lines(file, lines, series=10 * number + items, items=items)
                rates.setdefault(("loop", items), []).append(lines / _seconds_of_loop(file))
                rates.setdefault(("floor", items), []).append(lines / _send(floor, file, lines))
                for engine, intake in engines.items():
                    # Each database gets lines of its own numbers: none has seen them before.
                    before = intake.server.cpu()
                    rates.setdefault((engine, items), []).append(lines / intake.send(file, lines))
                    cpu.setdefault((engine, items), []).append((intake.server.cpu() - before) / lines * 1e6)
                    rates.setdefault((f"{_BY_ORM}, {engine}", items), []).append(lines / peers[engine](file, lines))
        for intake in engines.values():
            intake.check(rounds * 2 * lines)
    return _result(rates, cpu, lines, rounds)


def memory(where: Path, server: Postgres, *, quick: bool) -> Result:
    """Compare the server's largest resident size after a large stream with that after a small one."""
    small, large = (2_000, 20_000) if quick else (2_000, 100_000)
    result = Result("Bulk, peak memory of the server's process")
    result.table.append(("database", f"{small:,} lines", f"{large:,} lines"))
    for engine in _ENGINES:
        peaks = []
        for series, count in ((1, small), (2, large)):
            file = where / "lines.ndjson"
            write_lines(file, count, series=series, items=2)
            with _Intake(where / f"{engine}-{count}.db", server, engine, workers=1) as intake:
                intake.send(file, count)
                intake.check(count)
                peaks.append(intake.server.peak_memory())
        name = f"bulk, peak memory, {large:,} lines over {small:,}, {engine}"
        result.ratios.append(over(name, peaks[1:], peaks[:1], MEMORY))
        result.table.append((engine, *[f"{peak / 2**20:.0f} MiB" for peak in peaks]))
    result.notes.append("A fresh gunicorn with one worker for each figure; lines of 2 items; the largest VmHWM.")
    return result


class _Intake:
    """A served notice_intake with a database of its own."""

    def __init__(self, file: Path, server: Postgres, engine: str, *, workers: int) -> None:
        database = Database(engine, f"sqlite:///{file}") if engine == "SQLite" else server.database()
        self._mount, _, self._token = prepared(database.url, database.schema)
        self._running = gunicorn("apps:intake_app()", database, workers=workers)
        self.server: Gunicorn

    def __enter__(self) -> _Intake:
        self.server = self._running.__enter__()
        return self

    def __exit__(self, *fault: Any) -> None:
        self._running.__exit__(*fault)
        self._mount.storage.dispose()

    def send(self, file: Path, lines: int) -> float:
        """Send a file of lines and read all answers; return the seconds that took."""
        return _send(self.server, file, lines, token=self._token)

    def check(self, least: int) -> None:
        """Raise where the table does not hold what was answered."""
        with self._mount.storage.read() as tx:
            stored = tx.execute(select(func.count()).select_from(tx.tables.referral)).scalar_one()
        if stored < least:
            raise RuntimeError(f"{least} referrals were accepted, {stored} are stored")


def _send(server: Gunicorn, file: Path, lines: int, *, token: str = "none") -> float:
    """Send a file of lines, all of which must be accepted, and read all answers; return the seconds that took."""
    touch_memory()
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {token}"}
    headers["Content-Length"] = str(file.stat().st_size)
    with file.open("rb") as body:
        connection.request("POST", "/v1/referrals/bulk", body, headers)
        answer = connection.getresponse()
        good = sum(line.count(b'"status":201') for line in answer)
    connection.close()
    if answer.status != 200 or good != lines:
        raise RuntimeError(f"{good} of {lines} lines were accepted (HTTP {answer.status})")
    return time.perf_counter() - started


@contextmanager
def _peer(where: Path, server: Postgres, engine: str) -> Iterator[Callable[[Path, int], float]]:
    """Give what stores a file of lines in a table of its own, and returns the seconds that took."""
    file = where / f"orm-{engine}.db"
    opened = open_engine(Database(engine, f"sqlite:///{file}") if engine == "SQLite" else server.database())

    def seconds(file: Path, count: int) -> float:
        touch_memory()
        started = time.perf_counter()
        with file.open("rb") as lines:
            good = load_and_add(opened, lines)
        if good != count:
            raise RuntimeError(f"{good} of {count} lines were stored by the peer")
        return time.perf_counter() - started

    yield seconds
    opened.dispose()


def _warm_up(intake: _Intake, peer: Callable[[Path, int], float], floor: Gunicorn, where: Path) -> None:
    # Some streams, so that each of the two workers has had one.
    for series in range(900, 904):
        file = where / "warm.ndjson"
        write_lines(file, 2_500, series=series, items=2)
        intake.send(file, 2_500)
        peer(file, 2_500)
        _send(floor, file, 2_500)


def _seconds_of_loop(file: Path) -> float:
    touch_memory()
    started = time.perf_counter()
    with file.open("rb") as lines:
        parse_and_check(lines)
    return time.perf_counter() - started


def _result(
    rates: dict[tuple[str, int], list[float]], cpu: dict[tuple[str, int], list[float]], lines: int, rounds: int
) -> Result:
    result = Result("Bulk intake")
    result.table.append(("subject", "items a referral", "referrals/s", "CPU us per referral"))
    words = {1: "1 item", 2: "2 items"}
    for (engine, items), found in rates.items():
        used = cpu.get((engine, items))
        result.table.append((engine, str(items), spread(found), spread(used) if used else "-"))
        if engine in _ENGINES:
            name = f"bulk of {lines:,}, {words[items]} each, {engine}"
            result.ratios.append(over(name, found, rates["floor", items], RATE))
            name = f"bulk over the loop alone, {words[items]} each, {engine}"
            result.ratios.append(over(name, found, rates["loop", items], LOOP))
            by_orm = rates[f"{_BY_ORM}, {engine}", items]
            name = f"bulk over {_BY_ORM}, {words[items]} each, {engine}"
            result.ratios.append(over(name, found, by_orm, PEER))
    result.notes.append(
        f"{lines:,} lines in one HTTP request, {rounds} interleaved rounds; answers are read to the last line. The "
        "floor is a bare Flask view in the same gunicorn, which parses and hand-checks the same lines, answers each "
        "with a verdict, and stores nothing; the loop alone does that in one process, and neither receives the lines "
        "nor answers them. Both use one core, while the server and PostgreSQL may use both. Four streams of 2,500 "
        "lines go before, uncounted: a process prepares its statements once. Before each subject a gigabyte of "
        "memory is written to and freed, and PostgreSQL has filled its log once: else a virtual machine that gives "
        "free memory back would be measured with getting it again."
    )
    result.notes.append(
        f"{_BY_ORM}: each line through the published marshmallow schema, one row a referral through the ORM, a commit "
        "each thousand rows, in one process (PostgreSQL in another), without HTTP or credentials; nothing is resolved, "
        "joined or journalled."
    )
    return result
