"""The few statements that every referral needs, straight to the driver: compiled once, their values made ready here.

SQLAlchemy's own way costs more than the statements themselves. It stays the way of everything else, of drivers that
are not known here, and of hosts that translate schemas.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import JSON, Column, Connection, Dialect, Engine, Select, String, Table, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import ReturningUpdate

from .blocks import Blocks
from .columns import UtcDateTime
from .one_statement import Holding, as_one, numbering, unless
from .optimistic import insert_or_roll_back
from .tables import Tables

if TYPE_CHECKING:
    from .arrays import Arrays


@dataclass(slots=True)
class Flat:
    """Rows of one table, their values one after the other, for those of which there are many. Text is JSON already.

    One list is what a driver takes in the end, and one thing for Python's cycle collector instead of thousands.
    """

    names: tuple[str, ...]
    values: list[Any]
    #: Times are as the driver takes them: what ``time_writer`` returns.
    written: bool = False
    #: The same as PostgreSQL takes it, where that was made before.
    arrays: Arrays | None = None

    def __len__(self) -> int:
        return len(self.values) // len(self.names)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows by the names of their columns."""
        for row in zip(*[iter(self.values)] * len(self.names), strict=True):
            yield dict(zip(self.names, row, strict=True))


Rows = Sequence[Mapping[str, Any]] | Flat
#: What gives rows: a query, or an UPDATE that returns what it changed.
Query = Select[Any] | ReturningUpdate[Any]
_DRIVERS = ("pysqlite", "psycopg")
#: More rows of one table than this go to PostgreSQL as arrays.
_FEW = 32


def insert_all(connection: Connection, parts: Sequence[tuple[Table, Rows]]) -> None:
    """Store rows of several tables, in this order. All rows of one table name the same columns; text is JSON already.

    On PostgreSQL, where no transaction is open, they are one. Raises SQLAlchemy's ``IntegrityError`` where a key is
    taken.
    """
    if _direct(connection):
        with driver_of(connection) as driver:
            _insert_all(driver, connection.dialect, parts)
        return
    for table, rows in parts:
        if rows:
            connection.execute(insert(table), _decoded(table, rows))


def time_writer(engine: Engine | None) -> Callable[[datetime | None], Any] | None:
    """Return what writes times as the driver of an engine takes them; None where SQLAlchemy has to."""
    if engine is None or engine.dialect.driver not in _DRIVERS:
        return None
    return _sqlite_time if engine.dialect.name == "sqlite" else _time


def _decoded(table: Table, rows: Rows) -> Sequence[Mapping[str, Any]]:
    rows = list(rows.rows()) if isinstance(rows, Flat) else rows
    readers: list[tuple[str, Callable[[str], Any]]] = [
        *[(one.name, json.loads) for one in table.columns if isinstance(one.type, JSON) and one.name in rows[0]],
        *[(one.name, _read_time) for one in table.columns if isinstance(one.type, UtcDateTime) and one.name in rows[0]],
    ]
    made = [{name: read(row[name]) for name, read in readers if isinstance(row[name], str)} for row in rows]
    return [{**row, **values} for row, values in zip(rows, made, strict=True)]


def fetch(connection: Connection, query: Query, values: Mapping[str, Any]) -> Sequence[Any]:
    """Return the rows of a query that is made once and asked often."""
    if not _direct(connection):
        return connection.execute(query, values).all()
    with driver_of(connection) as driver:
        return _fetch(driver, connection.dialect, query, values)


def fetch_plain(connection: Connection, query: Query, values: Mapping[str, Any]) -> Sequence[Any]:
    """Return rows as the driver gives them, for very many of them, whose columns are numbers and text only."""
    if not _direct(connection):
        return connection.execute(query, values).all()
    with driver_of(connection) as driver:
        asked = _question(query, connection.dialect)
        found: list[Any] = driver.execute(asked.statement, asked.parameters(values)).fetchall()
        return found


class Straight:
    """A driver's connection with nothing of SQLAlchemy's before it: for what every referral needs."""

    __slots__ = ("_dialect", "_driver", "dialect", "tables")

    def __init__(self, driver: Any, dialect: Dialect, tables: Tables) -> None:
        self._driver, self._dialect = driver, dialect
        self.dialect, self.tables = dialect.name, tables

    def fetch(self, query: Query, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return the rows of a query that is made once and asked often."""
        return _fetch(self._driver, self._dialect, query, values)

    def insert(self, *parts: tuple[Table, Rows]) -> None:
        """Store rows of several tables, in this order; those of one table name the same columns."""
        _insert_all(self._driver, self._dialect, parts)

    def insert_unless(
        self, column: Column[Any], values: Sequence[str], *parts: tuple[Table, Rows], held: Holding | None = None
    ) -> bool:
        """Store few rows unless one of ``values``, of a unique ``column``, is there, and while ``held`` holds.

        Else, where another key is taken, and where the rows are many: False, and nothing is stored. It comes first in
        its transaction, which SQLite may have begun anew.
        """
        if sum(len(rows) for _, rows in parts) > _FEW:
            return False
        work = _work(self._dialect, parts)
        if not work:
            return True
        if self.dialect == "sqlite":
            return insert_or_roll_back(self._driver, work, held=held, errors=self._dialect.loaded_dbapi)
        insertions, counts = _counted(work)
        stamps = [each for pair in held.stamps for each in pair] if held is not None else []
        query, names = (held.query, len(held.stamps)) if held is not None else (None, 0)
        made = unless(insertions, counts, column=column, wanted=len(values), held=query, names=names)
        flat = [value for part in work for value in part.values]
        return bool(numbering(self._driver).execute(made, [*values, *stamps, *flat]).rowcount)


@contextmanager
def driver_of(connection: Connection) -> Iterator[Any]:
    """Give the driver's own connection; its errors leave as SQLAlchemy's."""
    driver: Any = connection.connection.driver_connection
    errors: Any = connection.dialect.loaded_dbapi
    try:
        yield driver
    except errors.Error as error:
        if connection.dialect.is_disconnect(error, driver, None):
            connection.invalidate(error)
        raise as_sqlalchemys(error, connection.dialect) from error


def as_sqlalchemys(error: Exception, dialect: Dialect) -> BaseException:
    """Return a driver's error as SQLAlchemy's; the values of the statement, which agencies sent, stay out of it."""
    base: Any = dialect.loaded_dbapi
    return DBAPIError.instance(None, None, error, base.Error, hide_parameters=True, dialect=dialect)


def _fetch(driver: Any, dialect: Dialect, query: Query, values: Mapping[str, Any]) -> list[Any]:
    asked = _question(query, dialect)
    return [asked.row(row) for row in driver.execute(asked.statement, asked.parameters(values)).fetchall()]


class Part(NamedTuple):
    """The rows of one table, on their way to the driver."""

    insertion: Insertion
    #: One after the other.
    values: list[Any]
    arrays: Arrays | None


def make_ready(dialect: Dialect, parts: Sequence[tuple[Table, Rows]]) -> None:
    """Have many rows ready as PostgreSQL takes them: a thread that stores does not wait for the interpreter then."""
    if dialect.name != "postgresql" or dialect.driver not in _DRIVERS:
        return
    from .arrays import arrays_of

    for table, rows in parts:
        if isinstance(rows, Flat) and rows.written and len(rows) > _FEW:
            rows.arrays = arrays_of(_insertion(table, rows.names, dialect), rows.values)


def _work(dialect: Dialect, parts: Sequence[tuple[Table, Rows]]) -> list[Part]:
    work = []
    for table, rows in parts:
        if rows:
            names = rows.names if isinstance(rows, Flat) else tuple(rows[0])
            one = _insertion(table, names, dialect)
            work.append(Part(one, one.values(rows), rows.arrays if isinstance(rows, Flat) else None))
    return work


def _insert_all(driver: Any, dialect: Dialect, parts: Sequence[tuple[Table, Rows]]) -> None:
    work = _work(dialect, parts)
    if dialect.name == "sqlite":
        for part in work:
            part.insertion.blocks.insert(driver, part.values)
    elif work:
        _to_postgresql(driver, work)


def _direct(connection: Connection) -> bool:
    known = connection.dialect.driver in _DRIVERS
    return known and not connection.get_execution_options().get("schema_translate_map")


def _to_postgresql(driver: Any, work: Sequence[Part]) -> None:
    """Few rows by value; many by arrays."""
    insertions, counts = _counted(work)
    if max(counts) > _FEW:
        # Not before: psycopg is there only where PostgreSQL is.
        from .arrays import insert_arrays

        insert_arrays(driver, work)
        return
    made = as_one(insertions, counts)
    numbering(driver).execute(made, [value for part in work for value in part.values])


def _counted(work: Sequence[Part]) -> tuple[tuple[Insertion, ...], tuple[int, ...]]:
    """Return how the rows of each table are inserted, and how many there are."""
    return tuple([one.insertion for one in work]), tuple([len(one.values) // one.insertion.width for one in work])


class Insertion:
    """The INSERT of one table with one set of columns."""

    def __init__(self, table: Table, names: tuple[str, ...], dialect: Dialect) -> None:
        quoted = ", ".join(dialect.identifier_preparer.quote(name) for name in names)
        into = f"{dialect.identifier_preparer.format_table(table)} ({quoted})"
        self.blocks = Blocks(into, len(names))
        self.into, self.width, self.dialect, self.preparer = into, len(names), dialect, dialect.identifier_preparer
        # Not the length of a text: a CAST would cut what is too long, where an INSERT refuses it.
        types = [table.c[name].type for name in names]
        self.kinds = ["TEXT" if isinstance(one, String) else one.compile(dialect=dialect) for one in types]
        self._pick = itemgetter(*names)
        kinds = [(place, table.c[name].type) for place, name in enumerate(names)]
        text = _sqlite_time if dialect.name == "sqlite" else _time
        self._changed: list[tuple[int, Callable[[Any], Any]]] = [
            *[(place, text) for place, kind in kinds if isinstance(kind, UtcDateTime)],
            *[(place, _json) for place, kind in kinds if isinstance(kind, JSON)],
        ]

    def values(self, rows: Rows) -> list[Any]:
        """Return the values of rows as the driver takes them: text, numbers and bytes, one after the other."""
        if isinstance(rows, Flat):
            if rows.written:
                return rows.values
            values = list(rows.values)
        else:
            values = [value for row in rows for value in self._pick(row)]
        for place, change in self._changed:
            values[place :: self.width] = [change(value) for value in values[place :: self.width]]
        return values


_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _json(value: Any) -> str:
    """Return a value as JSON text; text is JSON already."""
    return value if isinstance(value, str) else _compact(value)


# The same moment stands in many columns of a batch.
@lru_cache(maxsize=1024)
def _time(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time without a zone must not reach the database")
    return value.astimezone(UTC).isoformat(" ", "microseconds")


@lru_cache(maxsize=1024)
def _sqlite_time(value: datetime | None) -> str | None:
    text = _time(value)
    return text.removesuffix("+00:00") if text is not None else None


def _read_time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


@lru_cache(maxsize=256)
def _insertion(table: Table, names: tuple[str, ...], dialect: Dialect) -> Insertion:
    return Insertion(table, names, dialect)


class _Question:
    """A query, compiled."""

    def __init__(self, query: Query, dialect: Dialect) -> None:
        compiled: Any = query.compile(dialect=dialect)
        self.statement = str(compiled)
        self._places: Sequence[str] | None = compiled.positiontup
        self._fixed: dict[str, Any] = compiled.construct_params(_check=False)
        columns = list(query.exported_columns)
        self._row = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]
        processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._changed = [(place, one) for place, one in enumerate(processors) if one is not None]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Return the values as the driver takes them."""
        named = {**self._fixed, **values}
        return named if self._places is None else [named[name] for name in self._places]

    def row(self, found: Sequence[Any]) -> Any:
        """Return a row with its columns by name."""
        values = list(found)
        for place, change in self._changed:
            values[place] = change(values[place])
        return self._row(*values)


@lru_cache(maxsize=64)
def _question(query: Query, dialect: Dialect) -> _Question:
    return _Question(query, dialect)
