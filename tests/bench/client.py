"""The agency's client sending a stream, over ``http.client`` sending the same lines."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

from notice_intake.client import BearerAuth, IntakeClient

from .apps import prepared
from .documents import write_lines
from .figures import Goal, Result, over, spread
from .servers import Database, Gunicorn, Postgres, gunicorn

RATE = Goal(None, 0.8, 0.95)


def run(where: Path, _: Postgres, *, quick: bool) -> Result:
    """Measure both in interleaved rounds, each first in every other one."""
    rounds, lines = (2, 4_000) if quick else (4, 20_000)
    rates: dict[str, dict[int, list[float]]] = {"http.client": {1: [], 2: []}, "the client": {1: [], 2: []}}
    cpu: dict[int, list[float]] = {1: [], 2: []}
    database = Database("SQLite", f"sqlite:///{where / 'client.db'}")
    mount, _agency, token = prepared(database.url, database.schema)
    with gunicorn("apps:intake_app()", database) as server:
        for number in range(rounds):
            for items in (1, 2):
                for turn in (0, 1):
                    file = where / "lines.ndjson"
                    write_lines(file, lines, series=100 * items + 2 * number + turn, items=items)
                    if (turn + number) % 2:
                        rates["http.client"][items].append(lines / _plainly(server, token, file, lines))
                    else:
                        before = time.process_time()
                        rates["the client"][items].append(lines / _by_client(server, token, file, lines))
                        cpu[items].append((time.process_time() - before) / lines * 1e6)
    mount.storage.dispose()
    return _result(rates, cpu, lines, rounds)


def _plainly(server: Gunicorn, token: str, file: Path, lines: int) -> float:
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {token}"}
    headers["Content-Length"] = str(file.stat().st_size)
    with file.open("rb") as body:
        connection.request("POST", "/v1/referrals/bulk", body, headers)
        good = sum(line.count(b'"status":201,') for line in connection.getresponse())
    connection.close()
    return _all_stored(good, lines, time.perf_counter() - started)


def _by_client(server: Gunicorn, token: str, file: Path, lines: int) -> float:
    started = time.perf_counter()
    with IntakeClient(f"http://127.0.0.1:{server.port}", BearerAuth(token)) as client, file.open("rb") as body:
        good = sum(line.stored for line in client.bulk(body))
    return _all_stored(good, lines, time.perf_counter() - started)


def _all_stored(good: int, lines: int, seconds: float) -> float:
    if good != lines:
        raise RuntimeError(f"{good} of {lines} lines were accepted")
    return seconds


def _result(rates: dict[str, dict[int, list[float]]], cpu: dict[int, list[float]], lines: int, rounds: int) -> Result:
    result = Result("The agency's client")
    result.table.append(("sender", "items a referral", "referrals/s", "its CPU us per referral"))
    for items in (1, 2):
        for sender, found in rates.items():
            used = spread(cpu[items], ".1f") if sender == "the client" else "-"
            result.table.append((sender, str(items), spread(found[items]), used))
        words = "1 item" if items == 1 else "2 items"
        name = f"client's bulk of {lines:,}, {words} each, over http.client"
        result.ratios.append(over(name, rates["the client"][items], rates["http.client"][items], RATE))
    result.notes.append(
        f"{lines:,} lines of one file in one request, {rounds} interleaved rounds on one SQLite database. The client "
        "reads every answer into a typed receipt; http.client counts a few bytes in each."
    )
    return result
