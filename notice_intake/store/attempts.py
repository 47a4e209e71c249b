"""What came of each attempt to call back, kept for the engineer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select

from .storage import Tx

#: So many attempts are forgotten in one transaction at most.
_SLICE = 5000


def add(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store attempts; all rows name every column but the id."""
    if rows:
        tx.insert((tx.tables.attempt, rows))


def of_message(tx: Tx, message_id: str, *, limit: int = 200) -> Sequence[Row[Any]]:
    """Return the attempts of a callback, the latest first."""
    table = tx.tables.attempt
    query = select(table).where(table.c.message_id == message_id).order_by(table.c.id.desc()).limit(limit)
    return tx.execute(query).all()


def forget(tx: Tx, *, before: datetime) -> int:
    """Delete the oldest attempts that were made before a time, a slice of them; return how many."""
    table = tx.tables.attempt
    oldest = select(table.c.id, table.c.at).order_by(table.c.id).limit(_SLICE).subquery()
    last = tx.execute(select(func.max(oldest.c.id)).where(oldest.c.at < before)).scalar_one()
    if last is None:
        return 0
    return int(tx.execute(delete(table).where(table.c.id <= last)).rowcount)
