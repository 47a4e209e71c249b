"""Signatures that were checked, the nonces that must not come again, and the platform's own keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from ..auth.envelope import Signed
from .direct import Straight
from .storage import Tx


def nonce_row(signed: Signed) -> dict[str, Any]:
    """Return the row by which a nonce is spent."""
    until = datetime.fromtimestamp(signed.until, UTC)
    return {"key_id": signed.key_id, "nonce": signed.nonce, "expires_at": until}


def evidence_row(signed: Signed, signature_id: str, *, now: datetime, stream: bytes | None = None) -> dict[str, Any]:
    """Return the row that keeps a signature; ``stream`` is the body, where it is not that of one referral."""
    return {
        "id": signature_id,
        "key_id": signed.key_id,
        "algorithm": signed.algorithm,
        "public_key": signed.public_key,
        "signature_input": signed.signature_input,
        "signature": signed.signature,
        "base": signed.base,
        "stream": stream,
        "checked_at": now,
    }


def is_spent(tx: Tx, signed: Signed) -> bool:
    """Whether the nonce of a signature was seen."""
    nonce = tx.tables.nonce
    query = select(nonce.c.nonce).where(nonce.c.key_id == signed.key_id, nonce.c.nonce == signed.nonce)
    return tx.execute(query).one_or_none() is not None


def spend(tx: Straight | Tx, signed: Signed) -> None:
    """Note that a nonce was seen. Raises the driver's IntegrityError where it was seen before."""
    tx.insert((tx.tables.nonce, [nonce_row(signed)]))


def keep(tx: Tx, row: dict[str, Any]) -> None:
    """Keep a signature."""
    tx.insert((tx.tables.signature, [row]))


def forget_nonces(tx: Tx, *, now: datetime) -> int:
    """Delete the nonces whose signatures are too old to be accepted anyway; return how many."""
    nonce = tx.tables.nonce
    return tx.execute(delete(nonce).where(nonce.c.expires_at < now)).rowcount


def of_referral(tx: Tx, referral_id: str) -> tuple[Row[Any] | None, Row[Any] | None]:
    """Return a referral and the signature that it came under, None for what there is not."""
    t = tx.tables
    referral = tx.execute(select(t.referral).where(t.referral.c.id == referral_id)).one_or_none()
    if referral is None or referral.signature_id is None:
        return referral, None
    return referral, tx.execute(select(t.signature).where(t.signature.c.id == referral.signature_id)).one_or_none()


def platform_keys(tx: Tx) -> Sequence[Row[Any]]:
    """Return the platform's keys, oldest first."""
    key = tx.tables.platform_key
    return tx.execute(select(key).order_by(key.c.created_at, key.c.key_id)).all()


def add_platform_key(tx: Tx, row: dict[str, Any]) -> None:
    """Store a key of the platform; its private part encrypted."""
    tx.execute(insert(tx.tables.platform_key), row)


def set_required(tx: Tx, agency_id: str, *, required: bool) -> bool:
    """Have an agency's requests be refused unless they are signed, or not; False where there is no such agency."""
    agency = tx.tables.agency
    changed = tx.execute(update(agency).where(agency.c.id == agency_id).values(require_signature=required))
    return bool(changed.rowcount)
