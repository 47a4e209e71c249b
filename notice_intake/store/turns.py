"""Whose turn it is to write into an SQLite database of ours: one at a time, of all threads and processes.

SQLite lets one writer in as well, but has the others sleep, ever longer, up to a tenth of a second in which nobody may
be writing. Here they stand in line and wake at once.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType

from ..forks import in_each_child

try:
    import fcntl
except ImportError:  # pragma: no cover  Windows: its processes wait for each other as SQLite has them wait
    fcntl = None  # type: ignore[assignment]


class Turn:
    """A lock for the threads of this process and, where the system has file locks, for the processes of this machine.

    A thread whose turn it is may take it again. Only speed depends on the file: whoever does not know of it is kept out
    by SQLite itself, and a process that dies gives its turn back.
    """

    def __init__(self, path: str | None) -> None:
        """Take turns by a lock on the file ``path``, which is made and never written; None: among threads only."""
        self._path = path if fcntl is not None else None
        self._threads = threading.RLock()
        #: How often the thread whose turn it is has taken it.
        self._taken = 0
        self._file: int | None = None
        in_each_child(self, Turn._forget)

    def __enter__(self) -> None:
        self._threads.acquire()
        self._taken += 1
        if self._path is None or self._taken > 1:
            return
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except OSError:
            # A file system without locks, a folder that became read-only: SQLite has the last word in any case.
            self._path = None
        except BaseException:  # a signal's: whoever catches it goes on without the turn
            self._taken -= 1
            self._threads.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taken -= 1
        try:
            if self._taken == 0 and self._path is not None and self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _forget(self) -> None:
        """Begin anew in a forked process: what was copied from its parent would be one lock for both."""
        self._threads = threading.RLock()
        self._taken = 0
        if self._file is not None:
            os.close(self._file)
            self._file = None
