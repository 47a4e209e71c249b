"""Answers that are given again for the same idempotency key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select

from .storage import Tx


def find(tx: Tx, agency_id: str, key: str) -> Row[Any] | None:
    """Return what was answered under a key, or None."""
    table = tx.tables.answered
    return tx.execute(select(table).where(table.c.agency_id == agency_id, table.c.idempotency_key == key)).one_or_none()


def keep(tx: Tx, agency_id: str, *, key: str, fingerprint: bytes, answer: str, now: datetime) -> None:
    """Keep an answer. Raises ``Raced`` at the end where another request took the key meanwhile."""
    values = {"agency_id": agency_id, "idempotency_key": key, "fingerprint": fingerprint, "answer": answer, "at": now}
    tx.execute(insert(tx.tables.answered), values)


def purge(tx: Tx, *, before: datetime) -> int:
    """Forget what was answered before a time."""
    table = tx.tables.answered
    return tx.execute(delete(table).where(table.c.at < before)).rowcount
