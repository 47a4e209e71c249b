"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1): roots, proofs, and how they are checked.

Hashes are 32 bytes. A leaf is hashed under 0x00 and a node under 0x01, so that neither can pass for the other. Indexes
begin at 0. A *perfect* subtree of level ``l`` at ``i`` covers the leaves ``i << l`` to ``(i + 1 << l) - 1``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import pairwise

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()
#: No tree here is larger: an index fits into eight bytes, and a proof that claims more is a forgery.
MOST_LEVELS = 63
#: Gives the hash of a perfect subtree, by level and index.
NodeOf = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The perfect subtrees that a tree consists of: all that is needed to let it grow, and to name its root."""

    __slots__ = ("parts", "size")

    def __init__(self, size: int = 0, parts: Sequence[bytes] = ()) -> None:
        """``parts`` from the largest to the smallest, as ``packed`` wrote them. Raises ``ValueError``."""
        levels = _levels(size)
        if len(parts) != len(levels) or any(len(one) != HASH_BYTES for one in parts):
            raise ValueError("these are not the parts of a tree of that size")
        self.size = size
        self.parts: dict[int, bytes] = dict(zip(levels, parts, strict=True))

    @classmethod
    def unpacked(cls, size: int, packed: bytes) -> Frontier:
        """Read what ``packed`` wrote. Raises ``ValueError``."""
        return cls(size, split(packed))

    def packed(self) -> bytes:
        """Return the parts one after the other, the largest first."""
        return b"".join([self.parts[level] for level in _levels(self.size)])

    def extend(self, leaves: Iterable[bytes], *, from_level: int = 0) -> bytes:
        """Append leaves, given by their hashes; return the nodes that became complete, from ``from_level`` up.

        They stand level by level, in order within each: ``places`` says where.
        """
        nodes, level, finished = list(leaves), 0, []
        self.size += len(nodes)
        while nodes:
            if level >= from_level:
                finished += nodes
            waiting = self.parts.pop(level, None)
            if waiting is not None:
                nodes.insert(0, waiting)
            if len(nodes) & 1:
                self.parts[level] = nodes.pop()
            halves = iter(nodes)
            nodes = [sha256(b"\x01" + left + right).digest() for left, right in zip(halves, halves, strict=True)]
            level += 1
        return b"".join(finished)

    def root(self) -> bytes:
        """Return the root of the tree as it is."""
        found: bytes | None = None
        for level in reversed(_levels(self.size)):
            part = self.parts[level]
            found = part if found is None else node_hash(part, found)
        return EMPTY_ROOT if found is None else found


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaves that are given by their hashes."""
    tree = Frontier()
    tree.extend(leaves)
    return tree.root()


def split(packed: bytes) -> list[bytes]:
    """Return the hashes that stand one after the other. Raises ``ValueError``."""
    if len(packed) % HASH_BYTES:
        raise ValueError("these are not whole hashes")
    return [packed[place : place + HASH_BYTES] for place in range(0, len(packed), HASH_BYTES)]


def place_of(level: int, index: int, *, before: int, after: int, from_level: int) -> int | None:
    """Return where ``extend`` put a node when a tree grew from ``before`` to ``after``; None where it did not."""
    if not before >> level <= index < after >> level:
        return None
    below = sum((after >> one) - (before >> one) for one in range(from_level, level))
    return below + index - (before >> level)


def inclusion_path(index: int, size: int, *, node: NodeOf) -> list[bytes]:
    """Return the audit path of a leaf in a tree of ``size`` leaves (RFC 9162 section 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("there is no such leaf")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _half(end - start)
        if index < middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(start, middle, node))
            start = middle
    return path[::-1]


def consistency_path(old: int, new: int, *, node: NodeOf) -> list[bytes]:
    """Return what shows that a tree of ``new`` leaves begins with one of ``old`` (RFC 9162 section 2.1.4.1)."""
    if not 0 < old <= new:
        raise ValueError("a tree does not grow backwards")
    path: list[bytes] = []
    start, end = 0, new
    while old != end:
        middle = start + _half(end - start)
        if old <= middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(start, middle, node))
            start = middle
    if start:
        path.append(_subtree(start, end, node))
    return path[::-1]


def includes(leaf: bytes, path: Sequence[bytes], *, index: int, size: int, root: bytes) -> bool:
    """Say whether a path shows that ``leaf`` is the one at ``index`` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size < 1 << MOST_LEVELS or not _hashes(leaf, root, *path):
        return False
    found, place, last = leaf, index, size - 1
    for one in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(one, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, one)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def consistent(path: Sequence[bytes], *, old: int, old_root: bytes, new: int, new_root: bytes) -> bool:
    """Say whether a path shows that the new tree begins with the old one (RFC 9162 section 2.1.4.2)."""
    if not 0 < old <= new < 1 << MOST_LEVELS or not _hashes(old_root, new_root, *path):
        return False
    if old == new:
        return not path and old_root == new_root
    steps = list(path) if old & (old - 1) else [old_root, *path]
    if not steps:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = steps[0]
    for one in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(one, before), node_hash(one, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, one)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _levels(size: int) -> list[int]:
    """Return the levels of the perfect subtrees of a tree, the largest first."""
    if not 0 <= size < 1 << MOST_LEVELS:
        raise ValueError("no tree has that size")
    return [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]


def _half(count: int) -> int:
    """Return the largest power of two that is smaller than ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _subtree(start: int, end: int, node: NodeOf) -> bytes:
    """Return the hash over the leaves from ``start`` to before ``end``: a range that a proof splits off."""
    edges = list(_edges(start, end))
    found: bytes | None = None
    for first, after in reversed(list(pairwise(edges))):
        level = (after - first).bit_length() - 1
        part = node(level, first >> level)
        found = part if found is None else node_hash(part, found)
    assert found is not None
    return found


def _edges(start: int, end: int) -> Iterator[int]:
    """Yield where the perfect subtrees of a range begin, the largest first, and its end."""
    yield start
    while start < end:
        start += 1 << (end - start).bit_length() - 1
        yield start


def _hashes(*given: bytes) -> bool:
    return all(len(one) == HASH_BYTES for one in given)
