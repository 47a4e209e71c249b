"""Claims by many moderators over claims by one, and callbacks through the outbox over callbacks one by one."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
import time
from contextlib import contextmanager
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psycopg
import requests
from sqlalchemy import func, select

from notice_intake.core.codes import EffectKind, EffectState
from notice_intake.core.queue import QueueFilter
from notice_intake.delivery.sender import Sender
from notice_intake.delivery.webhook import new_secret, sign
from notice_intake.flows import claims as flows
from notice_intake.flows.agencies import enrol
from notice_intake.flows.callbacks import body
from notice_intake.flows.mount import Mount, utc_now
from notice_intake.flows.work import sender_for, work
from notice_intake.hooks import Moderator
from notice_intake.ids import new_id
from notice_intake.store import outbox

from .apps import open_mount, prepared
from .figures import Goal, Result, over, spread
from .populate import fill
from .servers import Database, Postgres

CLAIMS = Goal(None, 1.0, 1.3)
CALLBACKS = Goal(None, 15.0, 20.0)
_SPAWN = multiprocessing.get_context("spawn")
_DELAY = 0.020
#: Callbacks before those that are counted.
_BEFORE = 50


def run(_where: Path, server: Postgres, *, quick: bool) -> Result:
    """Let one and eight moderators claim the most urgent case again and again, on PostgreSQL."""
    rounds, seconds = (1, 2.0) if quick else (3, 3.0)
    database = server.database()
    mount, _, _ = prepared(database.url, database.schema)
    fill(mount.storage, 20_000 if quick else 60_000, open_in=1)
    rates: dict[int, list[float]] = {1: [], 8: []}
    for _ in range(rounds):
        for claimers, found in rates.items():
            found.append(_claims(database, claimers, seconds))
    _check_once(mount)
    mount.storage.dispose()
    result = Result("Claims, PostgreSQL")
    result.ratios.append(over("claims per second, 8 claimers over 1", rates[8], rates[1], CLAIMS))
    result.table = [("claimers", "claims/s"), *[(str(claimers), spread(found)) for claimers, found in rates.items()]]
    result.notes.append(
        f"A process a claimer, {rounds} interleaved rounds of {seconds:g} s. A claim writes the case, its items, a "
        "journal entry and a callback. No case was claimed twice."
    )
    return result


def _claims(database: Database, claimers: int, seconds: float) -> float:
    start, found = _SPAWN.Barrier(claimers), _SPAWN.Queue()
    arguments = (database, seconds, start, found)
    processes = [_SPAWN.Process(target=_claimer, args=(number, *arguments)) for number in range(claimers)]
    for process in processes:
        process.start()
    total = sum(found.get(timeout=120) for _ in processes)
    for process in processes:
        process.join()
    return total / seconds


def _claimer(number: int, database: Database, seconds: float, start: Barrier, found: Queue[int]) -> None:
    mount = open_mount(database.url, database.schema)
    moderator = Moderator(f"m-{number}", f"Moderator {number}")
    statement = f"UPDATE {database.schema}.ni_case SET state = 'decided' WHERE id = ANY(%s)".encode()
    with psycopg.connect(database.url, autocommit=True) as aside:
        aside.execute("SET synchronous_commit = off")
        start.wait()
        claimed: list[str] = []
        total, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            case_id = flows.claim_next(mount, QueueFilter(), moderator=moderator, now=mount.clock())
            if case_id is None:
                raise RuntimeError("the queue ran empty: the rate would be a cap")
            total += 1
            claimed.append(case_id)
            if len(claimed) == 10:
                # Nobody holds hundreds of cases: what is claimed leaves the queue, as after a decision.
                aside.execute(statement, [claimed])
                claimed = []
        aside.execute(statement, [claimed])
    mount.storage.dispose()
    found.put(total)


def _check_once(mount: Mount) -> None:
    with mount.storage.read() as tx:
        journal = tx.tables.journal
        claims = select(journal.c.object).where(journal.c.action == "case.claimed").group_by(journal.c.object)
        twice = tx.execute(claims.having(func.count() > 1)).all()
    if twice:
        raise RuntimeError(f"{len(twice)} cases were claimed twice")


def callbacks(where: Path, server: Postgres, *, quick: bool) -> Result:
    """Deliver callbacks to a receiver that takes 20 ms, by the worker and one by one."""
    rounds, count = (2, 600) if quick else (5, 600)
    rates: dict[str, list[float]] = {}
    with _receiver() as port:
        subjects = {
            (engine, threads): _outbox(where, server, engine, port, threads)
            for engine in ("SQLite", "PostgreSQL")
            for threads in (8, 32)
        }
        senders = {subject: sender_for(mount) for subject, (mount, _) in subjects.items()}
        for subject, (mount, agencies) in subjects.items():
            _worked(mount, agencies, _BEFORE, senders[subject])
        for _ in range(rounds):
            rates.setdefault("one by one", []).append(_one_by_one(port, 50))
            for (engine, threads), (mount, agencies) in subjects.items():
                rate = _worked(mount, agencies, count, senders[engine, threads])
                rates.setdefault(f"{engine}, {threads} threads", []).append(rate)
        for mount, _ in subjects.values():
            senders.popitem()[1].close()
            mount.storage.dispose()
    result = Result("Callbacks to a 20 ms receiver")
    result.table = [("sender", "callbacks/s"), *[(name, spread(found)) for name, found in rates.items()]]
    for name, found in rates.items():
        if name != "one by one":
            words = f"callbacks by the worker over one by one, {name}"
            result.ratios.append(over(words, found, rates["one by one"], CALLBACKS if "32" in name else Goal(None)))
    result.notes.append(
        f"{count} callbacks to five agencies, leased, signed, posted and recorded by the worker, {rounds} interleaved "
        "rounds; over one requests.Session that posts signed bodies one by one and records nothing. 32 threads "
        f"is the default setting. {_BEFORE} callbacks go before, uncounted: a worker lives for weeks, and reads the "
        "certificate authorities and prepares its statements once. The Session, too, is made before its time begins."
    )
    return result


def _outbox(where: Path, server: Postgres, engine: str, port: int, threads: int) -> tuple[Mount, list[str]]:
    file = where / f"callbacks-{threads}-{new_id('db')}.db"
    database = Database(engine, f"sqlite:///{file}") if engine == "SQLite" else server.database()
    os.environ["BENCH_WORKER_THREADS"] = str(threads)
    mount, _, _ = prepared(database.url, database.schema)
    del os.environ["BENCH_WORKER_THREADS"]
    found = [
        enrol(
            mount,
            f"Unit {number}",
            place="BE",
            instruments=["eu.iru.referral"],
            callback_url=f"http://127.0.0.1:{port}/callbacks",
            now=mount.clock(),
        ).agency_id
        for number in range(5)
    ]
    return mount, found


def _worked(mount: Mount, agencies: list[str], count: int, sender: Sender) -> float:
    now = mount.clock()
    rows = []
    for number in range(count):
        lane = new_id("ref")
        rows.append(
            outbox.row(
                EffectKind.CALLBACK,
                id=new_id("msg"),
                lane=lane,
                position=1,
                due_at=now,
                state=EffectState.DUE,
                agency_id=agencies[number % len(agencies)],
                type="item.decided",
                body=body("item.decided", at=now, data=_data(lane)),
            )
        )
    with mount.storage.begin() as tx:
        outbox.enqueue(tx, rows)
    started = time.perf_counter()
    tally = work(mount, stop=threading.Event(), once=True, sender=sender)
    seconds = time.perf_counter() - started
    with mount.storage.read() as tx:
        left = outbox.pending(tx)
    if left or tally.failed:
        raise RuntimeError(f"{left} callbacks were not delivered")
    return count / seconds


def _data(referral_id: str) -> dict[str, Any]:
    return {
        "referral": referral_id,
        "agency_reference": "BE-IRU-2017-04-0031",
        "item": new_id("itm"),
        "item_reference": "31-1",
        "status": "decided",
        "outcome": "removed",
        "sequence": 3,
        "path": f"/v1/referrals/{referral_id}",
    }


def _one_by_one(port: int, count: int) -> float:
    session = requests.Session()
    session.trust_env = False
    secret = new_secret()
    started = time.perf_counter()
    for _ in range(count):
        now = utc_now()
        payload = body("item.decided", at=now, data=_data(new_id("ref")))
        headers = sign(payload, message_id=new_id("msg"), at=now, secrets=[secret])
        session.post(f"http://127.0.0.1:{port}/callbacks", data=payload, headers=headers, timeout=10).raise_for_status()
    return count / (time.perf_counter() - started)


@contextmanager
def _receiver() -> Any:
    """Run a receiver in a process of its own; give its port."""
    told = _SPAWN.Queue()
    process = _SPAWN.Process(target=_receive, args=(told,), daemon=True)
    process.start()
    try:
        yield told.get(timeout=30)
    finally:
        process.terminate()
        process.join()


def _receive(told: Queue[int]) -> None:
    asyncio.run(_serve(told))


async def _serve(told: Queue[int]) -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    told.put(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            await reader.readexactly(length)
            await asyncio.sleep(_DELAY)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
