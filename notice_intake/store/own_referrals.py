"""What the agency pages read: an agency's own referrals, newest first. Every read takes the agency's id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, exists, func, or_, select, tuple_

from ..core.codes import CaseState, EffectKind, EffectState, ItemStatus
from ..core.messages import UNDECIDED
from .storage import Tx

#: Counting stops here: nobody reads a longer number.
COUNT_CAP = 1000


def page(
    tx: Tx,
    agency_id: str,
    *,
    state: str,
    reference: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return referrals by time of their last change, newest first.

    ``state`` is ``all``, ``asked`` (a question waits), ``open`` (an item waits for a decision) or ``answered``.
    """
    table = tx.tables.referral
    query = select(table).where(table.c.agency_id == agency_id, *_in_state(tx, state))
    if reference is not None:
        query = query.where(table.c.agency_reference == reference)
    if before is not None:
        query = query.where(tuple_(table.c.updated_at, table.c.id) < tuple_(*before))
    return tx.execute(query.order_by(table.c.updated_at.desc(), table.c.id.desc()).limit(limit)).all()


def asked(tx: Tx, agency_id: str) -> int:
    """Return how many referrals wait for an answer of their agency, up to ``COUNT_CAP``."""
    table = tx.tables.referral
    found = select(table.c.id).where(table.c.agency_id == agency_id, *_in_state(tx, "asked")).limit(COUNT_CAP)
    return int(tx.execute(select(func.count()).select_from(found.subquery())).scalar_one())


def told(tx: Tx, referral_id: str, *, limit: int = 500) -> Sequence[Row[Any]]:
    """Return what the agency was told about a referral, oldest first, whether it was called back or polls."""
    table = tx.tables.outbox
    about = (table.c.lane == referral_id, table.c.kind == EffectKind.CALLBACK, table.c.state != EffectState.CANCELLED)
    return tx.execute(select(table).where(*about).order_by(table.c.position).limit(limit)).all()


def decisions_of(tx: Tx, case_ids: Sequence[str], *, now: datetime) -> Sequence[Row[Any]]:
    """Return the decisions of cases that agencies have been told of, newest first."""
    decision, case = tx.tables.decision, tx.tables.case
    hidden = and_(case.c.decision_id == decision.c.id, case.c.announced.is_(False))
    query = (
        select(decision)
        .join_from(decision, case, case.c.id == decision.c.case_id)
        .where(decision.c.case_id.in_(case_ids), decision.c.undone_at.is_(None), decision.c.effective_at <= now)
        .where(~hidden)
        .order_by(decision.c.decided_at.desc(), decision.c.id.desc())
    )
    return tx.execute(query).all()


def resting(tx: Tx, decision_ids: Collection[str], *, now: datetime) -> frozenset[str]:
    """Return which decisions no agency has been told of yet: they may still be undone."""
    if not decision_ids:
        return frozenset()
    decision, case = tx.tables.decision, tx.tables.case
    hidden = and_(case.c.decision_id == decision.c.id, case.c.announced.is_(False))
    query = (
        select(decision.c.id)
        .join_from(decision, case, case.c.id == decision.c.case_id)
        .where(decision.c.id.in_(sorted(decision_ids)), or_(hidden, decision.c.effective_at > now))
    )
    return frozenset(tx.execute(query).scalars())


def in_state(tx: Tx, case_ids: Sequence[str], state: CaseState, *, announced: bool | None = None) -> set[str]:
    """Return which of the cases are in a state; with ``announced``, only those whose agencies were told or not yet."""
    case = tx.tables.case
    query = select(case.c.id).where(case.c.id.in_(case_ids), case.c.state == state)
    if announced is not None:
        query = query.where(case.c.announced.is_(announced))
    return set(tx.execute(query).scalars())


def _in_state(tx: Tx, state: str) -> list[Any]:
    item, table = tx.tables.item, tx.tables.referral
    mine = item.c.referral_id == table.c.id
    if state == "asked":
        return [exists().where(mine, item.c.status == ItemStatus.NEEDS_CLARIFICATION)]
    waiting = exists().where(mine, item.c.status.in_(sorted(UNDECIDED)))
    if state == "open":
        return [waiting]
    return [~waiting] if state == "answered" else []
