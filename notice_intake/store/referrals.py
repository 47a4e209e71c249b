"""Referrals: stored once, read by their own agency only. Every read for an agency takes its id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, String, Table, and_, bindparam, case, func, or_, select, true, tuple_, update
from sqlalchemy.dialects import postgresql

from .direct import Straight
from .storage import Tx
from .tables import Tables
from .text_lists import texts_in


def taken(
    tx: Tx, agency_id: str, *, references: Sequence[str], idempotency_key: str | None = None
) -> Sequence[Row[Any]]:
    """Return the agency's referrals that hold one of ``references`` or the idempotency key."""
    table = tx.tables.referral
    columns = [table.c[name] for name in _TAKEN]
    if len(references) > 1 and idempotency_key is None and tx.dialect == "postgresql":
        return tx.execute(_each(columns, table, agency_id, references)).all()
    same = and_(table.c.agency_reference.in_(references), table.c.agency_id == agency_id)
    if idempotency_key is not None:
        same = or_(same, and_(table.c.agency_id == agency_id, table.c.idempotency_key == idempotency_key))
    return tx.execute(select(*columns).where(same)).all()


def any_taken(tx: Straight | Tx, agency_id: str, references: Sequence[str]) -> bool:
    """Whether the agency has used one of ``references``."""
    values = {"agency": agency_id, "wanted": json.dumps(references)}
    return bool(tx.fetch(_any_taken(tx.tables, tx.dialect), values))


@lru_cache(maxsize=32)
def _any_taken(tables: Tables, dialect: str) -> Select[Any]:
    table = tables.referral
    own = table.c.agency_id == bindparam("agency", type_=String)
    if dialect == "postgresql":
        wanted = texts_in("wanted", column="reference")
        found = select(table.c.id).where(table.c.agency_reference == wanted.c.reference, own).limit(1).lateral()
        return select(found.c.id).select_from(wanted.join(found, true())).limit(1)
    given = func.json_each(bindparam("wanted", type_=String)).table_valued("value")
    return select(table.c.id).where(table.c.agency_reference.in_(select(given.c.value)), own).limit(1)


_TAKEN = ("id", "agency_reference", "idempotency_key", "fingerprint", "receipt", "received_at")


def _each(columns: Sequence[Any], table: Table, agency_id: str, references: Sequence[str]) -> Select[Any]:
    """Look up one reference after the other: given all at once, PostgreSQL may read all that the agency ever sent."""
    wanted = func.unnest(bindparam("wanted", list(references), postgresql.ARRAY(String))).table_valued("reference")
    wanted = wanted.render_derived()
    same = and_(table.c.agency_reference == wanted.c.reference, table.c.agency_id == agency_id)
    found = select(*columns).where(same).limit(1).lateral()
    return select(*found.c).select_from(wanted.join(found, true()))


def find(tx: Tx, referral_id: str, *, agency_id: str) -> Row[Any] | None:
    """Return a referral of this agency; None for another agency's as for one that does not exist."""
    table = tx.tables.referral
    query = select(table).where(table.c.id == referral_id, table.c.agency_id == agency_id)
    return tx.execute(query).one_or_none()


def lock(tx: Tx, referral_id: str, *, agency_id: str) -> Row[Any]:
    """Return a referral of this agency, locked until the transaction ends."""
    table = tx.tables.referral
    query = select(table).where(table.c.id == referral_id, table.c.agency_id == agency_id)
    return tx.execute(query.with_for_update()).one()


def page(
    tx: Tx, agency_id: str, *, since: datetime | None, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Row[Any]]:
    """Return the agency's referrals by time of their last change, oldest first."""
    table = tx.tables.referral
    query = select(table).where(table.c.agency_id == agency_id)
    if since is not None:
        query = query.where(table.c.updated_at >= since)
    if after is not None:
        query = query.where(tuple_(table.c.updated_at, table.c.id) > tuple_(*after))
    return tx.execute(query.order_by(table.c.updated_at, table.c.id).limit(limit)).all()


def items_of(tx: Tx, referral_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Return the items of referrals, in the order as sent."""
    item = tx.tables.item
    return tx.execute(
        select(item).where(item.c.referral_id.in_(referral_ids)).order_by(item.c.referral_id, item.c.position)
    ).all()


def of_case(tx: Tx, referral_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Return referrals with the name and country of their agency, oldest first: for the desk only."""
    referral, agency = tx.tables.referral, tx.tables.agency
    query = (
        select(referral, agency.c.name.label("agency_name"), agency.c.country.label("agency_country"))
        .join_from(referral, agency, referral.c.agency_id == agency.c.id)
        .where(referral.c.id.in_(referral_ids))
        .order_by(referral.c.received_at, referral.c.id)
    )
    return tx.execute(query).all()


def take_sequence(tx: Tx, referral_id: str, count: int, *, now: datetime) -> Row[Any]:
    """Reserve ``count`` sequence numbers of a referral; the row holds the last one, and what a callback names.

    Locks the referral until the transaction ends: its callbacks get their numbers in the order of their commits.
    ``updated_at`` never goes back, although a clock was read before the lock was had, or was set back: feeds sort so.
    """
    table = tx.tables.referral
    later = case((table.c.updated_at > now, table.c.updated_at), else_=now)
    told = (table.c.agency_id, table.c.agency_reference, table.c.instrument)
    statement = (
        update(table)
        .where(table.c.id == referral_id)
        .values(sequence=table.c.sequence + count, updated_at=later)
        .returning(table.c.sequence, table.c.updated_at, *told)
    )
    return tx.execute(statement).one()
