"""Opaque ids: a word that says what it names, then 26 characters that sort by time and cannot be guessed."""

from __future__ import annotations

import os
import time
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)


def new_id(word: str) -> str:
    """Return ``<word>_<ULID>``: 48 bits of time, so that index pages fill in order, and 80 random bits."""
    milliseconds, random, p = time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10)), _PAIRS
    return (
        f"{word}_{_stamp(milliseconds)}"
        f"{p[random >> 70]}{p[random >> 60 & 1023]}{p[random >> 50 & 1023]}{p[random >> 40 & 1023]}"
        f"{p[random >> 30 & 1023]}{p[random >> 20 & 1023]}{p[random >> 10 & 1023]}{p[random & 1023]}"
    )


@lru_cache(maxsize=64)
def _stamp(milliseconds: int) -> str:
    return "".join([_PAIRS[milliseconds >> shift & 1023] for shift in range(40, -1, -10)])
