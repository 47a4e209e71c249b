"""Where the keys of agencies are read, and the keys that were read there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from .storage import Tx


def of_agency(tx: Tx, agency_id: str) -> Row[Any] | None:
    """Return where an agency's keys are read, or None."""
    source = tx.tables.key_source
    return tx.execute(select(source).where(source.c.agency_id == agency_id)).one_or_none()


def everywhere(tx: Tx) -> Sequence[Row[Any]]:
    """Return all sources."""
    source = tx.tables.key_source
    return tx.execute(select(source).order_by(source.c.agency_id)).all()


def put(tx: Tx, source_id: str, agency_id: str, *, url: str, now: datetime) -> str:
    """Have an agency's keys be read at an address; return the id of the source, which a new address keeps."""
    source = tx.tables.key_source
    tried = {"url": url, "tried_at": now, "fetched_at": now, "due_at": now, "failure": ""}
    known = of_agency(tx, agency_id)
    if known is not None:
        tx.execute(update(source).where(source.c.id == known.id).values(tried))
        return str(known.id)
    tx.execute(insert(source), {"id": source_id, "agency_id": agency_id, "created_at": now, **tried})
    return source_id


def remove(tx: Tx, agency_id: str) -> None:
    """Read an agency's keys nowhere any more. The keys stay as they are."""
    source = tx.tables.key_source
    tx.execute(delete(source).where(source.c.agency_id == agency_id))


def due(tx: Tx, rest: timedelta, *, now: datetime) -> Sequence[Row[Any]]:
    """Return the sources whose keys are to be read again, and those asked in the future: a clock was set back."""
    source = tx.tables.key_source
    wanted = or_(source.c.due_at <= now, source.c.tried_at >= now + rest)
    return tx.execute(select(source).where(wanted).order_by(source.c.due_at)).all()


def rested(tx: Tx, rest: timedelta, *, now: datetime, limit: int) -> Sequence[Row[Any]]:
    """Return the sources that nobody has asked for so long, or in the future, those that waited longest first."""
    source = tx.tables.key_source
    has_rested = or_(source.c.tried_at <= now - rest, source.c.tried_at >= now + rest)
    query = select(source).where(has_rested).order_by(source.c.tried_at, source.c.id)
    return tx.execute(query.limit(limit)).all()


def claim(tx: Tx, one: Row[Any], *, now: datetime) -> bool:
    """Be the one who asks a source now; False where somebody else was quicker."""
    source = tx.tables.key_source
    mine = update(source).where(source.c.id == one.id, source.c.tried_at == one.tried_at).values(tried_at=now)
    return bool(tx.execute(mine).rowcount)


def note(tx: Tx, source_id: str, *, tried_at: datetime, **values: Any) -> bool:
    """Record how a try went; False where a later one has begun, or the source is gone."""
    source = tx.tables.key_source
    mine = update(source).where(source.c.id == source_id, source.c.tried_at == tried_at)
    return bool(tx.execute(mine.values(values)).rowcount)


def keys_of(tx: Tx, source_id: str, names: Sequence[str]) -> dict[str, Row[Any]]:
    """Return the keys that were read at a source, and whoever else has one of ``names``, by name."""
    key = tx.tables.credential
    rows = tx.execute(select(key).where((key.c.source_id == source_id) | key.c.key_id.in_(names))).all()
    return {row.key_id: row for row in rows}


def mark(tx: Tx, key_id: str, *, source_id: str) -> None:
    """Note where a key was read."""
    key = tx.tables.credential
    tx.execute(update(key).where(key.c.key_id == key_id).values(source_id=source_id))


def set_expiry(tx: Tx, key_id: str, *, expires_at: datetime | None) -> None:
    """Have a key run out at another time, of which its agency is warned anew."""
    key = tx.tables.credential
    tx.execute(update(key).where(key.c.key_id == key_id).values(expires_at=expires_at, warned_days=None))


def forget(tx: Tx, key_id: str) -> None:
    """Delete a key that its agency has taken out of its set: it may come back."""
    key = tx.tables.credential
    tx.execute(delete(key).where(key.c.key_id == key_id))
