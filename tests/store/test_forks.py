"""A server that loads the app before it forks: no process may use what another one opened or held."""

from __future__ import annotations

import os
import threading

import pytest
from sqlalchemy import func, select, text

from notice_intake.forks import Lock
from notice_intake.store.together import Together

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
CHILDREN, EACH = 3, 8


def in_a_child(call) -> int:
    """Run a call in a forked process; return its number."""
    child = os.fork()
    if child:
        return child
    try:
        os._exit(0 if call() else 1)
    except BaseException:
        os._exit(2)


def ended_well(*children: int) -> bool:
    return [os.waitpid(one, 0)[1] for one in children] == [0] * len(children)


def test_processes_that_were_forked_after_a_connection_was_opened_lose_nothing(house):
    agency = house.agency()
    assert agency.refer().status_code == 201

    def refer_as(number: int) -> bool:
        for at in range(EACH):
            document = {**agency.document(), "agency_reference": f"child {number} {at}"}
            if agency.refer(document).status_code != 201:
                return False
        return True

    children = [in_a_child(lambda number=number: refer_as(number)) for number in range(CHILDREN)]
    mine = refer_as(CHILDREN)
    assert ended_well(*children)
    assert mine
    with house.mount.storage.read() as tx:
        count = tx.execute(select(func.count()).select_from(tx.tables.referral)).scalar_one()
    assert count == 1 + (CHILDREN + 1) * EACH


def test_a_storage_beside_another_opens_connections_of_its_own_as_well(storage):
    beside = storage.beside("sandbox_")

    def same() -> bool:
        with beside.read() as tx, storage.read() as other:
            return tx.execute(text("SELECT 1")).scalar_one() == other.execute(text("SELECT 1")).scalar_one()

    assert same()
    assert ended_well(*[in_a_child(same) for _ in range(CHILDREN)])
    assert same(), "and the parent has its own still"


def test_a_lock_that_a_thread_of_the_parent_holds_is_free_in_the_child(storage):
    lock, meeting = Lock(), Together(storage)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock, meeting._turn:
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)

    def take() -> bool:
        threading.Timer(5, lambda: os._exit(3)).start()
        with lock, meeting._turn:
            return True

    child = in_a_child(take)
    done.set()
    thread.join(10)
    assert ended_well(child)
