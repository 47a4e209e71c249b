"""Who looked at what: journalled before it is shown, at most once an hour for each person, thing and process."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from weakref import WeakKeyDictionary

from ..core.journal import Entry
from ..forks import Lock
from ..hooks import Moderator
from ..store import journal
from .claims import actor_of
from .mount import Mount

#: The actions of this module: the case page's history leaves them out, ``journal show`` does not.
VIEWED, REVEALED = "case.viewed", "case.revealed"
VIEWS = (VIEWED, REVEALED)
#: How many are remembered; whoever falls out is journalled again.
_MOST = 20_000
_Key = tuple[str, str, str, int]
_seen: WeakKeyDictionary[Mount, OrderedDict[_Key, None]] = WeakKeyDictionary()
_turn = Lock()


def viewed(mount: Mount, case_id: str, *, moderator: Moderator, now: datetime) -> None:
    """Journal that a person opened a case."""
    _note(mount, Entry(actor_of(moderator), VIEWED, case_id, now), step="")


def revealed(mount: Mount, case_id: str, *, step: str, moderator: Moderator, now: datetime) -> None:
    """Journal that a person took the veil off the content of a case, and how far."""
    _note(mount, Entry(actor_of(moderator), REVEALED, case_id, now, {"veil": step}), step=step)


def _note(mount: Mount, entry: Entry, *, step: str) -> None:
    key = (entry.object, entry.actor.id, step, int(entry.at.timestamp()) // 3600)
    with _turn:
        seen = _seen.setdefault(mount, OrderedDict())
        if key in seen:
            return
    with mount.storage.begin() as tx:
        journal.append(tx, [entry])
    # Only now: what could not be written is written the next time.
    with _turn:
        seen[key] = None
        if len(seen) > _MOST:
            seen.popitem(last=False)
