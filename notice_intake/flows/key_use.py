"""When a key was last used, to within some minutes: a write for each request would cost more than it tells."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

from ..errors import TemporarilyUnavailable
from ..store import agency_activity
from ..store.storage import Raced
from .mount import Mount

#: After so many seconds a further use of a key is written down by this process.
_EVERY = 600.0


@dataclass(slots=True)
class _Uses:
    """What this process has seen."""

    written: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, datetime] = field(default_factory=dict)


_of_mount: WeakKeyDictionary[Mount, _Uses] = WeakKeyDictionary()


def seen(mount: Mount, key_id: str, *, now: datetime) -> None:
    """Remember that a key was used, where that is to be written down again. Asks no database."""
    uses = _of_mount.setdefault(mount, _Uses())
    last = uses.written.get(key_id)
    if last is None or now.timestamp() - last >= _EVERY:
        uses.written[key_id] = now.timestamp()
        uses.waiting[key_id] = now


def write(mount: Mount) -> None:
    """Write down what waits to be, nearly always nothing. A database that is away keeps no request from going on."""
    uses = _of_mount.get(mount)
    if uses is None or not uses.waiting:
        return
    waiting, uses.waiting = uses.waiting, {}
    with suppress(TemporarilyUnavailable, Raced), mount.storage.begin() as tx:
        for key_id, at in waiting.items():
            agency_activity.note_use(tx, key_id, now=at)
