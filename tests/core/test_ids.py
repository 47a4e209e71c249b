"""Ids are drawn ahead, and no two processes draw the same."""

from __future__ import annotations

import os
import re

from notice_intake.ids import new_id, random_bytes


def test_ids_and_random_bytes_are_never_given_twice():
    assert len({new_id("cas") for _ in range(2_000)}) == 2_000
    assert len({random_bytes() for _ in range(2_000)}) == 2_000


def test_an_id_is_a_ulid_that_sorts_by_its_time(monkeypatch):
    made = []
    for milliseconds in (0, 1, 31, 32, 1_700_000_000_000, 1_700_000_000_001, 2**48 - 1):
        monkeypatch.setattr("time.time_ns", lambda at=milliseconds: at * 1_000_000 + 999_999)
        made += [[new_id("cas") for _ in range(200)]]
    assert all(re.fullmatch("cas_[0-7][0-9A-HJKMNP-TV-Z]{25}", one) for ids in made for one in ids)
    assert [ids[0] for ids in made] == sorted(ids[0] for ids in made)
    assert {one[-16:-15] for ids in made for one in ids} == set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


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
