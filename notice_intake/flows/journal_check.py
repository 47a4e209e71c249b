"""Checking the journal from its first entry to its last: streamed, so that millions need no more memory than a few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..auth import checkpoint, ed25519
from ..auth.checkpoint import NotACheckpoint
from ..auth.merkle import Frontier
from ..core.seals import NO_CHAIN, NODE_LEVEL, Range, Seal, chain_of, count, read_gaps, read_ranges, stamp
from ..store import journal, seals
from .checkpoints import known_keys
from .journal_entries import Entries, Fault
from .mount import Mount

_SEALS = 200
#: Whoever finds so many faults needs no more of them.
MOST_FAULTS = 100
#: No seal of ours names more entries: one that does must not make us read for ever.
_MOST_ENTRIES = 100_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """What was kept elsewhere: a checkpoint, or only its size and root."""

    size: int
    root: bytes
    signed: checkpoint.Signed | None = None


@dataclass(slots=True)
class Checked:
    """What a check found."""

    entries: int = 0
    seals: int = 0
    #: Entries that wait for a seal: nothing shows yet whether they were changed.
    waiting: int = 0
    #: Entries whose names or texts were erased.
    erased: int = 0
    faults: list[Fault] = field(default_factory=list)
    #: The newest checkpoint.
    checkpoint: str | None = None


def check(mount: Mount, *, against: Sequence[Anchor] = ()) -> Checked:
    """Check every entry and every seal; return all that is wrong, in the order of the journal.

    Only ``against`` shows that the end was cut off, or that all was written anew. Stops after ``MOST_FAULTS``.
    """
    run = _Run(mount, Entries(mount))
    head = run.seals()
    run.found.checkpoint = head.checkpoint if head is not None else None
    if len(run.entries.faults) < MOST_FAULTS:
        run.rest(head)
        run.compare(head, against)
        run.openings()
    run.found.entries, run.found.erased = run.entries.read, run.entries.erased
    run.found.faults = run.entries.faults
    return run.found


@dataclass(slots=True)
class _Run:
    mount: Mount
    entries: Entries
    found: Checked = field(default_factory=Checked)
    #: The tree so far; None where it is not known, after a seal that cannot be read.
    tree: Frontier | None = field(default_factory=Frontier)
    size: int = 0
    chain: str = NO_CHAIN
    origin: str = ""
    keys: dict[bytes, bytes] = field(default_factory=dict)

    def seals(self) -> Seal | None:
        """Check one seal after the other; return the last."""
        head: Seal | None = None
        while len(self.entries.faults) < MOST_FAULTS:
            with self.mount.storage.read() as tx:
                page = seals.after(tx, head.number if head is not None else 0, limit=_SEALS)
            if not page:
                break
            for seal in page:
                expected = head.number + 1 if head is not None else 1
                if seal.number != expected:
                    self._blame(seal, f"seals {expected} to {seal.number - 1} are missing")
                    self.tree = None
                self._seal(seal)
                head = seal
                self.found.seals += 1
        return head

    def rest(self, head: Seal | None) -> None:
        """Look at what stands under no seal: it waits for one, or it was slipped in."""
        mark = head.mark if head is not None else 0
        try:
            gaps = read_gaps(head.gaps) if head is not None else []
        except ValueError:  # as was said of this seal already
            gaps = []
        for first, last in self.entries.rest():
            if first > mark or any(gap.first <= first and last <= gap.last for gap in gaps):
                self.found.waiting += last - first + 1
                continue
            what = "it stands under no seal" if first == last else f"it and those up to {last} stand under no seal"
            self.entries.faults.append(Fault(f"{what}, though later ones do", entry=first))

    def compare(self, head: Seal | None, against: Sequence[Anchor]) -> None:
        """Hold what is here against what was kept elsewhere."""
        size = head.size if head is not None else 0
        for one in sorted(against, key=lambda one: one.size):
            faults = self.entries.faults
            name = f"the checkpoint of {one.size} entries"
            if one.signed is not None:
                origin = one.signed.checkpoint.origin
                if self.origin and origin != self.origin:
                    faults.append(Fault(f"{name} is of another journal, {origin}"))
                elif not one.signed.holds(known_keys(self.mount, origin), ed25519.verify):
                    faults.append(Fault(f"{name} is not signed with a key that this platform has"))
            if one.size > size:
                faults.append(Fault(f"{name} was given out, and {size} are sealed here: the end was cut off"))
            elif one.size:
                self._compare(one, name)

    def openings(self) -> None:
        """See whether every opening belongs to an entry; only where some were not met is each looked for."""
        with self.mount.storage.read() as tx:
            if journal.count_openings(tx) == self.entries.opened:
                return
            for leaf in journal.strangers(tx, limit=MOST_FAULTS):
                self.entries.faults.append(Fault(f"an opening belongs to no entry: {leaf}"))

    def _compare(self, one: Anchor, name: str) -> None:
        with self.mount.storage.read() as tx:
            seal, _ = seals.completing(tx, one.size)
        if seal.size != one.size or one.root.hex() != seal.root:
            what = f"{name} does not fit: the journal was written anew, from here or from before"
            self.entries.faults.append(Fault(what, seal=seal.number))

    def _seal(self, seal: Seal) -> None:
        """Check a seal and the entries under it, then go on from what it says: one fault is told once."""
        try:
            ranges = read_ranges(seal.entries)
            gaps = read_gaps(seal.gaps)
            if count(ranges) > _MOST_ENTRIES:
                raise ValueError("no seal of ours has so many entries")
            after = Frontier.unpacked(seal.size, seal.frontier)
        except (ValueError, TypeError) as error:
            self._blame(seal, f"it was changed: {error}")
            self.tree, self.size = None, 0
        else:
            if gaps and not all(0 < one.first <= one.last < seal.mark for one in gaps):
                self._blame(seal, "its gaps were changed")
            self._tree(seal, ranges)
            self.tree, self.size = after, seal.size
        for what in self._signed(seal):
            self._blame(seal, what)
        if chain_of(seal, self.chain) != seal.chain:
            self._blame(seal, "its chain hash does not fit: it, or the seal before it, was changed")
        self.chain = seal.chain

    def _tree(self, seal: Seal, ranges: Sequence[Range]) -> None:
        leaves = self.entries.leaves(ranges)
        if leaves is None or self.tree is None:
            return
        nodes = self.tree.extend(leaves, from_level=NODE_LEVEL)
        shown = seal.entries if len(seal.entries) <= 60 else seal.entries[:60] + "…"
        if self.tree.size != seal.size:
            self._blame(seal, f"it has {len(leaves)} entries and says {seal.size - self.size}")
        elif self.tree.root().hex() != seal.root:
            self._blame(seal, f"entries {shown} do not have the root that was sealed: one was changed or moved")
        elif nodes != seal.nodes or self.tree.packed() != seal.frontier:
            self._blame(seal, "its inner nodes were changed")
        if seal.mark < max(last for _, last in ranges):
            self._blame(seal, "its mark was changed")

    def _signed(self, seal: Seal) -> Iterator[str]:
        try:
            signed = checkpoint.read(seal.checkpoint)
        except NotACheckpoint as error:
            yield f"its checkpoint cannot be read: {error}"
            return
        said = signed.checkpoint
        if not self.origin:
            self.origin, self.keys = said.origin, known_keys(self.mount, said.origin)
        if said.origin != self.origin:
            yield "its checkpoint is of another journal"
        elif not signed.holds(self.keys, ed25519.verify):
            yield "its checkpoint is not signed with a key of the platform"
        if (said.size, said.root.hex(), said.at) != (seal.size, seal.root, stamp(seal.at)):
            yield "it is not what its checkpoint says"

    def _blame(self, seal: Seal, what: str) -> None:
        self.entries.faults.append(Fault(what, seal=seal.number))
