"""Rows that go to SQLite in blocks: whatever they share, what is read back is what was given."""

from __future__ import annotations

import sqlite3
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notice_intake.store.blocks import Blocks

WIDTH = 4


class Recording:
    """A driver that keeps what was executed."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute('CREATE TABLE "many rows" (a, "b c", d, e)')
        self.statements: list[str] = []

    def execute(self, statement: str, values: Any) -> None:
        self.statements.append(statement)
        self.connection.execute(statement, values)

    def executemany(self, statement: str, values: Any) -> None:
        self.statements.append(statement)
        self.connection.executemany(statement, values)

    def stored(self) -> list[Any]:
        return self.connection.execute('SELECT * FROM "many rows" ORDER BY rowid').fetchall()


def blocks() -> Blocks:
    return Blocks('"many rows" (a, "b c", d, e)', WIDTH)


def rows(count: int, *, shared: tuple[int, ...] = ()) -> list[tuple[Any, ...]]:
    """Return rows that hold the same in the places ``shared``, and different values elsewhere."""
    return [
        tuple(f"same {place}" if place in shared else f"{place}: {number}" for place in range(WIDTH))
        for number in range(count)
    ]


def flat(rows: list[tuple[Any, ...]]) -> list[Any]:
    return [value for row in rows for value in row]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 127, 128, 129, 700, 2048, 2049, 5000])
@pytest.mark.parametrize("shared", [(), (0,), (1, 3), (1, 2, 3), (0, 1, 2, 3)])
def test_rows_are_read_back_in_their_order(count, shared):
    driver, given = Recording(), rows(count, shared=shared)
    blocks().insert(driver, flat(given))
    assert driver.stored() == given


def test_thousands_of_rows_are_few_statements():
    driver = Recording()
    blocks().insert(driver, flat(rows(2048 + 1024 + 2, shared=(1,))))
    assert len(driver.statements) == 4


@pytest.mark.parametrize(
    ("width", "shared", "statements"), [(15, 0, 1), (16, 0, 2), (17, 1, 2), (40, 25, 1), (40, 0, 4)]
)
def test_a_statement_takes_as_many_rows_as_its_limit_lets_it(width, shared, statements):
    driver = Recording()
    names = ", ".join(f"c{place}" for place in range(width))
    driver.connection.execute(f"CREATE TABLE wide ({names})")
    driver.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 32_766)
    given = [tuple("same" if place < shared else f"{place}: {row}" for place in range(width)) for row in range(2048)]
    Blocks(f"wide ({names})", width).insert(driver, flat(given))
    assert driver.connection.execute("SELECT * FROM wide ORDER BY rowid").fetchall() == given
    assert len(driver.statements) == statements


def test_few_ways_to_share_are_kept_however_many_there_are():
    driver, kept, every = Recording(), blocks(), []
    for size in range(WIDTH):
        for shared in combinations(range(WIDTH), size):
            every += (given := rows(128, shared=shared))
            kept.insert(driver, flat(given))
    assert driver.stored() == every
    assert len(set(driver.statements)) == 3


values = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text(max_size=3), st.binary(max_size=3))


@given(st.lists(st.lists(values, min_size=3, max_size=3), min_size=128, max_size=300))
def test_values_of_any_kind_are_read_back(given):
    driver = Recording()
    made = [("x", *one) for one in given]
    blocks().insert(driver, flat(made))
    assert driver.stored() == made
    kinds = 'SELECT typeof("b c"), typeof(d), typeof(e) FROM "many rows" ORDER BY rowid'
    names = {str: "text", bytes: "blob", int: "integer", bool: "integer", type(None): "null"}
    assert driver.connection.execute(kinds).fetchall() == [tuple(names[type(one)] for one in row) for row in given]
