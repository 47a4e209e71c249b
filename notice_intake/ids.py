"""Opaque ids: a word that says what it names, then 26 characters that sort by time and cannot be guessed."""

from __future__ import annotations

import os
import time
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
#: The last five bits of any byte as a digit.
_DIGIT_OF = (_ALPHABET * 8).encode()
#: Random bytes of an id and of a salt, and for how many they are drawn in one go.
_RANDOM, _SALT, _DRAWN = 16, 32, 400
#: Drawn and not used yet. Each draw lets another thread take the interpreter, for milliseconds where many ids are made.
_endings: list[str] = []
_salts: list[bytes] = []


def new_id(word: str, stamp: str | None = None) -> str:
    """Return ``<word>_<ULID>``: 48 bits of time, so that index pages fill in order, and 80 random bits.

    The time is now, or that of a ``stamp``: who needs many ids makes it once.
    """
    try:
        ending = _endings.pop()
    except IndexError:
        ending = _draw_endings()
    return f"{word}_{stamp or new_stamp()}{ending}"


def new_stamp() -> str:
    """Return the time as it stands in ids: ten digits."""
    return _stamp(time.time_ns() // 1_000_000)


def random_bytes() -> bytes:
    """Return 32 random bytes that nobody else gets: a nonce and a salt."""
    try:
        return _salts.pop()
    except IndexError:
        drawn = os.urandom(_SALT * _DRAWN)
        first, *rest = [drawn[start : start + _SALT] for start in range(0, len(drawn), _SALT)]
        _salts.extend(rest)
        return first


def _draw_endings() -> str:
    digits = os.urandom(_RANDOM * _DRAWN).translate(_DIGIT_OF).decode()
    first, *rest = [digits[start : start + _RANDOM] for start in range(0, len(digits), _RANDOM)]
    _endings.extend(rest)
    return first


def _forget() -> None:
    _endings.clear()
    _salts.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@lru_cache(maxsize=64)
def _stamp(milliseconds: int) -> str:
    return "".join([_PAIRS[milliseconds >> shift & 1023] for shift in range(40, -1, -10)])
