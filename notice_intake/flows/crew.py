"""Threads that do what they are given and hand the results back; they never keep a process from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Queue, SimpleQueue
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a job: a value or a fault."""

    job: Any
    value: Any = None
    fault: BaseException | None = None


class Crew:
    """Up to ``size`` threads, started as they are needed."""

    def __init__(self, size: int, work: Callable[[Any], Any]) -> None:
        self.size = size
        self._work = work
        self._jobs: SimpleQueue[Any] = SimpleQueue()
        # Not a SimpleQueue: its get() waits for ever where a signal comes as its timeout runs out, and no worker stops.
        self._back: Queue[Result] = Queue()
        self._threads = 0
        #: Jobs that were given and have not been handed back.
        self.busy = 0

    @property
    def free(self) -> int:
        """How many more jobs can begin at once."""
        return self.size - self.busy

    def give(self, job: Any) -> None:
        """Have a job done."""
        self.busy += 1
        if self._threads < min(self.busy, self.size):
            self._threads += 1
            threading.Thread(target=self._run, name=f"notice-intake-{self._threads}", daemon=True).start()
        self._jobs.put(job)

    def take(self, timeout: float) -> list[Result]:
        """Return what has been done, waiting up to ``timeout`` seconds for the first."""
        found: list[Result] = []
        try:
            found.append(self._back.get(timeout=timeout) if timeout > 0 else self._back.get_nowait())
            while True:
                found.append(self._back.get_nowait())
        except Empty:
            self.busy -= len(found)
            return found

    def dismiss(self) -> None:
        """Let the threads end once they have done what they have."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._back.put(Result(job, self._work(job)))
            except BaseException as fault:  # whatever it is, the worker must hear of it
                self._back.put(Result(job, fault=fault))
