"""Referrals that arrive at the same moment share transactions; each is stored once and answered for itself."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from notice_intake.errors import KeyReused, ReferenceTaken
from notice_intake.flows.receive import Received, Submission, receive
from notice_intake.store import agencies
from notice_intake.store import together as meeting
from notice_intake.store.together import together


def submission(reference: str, *paths: str, key: str | None = None) -> Submission:
    document = {
        "instrument": "eu.iru.referral",
        "agency_reference": reference,
        "language": "en",
        "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
        "grounds": [{"kind": "terms", "reference": "Terms, 4.2"}],
        "items": [
            {"reference": str(number), "target": {"kind": "url", "url": f"https://platform.example/{path}"}}
            for number, path in enumerate(paths)
        ],
    }
    return Submission(document, repr(document).encode(), "api", key)


def at_once(house: Any, jobs: list[list[Submission]], *, enrolled: bool = False) -> list[Any]:
    """Refer each list in a thread of its own, all starting together; return what came of each, in any order."""
    if not enrolled:
        house.agency()
    with house.mount.storage.read() as tx:
        (agency,) = agencies.everyone(tx)
    start, found = threading.Barrier(len(jobs)), []

    def refer(mine: list[Submission]) -> None:
        start.wait()
        for one in mine:
            try:
                found.append(receive(house.mount, one, agency=agency, now=house.clock.now))
            except Exception as error:
                found.append(error)

    threads = [threading.Thread(target=refer, args=(mine,)) for mine in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.01)


def count(house: Any, table: Callable[[Any], Any]) -> int:
    with house.mount.storage.read() as tx:
        return int(tx.execute(select(func.count()).select_from(table(tx.tables))).scalar_one())


def test_all_are_stored_with_their_cases(house):
    jobs = [[submission(f"R-{t}-{n}", f"p{t}{n}1", f"p{t}{n}2") for n in range(10)] for t in range(1, 7)]
    found = at_once(house, jobs)
    assert len({one.referral_id for one in found}) == 60
    assert [count(house, one) for one in (lambda t: t.referral, lambda t: t.item, lambda t: t.case)] == [60, 120, 120]


def test_content_that_several_name_at_once_becomes_one_case(house):
    jobs = [[submission(f"R-{t}-{n}", f"p{n}", f"p9{t}{n}") for n in range(8)] for t in range(1, 6)]
    found = at_once(house, jobs)
    assert all(isinstance(one, Received) for one in found), found
    assert [count(house, one) for one in (lambda t: t.referral, lambda t: t.item)] == [40, 80]
    with house.mount.storage.read() as tx:
        case = tx.tables.case
        shared = tx.execute(select(case.c.key, case.c.referrals).where(case.c.referrals > 1)).all()
    assert sorted(shared) == [(f"content:p{n}", 5) for n in range(8)]
    assert count(house, lambda t: t.case) == 8 + 40


def test_one_reference_at_once_is_stored_once(house):
    jobs = [[submission("R-1", "p1"), submission(f"R-2-{t}", f"p2{t}")] for t in range(6)]
    outcomes = Counter(type(one) for one in at_once(house, jobs))
    assert outcomes == {Received: 7, ReferenceTaken: 5}
    assert count(house, lambda t: t.referral) == 7


def test_one_idempotency_key_at_once_gives_one_receipt(house):
    same = [[submission("R-1", "p1", key="k" * 20)] for _ in range(5)]
    found = at_once(house, [*same, [submission("R-9", "p9", key="k" * 20)]])
    outcomes = Counter(type(one) for one in found)
    assert outcomes[KeyReused] in (1, 5), "whichever body came first, the other is refused"
    assert len({one.receipt for one in found if isinstance(one, Received)}) == 1
    assert count(house, lambda t: t.referral) == 1


def commits(path: Path) -> int:
    """Count the transactions in SQLite's log (https://www.sqlite.org/fileformat2.html#walformat)."""
    log = path.with_name(path.name + "-wal").read_bytes()
    size, salts = int.from_bytes(log[8:12], "big"), log[16:24]
    heads = [log[start : start + 24] for start in range(32, len(log), 24 + size)]
    return sum(head[8:16] == salts and head[4:8] != bytes(4) for head in heads)


def test_those_who_come_while_another_process_writes_are_stored_in_one_transaction(make_house):
    house = make_house()
    engine = house.mount.storage.engine
    if engine.dialect.name != "sqlite":
        pytest.skip("writers of PostgreSQL do not wait for each other")
    house.agency()
    path, waiting = Path(engine.url.database), together(house.mount.storage)._waiting
    found: list[Any] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        jobs = [[submission(f"R-{number}", f"p{number}")] for number in range(6)]
        referring = threading.Thread(target=lambda: found.extend(at_once(house, jobs, enrolled=True)))
        referring.start()
        until(lambda: len(waiting) == len(jobs) - 1)
        before = commits(path)
        other.execute("COMMIT")
        referring.join()
        assert [type(one) for one in found] == [Received] * len(jobs)
        assert commits(path) == before + 1


@pytest.mark.parametrize("synced", [False, True])
def test_nobody_waits_for_what_another_has_to_have_on_the_disk(make_house, monkeypatch, synced):
    house = make_house()
    engine = house.mount.storage.engine
    if engine.dialect.name != "sqlite":
        pytest.skip("writers of PostgreSQL take no turns")
    house.agency()
    place, real, by = together(house.mount.storage), meeting._stored_at_once, {}
    jobs = [submission("R-0", "p0"), submission("R-1", "p1"), submission("R-2", "p2")]
    jobs[2].document["urgency"] = {"threat_to_life": synced}

    def noted(tx, group):
        # The others come while the first is being stored: too late to join it.
        if not by:
            for number in (1, 2):
                threads[number].start()
                until(lambda most=number: len(place._waiting) == most)
        by.update({one.parts[2][1].values[3]: threading.current_thread() for one in group})
        return real(tx, group)

    monkeypatch.setattr(meeting, "_stored_at_once", noted)
    threads = [threading.Thread(target=at_once, args=(house, [[one]]), kwargs={"enrolled": True}) for one in jobs]
    threads[0].start()
    for thread in threads:
        until(lambda one=thread: one.ident is not None)
        thread.join()
    assert count(house, lambda t: t.referral) == 3
    assert by["R-0"] is by["R-1"]
    assert (by["R-2"] is by["R-0"]) is not synced


def test_what_nobody_expected_is_met_by_each_alone(house, monkeypatch, caplog):
    """The thread that stores for all of a group, or for those after it, answers for its own only."""
    real, failed = meeting._stored, threading.Event()

    def once(tx, group):
        if not failed.is_set():
            failed.set()
            raise RuntimeError("a fault of ours")
        return real(tx, group)

    monkeypatch.setattr(meeting, "_stored", once)
    monkeypatch.setattr(meeting, "_stored_at_once", lambda _tx, _group: False)
    found = at_once(house, [[submission(f"R-{t}-{n}", f"p{t}{n}") for n in range(4)] for t in range(5)])
    assert [type(one) for one in found] == [Received] * 20
    assert count(house, lambda t: t.referral) == 20
    assert caplog.text.count("were not stored together") == 1


def test_a_storage_has_one_meeting_place(house, make_house):
    other = make_house()
    assert together(house.mount.storage) is together(other.mount.storage)
