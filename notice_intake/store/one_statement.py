"""Rows of several tables by one statement: for PostgreSQL, where each round trip costs more than a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Select

if TYPE_CHECKING:
    from .direct import Insertion


#: What a ``Holding``'s query calls the name that it is asked for.
HELD = "held.name"


@dataclass(frozen=True, slots=True)
class Holding:
    """The condition that a text is still what it was, for each of some names.

    The query returns the text, called ``stamp``, of the one name that it knows as ``HELD``.
    """

    query: Select[Any]
    #: Each name with its text; a name may stand here with two, of which one is wrong.
    stamps: Sequence[tuple[str, str]]


@lru_cache(maxsize=256)
def as_one(insertions: tuple[Insertion, ...], counts: tuple[int, ...]) -> str:
    """Return one statement that stores so many rows of each table: alone it is a transaction, of one round trip."""
    places, made = count(1), []
    for one, rows in zip(insertions, counts, strict=True):
        marks = [f"({', '.join([f'${next(places)}' for _ in range(one.width)])})" for _ in range(rows)]
        made.append(f"INSERT INTO {one.into} VALUES {', '.join(marks)}")  # noqa: S608  our own names
    return _with([], made)


@lru_cache(maxsize=256)
def in_arrays(insertions: tuple[Insertion, ...], shared: tuple[frozenset[int], ...]) -> str:
    """Return one statement that stores rows that come as an array a column, but for those places that share a value."""
    places, made = count(1), []
    for one, same in zip(insertions, shared, strict=True):
        marks = [f"CAST(${next(places)} AS {kind}{'' if at in same else '[]'})" for at, kind in enumerate(one.kinds)]
        arrays = ", ".join([mark for at, mark in enumerate(marks) if at not in same])
        names = ", ".join([f"c{at}" for at in range(one.width) if at not in same])
        chosen = ", ".join([mark if at in same else f"c{at}" for at, mark in enumerate(marks)])
        made.append(f"INSERT INTO {one.into} SELECT {chosen} FROM unnest({arrays}) AS given ({names})")  # noqa: S608
    return _with([], made)


@lru_cache(maxsize=256)
def unless(
    insertions: tuple[Insertion, ...],
    counts: tuple[int, ...],
    *,
    column: Column[Any],
    wanted: int,
    held: Select[Any] | None = None,
    names: int = 0,
) -> str:
    """Return the same statement, storing nothing where one of the ``wanted`` first values stands in a column.

    Nor, with ``held``, the query of a ``Holding``, where one of as many ``names``, which follow, each with its text,
    has another text now. All are values of their own: the plan for an array, whose length nobody knows, is made anew
    each time.
    """
    places = count(1)
    preparer, dialect = insertions[0].preparer, insertions[0].dialect
    # One look at the index for each: a plan that is made while the table is small would walk through it for ever.
    looked = f"SELECT FROM {preparer.format_table(column.table)} WHERE {preparer.quote(column.name)} = one LIMIT 1"
    given = ", ".join([f"(CAST(${next(places)} AS TEXT))" for _ in range(wanted)])
    named = {"taken": f"SELECT FROM (VALUES {given}) AS given (one), LATERAL ({looked}) AS found"}
    if held is not None:
        given = ", ".join([f"(CAST(${next(places)} AS TEXT), CAST(${next(places)} AS TEXT))" for _ in range(names)])
        now = held.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        named["doubtful"] = (
            f"SELECT FROM (VALUES {given}) AS held (name, stamp) LEFT JOIN LATERAL ({now}) AS now ON TRUE "  # noqa: S608
            "WHERE now.stamp IS DISTINCT FROM held.stamp"
        )
    nothing = " AND ".join([f"NOT EXISTS (SELECT FROM {one})" for one in named])
    made = []
    for one, rows in zip(insertions, counts, strict=True):
        marks = [f"({', '.join([f'CAST(${next(places)} AS {kind})' for kind in one.kinds])})" for _ in range(rows)]
        chosen = f"SELECT * FROM (VALUES {', '.join(marks)}) AS given WHERE {nothing}"  # noqa: S608
        made.append(f"INSERT INTO {one.into} {chosen}")
    return _with([f"{name} AS MATERIALIZED ({one})" for name, one in named.items()], made)


@lru_cache(maxsize=256)
def while_held(insertion: Insertion, held: Select[Any]) -> str:
    """Return the statement that stores one row while the query of a ``Holding`` holds: for SQLite.

    Its values are followed by the name, and the text that it must have.
    """
    now = str(held.compile(dialect=insertion.dialect, compile_kwargs={"literal_binds": True})).replace(HELD, "?")
    return f"INSERT INTO {insertion.into} SELECT {', '.join('?' * insertion.width)} WHERE ({now}) = ?"


def _with(named: list[str], statements: list[str]) -> str:
    """Return statements as one, which counts the rows of the last."""
    *before, last = statements
    named = [*named, *[f"part{place} AS ({one})" for place, one in enumerate(before)]]
    return f"WITH {', '.join(named)} {last}" if named else last


def numbering(driver: Any) -> Any:
    """Return a cursor whose statements say ``$1``: one with many values is not searched for marks each time."""
    from psycopg import RawCursor

    return RawCursor(driver)
