"""Answering a request once, however often it is sent under its idempotency key."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..errors import KeyReused
from ..store import answered
from ..store.storage import Tx
from .mount import Mount


def before(tx: Tx, agency_id: str, key: str | None, *, fingerprint: bytes) -> str | None:
    """Return what was answered under a key, or None. Raises ``KeyReused`` where it was another request."""
    row = answered.find(tx, agency_id, key) if key is not None else None
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise KeyReused
    return str(row.answer)


def keep(tx: Tx, agency_id: str, key: str | None, *, fingerprint: bytes, answer: str, now: datetime) -> None:
    """Keep an answer for the next time. Raises ``Raced`` where another request took the key meanwhile."""
    if key is not None:
        answered.keep(tx, agency_id, key=key, fingerprint=fingerprint, answer=answer, now=now)


def forget(mount: Mount, *, now: datetime) -> None:
    """Forget the answers whose keys have run out."""
    with mount.storage.begin() as tx:
        answered.purge(tx, before=now - timedelta(days=mount.settings.idempotency_days))
