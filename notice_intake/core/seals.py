"""A seal: which entries were appended to the tree, in which order, and the hash that chains it to the seal before.

Entries are named by their row ids as ranges, ``57,1001-1500``: those that were committed late come first.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

Range = tuple[int, int]
_RANGES = re.compile(r"[1-9][0-9]{0,18}(-[1-9][0-9]{0,18})?(,[1-9][0-9]{0,18}(-[1-9][0-9]{0,18})?)*", re.ASCII)
#: What stands before the first seal.
NO_CHAIN = "0" * 64
#: Nodes of this level and above are kept with the seal that completed them; those below are made of leaves again.
NODE_LEVEL = 8


@dataclass(frozen=True, slots=True)
class Gap:
    """Row ids that were given out and not seen yet, and the transactions that wrote at that time."""

    first: int
    last: int
    writers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seal:
    """A batch of entries that were sealed together."""

    #: 1, 2, 3 …
    number: int
    #: Entries in the tree, this batch among them.
    size: int
    #: Row ids, in the order of the tree.
    entries: str
    #: Of the whole tree, hexadecimal.
    root: str
    #: ``Frontier.packed`` of the whole tree.
    frontier: bytes
    #: The inner nodes from ``NODE_LEVEL`` up that this batch completed.
    nodes: bytes
    #: The highest row id that was looked at, and those below it that may still come.
    mark: int
    gaps: str
    at: datetime
    checkpoint: str
    chain: str


def chain_of(seal: Seal, before: str) -> str:
    """Return the hash over a seal and, through ``before``, over all seals before it."""
    parts = (
        before,
        seal.number,
        seal.size,
        seal.entries,
        seal.root,
        seal.frontier.hex(),
        seal.nodes.hex(),
        seal.mark,
        seal.gaps,
        stamp(seal.at),
        seal.checkpoint,
    )
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogateescape")).hexdigest()


def stamp(at: datetime) -> str:
    """Return a time as it stands in a checkpoint."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def ranges_text(ids: Iterable[int]) -> str:
    """Return row ids, in their order, as ranges."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs(ids))


def runs(ids: Iterable[int]) -> Iterator[Range]:
    """Yield each run of successive numbers as its first and last."""
    first = last = None
    for one in ids:
        if last is not None and one == last + 1:
            last = one
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = one
    if first is not None and last is not None:
        yield first, last


def read_ranges(text: str) -> list[Range]:
    """Read what ``ranges_text`` wrote. Raises ``ValueError``."""
    if not _RANGES.fullmatch(text):
        raise ValueError("these are no ranges of row ids")
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.append((int(first), int(last or first)))
        if found[-1][0] > found[-1][1]:
            raise ValueError("a range ends before it begins")
    return found


def count(ranges: Iterable[Range]) -> int:
    """Return how many row ids ranges name."""
    return sum(last - first + 1 for first, last in ranges)


def gaps_text(gaps: Sequence[Gap]) -> str:
    """Return gaps as they are stored: JSON."""
    return json.dumps([[one.first, one.last, list(one.writers)] for one in gaps], separators=(",", ":"))


def read_gaps(text: str) -> list[Gap]:
    """Read what ``gaps_text`` wrote. Raises ``ValueError``."""
    try:
        return [Gap(int(first), int(last), tuple(map(str, writers))) for first, last, writers in json.loads(text)]
    except TypeError:
        raise ValueError("these are no gaps") from None


def missing(after: int, seen: Iterable[int]) -> list[Range]:
    """Return the row ids above ``after`` that do not stand among ``seen``, which rise, up to the last of them."""
    found, expected = [], after + 1
    for one in seen:
        if one > expected:
            found.append((expected, one - 1))
        expected = one + 1
    return found


def still_open(gaps: Iterable[Gap], late: Iterable[int], *, writing: frozenset[str], all_seen: bool) -> list[Gap]:
    """Return the gaps that may still be filled: not by ``late``, which came, while one of their writers is ``writing``.

    ``writing`` was looked up before ``late`` was; ``all_seen`` is False where more may have come than was looked at. A
    transaction that was prepared (``-1/…``) can no longer be told from another: while there is one, no gap is given up.
    """
    unnamed = not all_seen or any(one.startswith("-1/") for one in writing)
    came = sorted(late)
    return [
        Gap(first, last, gap.writers)
        for gap in gaps
        if unnamed or not writing.isdisjoint(gap.writers)
        for first, last in _without(gap, came)
    ]


def _without(gap: Gap, came: Iterable[int]) -> Iterator[Range]:
    first = gap.first
    for one in came:
        if gap.first <= one <= gap.last:
            if first < one:
                yield first, one - 1
            first = one + 1
    if first <= gap.last:
        yield first, gap.last
