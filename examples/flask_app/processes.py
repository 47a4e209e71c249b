"""Starting processes, watching them and ending them: each in its own group, by its own number."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Process:
    """A child with its command, so that it can be started again after it was killed."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    #: Largest resident size that was seen of it or of a child of its, in MB.
    peak_mb: float = 0.0
    #: Processor time of it and its children since the last start.
    cpu_seconds: float = 0.0
    _child: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = None

    def start(self) -> None:
        self._log = self.log.open("ab")
        self._child = subprocess.Popen(
            self.command,
            env=dict(self.env),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def measure(self) -> None:
        """Note how large it has been; where /proc does not say, this stays 0."""
        if self._child is not None:
            pids = (self._child.pid, *_children(self._child.pid))
            self.peak_mb = max(self.peak_mb, *map(_peak, pids))
            self.cpu_seconds = max(self.cpu_seconds, sum(map(_cpu, pids)))

    def kill(self) -> None:
        """End it at once with all its children, as a machine that loses power would."""
        self.measure()
        self._signal(signal.SIGKILL)
        self._wait(10)

    def ask(self) -> None:
        """Ask it to end."""
        self.measure()
        self._signal(signal.SIGTERM)

    def stop(self, patience: float = 15) -> None:
        """Wait until it has ended, and insist after a while."""
        if not self._wait(patience):
            self.kill()

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:]) if self.log.exists() else ""

    def _signal(self, what: signal.Signals) -> None:
        # Its own group: what it forked ends with it, and nothing else does.
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, what)

    def _wait(self, seconds: float) -> bool:
        if self._child is None:
            return True
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        if self._log is not None:
            self._log.close()
        return True


@dataclass(slots=True)
class Family:
    """All the processes of a demo. Leaving the context ends them."""

    members: list[Process] = field(default_factory=list)

    def start(self, process: Process) -> Process:
        process.start()
        self.members.append(process)
        return process

    def measure(self) -> None:
        for one in self.members:
            one.measure()

    def fallen(self) -> list[Process]:
        """Return those that should run and do not."""
        return [one for one in self.members if not one.running]

    def __enter__(self) -> Family:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.members:
            one.ask()
        try:
            for one in self.members:
                one.stop()
        except KeyboardInterrupt:
            for one in self.members:
                one.kill()


def wait_for(what: str, ready: Callable[[], bool], *, seconds: float, pause: float = 0.1) -> None:
    """Wait until ``ready()`` is true; raise ``TimeoutError`` after a while."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} seconds")
        time.sleep(pause)


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (OSError, ValueError):
        return []


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
