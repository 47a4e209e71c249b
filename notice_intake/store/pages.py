"""One-time links and visits. Neither is ever found by anything but the digest of its secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from .storage import Tx


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link that was made for an agency."""

    id: str
    agency_id: str
    #: ``sign-in`` or ``onboard``.
    purpose: str
    #: What whoever comes in by it may do.
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def open_at(self, now: datetime) -> bool:
        """Whether it still lets somebody in."""
        return self.used_at is None and self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody who came in by a link, and until when they are in."""

    id: str
    link_id: str
    agency_id: str
    scopes: frozenset[str]
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


def add_link(tx: Tx, link: Link, *, digest: bytes) -> None:
    """Store a link."""
    values = {
        "id": link.id,
        "agency_id": link.agency_id,
        "purpose": link.purpose,
        "digest": digest,
        "scopes": sorted(link.scopes),
        "created_at": link.created_at,
        "expires_at": link.expires_at,
    }
    tx.execute(insert(tx.tables.link), values)


def find_link(tx: Tx, digest: bytes) -> Link | None:
    """Return the link with this digest, used or not; None where there is none."""
    table = tx.tables.link
    row = tx.execute(select(table).where(table.c.digest == digest)).one_or_none()
    return _link(row) if row else None


def use_link(tx: Tx, digest: bytes, *, now: datetime) -> Link | None:
    """Use a link up and return it; None where it is none, or used, revoked or expired. Of two at once, one wins."""
    table = tx.tables.link
    good = (table.c.digest == digest, table.c.used_at.is_(None), table.c.revoked_at.is_(None), table.c.expires_at > now)
    row = tx.execute(update(table).where(*good).values(used_at=now).returning(table)).one_or_none()
    return _link(row) if row else None


def open_links(tx: Tx, agency_ids: Sequence[str], *, now: datetime) -> list[Link]:
    """Return the links of agencies that still let somebody in, oldest first."""
    table = tx.tables.link
    good = (table.c.used_at.is_(None), table.c.revoked_at.is_(None), table.c.expires_at > now)
    query = select(table).where(table.c.agency_id.in_(agency_ids), *good).order_by(table.c.created_at)
    return [_link(row) for row in tx.execute(query)]


def newest_scopes(tx: Tx, agency_id: str) -> list[str] | None:
    """Return what the newest link of an agency opens, used or not; None where there never was one."""
    table = tx.tables.link
    query = select(table.c.scopes).where(table.c.agency_id == agency_id).order_by(table.c.created_at.desc()).limit(1)
    return tx.execute(query).scalar_one_or_none()


def add_visit(tx: Tx, stay: Stay, *, digest: bytes) -> None:
    """Store who has come in."""
    values = {
        "id": stay.id,
        "link_id": stay.link_id,
        "agency_id": stay.agency_id,
        "digest": digest,
        "created_at": stay.created_at,
        "seen_at": stay.seen_at,
        "expires_at": stay.expires_at,
    }
    tx.execute(insert(tx.tables.visit), values)


def find_visit(tx: Tx, digest: bytes, *, now: datetime, seen_since: datetime) -> Stay | None:
    """Return the visit with this digest that has not ended, run out, or been idle since ``seen_since``."""
    visit, link = tx.tables.visit, tx.tables.link
    good = (visit.c.ended_at.is_(None), visit.c.expires_at > now, visit.c.seen_at > seen_since)
    query = (
        select(visit, link.c.scopes)
        .join_from(visit, link, link.c.id == visit.c.link_id)
        .where(visit.c.digest == digest, *good)
    )
    row = tx.execute(query).one_or_none()
    return _stay(row) if row else None


def visits(tx: Tx, agency_ids: Sequence[str], *, now: datetime, seen_since: datetime) -> list[Stay]:
    """Return who is in now, oldest first."""
    visit, link = tx.tables.visit, tx.tables.link
    good = (visit.c.ended_at.is_(None), visit.c.expires_at > now, visit.c.seen_at > seen_since)
    query = (
        select(visit, link.c.scopes)
        .join_from(visit, link, link.c.id == visit.c.link_id)
        .where(visit.c.agency_id.in_(agency_ids), *good)
        .order_by(visit.c.created_at)
    )
    return [_stay(row) for row in tx.execute(query)]


def note_visit(tx: Tx, visit_id: str, **values: Any) -> None:
    """Record when a visit was last seen, or that it has ended."""
    table = tx.tables.visit
    tx.execute(update(table).where(table.c.id == visit_id, table.c.ended_at.is_(None)).values(values))


def end_all(tx: Tx, agency_id: str, *, now: datetime) -> int:
    """End every visit of an agency and every link that is open. Acts on the next request; returns how many."""
    visit, link = tx.tables.visit, tx.tables.link
    ended = update(visit).where(visit.c.agency_id == agency_id, visit.c.ended_at.is_(None)).values(ended_at=now)
    mine = (link.c.agency_id == agency_id, link.c.used_at.is_(None), link.c.revoked_at.is_(None))
    revoked = update(link).where(*mine).values(revoked_at=now)
    return int(tx.execute(ended).rowcount) + int(tx.execute(revoked).rowcount)


def purge(tx: Tx, *, before: datetime) -> None:
    """Forget visits and links that ran out before a time; the journal keeps that they were."""
    visit, link = tx.tables.visit, tx.tables.link
    tx.execute(delete(visit).where(visit.c.expires_at < before))
    kept = select(visit.c.link_id)
    tx.execute(delete(link).where(link.c.expires_at < before, link.c.id.not_in(kept)))


def _link(row: Row[Any]) -> Link:
    times = (row.created_at, row.expires_at, row.used_at, row.revoked_at)
    return Link(row.id, row.agency_id, row.purpose, frozenset(row.scopes), *times)


def _stay(row: Row[Any]) -> Stay:
    times = (row.created_at, row.seen_at, row.expires_at)
    return Stay(row.id, row.link_id, row.agency_id, frozenset(row.scopes), *times)
