"""Seals: read and appended, never changed. What waits for one is found by row ids, and by the gaps between them.

Row ids are given out when a row is written and become visible when its transaction commits, which on PostgreSQL is not
the same order: a gap below the highest id may be filled later. It is kept with the seal until nobody who wrote when it
was noticed writes any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Row, Select, Text, bindparam, cast, insert, select, text

from ..core.seals import Range, Seal, count, read_ranges
from .direct import driver_of, fetch_plain
from .storage import Storage, Tx
from .tables import Tables

#: How many seals are looked at together for an entry that was committed late.
_PAGE = 200
_COLUMNS = ("id", "object", "action", "actor_kind", "actor_id", "at", "payload", "leaf")
#: Those columns, all but the first as bytes.
RawEntry = tuple[int, bytes, bytes, bytes, bytes, bytes, bytes, bytes]
#: What a seal needs of an entry: row id and leaf hash.
Unsealed = tuple[int, str]
#: PostgreSQL's number of its type of bytes, and the moment from which it counts.
_BYTEA, _EPOCH = 17, datetime(2000, 1, 1, tzinfo=UTC)
#: How many bytes that count has.
_COUNTED = 8
#: Whoever writes into a table holds this lock on it from before the row id is given out until the transaction ends.
_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' "
    "AND relation = CAST(:name AS regclass) "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def head(tx: Tx) -> Seal | None:
    """Return the newest seal, or None."""
    table = tx.tables.seal
    row = tx.execute(select(table).order_by(table.c.number.desc()).limit(1)).one_or_none()
    return _seal(row) if row is not None else None


def newest_checkpoint(storage: Storage) -> str | None:
    """Return the text of the newest checkpoint, by as little as can be."""
    table = storage.tables.seal
    query = select(table.c.checkpoint).order_by(table.c.number.desc()).limit(1)
    with storage.straight() as tx:
        rows = tx.fetch(query, {})
    return str(rows[0].checkpoint) if rows else None


def after(tx: Tx, number: int, *, limit: int) -> Sequence[Seal]:
    """Return the seals after a number, in order; one that was damaged as far as it can be read."""
    table = tx.tables.seal
    query = select(table).where(table.c.number > number).order_by(table.c.number).limit(limit)
    if tx.dialect != "sqlite":
        return [_seal(row) for row in tx.execute(query)]
    plain = select(*[column if column.name != "at" else cast(column, Text).label("at") for column in table.c])
    plain = plain.where(table.c.number > number).order_by(table.c.number).limit(limit)
    with lenient(tx):
        return [Seal(**{**row._mapping, "at": _moment(row.at)}) for row in tx.execute(plain).all()]


def add(tx: Tx, seal: Seal) -> None:
    """Append a seal. Where somebody else has appended the same number the transaction leaves as ``Raced``."""
    values = {name: getattr(seal, name) for name in Seal.__dataclass_fields__}
    tx.execute(insert(tx.tables.seal), values)


def waiting(tx: Tx, after: int, *, limit: int) -> Sequence[Unsealed]:
    """Return the entries above a row id, in order."""
    return fetch_plain(tx.connection, _waiting(tx.tables), {"after_id": after, "most": limit})


@lru_cache(maxsize=32)
def _waiting(tables: Tables) -> Select[Any]:
    table = tables.journal
    query = select(table.c.id, table.c.leaf).where(table.c.id > bindparam("after_id", type_=BigInteger))
    return query.order_by(table.c.id).limit(bindparam("most"))


def among(tx: Tx, ranges: Iterable[Range], *, limit: int) -> Sequence[Unsealed]:
    """Return the entries within ranges of row ids, in order."""
    table = tx.tables.journal
    found: list[Unsealed] = []
    for first, last in ranges:
        query = select(table.c.id, table.c.leaf).where(table.c.id.between(first, last)).order_by(table.c.id)
        found += [(row.id, row.leaf) for row in tx.execute(query.limit(limit - len(found)))]
        if len(found) >= limit:
            break
    return found


def writers(tx: Tx) -> frozenset[str]:
    """Return who writes into the journal now; nobody on SQLite, where ids become visible in their order."""
    if tx.dialect != "postgresql":
        return frozenset()
    table, preparer = tx.tables.journal, tx.connection.dialect.identifier_preparer
    translated = tx.connection.get_execution_options().get("schema_translate_map") or {}
    schema = translated.get(table.schema, table.schema)
    name = f"{preparer.quote(schema)}.{preparer.quote(table.name)}" if schema else preparer.quote(table.name)
    return frozenset(tx.execute(_WRITERS, {"name": name}).scalars())


def entries(tx: Tx, after: int, *, limit: int) -> list[RawEntry]:
    """Return the entries above a row id, in order, as they are in the database; ``moment`` reads their time.

    For whoever reads millions, and trusts none of it: bytes cannot fail to be read.
    """
    if not _known_driver(tx):
        return _entries(tx, after, limit=limit)
    name = tx.connection.dialect.identifier_preparer.format_table(tx.tables.journal)
    with driver_of(tx.connection) as driver:
        if tx.dialect == "sqlite":
            chosen = ", ".join(one if one == "id" else f"CAST({one} AS BLOB)" for one in _COLUMNS)
            statement = f"SELECT {chosen} FROM {name} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608  our own names
            return list(driver.execute(statement, (after, limit)).fetchall())
        cursor = driver.cursor(binary=True)
        as_bytes = cursor.adapters.get_loader(_BYTEA, 1)
        for kind in ("varchar", "timestamptz"):
            cursor.adapters.register_loader(kind, as_bytes)
        statement = f"SELECT {', '.join(_COLUMNS)} FROM {name} WHERE id > %s ORDER BY id LIMIT %s"  # noqa: S608
        return list(cursor.execute(statement, (after, limit)).fetchall())


def _entries(tx: Tx, after: int, *, limit: int) -> list[RawEntry]:
    """The same through SQLAlchemy, for drivers that are not known here."""
    table, found = tx.tables.journal, []
    query = select(*[table.c[name] for name in _COLUMNS]).where(table.c.id > after).order_by(table.c.id).limit(limit)
    for row in tx.execute(query):
        at = row.at.replace(tzinfo=None).isoformat(" ", "microseconds").encode()
        texts = (row.object.encode(), row.action.encode(), row.actor_kind.encode(), row.actor_id.encode())
        found.append((row.id, *texts, at, bytes(row.payload), row.leaf.encode()))
    return found


def moment(at: bytes) -> bytes:
    """Return a time of ``entries`` as an entry holds it: they come as text, or as PostgreSQL counts.

    Different ones give different texts: what cannot be a time is returned as it is, and fits no entry.
    """
    if len(at) != _COUNTED:
        return at[:10] + b"T" + at[11:] + b"+00:00" if at[10:11] == b" " else at
    seconds, microseconds = divmod(int.from_bytes(at, "big", signed=True), 1_000_000)
    return b"%s.%06d+00:00" % (_second(seconds), microseconds)


@lru_cache(maxsize=64)
def _second(since: int) -> bytes:
    try:
        return (_EPOCH + timedelta(seconds=since)).strftime("%Y-%m-%dT%H:%M:%S").encode()
    except OverflowError:
        return b"%d" % since


def _known_driver(tx: Tx) -> bool:
    known = tx.connection.dialect.driver in ("pysqlite", "psycopg")
    return known and not tx.connection.get_execution_options().get("schema_translate_map")


@contextmanager
def lenient(tx: Tx) -> Iterator[None]:
    """Have SQLite give text that is not UTF-8 as what Python can still hold, instead of failing."""
    with driver_of(tx.connection) as driver:
        if tx.connection.dialect.driver != "pysqlite":
            yield
            return
        before, driver.text_factory = driver.text_factory, lambda raw: raw.decode("utf-8", "surrogateescape")
        try:
            yield
        finally:
            driver.text_factory = before


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def leaves_of(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    """Return the leaf hashes of some entries by their row ids."""
    table = tx.tables.journal
    return {row.id: row.leaf for row in tx.execute(select(table.c.id, table.c.leaf).where(table.c.id.in_(ids)))}


def containing(tx: Tx, entry_id: int) -> tuple[Seal, int] | None:
    """Return the seal of an entry and the entry's index in the tree; None where it waits for one."""
    table = tx.tables.seal
    # The first seal whose mark is not below it; but one that was committed late leads a later seal.
    query = select(table).where(table.c.mark >= entry_id).order_by(table.c.number)
    rows = tx.execute(query.limit(1)).all()
    while rows:
        for row in rows:
            seal = _seal(row)
            place = _place(read_ranges(seal.entries), entry_id)
            if place is not None:
                return seal, _before(seal) + place
        rows = tx.execute(query.where(table.c.number > rows[-1].number).limit(_PAGE)).all()
    return None


def completing(tx: Tx, size: int) -> tuple[Seal, int]:
    """Return the seal with which the tree reached a size, and the size before it. Raises ``LookupError``."""
    table = tx.tables.seal
    row = tx.execute(select(table).where(table.c.size >= size).order_by(table.c.size).limit(1)).one_or_none()
    if row is None:
        raise LookupError("the journal is not that long")
    seal = _seal(row)
    return seal, _before(seal)


def _place(ranges: Iterable[Range], entry_id: int) -> int | None:
    place = 0
    for first, last in ranges:
        if first <= entry_id <= last:
            return place + entry_id - first
        place += last - first + 1
    return None


def _before(seal: Seal) -> int:
    return seal.size - count(read_ranges(seal.entries))


def _seal(row: Row[Any]) -> Seal:
    return Seal(**row._mapping)
