"""Referrals that arrive at the same time, stored in one transaction.

A transaction costs more than the rows of one referral. So whoever gets the turn to write also writes for all who wait
for it. Nobody waits for company: alone, a referral is stored at once, and under load more go in with each commit.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary, proxy

from sqlalchemy import Table

from ..errors import NoticeIntakeError
from ..forks import Lock, in_each_child
from . import cases, known_keys
from .carrying_over import carry_over
from .direct import Flat, Rows, Straight
from .known_keys import KnownKey
from .storage import Raced, Storage, Tx

log = logging.getLogger("notice_intake.store")
#: More rows than this are no longer quicker for being together, and would hold the others up.
_MOST = 2000
#: From so many items on rows are many.
_MANY = 100
#: So many transactions of others may follow before whoever has the turn gives it back, and answers.
_MORE = 2
#: After so many rows SQLite's log is carried over, before it has as many pages as make a commit do it.
_CARRIED = 3000


@dataclass(slots=True, eq=False)
class Fresh:
    """The rows of new referrals, all of whose cases are new as well."""

    #: Of the cases that they open.
    keys: Sequence[str]
    #: How many items they have.
    items: int
    #: The name of each table and its rows, in the order to be stored; the same tables in the same order in each.
    parts: Sequence[tuple[str, Rows]]
    #: The key that they came under, where it is to stand as it stood for them to be stored.
    key: KnownKey | None = None
    #: Whether it is on the disk before it counts as stored.
    synced: bool = True
    #: Whether it is stored without a look at what is there: the database refuses all of it where one key is taken.
    unseen: bool = False
    #: Set once it was tried.
    stored: bool | None = None


class Together:
    """Stores what several threads bring, in as few transactions as their waiting for each other allows."""

    def __init__(self, storage: Storage) -> None:
        # Not to be kept alive by its own entry below.
        self._storage = proxy(storage)
        self._turn = Lock()
        self._waiting: deque[Fresh] = deque()
        #: Rows that were stored since the log was carried over.
        self._logged = 0
        # Those who wait in the parent are stored there.
        in_each_child(self, lambda one: one._waiting.clear())

    def store(self, fresh: Fresh) -> bool:
        """Store; False, and nothing stored, where something of it is there already or the database did not let us.

        Nor where its key is not what it was.
        """
        self._waiting.append(fresh)
        with self._turn:
            if fresh.stored is None:
                self._store_until(fresh)
            full, self._logged = self._logged >= _CARRIED, self._logged % _CARRIED
        if full:
            carry_over(self._storage)
        return bool(fresh.stored)

    def _store_until(self, fresh: Fresh) -> None:
        """Store the oldest of those who wait, until ``fresh`` is among them; where writers take turns, some more.

        Between our transactions nobody writes: SQLite would read each page again that it is to change. What has to be
        on the disk, as every batch of a stream, takes longer than anybody else's answer should wait.
        """
        with self._storage.turn:
            while fresh.stored is None:
                self._store([self._waiting.popleft()])
            for _ in range(_MORE if self._storage.takes_turns else 0):
                if self._waiting and not self._waiting[0].synced:
                    self._store([self._waiting.popleft()])

    def _store(self, group: list[Fresh]) -> None:
        """Store the first of those who wait, and whoever else waits once the database has let us in."""
        kept: list[Fresh] = []
        synced, many = group[0].synced, group[0].items >= _MANY
        try:
            with self._storage.straight(writing=True, synced=synced, many=many) as tx:
                self._let_join(group, synced=synced)
                kept = [*group] if _stored_at_once(tx, group) else _stored(tx, group)
        except (Raced, NoticeIntakeError):
            # Each of the group is tried by itself next, and learns by itself what stands against it.
            kept = []
        except Exception:
            # So too with what may be the fault of one: the thread that met it may have brought another.
            log.warning("%d referrals were not stored together", len(group), exc_info=True)
            kept = []
        finally:
            for one in group:
                one.stored = False
        for one in kept:
            one.stored = True
        # Batches of streams, which wait for the disk, keep the log small as they commit.
        if self._storage.takes_turns and not synced:
            self._logged += sum([len(rows) for one in kept for _, rows in one.parts])

    def _let_join(self, group: list[Fresh], *, synced: bool) -> None:
        """Take those who wait into the group, the oldest first: another process may have had us wait for its commit.

        What has to be on the disk waits for a transaction that sees to it.
        """
        size = group[0].items
        while self._waiting:
            size += self._waiting[0].items
            if size > _MOST or self._waiting[0].synced > synced:
                return
            group.append(self._waiting.popleft())


_of_storage: WeakKeyDictionary[Storage, Together] = WeakKeyDictionary()
_making = Lock()


def together(storage: Storage) -> Together:
    """Return the one meeting place of a storage in this process."""
    found = _of_storage.get(storage)
    if found is None:
        with _making:
            found = _of_storage.setdefault(storage, Together(storage))
    return found


def _stored_at_once(tx: Straight | Tx, group: Sequence[Fresh]) -> bool:
    """Store a group that opens no case that is there; False, and nothing stored, where that is not sure."""
    keys = [key for one in group for key in one.keys]
    if not isinstance(tx, Straight) or len(set(keys)) < len(keys):
        return False
    held = known_keys.holding(tx.tables, _keys(group))
    return tx.insert_unless(tx.tables.case.c.key, keys, *_parts(tx, group), held=held)


def _stored(tx: Straight | Tx, group: Sequence[Fresh]) -> list[Fresh]:
    """Store those of a group that can be, and return them."""
    standing = {key for key in _keys(group) if known_keys.stands(tx, key)}
    kept = [one for one in group if one.key is None or one.key in standing]
    if len(kept) != 1 or not kept[0].unseen:
        kept = _new_to(tx, kept)
    if kept:
        tx.insert(*_parts(tx, kept))
    return kept


def _keys(group: Sequence[Fresh]) -> set[KnownKey]:
    """Return the keys of a group, each once; one that was changed meanwhile may stand here twice."""
    return {one.key for one in group if one.key is not None}


def _new_to(tx: Straight | Tx, group: Sequence[Fresh]) -> list[Fresh]:
    """Return those of a group that open no case that is there, nor one that another of the group opens."""
    taken = cases.keys_taken(tx, [key for one in group for key in one.keys])
    kept = []
    for one in group:
        if taken.isdisjoint(one.keys):
            taken.update(one.keys)
            kept.append(one)
    return kept


def _parts(tx: Straight | Tx, group: Sequence[Fresh]) -> list[tuple[Table, Rows]]:
    """Return the rows of a group by table."""
    if len(group) == 1:
        return [(getattr(tx.tables, name), rows) for name, rows in group[0].parts]
    return [(getattr(tx.tables, parts[0][0]), _joined([rows for _, rows in parts])) for parts in _by_part(group)]


def _by_part(group: Sequence[Fresh]) -> Iterator[tuple[tuple[str, Rows], ...]]:
    return zip(*[one.parts for one in group], strict=True)


def _joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of one table of all of a group, which is more than one."""
    first = parts[0]
    if isinstance(first, Flat):
        every = [value for one in parts if isinstance(one, Flat) for value in one.values]
        return Flat(first.names, every, first.written)
    return [row for one in parts if not isinstance(one, Flat) for row in one]
