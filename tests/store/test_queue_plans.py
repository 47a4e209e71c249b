"""How SQLite reads the queue's lists, whatever stands in them: along an index and never sorted. Plans, not times."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from notice_intake.core.queue import QueueFilter
from notice_intake.store import queue, retention
from notice_intake.store.storage import Storage

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> tuple[str, str | None]:
    """SQLite only: PostgreSQL chooses its plans by the numbers of rows."""
    return f"sqlite:///{tmp_path / 'plans.db'}", None


def plans(storage: Storage, call: Any) -> str:
    """Return how everything that a call reads is read."""
    statements: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: Any) -> None:
        if statement.startswith("SELECT"):
            statements.append((statement, values))

    event.listen(storage.engine, "before_cursor_execute", keep)
    with storage.read() as tx:
        call(tx)
        event.remove(storage.engine, "before_cursor_execute", keep)
        found = [
            row[3]
            for statement, values in statements
            for row in tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    assert found
    return "\n".join(found)


def page(wanted: QueueFilter, after: Any = None) -> Any:
    return lambda tx: queue.page(tx, wanted, moderator_id="one", now=AT, after=after, limit=50)


@pytest.mark.parametrize("state", ["decided", "failed", "closed", "purged"])
@pytest.mark.parametrize("after", [None, (AT, "cas_x")])
def test_lists_of_what_waits_no_more_are_read_along_their_index(storage, state, after):
    plan = plans(storage, page(QueueFilter(state=state), after))
    assert "USING INDEX ix_ni_case_state (state=?" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("after", [None, (1, AT, "cas_x")])
def test_what_waits_is_read_along_the_queue(storage, after):
    plan = plans(storage, page(QueueFilter(), after))
    assert "USING INDEX ix_ni_case_queue" in plan
    assert "TEMP B-TREE" not in plan


def test_an_agencys_cases_are_found_by_its_referrals(storage):
    plan = plans(storage, page(QueueFilter(agency="agc_x")))
    assert "SEARCH ni_referral USING COVERING INDEX" in plan
    assert "SCAN ni_item" not in plan
    assert "SCAN ni_referral" not in plan


def test_counts_read_indexes_only(storage):
    plan = plans(storage, lambda tx: queue.counts(tx, moderator_id="one", now=AT))
    assert "SCAN ni_case\n" not in plan + "\n"


def test_what_the_purge_looks_at_is_read_along_its_index(storage):
    for after in (None, (AT, "cas_x")):
        plan = plans(storage, lambda tx, after=after: retention.page(tx, before=AT, after=after, limit=50))
        assert "USING INDEX ix_ni_case_state (state=?" in plan
        assert "TEMP B-TREE" not in plan
