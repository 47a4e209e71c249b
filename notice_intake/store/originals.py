"""The files that referrals were entered from: the bytes once under their SHA-256, and a row for each referral."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from .storage import Tx


def keep(tx: Tx, digest: str, *, content: bytes, now: datetime) -> None:
    """Keep a file's bytes, unless they are kept already."""
    original = tx.tables.original
    if tx.execute(select(original.c.sha256).where(original.c.sha256 == digest)).one_or_none() is None:
        row = {"sha256": digest, "size": len(content), "content": content, "stored_at": now}
        tx.execute(insert(original), row)


def link(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Say which files referrals were entered from, and by whom."""
    if rows:
        tx.insert((tx.tables.entry, list(rows)))


def touch(tx: Tx, referral_ids: Sequence[str], *, now: datetime) -> None:
    """Have those who poll for changes find referrals that count as received earlier than they were entered."""
    referral = tx.tables.referral
    for start in range(0, len(referral_ids), 500):
        some = referral_ids[start : start + 500]
        tx.execute(update(referral).where(referral.c.id.in_(some)).values(updated_at=now))


def of_referrals(tx: Tx, referral_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Return the entries of referrals, each with ``size``, which is None where the bytes are purged."""
    entry, original = tx.tables.entry, tx.tables.original
    query = select(entry, original.c.size).outerjoin_from(entry, original, original.c.sha256 == entry.c.sha256)
    query = query.where(entry.c.referral_id.in_(referral_ids))
    return tx.execute(query.order_by(entry.c.referral_id, entry.c.position)).all()


def find(tx: Tx, referral_id: str, *, digest: str) -> Row[Any] | None:
    """Return a file of a referral with its ``content``; None where there is none, or no longer."""
    entry, original = tx.tables.entry, tx.tables.original
    query = select(entry, original.c.content).join_from(entry, original, original.c.sha256 == entry.c.sha256)
    return tx.execute(query.where(entry.c.referral_id == referral_id, entry.c.sha256 == digest)).one_or_none()


def entered_from(tx: Tx, digest: str, *, agency_id: str) -> int:
    """Count the referrals of an agency that were entered from these very bytes."""
    entry, referral = tx.tables.entry, tx.tables.referral
    query = select(func.count()).select_from(entry.join(referral, referral.c.id == entry.c.referral_id))
    return int(tx.execute(query.where(entry.c.sha256 == digest, referral.c.agency_id == agency_id)).scalar_one())
