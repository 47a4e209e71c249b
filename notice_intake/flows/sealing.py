"""Sealing: entries that are committed are appended to the tree, in batches, and the tree's head is signed.

Any number of processes may try at once: a seal is a row with the next number, so that only one of them stores it, and
all that the next one needs to know stands in it. Killed at any point, nothing is half sealed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from ..auth import checkpoint
from ..auth.checkpoint import Checkpoint, NotACheckpoint
from ..auth.merkle import HASH_BYTES, Frontier, split
from ..core.seals import (
    NO_CHAIN,
    NODE_LEVEL,
    Gap,
    Seal,
    chain_of,
    gaps_text,
    missing,
    ranges_text,
    read_gaps,
    stamp,
    still_open,
)
from ..errors import JournalBroken, SettingsError
from ..store import seals
from ..store.storage import Raced
from . import checkpoints
from .mount import Mount

log = logging.getLogger("notice_intake.journal")
#: Most entries of one seal.
BATCH = 16_384
#: So many entries are sealed at once, however young the newest seal is.
MANY = 1000
_tried: WeakKeyDictionary[Mount, datetime] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What the next seal will hold, in its order, and how far was looked."""

    ids: Sequence[int]
    #: Hexadecimal.
    leaves: Sequence[str]
    mark: int
    gaps: tuple[Gap, ...]


def keep_sealed(mount: Mount, *, now: datetime) -> int:
    """Seal what waits, every ``journal_seal_seconds``; for a worker's loop, which goes on where it cannot.

    The log says so each time: for a broken journal, and where no secret key opens the key that signs.
    """
    every = timedelta(seconds=mount.settings.journal_seal_seconds)
    tried = _tried.get(mount)
    if tried is not None and abs(now - tried) < every:
        return 0
    _tried[mount] = now
    try:
        return seal(mount, now=now, not_before=every)
    except (JournalBroken, SettingsError) as error:
        log.error("the journal is not sealed: %s", error.detail)
        return 0


def seal(mount: Mount, *, now: datetime, not_before: timedelta = timedelta(0)) -> int:
    """Seal all that waits; return how many entries. Raises ``JournalBroken`` where the newest seal was changed.

    With ``not_before``, few entries wait until the newest seal is that old.
    """
    total = 0
    while True:
        sealed = _seal_batch(mount, now=now, not_before=not_before)
        total += sealed
        if sealed < BATCH:
            return total


def _seal_batch(mount: Mount, *, now: datetime, not_before: timedelta) -> int:
    with mount.storage.read() as tx:
        head = seals.head(tx)
    waiting = _waiting(mount, head)
    young = head is not None and timedelta(0) <= now - head.at < not_before
    if not waiting.ids or (young and len(waiting.ids) < MANY):
        return 0
    made = _next(mount, head, waiting, now=now)
    try:
        with mount.storage.begin() as tx:
            seals.add(tx, made)
    except Raced:
        return 0
    checkpoints.publish(mount, made.checkpoint, now=now)
    return len(waiting.ids)


def _waiting(mount: Mount, head: Seal | None) -> _Waiting:
    """Look for what is not sealed. Each look is a transaction of its own, so that it sees what is committed by then."""
    mark, gaps = (head.mark, read_gaps(head.gaps)) if head is not None else (0, [])
    writing: frozenset[str] = frozenset()
    if gaps:
        with mount.storage.read() as tx:
            writing = seals.writers(tx)
    with mount.storage.read() as tx:
        late = seals.among(tx, [(one.first, one.last) for one in gaps], limit=BATCH) if gaps else []
        rows = seals.waiting(tx, mark, limit=BATCH - len(late)) if len(late) < BATCH else []
    kept = still_open(gaps, [entry_id for entry_id, _ in late], writing=writing, all_seen=len(late) < BATCH)
    ids, leaves = map(list, zip(*rows, strict=True)) if rows else ([], [])
    fresh = missing(mark, ids)
    if fresh:
        with mount.storage.read() as tx:
            names = tuple(sorted(seals.writers(tx)))
        kept += [Gap(first, last, names) for first, last in fresh]
    mark = ids[-1] if ids else mark
    return _Waiting([*(one for one, _ in late), *ids], [*(leaf for _, leaf in late), *leaves], mark, tuple(kept))


def _next(mount: Mount, head: Seal | None, waiting: _Waiting, *, now: datetime) -> Seal:
    tree, origin = _continued(mount, head)
    nodes = tree.extend(_leaves(waiting), from_level=NODE_LEVEL)
    root = tree.root()
    at = now if head is None else max(now, head.at)
    signed = checkpoints.sign(mount, Checkpoint(origin, tree.size, root, stamp(at)), now=now)
    made = Seal(
        number=head.number + 1 if head is not None else 1,
        size=tree.size,
        entries=ranges_text(waiting.ids),
        root=root.hex(),
        frontier=tree.packed(),
        nodes=nodes,
        mark=waiting.mark,
        gaps=gaps_text(waiting.gaps),
        at=at,
        checkpoint=signed,
        chain="",
    )
    return replace(made, chain=chain_of(made, head.chain if head is not None else NO_CHAIN))


def _continued(mount: Mount, head: Seal | None) -> tuple[Frontier, str]:
    """Return the tree as the newest seal left it, and the journal's name; what was changed is not built upon."""
    if head is None:
        return Frontier(), checkpoints.new_origin(mount)
    try:
        tree = Frontier.unpacked(head.size, head.frontier)
        signed = checkpoint.read(head.checkpoint)
    except (ValueError, NotACheckpoint) as error:
        raise JournalBroken(f"Seal {head.number} was changed: {error}.") from None
    said = signed.checkpoint
    if (said.size, said.root) != (head.size, tree.root()) or not checkpoints.holds(mount, signed):
        raise JournalBroken(f"Seal {head.number} was changed: it is not what the platform has signed.")
    return tree, said.origin


def _leaves(waiting: _Waiting) -> list[bytes]:
    """Read all hashes at once: blanks among the digits, which that allows, make it too short."""
    digits = set(map(len, waiting.leaves)) == {2 * HASH_BYTES}
    try:
        joined = bytes.fromhex("".join(waiting.leaves)) if digits else b""
    except ValueError:
        joined = b""
    if len(joined) != HASH_BYTES * len(waiting.leaves):
        raise JournalBroken(f"An entry from {min(waiting.ids)} to {max(waiting.ids)} has no leaf hash.")
    return split(joined)
