"""Ids are drawn ahead, and no two processes draw the same."""

from __future__ import annotations

import os

from notice_intake.ids import new_id, random_bytes


def test_ids_and_random_bytes_are_never_given_twice():
    assert len({new_id("cas") for _ in range(2_000)}) == 2_000
    assert len({random_bytes() for _ in range(2_000)}) == 2_000


def test_a_child_process_does_not_go_on_with_what_its_parent_drew():
    new_id("cas"), random_bytes()  # from here on some are kept ready
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, "".join([new_id("x")[-16:] + random_bytes().hex() for _ in range(20)]).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)
    ours = [part for _ in range(20) for part in (new_id("x")[-16:], random_bytes().hex())]
    assert len(theirs) == 20 * (16 + 64)
    assert not [part for part in ours if part in theirs]
