"""What goes between agency and platform about a referral that is there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, insert, select, update

from ..core.codes import MessageKind, Result
from .storage import Tx


def add(tx: Tx, values: Mapping[str, Any], *, facts: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Store a message with what it says of each item, by the item's id."""
    tx.execute(insert(tx.tables.message), dict(values))
    rows = [
        {"message_id": values["id"], "item_id": item_id, "facts": dict(said) if said else None}
        for item_id, said in facts.items()
    ]
    tx.execute(insert(tx.tables.mention), rows)


def of_referrals(tx: Tx, referral_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Return the messages of referrals, oldest first: a row for each item that one names."""
    message = tx.tables.message
    return tx.execute(_with_items(tx).where(message.c.referral_id.in_(referral_ids))).all()


def of_case(tx: Tx, case_id: str) -> Sequence[Row[Any]]:
    """Return the messages that name items of a case, oldest first: a row for each such item."""
    return tx.execute(_with_items(tx).where(tx.tables.item.c.case_id == case_id)).all()


def unclosed(tx: Tx, kind: MessageKind, *, case_id: str) -> Sequence[Row[Any]]:
    """Return what is open of one kind on a case: a row for each item."""
    message, named, item = tx.tables.message, tx.tables.mention, tx.tables.item
    query = _with_items(tx).where(item.c.case_id == case_id, message.c.kind == kind, named.c.closed_at.is_(None))
    return tx.execute(query).all()


def unclosed_of(tx: Tx, kind: MessageKind, *, item_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Return what is open of one kind on items."""
    message, named = tx.tables.message, tx.tables.mention
    mine = named.c.item_id.in_(item_ids)
    return tx.execute(_with_items(tx).where(mine, message.c.kind == kind, named.c.closed_at.is_(None))).all()


def of_decision(tx: Tx, decision_id: str, kind: MessageKind) -> Sequence[Row[Any]]:
    """Return what a decision answered: a row for each item."""
    message, named = tx.tables.message, tx.tables.mention
    return tx.execute(_with_items(tx).where(named.c.decision_id == decision_id, message.c.kind == kind)).all()


def close(tx: Tx, rows: Sequence[Row[Any]], *, result: Result, now: datetime, decision_id: str | None = None) -> None:
    """Close what is open, by the rows that one of the reads above gave."""
    named = tx.tables.mention
    values = {"result": result, "closed_at": now, "decision_id": decision_id}
    for message_id in dict.fromkeys(row.id for row in rows):
        items = [row.item_id for row in rows if row.id == message_id]
        this = (named.c.message_id == message_id, named.c.item_id.in_(items), named.c.closed_at.is_(None))
        tx.execute(update(named).where(*this).values(values))


def open_again(tx: Tx, decision_id: str) -> None:
    """Open again what a decision had closed, since it was undone."""
    named = tx.tables.mention
    values = {"result": None, "closed_at": None, "decision_id": None}
    tx.execute(update(named).where(named.c.decision_id == decision_id).values(values))


def _with_items(tx: Tx) -> Select[Any]:
    message, named, item = tx.tables.message, tx.tables.mention, tx.tables.item
    columns = (named.c.item_id, named.c.facts, named.c.result, named.c.closed_at, named.c.decision_id)
    return (
        select(message, *columns, item.c.reference, item.c.case_id)
        .join_from(message, named, named.c.message_id == message.c.id)
        .join(item, item.c.id == named.c.item_id)
        .order_by(message.c.created_at, message.c.id, item.c.position)
    )
