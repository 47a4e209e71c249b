"""Bringing every stored secret under the newest secret key, so that an older one may go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import SettingsError
from ..store import encrypted
from ..store.encrypted import Place
from .mount import Mount

#: Rows of one transaction.
SLICE = 100
#: What ``Secrets.encrypt`` makes (Fernet: version 0x80, then a time whose upper bytes are 0).
_TOKEN = re.compile(r"gAAAAA[A-Za-z0-9_-]{60,}={0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Renewed:
    """How many secrets are stored, and how many of them were not under the newest key."""

    all: int
    old: int


def reencrypt(mount: Mount, *, dry: bool = False) -> Renewed:
    """Encrypt every stored secret under the newest secret key; with ``dry`` only count.

    Each secret is read before the first is written: raises ``SettingsError``, naming the row, where the keys that are
    set do not open one, and then nothing is changed. Works in transactions of 100 rows; killed in between it has done a
    part, and the next run does the rest. What is under the newest key is left alone.
    """
    found = _walk(mount, writing=False)
    if found.old and not dry:
        _walk(mount, writing=True)
    return found


def tokens(value: Any) -> list[str]:
    """Return the encrypted secrets that are in a stored value."""
    found: list[str] = []

    def note(token: str) -> str:
        found.append(token)
        return token

    _each(value, note)
    return found


def _walk(mount: Mount, *, writing: bool) -> Renewed:
    count = old = 0
    for place in encrypted.places(mount.storage.tables):
        for rows in _slices(mount, place, writing=writing):
            for seen, renewed in rows:
                count += seen
                old += renewed
    return Renewed(count, old)


def _slices(mount: Mount, place: Place, *, writing: bool) -> Iterator[list[tuple[int, int]]]:
    """Yield (secrets, secrets under an old key) for each row, a slice at a time."""
    after = ""
    while True:
        with mount.storage.begin() if writing else mount.storage.read() as tx:
            rows = encrypted.some(tx, place, after=after, limit=SLICE, lock=writing)
            counts = []
            for key, value in rows:
                tally = _Tally(mount, f"{place.name} of {key}")
                changed = _each(value, tally)
                if writing and tally.old:
                    encrypted.put(tx, place, key=key, value=changed)
                counts.append((tally.all, tally.old))
        yield counts
        if len(rows) < SLICE:
            return
        after = rows[-1][0]


class _Tally:
    """Renews the secrets of one row and counts them."""

    def __init__(self, mount: Mount, where: str) -> None:
        self._mount, self._where = mount, where
        self.all = self.old = 0

    def __call__(self, token: str) -> str:
        self.all += 1
        try:
            renewed = self._mount.secrets.renewed(token)
        except SettingsError as error:
            raise SettingsError(f"{self._where}: {error.detail} Nothing was changed.") from None
        self.old += renewed is not None
        return renewed or token


def _each(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value with each secret in it changed."""
    if isinstance(value, str):
        return change(value) if _TOKEN.fullmatch(value) else value
    if isinstance(value, Mapping):
        return {name: _each(one, change) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_each(one, change) for one in value]
    return value
