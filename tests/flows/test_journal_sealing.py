"""Sealing beside writers: nothing that commits late is skipped, nothing is sealed twice, killing it breaks nothing."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
import warnings
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text

from notice_intake import NoticeIntake, Storage
from notice_intake.core.journal import SYSTEM, Entry
from notice_intake.core.seals import Gap, gaps_text, missing, ranges_text, read_gaps, read_ranges, still_open
from notice_intake.flows import sealing
from notice_intake.flows.journal_check import check
from notice_intake.store import journal
from notice_intake.testing import FakeModerators, FakePlatform

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
#: A process that is made by forking is there at once: one that has to import everything is killed before it begins.
FORK = multiprocessing.get_context("fork")


def write(storage, *names):
    with storage.begin() as tx:
        journal.append(tx, [Entry(SYSTEM, "case.opened", name, AT) for name in names])


def objects_in_order(mount):
    """What is sealed, in the order of the tree."""
    with mount.storage.read() as tx:
        seals = tx.execute(select(tx.tables.seal).order_by(tx.tables.seal.c.number)).all()
        rows = {row.id: row.object for row in tx.execute(select(tx.tables.journal))}
    return [rows[one] for seal in seals for a, b in read_ranges(seal.entries) for one in range(a, b + 1)]


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_commits_late_is_sealed_late_and_not_skipped(house):
    mount = house.mount
    write(mount.storage, "first")
    held, go = threading.Event(), threading.Event()

    def slow():
        with mount.storage.begin() as tx:
            journal.append(tx, [Entry(SYSTEM, "case.opened", "late", AT)])
            held.set()
            go.wait(20)

    thread = threading.Thread(target=slow)
    thread.start()
    held.wait(10)
    write(mount.storage, "second")
    assert sealing.seal(mount, now=AT) == 2
    write(mount.storage, "third")
    assert sealing.seal(mount, now=AT) == 1
    assert check(mount).faults == []
    go.set()
    thread.join()
    found = check(mount)
    assert (found.faults, found.waiting) == ([], 1)
    assert sealing.seal(mount, now=AT) == 1
    assert objects_in_order(mount) == ["first", "second", "third", "late"]
    assert check(mount).faults == []


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_was_rolled_back_is_no_longer_waited_for(house):
    mount = house.mount
    with suppress(KeyError), mount.storage.begin() as tx:
        journal.append(tx, [Entry(SYSTEM, "case.opened", "never", AT)])
        raise KeyError
    for name in ("first", "second"):
        write(mount.storage, name)
        sealing.seal(mount, now=AT)
    with mount.storage.read() as tx:
        gaps = [one.gaps for one in tx.execute(select(tx.tables.seal).order_by(tx.tables.seal.c.number))]
    assert [len(read_gaps(one)) for one in gaps] == [1, 0]
    assert check(mount).faults == []


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_ids_that_a_restart_of_the_server_leaves_out_are_no_fault(house):
    mount = house.mount
    write(mount.storage, "first")
    with mount.storage.begin() as tx:
        schema = tx.tables.metadata.schema
        tx.execute(text(f"SELECT setval('{schema}.ni_journal_id_seq', 1000000000)"))
    write(mount.storage, "second")
    assert sealing.seal(mount, now=AT) == 2
    write(mount.storage, "third")
    assert sealing.seal(mount, now=AT) == 1
    assert check(mount).faults == []


def test_many_that_seal_at_once_seal_everything_once(house):
    mount, names = house.mount, [f"cas_{number}" for number in range(240)]

    def write_all(part):
        for one in part:
            write(mount.storage, one)

    writers = [threading.Thread(target=write_all, args=(names[n::4],)) for n in range(4)]
    done = threading.Event()

    def keep_sealing():
        while not done.is_set():
            sealing.seal(mount, now=AT)

    sealers = [threading.Thread(target=keep_sealing) for _ in range(3)]
    for thread in [*writers, *sealers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sealers:
        thread.join()
    sealing.seal(mount, now=AT)
    assert sorted(objects_in_order(mount)) == sorted(names)
    found = check(mount)
    assert (found.faults, found.waiting) == ([], 0)


def _open(url, schema):
    from flask import Flask

    app = Flask("host")
    storage = Storage.from_url(url, schema=schema)
    intake = NoticeIntake(
        platform=FakePlatform(), moderators=FakeModerators(), storage=storage, secret_keys=("k" * 40,)
    )
    return intake.init_app(app)


def _writer(url, schema, name):
    mount = _open(url, schema)
    number = 0
    while True:
        with mount.storage.begin() as tx:
            journal.append(tx, [Entry(SYSTEM, "case.opened", f"{name}-{number}-{n}", AT) for n in range(3)])
            time.sleep(random.random() / 300)
        number += 1


def _sealer(url, schema):
    mount = _open(url, schema)
    while True:
        sealing.seal(mount, now=datetime.now(UTC))


def _seals(house):
    with house.mount.storage.read() as tx:
        return tx.execute(select(func.count()).select_from(tx.tables.seal)).scalar_one()


def test_writers_and_sealers_that_are_killed_leave_a_journal_that_verifies(house, database):
    url, schema = database
    alive = []

    def start(target, *extra):
        process = FORK.Process(target=target, args=(url, schema, *extra), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of threads; what is forked here uses none of ours
            process.start()
        alive.append((process, target, extra))

    write(house.mount.storage, "first")
    sealing.seal(house.mount, now=AT)
    for name in ("w1", "w2"):
        start(_writer, name)
    for _ in range(2):
        start(_sealer)
    chance = random.Random(7)
    until = time.monotonic() + 12
    killed = 0
    # On a busy machine until enough was sealed among the killing: a sealer needs a while before it seals at all.
    while time.monotonic() < until or (_seals(house) <= 3 and time.monotonic() < until + 60):
        time.sleep(0.3 + chance.random() / 2)
        process, target, extra = alive.pop(chance.randrange(len(alive)))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        killed += 1
        start(target, *(f"{one.split('-')[0]}-{killed}" for one in extra))
    for process, _, _ in alive:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    # What the killed have left open in the database ends with their connections.
    for _ in range(20):
        sealing.seal(house.mount, now=AT)
        if check(house.mount).waiting == 0:
            break
        time.sleep(0.2)
    found = check(house.mount)
    assert killed > 8
    assert found.seals > 3
    assert (found.faults, found.waiting) == ([], 0)
    assert len(set(objects_in_order(house.mount))) == len(objects_in_order(house.mount)) == found.entries > 50


def test_ranges_are_read_as_they_were_written():
    assert ranges_text([57, 1001, 1002, 1003, 9]) == "57,1001-1003,9"
    assert read_ranges("57,1001-1003,9") == [(57, 57), (1001, 1003), (9, 9)]
    for other in ("", "0", "5-4", "1,,2", "1-2-3", "x", "01"):
        with pytest.raises(ValueError, match="range"):
            read_ranges(other)


def test_gaps_open_and_close():
    assert missing(4, [5, 6, 9, 12]) == [(7, 8), (10, 11)]
    gaps = [Gap(7, 8, ("3/1",)), Gap(10, 14, ("3/1", "4/9"))]
    assert read_gaps(gaps_text(gaps)) == gaps
    assert still_open(gaps, [], writing=frozenset(), all_seen=True) == []
    assert still_open(gaps, [], writing=frozenset({"4/9"}), all_seen=True) == gaps[1:]
    assert still_open(gaps, [7, 12], writing=frozenset({"3/1"}), all_seen=True) == [
        Gap(8, 8, ("3/1",)),
        Gap(10, 11, ("3/1", "4/9")),
        Gap(13, 14, ("3/1", "4/9")),
    ]
    assert still_open(gaps, [], writing=frozenset({"-1/77"}), all_seen=True) == gaps
    assert still_open(gaps, [7], writing=frozenset(), all_seen=False)[0] == Gap(8, 8, ("3/1",))
    for other in ("[1]", "nonsense", '[[1,"x",[]]]'):
        with pytest.raises(ValueError):
            read_gaps(other)
