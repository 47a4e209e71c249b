"""Opaque ids: a word that says what it names, then 26 characters that sort by time and cannot be guessed."""

from __future__ import annotations

import os
import time
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
#: Random bytes of an id, and for how many ids they are drawn in one go.
_RANDOM, _DRAWN = 10, 400
#: Drawn and not used yet. Each draw lets another thread take the interpreter, for milliseconds where many ids are made.
_drawn: list[bytes] = []


def new_id(word: str) -> str:
    """Return ``<word>_<ULID>``: 48 bits of time, so that index pages fill in order, and 80 random bits."""
    milliseconds, p = time.time_ns() // 1_000_000, _PAIRS
    try:
        random = int.from_bytes(_drawn.pop())
    except IndexError:
        random = int.from_bytes(_draw())
    return (
        f"{word}_{_stamp(milliseconds)}"
        f"{p[random >> 70]}{p[random >> 60 & 1023]}{p[random >> 50 & 1023]}{p[random >> 40 & 1023]}"
        f"{p[random >> 30 & 1023]}{p[random >> 20 & 1023]}{p[random >> 10 & 1023]}{p[random & 1023]}"
    )


def _draw() -> bytes:
    """Return random bytes for one id, and keep some for those that follow. A child process draws its own."""
    drawn = os.urandom(_RANDOM * _DRAWN)
    parts = [drawn[start : start + _RANDOM] for start in range(0, len(drawn), _RANDOM)]
    _drawn.extend(parts[1:])
    return parts[0]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drawn.clear)


@lru_cache(maxsize=64)
def _stamp(milliseconds: int) -> str:
    return "".join([_PAIRS[milliseconds >> shift & 1023] for shift in range(40, -1, -10)])
