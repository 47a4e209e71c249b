"""Whether a mount is ready to take referrals."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from ..errors import SettingsError
from ..store import encrypted, leases, migrate, workers, writable
from ..store.storage import Tx
from . import reencrypt
from .mount import Mount

log = logging.getLogger("notice_intake.flows")
#: Work that waits longer than this means that no worker runs, or that one is stuck.
LONGEST_WAIT = timedelta(minutes=5)
#: A worker that has said nothing for so long is not there.
LONGEST_SILENCE = timedelta(minutes=2)


def readiness(mount: Mount, *, now: datetime) -> dict[str, str]:
    """Return each check with ``ok`` or a word for what is wrong; the log has the rest."""
    try:
        if migrate.current(mount.storage) != migrate.head():
            return {"database": "ok", "tables": "not upgraded"}
        with mount.storage.read() as tx:
            oldest = leases.oldest(tx, now=now)
            known = workers.everyone(tx)
            keys = _keys(mount, tx)
        if not writable.writable(mount.storage):
            return {"database": "cannot be written", "tables": "ok"}
    except Exception:  # whatever the driver raises, the answer is "not ready"
        log.exception("the database cannot be asked")
        return {"database": "unreachable"}
    return {
        "database": "ok",
        "tables": "ok",
        "keys": keys,
        "worker": _worker(oldest, known[0].seen_at if known else None, now),
    }


def _keys(mount: Mount, tx: Tx) -> str:
    """Whether the newest secrets of each kind can be read: after a restore a key may be missing."""
    try:
        for place in encrypted.places(tx.tables):
            for _, value in encrypted.newest(tx, place):
                for token in reencrypt.tokens(value):
                    mount.secrets.decrypt(token)
    except SettingsError:
        return "one is missing"
    return "ok"


def _worker(oldest: datetime | None, seen: datetime | None, now: datetime) -> str:
    if oldest is not None and now - oldest >= LONGEST_WAIT:
        return "work is waiting"
    # One that ends in good order says goodbye: what is left here was killed, and nothing has taken its place.
    return "ok" if seen is None or now - seen < LONGEST_SILENCE else "none is running"
