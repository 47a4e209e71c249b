"""Callbacks as the engineer looks through them, over all agencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, select, text, update

from ..core.codes import EffectKind, EffectState
from .storage import Tx

#: Counts stop here.
COUNT_CAP = 1000
#: So many callbacks are made due again in one transaction at most.
SLICE = 500


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one agency has not had."""

    waiting: int
    dead: int
    oldest: datetime | None


def backlog(tx: Tx, agency_id: str) -> Backlog:
    """Count what waits for an agency and what was given up, each up to ``COUNT_CAP``; since when the oldest waits."""
    table = tx.tables.outbox
    mine = table.c.agency_id == agency_id
    due = select(table.c.created_at).where(mine, text("state = 'due'")).order_by(table.c.due_at).limit(COUNT_CAP)
    dead = select(table.c.id).where(mine, text("state = 'dead'")).limit(COUNT_CAP)
    waiting = due.subquery()
    found: Any = tx.execute(select(func.count(), func.min(waiting.c.created_at)).select_from(waiting)).one()
    given_up = tx.execute(select(func.count()).select_from(dead.subquery())).scalar_one()
    return Backlog(found[0], given_up, found[1])


def page(
    tx: Tx, *, agency_id: str | None, state: str | None, referral_id: str | None, before: str | None, limit: int
) -> Sequence[Row[Any]]:
    """Return callbacks, the newest first: their ids sort by time."""
    table = tx.tables.outbox
    query = select(table).where(table.c.kind == EffectKind.CALLBACK)
    if agency_id is not None:
        query = query.where(table.c.agency_id == agency_id)
    if state is not None:
        # A literal, for the partial indexes.
        query = query.where(text(f"state = '{EffectState(state)}'"))
    if referral_id is not None:
        query = query.where(table.c.lane == referral_id)
    if before is not None:
        query = query.where(table.c.id < before)
    return tx.execute(query.order_by(table.c.id.desc()).limit(limit)).all()


def find(tx: Tx, message_id: str) -> Row[Any] | None:
    """Return a callback, or None."""
    table = tx.tables.outbox
    return tx.execute(select(table).where(table.c.id == message_id, table.c.kind == EffectKind.CALLBACK)).one_or_none()


def replay(
    tx: Tx, agency_id: str, *, since: datetime | None, arrived: bool, after: str, now: datetime
) -> Sequence[str]:
    """Make up to ``SLICE`` callbacks of an agency due again, under their ids; return those, in order.

    Those that were given up, and with ``arrived`` those that it has had; from ``since`` on, with ids beyond ``after``.
    """
    table = tx.tables.outbox
    states = (EffectState.DEAD, EffectState.DONE) if arrived else (EffectState.DEAD,)
    mine = and_(table.c.agency_id == agency_id, table.c.kind == EffectKind.CALLBACK, table.c.referral_id.is_not(None))
    wanted = [mine, table.c.state.in_(states), table.c.id > after, table.c.body.is_not(None)]
    if since is not None:
        wanted.append(table.c.created_at >= since)
    ids = tx.execute(select(table.c.id).where(*wanted).order_by(table.c.id).limit(SLICE)).scalars().all()
    if ids:
        fresh: dict[str, Any] = {"state": EffectState.DUE, "due_at": now, "attempts": 0, "cause": "replay"}
        fresh |= {"done_at": None, "lease_until": None, "lease_token": None}
        tx.execute(update(table).where(table.c.id.in_(ids), table.c.state.in_(states)).values(fresh))
    return ids
