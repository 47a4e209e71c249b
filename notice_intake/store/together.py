"""Referrals that arrive at the same time, stored in one transaction.

A transaction costs more than the rows of one referral. So whoever gets the turn to write also writes for all who wait
for it. Nobody waits for company: alone, a referral is stored at once, and under load more go in with each commit.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from ..errors import NoticeIntakeError
from . import cases
from .direct import Straight
from .storage import Raced, Storage, Tx

Rows = Sequence[Mapping[str, Any]]
#: More rows than this are no longer quicker for being together, and would hold the others up.
_MOST = 2000


@dataclass(slots=True, eq=False)
class Fresh:
    """The rows of new referrals, all of whose cases are new as well."""

    referrals: Rows
    cases: Rows
    items: Rows
    journal: Rows
    outbox: Rows
    #: Set once it was tried.
    stored: bool | None = None


class Together:
    """Stores what several threads bring, in as few transactions as their waiting for each other allows."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._turn = threading.Lock()
        self._waiting: deque[Fresh] = deque()

    def store(self, fresh: Fresh) -> bool:
        """Store; False, and nothing stored, where something of it is there already or the database did not let us."""
        self._waiting.append(fresh)
        with self._turn:
            while fresh.stored is None:
                self._store(self._next())
        return bool(fresh.stored)

    def _next(self) -> list[Fresh]:
        """Take what waits, the oldest first."""
        found = [self._waiting.popleft()]
        size = len(found[0].items)
        while self._waiting and size + len(self._waiting[0].items) <= _MOST:
            found.append(self._waiting.popleft())
            size += len(found[-1].items)
        return found

    def _store(self, group: Sequence[Fresh]) -> None:
        kept: list[Fresh] = []
        try:
            with self._storage.straight(writing=True) as tx:
                kept = _new_to(tx, group)
                _insert(tx, kept)
        except (Raced, NoticeIntakeError):
            # Each of the group is tried by itself next, and learns by itself what stands against it.
            kept = []
        finally:
            for one in group:
                one.stored = False
        for one in kept:
            one.stored = True


_of_storage: WeakKeyDictionary[Storage, Together] = WeakKeyDictionary()
_making = threading.Lock()


def together(storage: Storage) -> Together:
    """Return the one meeting place of a storage in this process."""
    found = _of_storage.get(storage)
    if found is None:
        with _making:
            found = _of_storage.setdefault(storage, Together(storage))
    return found


def _new_to(tx: Straight | Tx, group: Sequence[Fresh]) -> list[Fresh]:
    """Return those of a group that open no case that is there, nor one that another of the group opens."""
    keys = [[str(row["key"]) for row in one.cases] for one in group]
    taken = cases.keys_taken(tx, [key for mine in keys for key in mine])
    kept = []
    for one, mine in zip(group, keys, strict=True):
        if taken.isdisjoint(mine):
            taken.update(mine)
            kept.append(one)
    return kept


def _insert(tx: Straight | Tx, group: Sequence[Fresh]) -> None:
    """Write a group in one go."""
    t = tx.tables
    tx.insert(
        (t.referral, [row for one in group for row in one.referrals]),
        (t.case, [row for one in group for row in one.cases]),
        (t.item, [row for one in group for row in one.items]),
        (t.journal, [row for one in group for row in one.journal]),
        (t.outbox, [row for one in group for row in one.outbox]),
    )
