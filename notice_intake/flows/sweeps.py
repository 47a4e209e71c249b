"""What a worker does beside the outbox: claims that ran out, deadlines that come near, rows whose time is over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from .. import signals
from ..core.journal import SYSTEM, Entry
from ..errors import TemporarilyUnavailable
from ..store import attempts, cases, journal, workers
from . import claims, evidence, expiry, once, retention
from .endpoint_health import raise_alarms
from .mount import Mount

log = logging.getLogger("notice_intake.worker")
#: A worker that did not say goodbye is remembered for so long.
_REMEMBERED = timedelta(hours=24)


def sweep(mount: Mount, *, now: datetime) -> None:
    """Do all of it once. Any number of workers may do so at the same time; a fault in one part stops no other."""
    for part in _PARTS:
        try:
            part(mount, now)
        except TemporarilyUnavailable:
            raise
        except Exception:  # the callbacks must go on
            log.exception("the sweep %s failed", part.__name__)


def call_out(mount: Mount, now: datetime) -> int:
    """Mark open cases that come near their deadline, and tell the listeners; return how many.

    Each is called out once for each deadline that it gets.
    """
    margin = timedelta(minutes=mount.settings.deadline_warning_minutes)
    if not margin:
        return 0
    with mount.storage.begin() as tx:
        near = cases.mark_near(tx, until=now + margin)
        entries = [Entry(SYSTEM, "case.deadline_near", one.id, now, {"due_at": one.due_at.isoformat()}) for one in near]
        journal.append(tx, entries)
        for one in near:
            held_by = one.claimed_by if one.claimed_until is not None and one.claimed_until > now else None
            told = {"case_id": one.id, "due_at": one.due_at, "due_kind": one.due_kind, "held_by": held_by}
            tx.after_commit.append(partial(signals.send, signals.deadline_near, mount, **told))
    return len(near)


def _expire_claims(mount: Mount, now: datetime) -> None:
    claims.expire(mount, now=now)


def _keys(mount: Mount, now: datetime) -> None:
    expiry.warn(mount, now=now)


def _alarms(mount: Mount, now: datetime) -> None:
    raise_alarms(mount, now=now)


def _purge(mount: Mount, now: datetime) -> None:
    retention.purge_due(mount, now=now)


def _forget(mount: Mount, now: datetime) -> None:
    evidence.forget(mount, now=now)
    once.forget(mount, now=now)
    with mount.storage.begin() as tx:
        workers.forget(tx, before=now - _REMEMBERED)
        attempts.forget(tx, before=now - timedelta(days=mount.settings.attempt_days))


_PARTS: tuple[Callable[[Mount, datetime], object], ...] = (_expire_claims, call_out, _alarms, _keys, _forget, _purge)
