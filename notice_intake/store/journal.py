"""The journal: appended in the transaction of the change, never changed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Row, insert, select

from ..core.journal import Entry, canonical_bytes, leaf_hash
from .storage import Tx


def append(tx: Tx, entries: Sequence[Entry]) -> list[str]:
    """Write entries; return their leaf hashes, in order."""
    if not entries:
        return []
    rows = [_row(entry) for entry in entries]
    tx.execute(insert(tx.tables.journal), rows if len(rows) > 1 else rows[0])
    return [str(row["leaf"]) for row in rows]


def leaf_of(entry: Entry) -> str:
    """Return the leaf hash that ``append`` will store, for receipts that must name it beforehand."""
    return leaf_hash(canonical_bytes(entry))


def history(tx: Tx, objects: Sequence[str], *, limit: int = 500) -> Sequence[Row[tuple[object, ...]]]:
    """Return what happened to ``objects``, oldest first."""
    journal = tx.tables.journal
    query = select(journal).where(journal.c.object.in_(objects)).order_by(journal.c.id).limit(limit)
    return tx.execute(query).all()


def _row(entry: Entry) -> dict[str, object]:
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
