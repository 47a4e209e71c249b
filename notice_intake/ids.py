"""Opaque ids: a word that says what it names, then 26 characters that sort by time and cannot be guessed."""

from __future__ import annotations

import os
import time
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
#: Random bytes of an id and of a salt, and for how many they are drawn in one go.
_RANDOM, _SALT, _DRAWN = 10, 32, 400
#: Drawn and not used yet. Each draw lets another thread take the interpreter, for milliseconds where many ids are made.
_drawn: list[bytes] = []
_salts: list[bytes] = []


def new_id(word: str) -> str:
    """Return ``<word>_<ULID>``: 48 bits of time, so that index pages fill in order, and 80 random bits."""
    milliseconds, p = time.time_ns() // 1_000_000, _PAIRS
    try:
        random = int.from_bytes(_drawn.pop())
    except IndexError:
        random = int.from_bytes(_draw(_drawn, _RANDOM))
    return (
        f"{word}_{_stamp(milliseconds)}"
        f"{p[random >> 70]}{p[random >> 60 & 1023]}{p[random >> 50 & 1023]}{p[random >> 40 & 1023]}"
        f"{p[random >> 30 & 1023]}{p[random >> 20 & 1023]}{p[random >> 10 & 1023]}{p[random & 1023]}"
    )


def random_bytes() -> bytes:
    """Return 32 random bytes that nobody else gets: a nonce and a salt."""
    try:
        return _salts.pop()
    except IndexError:
        return _draw(_salts, _SALT)


def _draw(into: list[bytes], size: int) -> bytes:
    """Return some random bytes, and keep more for those that follow. A child process draws its own."""
    drawn = os.urandom(size * _DRAWN)
    parts = [drawn[start : start + size] for start in range(0, len(drawn), size)]
    into.extend(parts[1:])
    return parts[0]


def _forget() -> None:
    _drawn.clear()
    _salts.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@lru_cache(maxsize=64)
def _stamp(milliseconds: int) -> str:
    return "".join([_PAIRS[milliseconds >> shift & 1023] for shift in range(40, -1, -10)])
