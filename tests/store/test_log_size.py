"""How large SQLite's log gets: a batch of a stream has it carried over at once, single referrals let it grow."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from notice_intake.store import migrate
from notice_intake.store.storage import Storage

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PAGE = 4096
#: Pages that one transaction of ours writes, somewhat more than this.
WRITTEN = 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def storage(file: Path) -> Storage:
    storage = Storage.from_url(f"sqlite:///{file}")
    migrate.upgrade(storage)
    return storage


def store(storage: Storage, number: int, *, many: bool) -> None:
    row: dict[str, Any] = {
        "id": f"msg_{number:04}",
        "kind": "callback",
        "lane": f"ref_{number:04}",
        "position": 1,
        "state": "feed",
        "due_at": AT,
        "attempts": 0,
        "body": b"x" * (WRITTEN * PAGE),
        "last_error": "",
        "created_at": AT,
    }
    with storage.straight(writing=True, many=many) as tx:
        tx.insert((tx.tables.outbox, [row]))


def log_pages(file: Path) -> int:
    return Path(f"{file}-wal").stat().st_size // PAGE


def test_a_streams_batches_keep_the_log_small(file: Path, storage: Storage) -> None:
    for number in range(12):
        store(storage, number, many=True)
    assert log_pages(file) < 4 * WRITTEN
    storage.dispose()


def test_after_a_stream_the_log_may_grow_again(file: Path, storage: Storage) -> None:
    store(storage, 100, many=True)
    for number in range(7):
        store(storage, number, many=False)
    assert log_pages(file) > 6 * WRITTEN
    storage.dispose()
