"""The connection that writes, kept between two transactions: always the same, and never with one left open on it."""

from __future__ import annotations

import os
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from notice_intake.store.storage import Raced, Storage


@pytest.fixture
def database(tmp_path: Path) -> tuple[str, str | None]:
    """SQLite only: on the other database every thread writes by a connection of its own."""
    return f"sqlite:///{tmp_path / 'writer.db'}", None


def row(number: int) -> dict[str, Any]:
    return {
        "id": f"agc_{number:04}",
        "name": "Unit One",
        "country": "BE",
        "instruments": ["eu.iru.referral"],
        "active": True,
        "created_at": datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
    }


def add(storage: Storage, number: int) -> None:
    with storage.straight(writing=True, synced=False) as tx:
        tx.insert((tx.tables.agency, [row(number)]))


def count(storage: Storage) -> int:
    with storage.read() as tx:
        return int(tx.execute(select(func.count()).select_from(tx.tables.agency)).scalar_one())


def held(storage: Storage) -> int:
    """How many connections are out of the pool."""
    assert storage.engine is not None
    return int(storage.engine.pool.checkedout())  # type: ignore[attr-defined]


def test_whoever_has_the_turn_writes_by_the_same_connection(storage):
    asked: list[int] = []
    event.listen(storage.engine, "checkout", lambda *_: asked.append(1))
    add(storage, 1)
    add(storage, 2)
    with storage.beside("sandbox_").straight(writing=True):
        pass
    assert len(asked) == held(storage) == 1


def test_what_failed_is_taken_back_and_the_next_one_writes(storage):
    add(storage, 1)
    with pytest.raises(Raced):
        add(storage, 1)
    assert held(storage) == 0, "a connection on which something failed is left to the pool"
    add(storage, 2)
    assert count(storage) == 2


def test_what_the_caller_gave_up_is_taken_back(storage):
    class GivenUp(Exception):
        pass

    def give_up() -> None:
        with storage.straight(writing=True) as tx:
            tx.insert((tx.tables.agency, [row(1)]))
            raise GivenUp

    with pytest.raises(GivenUp):
        give_up()
    assert count(storage) == 0
    add(storage, 1)
    assert count(storage) == 1


def test_a_connection_that_waits_for_the_next_holds_up_no_other_writer(storage):
    add(storage, 1)
    with storage.begin() as tx:
        tx.execute(tx.tables.agency.update().values(name="Unit Two"))
    add(storage, 2)
    assert count(storage) == 2


def test_many_threads_write_one_after_the_other(storage):
    failed: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for number in range(first, first + 20):
                add(storage, number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in range(0, 160, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert count(storage) == 160


def test_a_storage_that_was_closed_opens_again(storage):
    add(storage, 1)
    storage.dispose()
    with sqlite3.connect(storage.engine.url.database) as other:
        # What SQLite does only where nobody else has the file open.
        assert other.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    add(storage, 2)
    assert count(storage) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_writes_by_a_connection_that_it_opened(storage):
    add(storage, 1)
    child = os.fork()
    if not child:
        opened: list[int] = []
        event.listen(storage.engine, "connect", lambda *_: opened.append(1))
        add(storage, 2)
        os._exit(0 if opened == [1] else 1)
    assert os.waitpid(child, 0)[1] == 0
    add(storage, 3)
    assert count(storage) == 3
