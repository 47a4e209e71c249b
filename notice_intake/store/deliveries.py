"""An agency's callbacks, as it looks after them itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, select, update

from ..core.codes import EffectKind, EffectState
from .outbox import KEY_EXPIRING
from .storage import Tx

#: What an agency may have sent again: what was given up, what it has had, what was never sent.
REPLAYABLE = (EffectState.DEAD, EffectState.DONE, EffectState.FEED)


def page(tx: Tx, agency_id: str, *, state: str | None, before: str | None, limit: int) -> Sequence[Row[Any]]:
    """Return an agency's callbacks, newest first: their ids sort by time."""
    table = tx.tables.outbox
    query = select(table).where(table.c.agency_id == agency_id, table.c.kind == EffectKind.CALLBACK)
    if state is not None:
        query = query.where(table.c.state == state)
    if before is not None:
        query = query.where(table.c.id < before)
    return tx.execute(query.order_by(table.c.id.desc()).limit(limit)).all()


def find(tx: Tx, agency_id: str, delivery_id: str, *, lock: bool = False) -> Row[Any] | None:
    """Return a callback of this agency; None for another agency's as for none."""
    table = tx.tables.outbox
    mine = and_(table.c.id == delivery_id, table.c.agency_id == agency_id, table.c.kind == EffectKind.CALLBACK)
    query = select(table).where(mine)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def send_again(tx: Tx, delivery_id: str, *, now: datetime) -> None:
    """Make a callback due again, under its old id."""
    table = tx.tables.outbox
    values = {"state": EffectState.DUE, "due_at": now, "attempts": 0, "done_at": None, "last_error": ""}
    values["cause"] = "replay"
    free = {"lease_until": None, "lease_token": None}
    tx.execute(update(table).where(table.c.id == delivery_id).values(**values, **free))


def cancel(tx: Tx, delivery_id: str, *, now: datetime) -> None:
    """Take back a message that has not been delivered."""
    table = tx.tables.outbox
    waiting = and_(table.c.id == delivery_id, table.c.state.in_((EffectState.DUE, EffectState.DEAD)))
    values = {"state": EffectState.CANCELLED, "done_at": now, "lease_until": None, "lease_token": None}
    tx.execute(update(table).where(waiting).values(values))


def leave_to_polling(tx: Tx, agency_id: str, *, now: datetime) -> None:
    """Turn what waits for an endpoint into what waits to be polled; what is about the endpoint itself is void."""
    table = tx.tables.outbox
    waiting = and_(
        table.c.agency_id == agency_id, table.c.kind == EffectKind.CALLBACK, table.c.state == EffectState.DUE
    )
    free = {"lease_until": None, "lease_token": None}
    about = and_(waiting, table.c.referral_id.is_(None), table.c.type != KEY_EXPIRING)
    tx.execute(update(table).where(about).values(state=EffectState.CANCELLED, done_at=now, **free))
    tx.execute(update(table).where(waiting).values(state=EffectState.FEED, **free))
