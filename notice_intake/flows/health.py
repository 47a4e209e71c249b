"""Whether a mount is ready to take referrals."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from ..store import migrate, outbox
from .mount import Mount

log = logging.getLogger("notice_intake.flows")
#: Work that waits longer than this means that no worker runs, or that one is stuck.
LONGEST_WAIT = timedelta(minutes=5)


def readiness(mount: Mount, *, now: datetime) -> dict[str, str]:
    """Return each check with ``ok`` or a word for what is wrong; the log has the rest."""
    try:
        if migrate.current(mount.storage) != migrate.head():
            return {"database": "ok", "tables": "not upgraded"}
        with mount.storage.read() as tx:
            oldest = outbox.oldest_due(tx, now=now)
    except Exception:  # whatever the driver raises, the answer is "not ready"
        log.exception("the database cannot be asked")
        return {"database": "unreachable"}
    return {
        "database": "ok",
        "tables": "ok",
        "worker": "ok" if oldest is None or now - oldest < LONGEST_WAIT else "work is waiting",
    }
