"""Rows of several tables by one statement: for PostgreSQL, where each round trip costs more than a row."""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column

if TYPE_CHECKING:
    from .direct import Insertion


@lru_cache(maxsize=256)
def as_one(insertions: tuple[Insertion, ...], counts: tuple[int, ...]) -> str:
    """Return one statement that stores so many rows of each table: alone it is a transaction, of one round trip."""
    places, made = count(1), []
    for one, rows in zip(insertions, counts, strict=True):
        marks = [f"({', '.join([f'${next(places)}' for _ in range(one.width)])})" for _ in range(rows)]
        made.append(f"INSERT INTO {one.into} VALUES {', '.join(marks)}")  # noqa: S608  our own names
    return _with([], made)


@lru_cache(maxsize=256)
def unless(insertions: tuple[Insertion, ...], counts: tuple[int, ...], *, column: Column[Any]) -> str:
    """Return the same statement, storing nothing where a value of the array ``$1`` stands in a column."""
    places, made = count(2), []
    for one, rows in zip(insertions, counts, strict=True):
        marks = [f"({', '.join([f'CAST(${next(places)} AS {kind})' for kind in one.kinds])})" for _ in range(rows)]
        chosen = f"SELECT * FROM (VALUES {', '.join(marks)}) AS given WHERE NOT EXISTS (SELECT FROM taken)"  # noqa: S608
        made.append(f"INSERT INTO {one.into} {chosen}")
    preparer = insertions[0].preparer
    # One look at the index for each: a plan that is made while the table is small would walk through it for ever.
    looked = f"SELECT FROM {preparer.format_table(column.table)} WHERE {preparer.quote(column.name)} = one LIMIT 1"
    taken = f"SELECT FROM unnest(CAST($1 AS TEXT[])) AS one, LATERAL ({looked}) AS found"
    return _with([f"taken AS MATERIALIZED ({taken})"], made)


def _with(named: list[str], statements: list[str]) -> str:
    """Return statements as one, which counts the rows of the last."""
    *before, last = statements
    named = [*named, *[f"part{place} AS ({one})" for place, one in enumerate(before)]]
    return f"WITH {', '.join(named)} {last}" if named else last


def numbering(driver: Any) -> Any:
    """Return a cursor whose statements say ``$1``: one with many values is not searched for marks each time."""
    from psycopg import RawCursor

    return RawCursor(driver)
