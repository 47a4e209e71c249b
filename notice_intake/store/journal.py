"""The journal: appended in the transaction of the change, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from ..core.journal import Entry, canonical_bytes, leaf_hash
from .storage import Tx


def append(tx: Tx, entries: Sequence[Entry]) -> list[str]:
    """Write entries; return their leaf hashes, in order."""
    rows = [row(entry) for entry in entries]
    write(tx, rows)
    return [str(one["leaf"]) for one in rows]


def write(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write entries that ``row`` has made ready."""
    tx.insert((tx.tables.journal, rows))


def history(tx: Tx, objects: Sequence[str], *, limit: int = 500) -> Sequence[Row[tuple[object, ...]]]:
    """Return what happened to ``objects``, oldest first."""
    journal = tx.tables.journal
    query = select(journal).where(journal.c.object.in_(objects)).order_by(journal.c.id).limit(limit)
    return tx.execute(query).all()


def row(entry: Entry) -> dict[str, Any]:
    """Return an entry as stored, for those that must name its ``leaf`` before they write it."""
    payload = canonical_bytes(entry)
    return {
        "object": entry.object,
        "action": entry.action,
        "actor_kind": entry.actor.kind,
        "actor_id": entry.actor.id,
        "actor_name": entry.actor.name,
        "at": entry.at,
        "payload": payload,
        "leaf": leaf_hash(payload),
    }
