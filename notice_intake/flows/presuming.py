"""Keys that have proved themselves in this process, presumed to stand as they did when they were looked up.

A look at the key before a referral, and the referral itself: two questions to the database, where one would do. So a
key that was seen a moment ago is presumed unchanged, and the referral is stored only if that is true: both in one
transaction. Nothing else relies on what is presumed: before anything is refused, ``confirm`` looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from ..store import known_keys
from ..store.known_keys import KnownKey
from .mount import Mount

#: For so many seconds after it was looked up.
_FOR = 60.0
#: The most keys that are kept.
_MOST = 1000


class Changed(Exception):
    """A key that was presumed, or its agency, is not what it was. Look it up and begin again."""


@dataclass(frozen=True, slots=True)
class _Seen:
    key: KnownKey
    at: float


_of_mount: WeakKeyDictionary[Mount, dict[tuple[str, str], _Seen]] = WeakKeyDictionary()


def remember(mount: Mount, key: KnownKey, *, now: datetime) -> None:
    """Presume of a key that has just been looked up, and has proved a request, that it stays as it is."""
    seen = _of_mount.setdefault(mount, {})
    if len(seen) >= _MOST:
        seen.clear()
    seen[key.scheme, key.credential.key_id] = _Seen(key, now.timestamp())


def presumed(mount: Mount, key_id: str, *, scheme: str, now: datetime) -> KnownKey | None:
    """Return a key as it was seen a moment ago, or None."""
    seen = _of_mount.get(mount, {}).get((scheme, key_id))
    return seen.key if seen is not None and 0 <= now.timestamp() - seen.at < _FOR else None


def confirm(mount: Mount, key: KnownKey) -> None:
    """Look whether a key that was presumed stands as it did; raises ``Changed``, and forgets it, where it does not."""
    with mount.storage.straight() as tx:
        stands = known_keys.stands(tx, key)
    if not stands:
        _of_mount.get(mount, {}).pop((key.scheme, key.credential.key_id), None)
        raise Changed
