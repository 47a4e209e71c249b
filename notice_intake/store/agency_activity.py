"""How agencies do: their keys with when each was last used, what waits for them, when they last referred."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, update

from ..core.codes import EffectKind, EffectState
from .storage import Tx


def keys_of(tx: Tx, agency_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Return the keys of agencies that are not revoked, oldest first."""
    key = tx.tables.credential
    query = select(key).where(key.c.agency_id.in_(agency_ids), key.c.revoked_at.is_(None))
    return tx.execute(query.order_by(key.c.created_at, key.c.key_id)).all()


def set_expiry(tx: Tx, key_id: str, *, expires_at: datetime | None) -> None:
    """Say until when a key is good."""
    key = tx.tables.credential
    tx.execute(update(key).where(key.c.key_id == key_id).values(expires_at=expires_at))


def note_use(tx: Tx, key_id: str, *, now: datetime) -> None:
    """Write down that a key was used."""
    key = tx.tables.credential
    tx.execute(update(key).where(key.c.key_id == key_id).values(used_at=now))


def waiting(tx: Tx, agency_ids: Sequence[str]) -> dict[str, int]:
    """Return how many callbacks wait to be delivered, by agency."""
    table = tx.tables.outbox
    due = (table.c.state == EffectState.DUE, table.c.kind == EffectKind.CALLBACK, table.c.agency_id.in_(agency_ids))
    query = select(table.c.agency_id, func.count().label("callbacks")).where(*due).group_by(table.c.agency_id)
    return {row.agency_id: int(row.callbacks) for row in tx.execute(query)}


def once_open(tx: Tx, agency_ids: Sequence[str]) -> set[str]:
    """Return which agencies had a key at some time, or were closed out: nobody closes a door that was never there."""
    key, entry = tx.tables.credential.c, tx.tables.journal.c
    ended = (entry.object.in_(agency_ids), entry.action == "agency.keys_revoked")
    queries = (
        select(key.agency_id).where(key.agency_id.in_(agency_ids)).distinct(),
        select(entry.object).where(*ended).distinct(),
    )
    return {found for query in queries for found in tx.execute(query).scalars()}


def last_referrals(tx: Tx, agency_ids: Sequence[str]) -> dict[str, datetime]:
    """Return when something last happened to a referral of each agency, where it has any."""
    table = tx.tables.referral
    # One look at the end of an index for each: grouping would read every referral there is.
    found = {}
    for agency_id in agency_ids:
        query = select(table.c.updated_at).where(table.c.agency_id == agency_id)
        at = tx.execute(query.order_by(table.c.updated_at.desc()).limit(1)).scalar_one_or_none()
        if at is not None:
            found[agency_id] = at
    return found
