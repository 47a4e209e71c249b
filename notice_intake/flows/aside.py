"""What a worker does beside its loop, in threads: what calls other people's code and servers, and may take long."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from . import key_sources, retention
from .mount import Mount

log = logging.getLogger("notice_intake.worker")
#: Says whether to go on; asked between two calls.
Going = Callable[[], bool]


class Aside:
    """One thing that is done now and then, in a thread of its own; never twice at once."""

    def __init__(self, what: str, step: Callable[[datetime, Going], object], *, stop: threading.Event) -> None:
        """``what`` names it in the log; it is to end early once ``stop`` is set."""
        self._what, self._step, self._stop = what, step, stop
        self._over = False
        self._thread: threading.Thread | None = None

    def begin(self, *, now: datetime) -> None:
        """Do it once more, unless it is still being done."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, args=(now,), name="notice-intake-aside", daemon=True)
            self._thread.start()

    def end(self, timeout: float) -> None:
        """Let it go on for so many seconds at most; after that, until its next call is over."""
        if self._thread is not None:
            self._thread.join(timeout)
        self._over = True

    def _run(self, now: datetime) -> None:
        try:
            self._step(now, lambda: not (self._over or self._stop.is_set()))
        except Exception:  # nobody waits for it: what is not logged here is lost
            log.exception("%s failed; it is tried again", self._what)


def asides(mount: Mount, *, within: Callable[[], AbstractContextManager[object]], stop: threading.Event) -> list[Aside]:
    """Return all of them: agencies' sets of keys are read again, and the host destroys copies ``within`` its app."""

    def read_keys(now: datetime, _going: Going) -> None:
        key_sources.refresh_due(mount, now=now)

    def destroy_copies(now: datetime, going: Going) -> None:
        retention.destroy_copies(mount, now=now, within=within, going=going)

    steps = {"reading keys again": read_keys, "having copies destroyed": destroy_copies}
    return [Aside(what, step, stop=stop) for what, step in steps.items()]
