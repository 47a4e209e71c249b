"""When keys run out, and who was told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select, update

from .storage import Tx


def running_out(tx: Tx, *, now: datetime, until: datetime) -> Sequence[Row[Any]]:
    """Return the keys of active agencies that run out until a time, the next first, with the agency's name."""
    key, agency = tx.tables.credential, tx.tables.agency
    query = select(key, agency.c.name).join_from(key, agency, key.c.agency_id == agency.c.id)
    alive = (key.c.revoked_at.is_(None), agency.c.active, key.c.expires_at > now, key.c.expires_at <= until)
    return tx.execute(query.where(*alive).order_by(key.c.expires_at, key.c.key_id)).all()


def note_warned(tx: Tx, key_id: str, *, days: int) -> bool:
    """Note that an agency is told so many days before; False where somebody else has told it so late already."""
    key = tx.tables.credential
    fresh = or_(key.c.warned_days.is_(None), key.c.warned_days > days)
    return bool(tx.execute(update(key).where(key.c.key_id == key_id, fresh).values(warned_days=days)).rowcount)


def live(tx: Tx) -> Sequence[Row[Any]]:
    """Return all keys that are not revoked, oldest first."""
    key = tx.tables.credential
    return tx.execute(select(key).where(key.c.revoked_at.is_(None)).order_by(key.c.created_at, key.c.key_id)).all()
