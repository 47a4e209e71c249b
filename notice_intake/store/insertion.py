"""Many rows in, quickly: the statement of a table is made once, and a row costs what turning it into a tuple costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert
from sqlalchemy.exc import IntegrityError, OperationalError

from .columns import UtcDateTime

#: PostgreSQL takes up to this many rows in one INSERT, which it prepares once; COPY is quicker for more.
_FEW = 8


@lru_cache(maxsize=256)
def insertion(table: Table, names: tuple[str, ...], dialect: Dialect) -> Insertion:
    """Return what stores rows with the columns ``names``."""
    return Insertion(table, names, dialect)


class Insertion:
    """The INSERT of one table. Rows reach the driver without passing through SQLAlchemy's compiler each time."""

    def __init__(self, table: Table, names: tuple[str, ...], dialect: Dialect) -> None:
        quoted = ", ".join(dialect.identifier_preparer.quote(name) for name in names)
        self._table = table
        self._into = f"{dialect.identifier_preparer.format_table(table)} ({quoted})"
        self._copies = dialect.name == "postgresql" and dialect.driver == "psycopg"
        self._insert = f"INSERT INTO {self._into} VALUES "  # noqa: S608  names of our own, quoted
        mark = "?" if dialect.paramstyle == "qmark" else "%s"
        self._marks = f"({', '.join([mark] * len(names))})"
        self._pick = itemgetter(*names)
        self._change = [
            (place, processor)
            for place, name in enumerate(names)
            if (processor := _processor(table, name, dialect)) is not None
        ]

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store ``rows``. Raises SQLAlchemy's ``IntegrityError`` where a key is taken."""
        if connection.get_execution_options().get("schema_translate_map"):
            connection.execute(insert(self._table), rows)
            return
        values = [self._tuple(row) for row in rows]
        if not self._copies:
            connection.exec_driver_sql(self._insert + self._marks, values)
        elif len(values) <= _FEW:
            marks = ", ".join([self._marks] * len(values))
            flat = tuple([value for one in values for value in one])
            connection.exec_driver_sql(self._insert + marks, flat)
        else:
            self._copy(connection, values)

    def _tuple(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        values = list(self._pick(row))
        for place, process in self._change:
            values[place] = process(values[place])
        return tuple(values)

    def _copy(self, connection: Connection, values: Sequence[tuple[Any, ...]]) -> None:
        driver: Any = connection.connection.driver_connection
        errors: Any = connection.dialect.loaded_dbapi
        statement = f"COPY {self._into} FROM STDIN"
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for one in values:
                    copy.write_row(one)
        except errors.IntegrityError as error:
            raise IntegrityError(statement, None, error) from error
        except errors.OperationalError as error:
            raise OperationalError(statement, None, error) from error


def _processor(table: Table, name: str, dialect: Dialect) -> Callable[[Any], Any] | None:
    kind = table.c[name].type
    processor = kind.dialect_impl(dialect).bind_processor(dialect)
    if processor is not None and isinstance(kind, UtcDateTime):
        # The same moment stands in many columns of a batch.
        return lru_cache(maxsize=512)(processor)
    return processor
