"""How large SQLite's log gets: a stream carries it over as it commits, single referrals without holding up others."""

from __future__ import annotations

import logging
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from notice_intake.store import migrate, together
from notice_intake.store.carrying_over import carry_over
from notice_intake.store.engines import PAGE_SIZE
from notice_intake.store.storage import Storage

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
#: Pages that one transaction of ours writes, somewhat more than this.
WRITTEN = 2000


@pytest.fixture
def database(tmp_path: Path) -> tuple[str, str | None]:
    """SQLite only: the other database has no such log."""
    return f"sqlite:///{tmp_path / 'log.db'}", None


@pytest.fixture
def file(storage: Storage) -> Path:
    assert storage.engine is not None
    return Path(str(storage.engine.url.database))


def store(storage: Storage, number: int, *, many: bool) -> None:
    row: dict[str, Any] = {
        "id": f"msg_{number:04}",
        "kind": "callback",
        "lane": f"ref_{number:04}",
        "position": 1,
        "state": "feed",
        "due_at": AT,
        "attempts": 0,
        "body": b"x" * (WRITTEN * PAGE_SIZE),
        "last_error": "",
        "created_at": AT,
    }
    with storage.straight(writing=True, many=many) as tx:
        tx.insert((tx.tables.outbox, [row]))


def log_pages(file: Path) -> int:
    return Path(f"{file}-wal").stat().st_size // PAGE_SIZE


def stored(file: Path) -> int:
    """How many referrals stand in the file itself, without its log."""
    with sqlite3.connect(f"file:{file}?immutable=1", uri=True) as connection:
        return int(connection.execute("SELECT count(*) FROM ni_referral").fetchone()[0])


def test_a_streams_batches_keep_the_log_small(file, storage):
    for number in range(12):
        store(storage, number, many=True)
    assert log_pages(file) < 4 * WRITTEN


def test_after_a_stream_the_log_may_grow_again(file, storage):
    store(storage, 100, many=True)
    for number in range(7):
        store(storage, number, many=False)
    assert log_pages(file) > 6 * WRITTEN


def refer(agency: Any, numbers: range) -> None:
    for number in numbers:
        assert agency.refer({**agency.document(), "agency_reference": f"number {number}"}).status_code == 201


def test_single_referrals_have_the_log_carried_over_before_it_is_full(house, file, monkeypatch):
    monkeypatch.setattr(together, "_CARRIED", 100)
    agency = house.agency()
    carry_over(house.mount.storage)
    before = log_pages(file)
    refer(agency, range(120))
    assert log_pages(file) <= max(before, 1000), "some two thousand pages were written"
    assert stored(file) > 100


def test_while_somebody_reads_nothing_waits_and_afterwards_the_log_is_carried_over(house, file, monkeypatch):
    monkeypatch.setattr(together, "_CARRIED", 100)
    agency = house.agency()
    carry_over(house.mount.storage)
    with house.mount.storage.read() as tx:
        assert tx.execute(tx.tables.referral.select()).all() == []
        refer(agency, range(30))
        assert stored(file) == 0, "the reader would see what was not there when it began"
        assert tx.execute(tx.tables.referral.select()).all() == []
    refer(agency, range(30, 60))
    assert stored(file) >= 30


def test_a_log_that_cannot_be_carried_over_costs_no_referral(house, monkeypatch, caplog):
    monkeypatch.setattr(together, "_CARRIED", 1)
    agency = house.agency()
    monkeypatch.setattr("notice_intake.store.carrying_over._CARRY_OVER", "PRAGMA no such thing")
    with caplog.at_level(logging.WARNING, "notice_intake.store"):
        refer(agency, range(3))
    assert [record.message for record in caplog.records] == ["SQLite's log was not carried over"] * 3
    monkeypatch.undo()
    refer(agency, range(3, 6))


def page_size(file: Path) -> int:
    with sqlite3.connect(file) as connection:
        return int(connection.execute("PRAGMA page_size").fetchone()[0])


def test_a_new_file_has_small_pages(file):
    assert page_size(file) == PAGE_SIZE


def test_a_file_that_is_there_keeps_the_size_of_its_pages(tmp_path):
    file = tmp_path / "older.db"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA page_size=4096")
        connection.execute("CREATE TABLE of_the_host (id)")
    storage = Storage.from_url(f"sqlite:///{file}")
    migrate.upgrade(storage)
    store(storage, 1, many=False)
    assert page_size(file) == 4096
    storage.dispose()
