"""Working inside the app's own process, for development: nothing else has to be started."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from .. import signals
from .mount import Mount
from .work import work

#: Of each process, which mounts have a worker: a server that forks has to start its own in each child.
_running: set[tuple[int, int]] = set()
_starting = threading.Lock()


def work_along(mount: Mount, *, within: Callable[[], AbstractContextManager[object]]) -> None:
    """Start a worker in a thread once there is something to do; it lives as long as the process.

    A process that is killed loses nothing by it: what was leased is leased again.
    """

    def begin(_sender: Mount, **_facts: Any) -> None:
        this = (os.getpid(), id(mount))
        with _starting:
            if this in _running:
                return
            _running.add(this)
        run = {"stop": threading.Event(), "within": within}
        threading.Thread(target=work, args=(mount,), kwargs=run, name="notice-intake-worker", daemon=True).start()

    # Held strongly: nobody else keeps it.
    for signal in (signals.work_waiting, signals.referral_received):
        signal.connect(begin, sender=mount, weak=False)
