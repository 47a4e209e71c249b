"""What only a sandbox needs: the cases that wait for its own answer, and forgetting everything after a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, exists, func, or_, select, update

from ..core.codes import CaseState, EffectState, ItemStatus, MessageKind
from . import journal
from .storage import Tx

#: How many cases are looked at, and how many referrals are forgotten, in one go.
_MOST = 200
_WAITING = (ItemStatus.NEEDS_CLARIFICATION, ItemStatus.WITHDRAWN)


def scripted(tx: Tx, *, prefixes: Sequence[str], now: datetime) -> Sequence[Row[Any]]:
    """Return items of open, free cases whose references begin with one of ``prefixes`` and for which we do not wait.

    Newest first, each with the version and category of its case and when that last changed, and how many times the case
    was decided (``decided``) and the agency asked about the item (``asked``).
    """
    t = tx.tables
    item, case, decision, mention, message = t.item.c, t.case.c, t.decision.c, t.mention.c, t.message.c
    decided = select(func.count()).where(decision.case_id == case.id).scalar_subquery()
    asked = (
        select(func.count())
        .select_from(t.mention.join(t.message, mention.message_id == message.id))
        .where(mention.item_id == item.id, message.kind == MessageKind.QUESTION)
        .scalar_subquery()
    )
    columns = (item.reference, item.referral_id, case.id, case.version, case.category, case.updated_at)
    query = (
        select(*columns, decided.label("decided"), asked.label("asked"))
        .join_from(t.item, t.case, item.case_id == case.id)
        .where(
            case.state == CaseState.OPEN,
            or_(case.claimed_by.is_(None), case.claimed_until <= now),
            item.status.not_in(_WAITING),
            or_(*[item.reference.startswith(prefix, autoescape=True) for prefix in prefixes]),
        )
        .order_by(case.updated_at.desc(), item.id)
        .limit(_MOST)
    )
    return tx.execute(query).all()


def forget(tx: Tx, *, before: datetime) -> int:
    """Delete referrals that have not changed since, with all that hangs on them; return how many.

    Cases go when nothing is left in them. The journal stays, without what its entries committed to, and so does the
    number that each agency's feed has come to.
    """
    t = tx.tables
    columns = (t.referral.c.id, t.referral.c.agency_id, t.referral.c.signature_id)
    rows = tx.execute(select(*columns).where(t.referral.c.updated_at < before).limit(_MOST)).all()
    if not rows:
        return 0
    ids, signatures = [row.id for row in rows], {row.signature_id for row in rows if row.signature_id}
    items = select(t.item.c.id).where(t.item.c.referral_id.in_(ids))
    messages = select(t.message.c.id).where(t.message.c.referral_id.in_(ids))
    cases = sorted(tx.execute(select(t.item.c.case_id).where(t.item.c.referral_id.in_(ids)).distinct()).scalars())
    _keep_last_numbers(tx, sorted({row.agency_id for row in rows}), referrals=ids)
    named = or_(t.mention.c.item_id.in_(items), t.mention.c.message_id.in_(messages))
    tx.execute(delete(t.mention).where(named))
    for table in (t.message, t.item, t.outbox):
        tx.execute(delete(table).where(table.c.referral_id.in_(ids)))
    tx.execute(delete(t.referral).where(t.referral.c.id.in_(ids)))
    tx.execute(delete(t.signature).where(t.signature.c.id.in_(signatures), ~_signed(tx)))
    left = select(t.item.c.case_id).where(t.item.c.case_id.in_(cases))
    empty = [one for one in cases if one not in set(tx.execute(left).scalars())]
    for table in (t.evidence, t.decision, t.outbox):
        tx.execute(delete(table).where(table.c.case_id.in_(empty)))
    tx.execute(delete(t.case).where(t.case.c.id.in_(empty)))
    journal.forget(tx, objects=[*ids, *empty])
    return len(ids)


def _keep_last_numbers(tx: Tx, agencies: Sequence[str], *, referrals: Sequence[str]) -> None:
    """Empty the last row of each feed where it is to be deleted: numbers that were given once never come again."""
    outbox, agency = tx.tables.outbox, tx.tables.agency
    # Whoever reads a feed meanwhile would number a row that goes now.
    tx.execute(select(agency.c.id).where(agency.c.id.in_(agencies)).order_by(agency.c.id).with_for_update())
    numbered = and_(outbox.c.agency_id.in_(agencies), outbox.c.feed_number.is_not(None))
    last = func.max(outbox.c.feed_number).label("last")
    for row in tx.execute(select(outbox.c.agency_id, last).where(numbered).group_by(outbox.c.agency_id)).all():
        mine = and_(outbox.c.agency_id == row.agency_id, outbox.c.feed_number.is_not(None))
        emptied = and_(mine, outbox.c.referral_id.is_(None), outbox.c.case_id.is_(None), outbox.c.body.is_(None))
        tx.execute(delete(outbox).where(emptied, outbox.c.feed_number < row.last))
        about = and_(mine, outbox.c.feed_number == row.last, outbox.c.referral_id.in_(referrals))
        nothing = dict.fromkeys(("referral_id", "case_id", "decision_id", "body", "lease_until", "lease_token"))
        tx.execute(update(outbox).where(about).values(**nothing, state=EffectState.CANCELLED))


def _signed(tx: Tx) -> Any:
    """Whether a signature, that of a stream, still has a referral."""
    t = tx.tables
    return exists().where(t.referral.c.signature_id == t.signature.c.id)


def version(tx: Tx, case_id: str) -> int:
    """Return at which version a case stands."""
    case = tx.tables.case.c
    return int(tx.execute(select(case.version).where(case.id == case_id)).scalar_one())
