"""A key with its agency as they stand, and whether they still stand as they did."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, func, literal_column, select

from ..auth.envelope import Credential
from . import agencies
from .agencies import Agency
from .direct import Straight
from .one_statement import HELD, Holding
from .storage import Tx
from .tables import Tables


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key and its agency, as one look at the database found them."""

    credential: Credential
    agency: Agency
    scheme: str
    #: All of both that may change and matters: where this is another now, one of them was changed.
    stamp: str


def known_key(tx: Straight | Tx, key_id: str, *, scheme: str) -> KnownKey | None:
    """Return a key with its agency in one read, or None; a key proves nothing under another scheme than its own."""
    rows = tx.fetch(_by_key(tx.tables), {"wanted": key_id, "under": scheme})
    if not rows:
        return None
    row = rows[0]
    expires = row.expires_at.timestamp() if row.expires_at else None
    agency = agencies.agency_of(row)
    revoked = row.revoked_at is not None or not agency.active
    scopes, public = frozenset(row.scopes), (row.algorithm, row.public_key)
    credential = Credential(key_id, row.digest, agency.id, scopes, expires, revoked, *public)
    return KnownKey(credential, agency, scheme, row.stamp)


def stands(tx: Straight | Tx, key: KnownKey) -> bool:
    """Whether a key and its agency are still what they were."""
    rows = tx.fetch(_stamp_of(tx.tables), {"wanted": key.credential.key_id})
    return bool(rows) and rows[0].stamp == key.stamp


def holding(tables: Tables, keys: Collection[KnownKey]) -> Holding | None:
    """Return the condition that these keys stand as they stood, for ``Straight.insert_unless``; None for no keys."""
    if not keys:
        return None
    return Holding(_stamp_held(tables), [(key.credential.key_id, key.stamp) for key in keys])


@lru_cache(maxsize=32)
def _by_key(tables: Tables) -> Select[Any]:
    key = tables.credential.c
    own = (key.digest, key.scopes, key.expires_at, key.revoked_at, key.algorithm, key.public_key)
    columns = (*own, *agencies.columns(tables), _stamp(tables).label("stamp"))
    return _of_keys(select(*columns), tables).where(key.key_id == bindparam("wanted"), key.scheme == bindparam("under"))


@lru_cache(maxsize=32)
def _stamp_of(tables: Tables) -> Select[Any]:
    stamp = select(_stamp(tables).label("stamp"))
    return _of_keys(stamp, tables).where(tables.credential.c.key_id == bindparam("wanted"))


@lru_cache(maxsize=32)
def _stamp_held(tables: Tables) -> Select[Any]:
    stamp = select(_stamp(tables).label("stamp"))
    return _of_keys(stamp, tables).where(tables.credential.c.key_id == literal_column(HELD)).limit(1)


def _of_keys(query: Select[Any], tables: Tables) -> Select[Any]:
    key, agency, endpoint = tables.credential.c, tables.agency.c, tables.endpoint.c
    joined = query.join_from(tables.credential, tables.agency, key.agency_id == agency.id)
    return joined.outerjoin(tables.endpoint, endpoint.agency_id == agency.id)


def _stamp(tables: Tables) -> ColumnElement[str]:
    # A key's digest and public key never change: another key has another id. The name may hold anything and is last.
    key, agency = tables.credential.c, tables.agency.c
    _, name, *others = agencies.columns(tables)
    parts = (key.scheme, key.scopes, key.expires_at, key.revoked_at, agency.id, *others, name)
    first, *rest = [func.coalesce(cast(_plain(one), Text), literal_column("''")) for one in parts]
    made: ColumnElement[str] = first
    for one in rest:
        made = made.concat(literal_column("'|'")).concat(one)
    return made


def _plain(column: Any) -> Any:
    """Return the column without its label."""
    return getattr(column, "element", column)
