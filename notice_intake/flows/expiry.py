"""Telling agencies, the host and the operator which keys run out soon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from .. import signals
from ..core.codes import EffectKind
from ..core.expiry import HORIZON, days_left, warning
from ..core.journal import SYSTEM, Entry
from ..ids import new_id
from ..store import agencies, journal, key_life, key_sources, outbox
from ..store.outbox import KEY_EXPIRING
from ..store.storage import Tx
from .callbacks import body, state_for
from .mount import Mount


def warn(mount: Mount, *, now: datetime) -> int:
    """Tell agencies of their keys 14, 3 and 1 days before they run out, each time once; return of how many.

    By an event in their feed, a callback where they have an address, and the signal ``key_expiring``.
    """
    with mount.storage.read() as tx:
        rows = key_life.running_out(tx, now=now, until=now + HORIZON)
    due = [(row, warning(row.expires_at, now=now, warned=row.warned_days)) for row in rows]
    due = [(row, days) for row, days in due if days is not None]
    if not due:
        return 0
    with mount.storage.begin() as tx:
        told = [row for row, days in due if key_life.note_warned(tx, row.key_id, days=days or 0)]
        _tell(mount, tx, told, now=now)
    return len(told)


def warnings(mount: Mount, *, now: datetime) -> list[str]:
    """Return what an operator should look after before it goes wrong, a line each."""
    with mount.storage.read() as tx:
        rows = key_life.running_out(tx, now=now, until=now + HORIZON)
        failing = [one for one in key_sources.everywhere(tx) if one.failure]
    found = [
        f"{row.scheme} key {row.key_id} of {row.name} ({row.agency_id}) runs out on {row.expires_at:%Y-%m-%d}, "
        f"in {days_left(row.expires_at, now=now)} days"
        for row in rows
    ]
    return found + [
        f"the keys of {one.agency_id} could not be read since {one.fetched_at:%Y-%m-%d %H:%M} UTC ({one.failure}); "
        "the last ones stay good"
        for one in failing
    ]


def _tell(mount: Mount, tx: Tx, rows: Sequence[Any], *, now: datetime) -> None:
    listening = agencies.has_endpoint(tx, list({row.agency_id for row in rows})) if rows else set()
    for row in rows:
        left = days_left(row.expires_at, now=now)
        facts = {"key": row.key_id, "scheme": row.scheme, "expires_at": row.expires_at.isoformat(timespec="seconds")}
        message = new_id("msg")
        told = outbox.row(
            EffectKind.CALLBACK,
            id=message,
            lane=message,
            position=1,
            due_at=now,
            agency_id=row.agency_id,
            type=KEY_EXPIRING,
            body=body(KEY_EXPIRING, at=now, data={**facts, "days": left}),
            state=state_for(row.agency_id, listening),
        )
        outbox.enqueue(tx, [told])
        journal.append(tx, [Entry(SYSTEM, "agency.key_expiring", row.agency_id, now, {**facts, "days": str(left)})])
        sent = {"agency_id": row.agency_id, "key_id": row.key_id, "scheme": row.scheme}
        sent |= {"expires_at": row.expires_at, "days": left}
        tx.after_commit.append(partial(signals.send, signals.key_expiring, mount, **sent))
