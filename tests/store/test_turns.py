"""Writers of one SQLite file stand in line, whichever process they belong to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import text

from notice_intake import Storage
from notice_intake.store.turns import Turn

pytest.importorskip("fcntl", reason="this system has no file locks")

#: Takes the turn, says so, and gives it back when its standard input ends.
_HOLDER = """
import sys
from notice_intake.store.turns import Turn
with Turn(sys.argv[1]):
    print("mine", flush=True)
    sys.stdin.read()
    print("done", flush=True)
"""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "x.db-turn")


@pytest.fixture
def holder(path):
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "mine\n"
    yield process
    process.kill()
    process.wait(timeout=10)
    process.stdout.close()


def waiting(turn) -> tuple[threading.Thread, threading.Event]:
    had = threading.Event()

    def take() -> None:
        with turn:
            had.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    return thread, had


def test_another_process_waits_until_the_turn_is_given_back(path, holder):
    thread, had = waiting(Turn(path))
    assert not had.wait(0.3)
    holder.stdin.close()
    assert had.wait(10)
    thread.join(10)
    assert holder.stdout.readline() == "done\n"


def test_a_process_that_is_killed_gives_its_turn_back(path, holder):
    thread, had = waiting(Turn(path))
    assert not had.wait(0.2)
    holder.send_signal(signal.SIGKILL)
    assert had.wait(10)
    thread.join(10)


def test_a_process_and_the_one_that_it_was_forked_from_have_turns_of_their_own(path):
    turn = Turn(path)
    reading, writing = os.pipe()
    with turn:
        child = os.fork()
        if child == 0:
            with turn:
                os.write(writing, b"x")
            os._exit(0)
        os.set_blocking(reading, False)
        time.sleep(0.3)
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reading, 1) == b"x"


def test_threads_of_one_process_take_turns_without_a_file():
    turn = Turn(None)
    with turn:
        thread, had = waiting(turn)
        assert not had.wait(0.1)
    assert had.wait(10)
    thread.join(10)


def test_who_takes_the_turn_twice_gives_it_back_at_the_end(path):
    mine, theirs = Turn(path), Turn(path)
    with mine:
        with mine:
            pass
        thread, had = waiting(theirs)
        assert not had.wait(0.2)
    assert had.wait(10)
    thread.join(10)


def test_a_place_that_has_no_room_for_the_file_keeps_nobody_from_writing(tmp_path):
    turn = Turn(str(tmp_path / "away" / "x.db-turn"))
    for _ in range(2):
        with turn:
            pass


def test_two_storages_of_one_file_lose_nothing(tmp_path):
    storages = [Storage.from_url(f"sqlite:///{tmp_path / 'x.db'}") for _ in range(2)]
    with storages[0].begin() as tx:
        tx.execute(text("CREATE TABLE counter (n INTEGER)"))
        tx.execute(text("INSERT INTO counter VALUES (0)"))

    def count(storage) -> None:
        for _ in range(50):
            with storage.begin() as tx:
                (found,) = tx.execute(text("SELECT n FROM counter")).one()
                tx.execute(text("UPDATE counter SET n = :n"), {"n": found + 1})

    threads = [threading.Thread(target=count, args=(storage,)) for storage in storages for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with storages[1].read() as tx:
        assert tx.execute(text("SELECT n FROM counter")).scalar_one() == 200
    for storage in storages:
        storage.dispose()
