"""A worker says that it lives, for ``check``, ``readyz`` and the desk."""

from __future__ import annotations

import logging
import os
import socket
import time
from datetime import datetime
from typing import Any

from ..errors import TemporarilyUnavailable
from ..ids import new_id
from ..store import workers
from .mount import Mount

log = logging.getLogger("notice_intake.worker")
#: So often it says so, in seconds.
EVERY = 10.0


class Heartbeat:
    """One worker's row: written every ten seconds, taken away at a good end."""

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
        self._next = 0.0
        self._written = False
        self._who: dict[str, Any] = {
            "id": new_id("wrk"),
            "host": socket.gethostname()[:200],
            "process": os.getpid(),
            "started_at": mount.clock(),
        }

    def beat(self, now: datetime, *, flying: int, done: int, quiet: bool = False) -> None:
        """Say so where it is time to; ``quiet`` never: a single run is no worker that anybody counts on."""
        if quiet or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        facts = {"threads": self._mount.settings.worker_threads, "flying": flying, "done": done}
        with self._mount.storage.begin() as tx:
            workers.seen(tx, {**self._who, "facts": facts}, now=now)
        self._written = True

    def end(self) -> None:
        """Take the row away, where the database can be reached."""
        if not self._written:
            return
        try:
            with self._mount.storage.begin() as tx:
                workers.gone(tx, self._who["id"])
        except TemporarilyUnavailable:
            log.warning("the database does not answer; this worker will be missed for a while")
