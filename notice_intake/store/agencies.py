"""Agencies, their keys and their callback addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, insert, literal_column, or_, select, update

from ..auth.envelope import Credential
from .storage import Tx
from .tables import Tables

#: The state of an endpoint that its agency took away.
REMOVED = "removed"
#: States of an endpoint for which callbacks are kept until they are delivered.
LISTENING = ("active", "disabled")
#: The breaker of an endpoint of which nothing is known.
FRESH: Mapping[str, Any] = {
    "failures": 0,
    "not_before": None,
    "openings": 0,
    "failing_since": None,
    "warned": 0,
    "reason": None,
}


@dataclass(frozen=True, slots=True)
class Agency:
    """An organisation that refers."""

    id: str
    name: str
    country: str
    #: Codes of the instruments that it may use here.
    instruments: frozenset[str]
    active: bool
    #: Whether it has an endpoint for callbacks.
    listening: bool = False
    #: Whether requests without a signature are refused.
    require_signature: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an agency receives callbacks."""

    id: str
    agency_id: str
    url: str
    #: Encrypted, newest first.
    secrets: tuple[str, ...]
    state: str
    failures: int
    not_before: datetime | None
    #: An address that has not given its challenge back yet: url, secret (None for the old one's), message, since.
    pending: Mapping[str, Any] | None = None
    rotated_at: datetime | None = None
    last_success_at: datetime | None = None
    created_at: datetime | None = None
    openings: int = 0
    failing_since: datetime | None = None
    warned: int = 0
    #: Why it is disabled.
    reason: str | None = None
    #: When each of ``secrets`` but the newest was replaced.
    replaced_at: tuple[datetime, ...] = ()


def add(tx: Tx, agency: Agency, *, now: datetime) -> None:
    """Store a new agency."""
    values = {
        "id": agency.id,
        "name": agency.name,
        "country": agency.country,
        "instruments": sorted(agency.instruments),
        "active": agency.active,
        "created_at": now,
    }
    tx.execute(insert(tx.tables.agency), values)


def add_credential(tx: Tx, credential: Credential, *, scheme: str, expires_at: datetime | None, now: datetime) -> None:
    """Store a key of an agency: only what cannot be used to pass for it."""
    values = {
        "key_id": credential.key_id,
        "agency_id": credential.agency_id,
        "scheme": scheme,
        "digest": credential.digest,
        "scopes": sorted(credential.scopes),
        "created_at": now,
        "expires_at": expires_at,
        "algorithm": credential.algorithm,
        "public_key": credential.public_key,
    }
    tx.execute(insert(tx.tables.credential), values)


def set_endpoint(tx: Tx, endpoint: Endpoint, *, now: datetime) -> None:
    """Store an agency's callback address, in place of an earlier one."""
    table = tx.tables.endpoint
    values = {
        "url": endpoint.url,
        "secrets": written(endpoint.secrets, replaced_at=endpoint.replaced_at),
        "state": endpoint.state,
        "pending": None,
        "rotated_at": None,
        **FRESH,
    }
    changed = tx.execute(update(table).where(table.c.agency_id == endpoint.agency_id).values(values))
    if not changed.rowcount:
        values |= {"id": endpoint.id, "agency_id": endpoint.agency_id, "created_at": now}
        tx.execute(insert(table), values)


def revoke(tx: Tx, key_id: str, *, now: datetime) -> bool:
    """End a key; it fails on the next request. False where there is no such live key."""
    key = tx.tables.credential
    change = update(key).where(key.c.key_id == key_id, key.c.revoked_at.is_(None)).values(revoked_at=now)
    return bool(tx.execute(change).rowcount)


def live_keys(tx: Tx, agency_id: str) -> Sequence[Row[Any]]:
    """Return the keys of an agency that are not revoked, oldest first."""
    key = tx.tables.credential
    query = select(key).where(key.c.agency_id == agency_id, key.c.revoked_at.is_(None)).order_by(key.c.created_at)
    return tx.execute(query).all()


def everyone(tx: Tx) -> list[Agency]:
    """Return all agencies, by name."""
    table = tx.tables.agency
    return [agency_of(row) for row in tx.execute(_agencies(tx).order_by(table.c.name, table.c.id))]


def find(tx: Tx, agency_id: str) -> Agency | None:
    """Return an agency, or None."""
    row = tx.execute(_agencies(tx).where(tx.tables.agency.c.id == agency_id)).one_or_none()
    return agency_of(row) if row else None


def lock(tx: Tx, agency_id: str) -> None:
    """Let nobody else change what belongs to this agency alone until the transaction ends."""
    table = tx.tables.agency
    tx.execute(select(table.c.id).where(table.c.id == agency_id).with_for_update())


def endpoints(tx: Tx, agency_ids: Sequence[str]) -> dict[str, Endpoint]:
    """Return the callback addresses of ``agency_ids``, by agency."""
    table = tx.tables.endpoint
    rows = tx.execute(select(table).where(table.c.agency_id.in_(agency_ids)))
    return {row.agency_id: _endpoint(row) for row in rows}


def lock_endpoints(tx: Tx, endpoint_ids: Sequence[str]) -> dict[str, Endpoint]:
    """Return endpoints as they stand, by id, and let nobody else change them until the transaction ends."""
    table = tx.tables.endpoint
    query = select(table).where(table.c.id.in_(endpoint_ids)).order_by(table.c.id)
    return {row.id: _endpoint(row) for row in tx.execute(query.with_for_update())}


def all_endpoints(tx: Tx) -> list[tuple[Endpoint, str]]:
    """Return every endpoint that was not taken away, with the name of its agency, by name."""
    table, agency = tx.tables.endpoint, tx.tables.agency
    query = select(table, agency.c.name.label("agency_name")).join(agency, agency.c.id == table.c.agency_id)
    query = query.where(table.c.state != REMOVED).order_by(agency.c.name, table.c.id)
    return [(_endpoint(row), row.agency_name) for row in tx.execute(query)]


def _endpoint(row: Row[Any]) -> Endpoint:
    breaker = row.openings, row.failing_since, row.warned, row.reason
    life = row.rotated_at, row.last_success_at, row.created_at
    secrets, replaced_at = _read(row)
    start = row.id, row.agency_id, row.url, secrets, row.state, row.failures, row.not_before
    return Endpoint(*start, row.pending, *life, *breaker, replaced_at)


def written(secrets: Sequence[str], *, replaced_at: Sequence[datetime]) -> list[Any]:
    """Return secrets, newest first, as the column has them: the older ones with the time when they were replaced."""
    older = zip(secrets[1:], replaced_at, strict=True)
    return [*secrets[:1], *({"secret": secret, "replaced_at": at.isoformat()} for secret, at in older)]


def _read(row: Row[Any]) -> tuple[tuple[str, ...], tuple[datetime, ...]]:
    older = [one if isinstance(one, dict) else {"secret": one} for one in row.secrets[1:]]
    # One without a time was replaced by the last rotation: only one was kept.
    times = [one.get("replaced_at") for one in older]
    replaced_at = tuple(datetime.fromisoformat(at) if at else row.rotated_at or row.created_at for at in times)
    return (*row.secrets[:1], *(one["secret"] for one in older)), replaced_at


def has_endpoint(tx: Tx, agency_ids: Sequence[str]) -> set[str]:
    """Return which of ``agency_ids`` receive callbacks."""
    table = tx.tables.endpoint
    query = select(table.c.agency_id).where(table.c.agency_id.in_(agency_ids), table.c.state.in_(LISTENING))
    return set(tx.execute(query).scalars())


def note_endpoint(tx: Tx, endpoint_id: str, **values: Any) -> None:
    """Record how an endpoint does."""
    table = tx.tables.endpoint
    tx.execute(update(table).where(table.c.id == endpoint_id).values(values))


def columns(tables: Tables) -> tuple[Any, ...]:
    """Return what ``agency_of`` reads; the endpoint's table is to be joined."""
    agency, endpoint = tables.agency.c, tables.endpoint.c
    listening = or_(*[endpoint.state == literal_column(f"'{state}'") for state in LISTENING]).label("listening")
    plain = (agency.id, agency.name, agency.country, agency.instruments, agency.active)
    return (*plain, listening, agency.require_signature)


def _agencies(tx: Tx) -> Select[Any]:
    t = tx.tables
    return select(*columns(t)).outerjoin_from(t.agency, t.endpoint, t.endpoint.c.agency_id == t.agency.c.id)


def agency_of(row: Row[Any]) -> Agency:
    """Return the agency of a row that holds ``columns``."""
    flags = row.active, bool(row.listening), row.require_signature
    return Agency(row.id, row.name, row.country, frozenset(row.instruments), *flags)
