"""One agency that hangs beside others, and how soon a decision has arrived."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import func, select

from notice_intake.core.codes import EffectKind, EffectState
from notice_intake.flows.callbacks import body
from notice_intake.flows.mount import Mount
from notice_intake.flows.work import work
from notice_intake.ids import new_id
from notice_intake.store import outbox

from .claims import _data, _outbox, _receiver
from .figures import Goal, Ratio, Result, over, spread
from .servers import Postgres

HANGING = Goal(None, 3.0, 1.5, most=True)
LATENCY = Goal(None, 500.0, 50.0, most=True)
_ENGINES = ("SQLite", "PostgreSQL")


def hanging(where: Path, server: Postgres, *, quick: bool) -> Result:
    """Deliver 600 callbacks to five agencies, with all of them answering and with one that never does."""
    rounds, count = (1, 300) if quick else (3, 600)
    times: dict[tuple[str, str], list[float]] = {}
    with _receiver() as port, socket.create_server(("127.0.0.1", 0), backlog=256) as silent:
        hung = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        subjects = {engine: _outbox(where, server, engine, port, 32) for engine in _ENGINES}
        for _ in range(rounds):
            for engine, (mount, agencies) in subjects.items():
                for kind in ("none", "one"):
                    _point(mount, agencies[4], hung if kind == "one" else f"http://127.0.0.1:{port}/callbacks")
                    took = _last_healthy(mount, agencies, count)
                    times.setdefault((engine, kind), []).append(took)
        for mount, _ in subjects.values():
            mount.storage.dispose()
    result = Result("One of five endpoints hangs")
    result.table = [("engine, hanging", "s until the last healthy one of as many callbacks")]
    result.table += [(f"{engine}, {kind}", spread(found, ".2f")) for (engine, kind), found in times.items()]
    for engine in _ENGINES:
        words = f"last healthy callback, one hanging over none, {engine}"
        result.ratios.append(over(words, times[engine, "one"], times[engine, "none"], HANGING))
    result.notes.append(
        f"{count} callbacks to five agencies of a 20 ms receiver, 32 threads; the time until the last one to the four "
        "that answer. The fifth takes the connection and says nothing; the deadline of a callback is 20 s."
    )
    return result


def latency(where: Path, server: Postgres, *, quick: bool) -> Result:
    """Write a callback into the outbox of an idle worker, as a decision does; wait until it is noted as delivered."""
    times: dict[str, list[float]] = {}
    with _receiver() as port:
        for engine in _ENGINES:
            mount, agencies = _outbox(where, server, engine, port, 8)
            times[engine] = _waits(mount, agencies[0], 10 if quick else 40)
            mount.storage.dispose()
    result = Result("From the commit of a change to its delivery, worker idle")
    result.table = [("engine", "ms"), *[(engine, spread(found)) for engine, found in times.items()]]
    for engine, found in times.items():
        result.ratios.append(Ratio(f"ms until a callback is delivered, p50, {engine}", median(found), LATENCY))
    result.notes.append(
        "Milliseconds, not a ratio: from the commit, in another storage of the same process, until the row says that "
        "the receiver has it. 20 ms of it are the receiver's. The worker looks once a second and is woken before that."
    )
    return result


def _point(mount: Mount, agency_id: str, url: str) -> None:
    with mount.storage.begin() as tx:
        table = tx.tables.endpoint
        fresh: dict[str, Any] = {"url": url, "state": "active", "failures": 0, "openings": 0, "not_before": None}
        tx.execute(table.update().where(table.c.agency_id == agency_id).values(**fresh, failing_since=None))
        tx.execute(tx.tables.outbox.delete())


def _rows(mount: Mount, agencies: list[str], count: int) -> list[dict[str, Any]]:
    now, rows = mount.clock(), []
    for number in range(count):
        lane, agency = new_id("ref"), agencies[number % len(agencies)]
        told = {"type": "item.decided", "body": body("item.decided", at=now, data=_data(lane))}
        where = {"lane": lane, "position": 1, "due_at": now, "agency_id": agency, "state": EffectState.DUE}
        rows.append(outbox.row(EffectKind.CALLBACK, id=new_id("msg"), **where, **told))
    return rows


def _last_healthy(mount: Mount, agencies: list[str], count: int) -> float:
    with mount.storage.begin() as tx:
        outbox.enqueue(tx, _rows(mount, agencies, count))
    stop = threading.Event()
    running = threading.Thread(target=work, args=(mount,), kwargs={"stop": stop})
    started = time.perf_counter()
    running.start()
    table = mount.storage.tables.outbox
    mine = table.c.agency_id.in_(agencies[:4]) & (table.c.state == "due")
    left = -1
    while left:
        time.sleep(0.01)
        if time.perf_counter() - started > 60:
            raise RuntimeError(f"{left} callbacks to agencies that answer were not delivered in a minute")
        with mount.storage.read() as tx:
            left = tx.execute(select(func.count()).select_from(table).where(mine)).scalar_one()
    took = time.perf_counter() - started
    stop.set()
    running.join()
    return took


def _waits(mount: Mount, agency_id: str, count: int) -> list[float]:
    from notice_intake.flows.waking import wake_after

    stop = threading.Event()
    running = threading.Thread(target=work, args=(mount,), kwargs={"stop": stop})
    running.start()
    table, found = mount.storage.tables.outbox, []
    for number in range(count + 2):
        time.sleep(0.1 + 0.013 * (number % 7))
        (row,) = _rows(mount, [agency_id], 1)
        with mount.storage.begin() as tx:
            outbox.enqueue(tx, [row])
            wake_after(tx, mount)
        started = time.perf_counter()
        done = False
        while not done:
            time.sleep(0.002)
            with mount.storage.read() as tx:
                done = tx.execute(select(table.c.state).where(table.c.id == row["id"])).scalar_one() == "done"
        found.append((time.perf_counter() - started) * 1000)
    stop.set()
    running.join()
    # The first ones open connections.
    return found[2:]
