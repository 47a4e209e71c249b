"""Working inside the app's own process, for development: nothing else has to be started."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from .. import signals
from ..forks import Lock
from .mount import Mount
from .work import work

#: Of each process, which mounts have a worker: a server that forks has to start its own in each child.
_running: dict[tuple[int, int], _Along] = {}
_starting = Lock()


@dataclass(frozen=True, slots=True)
class _Along:
    thread: threading.Thread
    stop: threading.Event


def work_along(mount: Mount, *, within: Callable[[], AbstractContextManager[object]]) -> None:
    """Start a worker in a thread once there is something to do; it lives as long as the process, or to ``stop_along``.

    A process that is killed loses nothing by it: what was leased is leased again.
    """

    def begin(_sender: Mount, **_facts: Any) -> None:
        this = (os.getpid(), id(mount))
        with _starting:
            if this in _running:
                return
            stop = threading.Event()
            run = {"stop": stop, "within": within}
            thread = threading.Thread(target=work, args=(mount,), kwargs=run, name="notice-intake-worker", daemon=True)
            _running[this] = _Along(thread, stop)
            thread.start()

    # Held strongly: nobody else keeps it.
    for signal in (signals.work_waiting, signals.referral_received):
        signal.connect(begin, sender=mount, weak=False)


def stop_along(mount: Mount) -> None:
    """End the worker that goes along with a mount in this process, gracefully; the next thing to do starts another."""
    with _starting:
        one = _running.pop((os.getpid(), id(mount)), None)
    if one is not None:
        one.stop.set()
        one.thread.join(mount.settings.worker_stop_seconds)
