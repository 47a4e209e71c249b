"""A process that is killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.servers import ROOT, tree

#: How a command says that it has ended in order, or that the database was not there.
_IN_ORDER = (0, 2)


@dataclass
class Service:
    """A process that is killed and started again."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    #: Whether it ends by itself when its work is done.
    ends: bool = False
    #: How often it ended although nobody killed it.
    fell: int = 0

    def start(self) -> None:
        """Start it where it does not run."""
        if self.process is not None and self.process.poll() is None:
            return
        self._note_how_it_ended()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def finish(self, seconds: float) -> None:
        """Let one that ends by itself run to its end, from its beginning."""
        for _ in range(2):
            if self.process is not None:
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(seconds)
            self.start()
        if self.process is not None:
            self.process.wait(seconds)

    def signal(self, number: int) -> None:
        """Send a signal to it and to its children."""
        if self.process is not None and self.process.poll() is None:
            with suppress(OSError):
                os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """``kill -9``, it and its children."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def pids(self) -> list[int]:
        """Its processes."""
        return tree(self.process.pid) if self.process is not None and self.process.poll() is None else []

    def _note_how_it_ended(self) -> None:
        expected = (-signal.SIGKILL, None, *(_IN_ORDER if self.ends else ()))
        if self.process is not None and self.process.returncode not in expected:
            self.fell += 1
