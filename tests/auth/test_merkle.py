"""The tree against RFC 6962: its recursive definition, written down again here, and vectors of other logs."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notice_intake.auth import merkle
from notice_intake.auth.merkle import Frontier

#: The leaves of the reference tests of the first public log (google/certificate-transparency, merkle_tree_test).
LEAVES = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def hashes(count: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(count)]


def nodes_of(leaves: list[bytes]) -> merkle.NodeOf:
    return lambda level, index: mth(leaves[index << level : (index + 1) << level])


@pytest.mark.parametrize("count", range(1, 9))
def test_the_roots_are_those_of_other_logs(count):
    assert merkle.root_of(map(merkle.leaf_hash, LEAVES[:count])).hex() == ROOTS[count - 1]


def test_an_empty_tree_has_the_root_of_nothing():
    assert Frontier().root() == mth([]) == merkle.EMPTY_ROOT


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), max_size=12))
def test_a_tree_that_grows_in_batches_is_the_one_that_is_made_at_once(batches):
    leaves, tree, at = hashes(sum(batches)), Frontier(), 0
    for size in batches:
        tree = Frontier.unpacked(tree.size, tree.packed())
        tree.extend(leaves[at : at + size])
        at += size
        assert tree.root() == mth(leaves[:at])


@settings(deadline=None)
@given(st.integers(0, 70), st.integers(0, 70), st.integers(0, 3))
def test_the_nodes_that_a_batch_completes_are_found_again(before, more, from_level):
    leaves = hashes(before + more)
    tree = Frontier()
    tree.extend(leaves[:before])
    kept = merkle.split(tree.extend(leaves[before:], from_level=from_level))
    found = 0
    for level in range(from_level, 8):
        for index in range(len(leaves) >> level):
            place = merkle.place_of(level, index, before=before, after=len(leaves), from_level=from_level)
            if place is not None:
                assert kept[place] == nodes_of(leaves)(level, index)
                found += 1
    assert found == len(kept)


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 100])
def test_every_leaf_is_proved_at_its_place_and_nowhere_else(size):
    leaves = hashes(size)
    root = mth(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle.inclusion_path(index, size, node=nodes_of(leaves))
        assert merkle.includes(leaf, path, index=index, size=size, root=root)
        for other in {index ^ 1, index + 1, 0, size - 1} - {index}:
            assert not merkle.includes(leaf, path, index=other, size=size, root=root)
        assert not merkle.includes(leaf, [*path, root], index=index, size=size, root=root)
        assert not path or not merkle.includes(leaf, path[:-1], index=index, size=size, root=root)


@pytest.mark.parametrize("new", [*range(1, 34), 64, 65, 100])
def test_every_older_tree_is_shown_to_be_the_beginning(new):
    leaves = hashes(new)
    for old in range(1, new + 1):
        path = merkle.consistency_path(old, new, node=nodes_of(leaves))
        roots = {"old_root": mth(leaves[:old]), "new_root": mth(leaves)}
        assert merkle.consistent(path, old=old, new=new, **roots)
        assert not merkle.consistent([*path, roots["new_root"]], old=old, new=new, **roots)
        if old < new:
            assert not merkle.consistent(path, old=old, new=new, **{**roots, "old_root": leaves[-1]})
            assert not merkle.consistent(path[:-1], old=old, new=new, **roots)


@settings(deadline=None)
@given(st.data())
def test_a_forged_path_shows_nothing(data):
    size = data.draw(st.integers(1, 50))
    leaves, index = hashes(size), data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(index, size, node=nodes_of(leaves))
    forged = [bytearray(one) for one in (leaves[index], mth(leaves), *path)]
    which = data.draw(st.integers(0, len(forged) - 1))
    forged[which][data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    leaf, root, *steps = map(bytes, forged)
    assert not merkle.includes(leaf, steps, index=index, size=size, root=root)


@settings(deadline=None)
@given(st.data())
def test_a_tree_that_was_written_anew_is_not_shown_to_be_consistent(data):
    new = data.draw(st.integers(2, 50))
    old = data.draw(st.integers(1, new - 1))
    before, after = hashes(new), hashes(new)
    after[data.draw(st.integers(0, old - 1))] = merkle.leaf_hash(b"another")
    path = merkle.consistency_path(old, new, node=nodes_of(after))
    assert not merkle.consistent(path, old=old, old_root=mth(before[:old]), new=new, new_root=mth(after))


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0), (1 << 63, 1 << 64)])
def test_places_that_there_are_not_are_never_proved(index, size):
    assert not merkle.includes(b"\0" * 32, [], index=index, size=size, root=b"\0" * 32)


def test_hashes_of_another_length_are_never_compared():
    assert not merkle.includes(b"", [], index=0, size=1, root=b"")
    assert not merkle.consistent([], old=1, old_root=b"", new=1, new_root=b"")


def test_parts_that_are_not_those_of_a_tree_are_refused():
    for size, packed in ((3, b"\0" * 32), (1, b"\0" * 31), (0, b"\0" * 32), (-1, b"")):
        with pytest.raises(ValueError, match=r"size|hashes"):
            Frontier.unpacked(size, packed)
