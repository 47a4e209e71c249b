"""Which workers run: each says so every few seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from .storage import Tx


def seen(tx: Tx, worker: Mapping[str, Any], *, now: datetime) -> None:
    """Note that a worker is alive. ``worker``: id, host, process, started_at, facts."""
    table = tx.tables.worker
    change = update(table).where(table.c.id == worker["id"]).values(seen_at=now, facts=worker["facts"])
    if not tx.execute(change).rowcount:
        tx.execute(insert(table), {**worker, "seen_at": now})


def gone(tx: Tx, worker_id: str) -> None:
    """Forget a worker that has ended in good order."""
    table = tx.tables.worker
    tx.execute(delete(table).where(table.c.id == worker_id))


def forget(tx: Tx, *, before: datetime) -> None:
    """Forget those that were last seen before a time."""
    table = tx.tables.worker
    tx.execute(delete(table).where(table.c.seen_at < before))


def everyone(tx: Tx) -> Sequence[Row[Any]]:
    """Return all workers, the one that was seen last first."""
    table = tx.tables.worker
    return tx.execute(select(table).order_by(table.c.seen_at.desc(), table.c.id)).all()
