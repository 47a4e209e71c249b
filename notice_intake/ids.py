"""Opaque ids: a word that says what it names, then 26 characters that sort by time and cannot be guessed."""

from __future__ import annotations

import os
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)


def new_id(word: str) -> str:
    """Return ``<word>_<ULID>``: 48 bits of time, so that index pages fill in order, and 80 random bits."""
    value = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10))
    return word + "_" + "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])
