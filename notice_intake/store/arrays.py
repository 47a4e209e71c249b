"""Many rows in one statement of PostgreSQL: an array for each column, as bytes that the server takes as they are.

COPY asks for an answer before and after each table, and whoever waits for one waits for the interpreter after it, for
milliseconds where others are at work. What is the same in all rows is sent once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from psycopg.adapt import Dumper
from psycopg.pq import Format

from .blocks import is_one
from .one_statement import in_arrays, numbering

if TYPE_CHECKING:
    from .direct import Insertion, Part

Column = Sequence[Any]
#: What stands before each element: its length in bytes, or this where there is none.
_length = struct.Struct("!i").pack
_NULL: Final = _length(-1)
#: The lengths of short texts, which nearly all are.
_LENGTHS: Final = [_length(size) for size in range(4096)]
#: Where the server's own count of microseconds begins.
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Arrays:
    """The rows of one table as they are sent."""

    encoding: str
    #: The places of the columns that hold the same in all rows.
    same: frozenset[int]
    #: A value for each of those, an array for each of the others.
    values: Sequence[Any]


def arrays_of(one: Insertion, flat: Sequence[Any], *, encoding: str = "utf-8") -> Arrays:
    """Return rows, whose values stand one after the other, as they are sent to a server that expects this encoding."""
    columns = [flat[place :: one.width] for place in range(one.width)]
    # Not the first: how many rows there are is told by the arrays, and there has to be one.
    same = frozenset([place for place, column in enumerate(columns) if place and is_one(column)])
    values = [
        column[0] if place in same else _Array(_written(kind, column, encoding))
        for place, (kind, column) in enumerate(zip(one.kinds, columns, strict=True))
    ]
    return Arrays(encoding, same, values)


def insert_arrays(driver: Any, work: Sequence[Part]) -> None:
    """Store the rows of each table; where no transaction is open, it is one."""
    cursor = numbering(driver)
    cursor.adapters.register_dumper(_Array, _ArrayDumper)
    encoding = driver.info.encoding
    made = [
        part.arrays
        if part.arrays is not None and part.arrays.encoding == encoding
        else arrays_of(part.insertion, part.values, encoding=encoding)
        for part in work
    ]
    statement = in_arrays(tuple([part.insertion for part in work]), tuple([one.same for one in made]))
    # Not prepared: what is shared makes it another statement nearly each time, and each would stay on the server.
    cursor.execute(statement, [value for one in made for value in one.values], prepare=False)


class _Array:
    """An array as the server takes it."""

    __slots__ = ("written",)

    def __init__(self, written: bytes) -> None:
        self.written = written


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: _Array) -> bytes:
        return obj.written


def _written(kind: str, column: Column, encoding: str) -> bytes:
    """Return a column as an array: one dimension that begins at 1, its elements with their lengths before them."""
    oid, write = _KINDS[kind]
    head = struct.pack("!iiiii", 1, None in column, oid, len(column), 1)
    return head + b"".join(write(column, encoding))


def _texts(column: Column, encoding: str) -> list[bytes]:
    return _bytes([one if one is None else one.encode(encoding) for one in column], encoding)


def _bytes(column: Column, _encoding: str) -> list[bytes]:
    if None in column:
        return [part for one in column for part in ((_NULL,) if one is None else (_length(len(one)), one))]
    parts = [b""] * (2 * len(column))
    parts[::2] = [_LENGTHS[size] if (size := len(one)) < len(_LENGTHS) else _length(size) for one in column]
    parts[1::2] = column
    return parts


def _documents(column: Column, encoding: str) -> list[bytes]:
    """JSONB: the number of its form before the text."""
    return _texts([one if one is None else "\x01" + one for one in column], encoding)


def _fixed(pack: Callable[[Any], bytes]) -> Callable[[Column, str], list[bytes]]:
    """Return what writes elements of one length, of which there are few different ones."""

    # The same moment stands in many rows of a batch.
    @lru_cache(maxsize=1024)
    def element(one: Any) -> bytes:
        if one is None:
            return _NULL
        packed = pack(one)
        return _length(len(packed)) + packed

    return lambda column, _encoding: [element(one) for one in column]


def _microseconds(text: str) -> bytes:
    return struct.pack("!q", (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND)


#: By the name of a type: its number in every server, and what writes elements of it.
_KINDS: Final[dict[str, tuple[int, Callable[[Column, str], list[bytes]]]]] = {
    "BOOLEAN": (16, _fixed(struct.Struct("!?").pack)),
    "BYTEA": (17, _bytes),
    "BIGINT": (20, _fixed(struct.Struct("!q").pack)),
    "SMALLINT": (21, _fixed(struct.Struct("!h").pack)),
    "INTEGER": (23, _fixed(struct.Struct("!i").pack)),
    "TEXT": (25, _texts),
    "TIMESTAMP WITH TIME ZONE": (1184, _fixed(_microseconds)),
    "JSONB": (3802, _documents),
}
