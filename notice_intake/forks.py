"""What a forked process must not share with its parent: connections, and locks that a thread held which is not there.

A server that loads the app before it forks (``gunicorn --preload``, uWSGI) copies both into each of its processes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

Owner = TypeVar("Owner")
_begun_anew: WeakKeyDictionary[Any, Callable[[Any], None]] = WeakKeyDictionary()


def in_each_child(owner: Owner, begin_anew: Callable[[Owner], None]) -> None:
    """Call ``begin_anew(owner)`` in every process that is forked from this one, as long as the owner lives."""
    _begun_anew[owner] = begin_anew


class Lock:
    """A lock between threads, which nobody holds in a process that was just forked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        in_each_child(self, Lock._free)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def _free(self) -> None:
        self._lock = threading.Lock()


def _after_fork() -> None:
    for owner, begin_anew in list(_begun_anew.items()):
        begin_anew(owner)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
