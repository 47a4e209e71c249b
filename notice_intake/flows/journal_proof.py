"""Proofs: what the journal says about one referral, shown to stand in it without showing anything else.

The document is JSON; ``docs/journal.md`` describes it, ``notice_intake.client.proofs`` checks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..auth import checkpoint
from ..auth.checkpoint import NotACheckpoint
from ..auth.merkle import HASH_BYTES, Frontier, consistency_path, inclusion_path, leaf_hash, place_of
from ..core.seals import NODE_LEVEL, Range, Seal, count, read_ranges
from ..errors import Conflict, JournalBroken, NotFound
from ..store import journal, referrals, seals
from ..store.storage import Tx
from .mount import Mount

FORMAT = "notice-intake-proof/1"
#: Of the entries about its cases an agency is shown those that say what became of them, and none about others.
_OF_CASES = ("decision.recorded", "decision.undone", "decision.effected", "decision.reverted")
#: More leaves than this are hashed from their entries only while the journal is young.
_MOST = 1 << NODE_LEVEL


def prove(mount: Mount, referral_id: str, *, since: checkpoint.Signed | None = None) -> dict[str, Any]:
    """Return the proof for a referral, against the newest checkpoint.

    With it, that the journal of the checkpoint in the referral's receipt, or of ``since``, is its beginning. Raises
    ``NotFound`` for no such referral, ``Conflict`` where nothing of it is sealed yet, ``JournalBroken``.
    """
    with mount.storage.read() as tx:
        found = referrals.of_case(tx, [referral_id])
        if not found:
            raise NotFound(f"There is no referral {referral_id}.")
        head = seals.head(tx)
        if head is None:
            raise Conflict("Nothing is sealed yet. Run: flask notice-intake journal seal")
        proofs = list(_entries(tx, head, referral_id))
        if not proofs:
            raise Conflict("This referral is not sealed yet. Run: flask notice-intake journal seal")
        before = since or _of_receipt(found[0].receipt)
        return {
            "format": FORMAT,
            "referral": referral_id,
            "checkpoint": head.checkpoint,
            "entries": proofs,
            "since": _since(tx, head, before) if before is not None else None,
        }


def _entries(tx: Tx, head: Seal, referral_id: str) -> Iterator[dict[str, Any]]:
    about = journal.history(tx, [referral_id])
    case_ids = sorted({row.case_id for row in referrals.items_of(tx, [referral_id])})
    first = about[0].at if about else None
    of_cases = [one for one in journal.history(tx, case_ids, limit=5000) if one.action in _OF_CASES] if first else []
    for row in sorted([*about, *(one for one in of_cases if one.at >= first)], key=lambda one: one.id):
        place = seals.containing(tx, row.id)
        if place is None:
            continue
        seal, index = place
        path = inclusion_path(index, head.size, node=lambda level, at: _node(tx, level, at))
        payload = bytes(row.payload)
        if leaf_hash(payload).hex() != row.leaf:
            raise JournalBroken(f"Entry {row.id} cannot be proved: it was changed, or is older than the seals.")
        yield {
            "payload": payload.decode(),
            "index": index,
            "sealed_at": checkpoint.read(seal.checkpoint).checkpoint.at,
            "path": [one.hex() for one in path],
        }


def _of_receipt(receipt: str) -> checkpoint.Signed | None:
    try:
        return checkpoint.read(checkpoint.of_receipt(receipt))
    except NotACheckpoint:
        return None


def _since(tx: Tx, head: Seal, before: checkpoint.Signed) -> dict[str, Any]:
    size = before.checkpoint.size
    if not 0 < size <= head.size:
        raise JournalBroken(f"A checkpoint of {size} entries was given out, and {head.size} are sealed here.")
    path = consistency_path(size, head.size, node=lambda level, at: _node(tx, level, at))
    return {"checkpoint": before.text, "path": [one.hex() for one in path]}


def _node(tx: Tx, level: int, index: int) -> bytes:
    """Return the hash of a perfect subtree: kept with the seal that completed it, or made of its leaves again."""
    seal, before = seals.completing(tx, (index + 1) << level)
    place = (
        place_of(level, index, before=before, after=seal.size, from_level=NODE_LEVEL) if level >= NODE_LEVEL else None
    )
    if place is not None:
        return bytes(seal.nodes[place * HASH_BYTES : (place + 1) * HASH_BYTES])
    start, end = index << level, (index + 1) << level
    tree = Frontier()
    tree.extend(_leaves(tx, start, end))
    if tree.size != end - start or tree.size > _MOST:
        raise JournalBroken(f"The entries from {start} to {end - 1} are not all there.")
    return tree.root()


def _leaves(tx: Tx, start: int, end: int) -> Iterator[bytes]:
    """Yield the leaf hashes of some entries, by their indexes in the tree."""
    while start < end:
        seal, before = seals.completing(tx, start + 1)
        ids = list(_ids(read_ranges(seal.entries), start - before, min(end, seal.size) - before))
        leaves = seals.leaves_of(tx, ids)
        yield from (bytes.fromhex(leaves[one]) for one in ids if one in leaves)
        start = seal.size


def _ids(ranges: list[Range], start: int, end: int) -> Iterator[int]:
    """Yield the row ids from one place to before another."""
    assert end <= count(ranges)
    for first, last in ranges:
        size = last - first + 1
        yield from range(first + max(start, 0), first + min(end, size))
        start, end = start - size, end - size
