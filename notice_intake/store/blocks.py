"""Many rows in one statement of SQLite.

Between two statements another thread may take the interpreter, for milliseconds. And to hand a value over costs as much
as to store it: what is the same in all rows of a block is handed over once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: So many rows go into one statement, which takes so many values; what the rows share counts once.
_SIZES = (2048, 1024, 512, 256, 128, 32, 8)
_MOST_VALUES = 32_766
#: From so many rows on it is worth looking at what they share; and for so many ways to share statements are kept.
_WORTH, _WAYS = 128, 3


class Blocks:
    """The INSERT of one table with one set of columns; ``into`` is the quoted table with its quoted columns."""

    def __init__(self, into: str, width: int) -> None:
        self._width = width
        self._alone = f"INSERT INTO {into} VALUES ({', '.join('?' * width)})"  # noqa: S608  our own names
        self._ways: list[frozenset[int]] = [frozenset()]
        #: By how many rows there are and which places they share.
        self._statements: dict[tuple[int, frozenset[int]], str] = {}

    def insert(self, driver: Any, values: Sequence[Any]) -> None:
        """Store rows, whose values stand one after the other, in as few statements as may be."""
        start, end, width = 0, len(values), self._width
        for size in _SIZES:
            while end - start >= size * width and self._insert(driver, values[start : start + size * width], size):
                start += size * width
        for place in range(start, end, width):
            driver.execute(self._alone, values[place : place + width])

    def _insert(self, driver: Any, block: Sequence[Any], size: int) -> bool:
        """Store so many rows by one statement; False where that would take too many values."""
        if size < _WORTH:
            driver.execute(self._statement(size, frozenset()), block)
            return True
        columns = [block[place :: self._width] for place in range(self._width)]
        same = [place for place, column in enumerate(columns) if is_one(column)]
        # Before a way is kept for them: it would be in the way of one that is used.
        if not self._fits(size, len(same)):
            return False
        shared = self._way(same)
        if not self._fits(size, len(shared)):
            return False
        others = [column for place, column in enumerate(columns) if place not in shared]
        later: list[Any] = [None] * (len(others) * (size - 1))
        for place, column in enumerate(others):
            later[place :: len(others)] = column[1:]
        # Not ``execute``: that lets go of the interpreter once more, to ask for the row's number.
        driver.executemany(self._statement(size, shared), [[*block[: self._width], *later]])
        return True

    def _fits(self, size: int, shared: int) -> bool:
        """Say whether one statement takes so many rows, which share the values of so many places."""
        return shared + size * (self._width - shared) <= _MOST_VALUES

    def _way(self, same: Sequence[int]) -> frozenset[int]:
        """Return the places to share where these hold the same: as few ways as may be, each keeps a large statement."""
        wanted = frozenset(same)
        if wanted not in self._ways and len(self._ways) < _WAYS:
            self._ways.append(wanted)
        return max((way for way in self._ways if way <= wanted), key=len)

    def _statement(self, size: int, shared: frozenset[int]) -> str:
        known = self._statements.get((size, shared))
        if known is None:
            # A mark without a number is the next value; one with a number, a value of the first row again.
            later = ", ".join([f"?{place + 1}" if place in shared else "?" for place in range(self._width)])
            known = self._statements[size, shared] = f"{self._alone}{f', ({later})' * (size - 1)}"
        return known


def is_one(column: Sequence[Any]) -> bool:
    """Say whether a column holds the same throughout; the last value tells of nearly all that do not."""
    return bool(column[-1] == column[0]) and column.count(column[0]) == len(column)
