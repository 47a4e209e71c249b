"""Where the secrets lie that are encrypted at rest, so that all of them can be encrypted under another key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, select, update

from .storage import Tx
from .tables import Tables


@dataclass(frozen=True, slots=True)
class Place:
    """A column that holds secrets: as its text, or as texts within its JSON."""

    table: Table
    key: str
    column: str

    @property
    def name(self) -> str:
        """What to call it where something is wrong with it."""
        return f"{self.table.name}.{self.column}"


def places(tables: Tables) -> tuple[Place, ...]:
    """Return every column with secrets. ``tests/flows/test_secrets.py`` finds one that is missing here."""
    return (
        Place(tables.endpoint, "id", "secrets"),
        Place(tables.endpoint, "id", "pending"),
        Place(tables.platform_key, "key_id", "private_key"),
    )


def some(tx: Tx, place: Place, *, after: str, limit: int, lock: bool) -> Sequence[tuple[str, Any]]:
    """Return (key, value) of the rows after a key, in its order; with ``lock`` nobody else changes them meanwhile."""
    key, value = place.table.c[place.key], place.table.c[place.column]
    query = select(key, value).where(key > after).order_by(key).limit(limit)
    rows: Sequence[Any] = tx.execute(query.with_for_update() if lock else query).all()
    return [(row[0], row[1]) for row in rows]


def newest(tx: Tx, place: Place) -> Sequence[tuple[str, Any]]:
    """Return (key, value) of the row that holds a secret and has the highest key; ids are made in the order of time."""
    key, value = place.table.c[place.key], place.table.c[place.column]
    rows: Sequence[Any] = tx.execute(select(key, value).order_by(key.desc()).limit(1)).all()
    return [(row[0], row[1]) for row in rows]


def put(tx: Tx, place: Place, *, key: str, value: Any) -> None:
    """Store a value in place of the old one."""
    table = place.table
    tx.execute(update(table).where(table.c[place.key] == key).values({place.column: value}))
