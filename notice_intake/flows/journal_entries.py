"""Reading the journal's entries in the order of their seals, and checking each by itself."""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from itertools import repeat

from ..core.journal import first_leaf_hash, opens
from ..core.seals import Range, runs
from ..store import journal, seals
from ..store.seals import RawEntry, moment
from .mount import Mount

#: How many entries are read at once.
_TOGETHER = 1000
_COMMITTED = b'"commitments":{"'
#: Of a leaf hash.
_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was."""

    what: str
    #: The row id of the entry, or the number of the seal, that it shows at.
    entry: int | None = None
    seal: int | None = None

    def text(self) -> str:
        """Return the fault as a line."""
        where = f"entry {self.entry}: " if self.entry is not None else f"seal {self.seal}: " if self.seal else ""
        return where + self.what


@dataclass(slots=True)
class Entries:
    """A reader that goes through the entries once. What was committed late is kept until its seal comes."""

    mount: Mount
    faults: list[Fault] = field(default_factory=list)
    #: Entries that were read, those whose names or texts are erased, and openings that were met.
    read: int = 0
    erased: int = 0
    opened: int = 0
    #: Below every row id, those too that only an intruder gives.
    _after: int = -(2**63)
    #: Leaf hashes of what was read and has no seal yet, by row id.
    _early: dict[int, bytes] = field(default_factory=dict)
    _ids: list[int] = field(default_factory=list)
    _hashes: list[bytes] = field(default_factory=list)
    _place: int = 0

    def leaves(self, ranges: Sequence[Range]) -> list[bytes] | None:
        """Return the leaf hashes of the entries that a seal names; None where one is missing."""
        found: list[bytes] = []
        whole = True
        for first, last in ranges:
            if self._at_once(first, last, found):
                continue
            self._read_to(last)
            for one in range(first, last + 1):
                leaf = self._early.pop(one, None)
                if leaf is None:
                    self.faults.append(Fault("it is missing", entry=one))
                    whole = False
                else:
                    found.append(leaf)
        return found if whole else None

    def rest(self) -> list[Range]:
        """Read to the end; return the row ids of all that stands under no seal."""
        self._take(len(self._ids))
        while self._fill():
            self._take(len(self._ids))
        return list(runs(sorted(self._early)))

    def _at_once(self, first: int, last: int, found: list[bytes]) -> bool:
        """Take entries that stand in a row where the reader is, as nearly all do."""
        if self._place == len(self._ids) and not self._fill():
            return False
        start, count = self._place, last - first + 1
        if self._ids[start] != first:
            return False
        end = start + count
        if end <= len(self._ids):
            if self._ids[end - 1] != last:
                return False
            found += self._hashes[start:end]
            self._place = end
            return True
        here = len(self._ids) - start
        if self._ids[-1] != first + here - 1:
            return False
        found += self._hashes[start:]
        self._place = len(self._ids)
        return self._at_once(first + here, last, found) or self._one_by_one(first + here, last, found)

    def _one_by_one(self, first: int, last: int, found: list[bytes]) -> bool:
        rest = self.leaves([(first, last)])
        found += rest or []
        return rest is not None

    def _read_to(self, last: int) -> None:
        while self._place < len(self._ids) or self._fill():
            if self._ids[self._place] > last:
                return
            end = self._place + 1
            while end < len(self._ids) and self._ids[end] <= last:
                end += 1
            self._take(end)

    def _take(self, end: int) -> None:
        """Keep what was read, up to a place, until a seal names it."""
        self._early.update(zip(self._ids[self._place : end], self._hashes[self._place : end], strict=True))
        self._place = end

    def _fill(self) -> bool:
        with self.mount.storage.read() as tx:
            rows = seals.entries(tx, self._after, limit=_TOGETHER)
            committed: list[RawEntry] = []
            self._hashes = _checked(rows, committed, self.faults)
            openings = journal.openings(tx, [row[7].decode("ascii", "replace") for row in committed])
        self._ids, self._place = [row[0] for row in rows], 0
        if rows:
            self._after = rows[-1][0]
        self.read += len(rows)
        for row in committed:
            opening = openings.get(row[7].decode("ascii", "replace"))
            if opening is None:
                self.erased += 1
                continue
            self.opened += 1
            if not opens(row[6], opening):
                self.faults.append(Fault("who or what it names was changed: its opening does not fit", entry=row[0]))
        return bool(rows)


def _checked(rows: Sequence[RawEntry], committed: list[RawEntry], faults: list[Fault]) -> list[bytes]:
    """Return the leaf hash of each entry, made of its bytes; note those with commitments, and all that is wrong."""
    return _together(rows, committed) or _each(rows, committed, faults)


def _together(rows: Sequence[RawEntry], committed: list[RawEntry]) -> list[bytes]:
    """Check all at once, as is quickest; nothing where something is wrong with any."""
    if not rows:
        return []
    _, objects, actions, kinds, actors, times, payloads, leaves = zip(*rows, strict=True)
    hashes = [sha256(b"\x00" + payload).digest() for payload in payloads]
    # Their lengths too: else a digit could have gone from one hash to the next.
    if b"".join(hashes).hex().encode() != b"".join(leaves) or set(map(len, leaves)) != {_DIGITS}:
        return []
    who = zip(actions, kinds, actors, times, strict=True)
    heads = [_head(action, kind, actor) + moment(at) + b'",' for action, kind, actor, at in who]
    tails = [b',"object":"' + object_ + b'"}' for object_ in objects]
    if not all(map(bytes.startswith, payloads, heads)) or not all(map(bytes.endswith, payloads, tails)):
        return []
    if b"moderator" in kinds or any(map(bytes.startswith, payloads, repeat(_COMMITTED), map(len, heads))):
        found = zip(rows, heads, strict=True)
        committed += [row for row, head in found if row[3] == b"moderator" or row[6].startswith(_COMMITTED, len(head))]
    return hashes


def _each(rows: Sequence[RawEntry], committed: list[RawEntry], faults: list[Fault]) -> list[bytes]:
    """Check one after the other, and say what is wrong with which."""
    hashes = []
    for row in rows:
        _, object_, action, kind, actor, at, payload, leaf = row
        digest = sha256(b"\x00" + payload).digest()
        head = _head(action, kind, actor) + moment(at) + b'",'
        if (
            hexlify(digest) != leaf
            or not payload.startswith(head)
            or not payload.endswith(b',"object":"' + object_ + b'"}')
        ):
            digest = _looked_at(row, moment(at), digest, faults)
        if kind == b"moderator" or payload.startswith(_COMMITTED, len(head)):
            committed.append(row)
        hashes.append(digest)
    return hashes


def _looked_at(row: RawEntry, at: bytes, digest: bytes, faults: list[Fault]) -> bytes:
    """Say what is wrong with an entry; nothing where it is one from before there were seals."""
    entry_id, object_, action, kind, actor, _, payload, leaf = row
    if hexlify(digest) != leaf:
        first = first_leaf_hash(payload)
        if first.encode() == leaf and b'"nonce":' not in payload:
            digest = bytes.fromhex(first)
        else:
            faults.append(Fault("its bytes do not have its leaf hash: payload or leaf was changed", entry=entry_id))
            return digest
    head = payload[: payload.find(b'+00:00",') + 8]
    named = {
        "action": head.startswith(b'{"action":"' + action + b'",'),
        "actor_kind or actor_id": b',"actor":{"id":"' + actor + b'","kind":"' + kind + b'"},' in head,
        "at": head.endswith(b'"at":"' + at + b'",'),
        "object": payload.endswith(b',"object":"' + object_ + b'"}'),
    }
    faults += [Fault(f"its column {one} is not what its bytes say", entry=entry_id) for one in named if not named[one]]
    return digest


@lru_cache(maxsize=1024)
def _head(action: bytes, kind: bytes, actor: bytes) -> bytes:
    return b'{"action":"' + action + b'","actor":{"id":"' + actor + b'","kind":"' + kind + b'"},"at":"'
