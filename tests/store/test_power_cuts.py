"""What is still there after a power cut: SQLite's files with what had reached the disk by then, and nothing else.

``strace`` tells in which order the process wrote, waited for the disk, and acknowledged. From that each moment's worst
case is put together: of the log that SQLite writes ahead, only what was written before the last ``fdatasync``.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HOST = Path(__file__).with_name("power_host.py")
_OPENED = re.compile(r'openat\(.*"([^"]*)".*\) = (\d+)$')
_WRITTEN = re.compile(r"pwrite64\((\d+), .*, (\d+), (\d+)\) = (\d+)$")
_SYNCED = re.compile(r"(?:fdatasync|fsync)\((\d+)\) += 0$")
_SAID = re.compile(r'write\(1, "acknowledged (\w+)(?: (\w+))?\\n"')


@dataclass(frozen=True)
class Cut:
    """A moment just after something was acknowledged."""

    kind: str
    #: Everything that was acknowledged by then, with its kind.
    acknowledged: tuple[tuple[str, str], ...]
    #: The (offset, length) in the write-ahead log that had reached the disk.
    synced: tuple[tuple[int, int], ...]


@pytest.fixture
def cuts(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, list[Cut]]:
    """Run the platform, and give its directory and the moments at which the power may go."""
    if not _can_trace(tmp_path):
        pytest.skip("strace is not here, or may not look into processes")
    trace = tmp_path / "trace"
    calls = "openat,pwrite64,write,fdatasync,fsync"
    command = ["strace", "-f", "-qq", "-s", "100", "-o", str(trace), "-e", f"trace={calls}"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command += [sys.executable, str(HOST), str(tmp_path), *request.param]
    subprocess.run(command, env=environ, check=False, capture_output=True, timeout=100)
    return tmp_path, list(_cuts(trace.read_text()))


@pytest.mark.parametrize("cuts", [()], indirect=True, ids=["default"])
def test_orders_threats_and_decisions_outlive_a_power_cut_and_so_does_all_before_them(cuts, tmp_path):
    where, moments = cuts
    lost = {one.kind: _missing(where, one, tmp_path / "after") for one in moments}
    kept = [one for one in moments if one.kind != "voluntary"]
    assert [one.kind for one in kept] == ["order", "threat", "decision"] * 2
    for moment in kept:
        assert not _missing(where, moment, tmp_path / "after"), moment
    # The cut is one: what had not reached the disk is away. That is what the setting is about.
    assert lost["voluntary"]


@pytest.mark.parametrize("cuts", [("sync_all",)], indirect=True, ids=["sync_all"])
def test_with_sync_all_everything_outlives_a_power_cut(cuts, tmp_path):
    where, moments = cuts
    assert len(moments) == 17
    for moment in moments:
        assert not _missing(where, moment, tmp_path / "after"), moment


def _can_trace(where: Path) -> bool:
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-o", str(where / "tried"), "true"], check=False, capture_output=True, timeout=20)
    return tried.returncode == 0


def _cuts(trace: str) -> Iterator[Cut]:
    """Read a trace; yield a cut for each acknowledgement."""
    assert "unfinished" not in trace, "several threads wrote: their order is not told"
    files: dict[str, str] = {}
    written: list[tuple[int, int]] = []
    synced: tuple[tuple[int, int], ...] = ()
    said: list[tuple[str, str]] = []
    begun = False
    for line in trace.splitlines():
        if found := _OPENED.search(line):
            files[found[2]] = Path(found[1]).name
        elif found := _SAID.search(line):
            begun = begun or found[1] == "begin"
            if found[1] == "begin":
                written, synced = [], ()
            else:
                said.append((found[1], found[2]))
                yield Cut(found[1], tuple(said), synced)
        elif begun and (found := _WRITTEN.search(line)):
            assert files[found[1]] == "power.db-wal", "only a checkpoint writes to the database's own file"
            assert not any(start == int(found[3]) for start, _ in written), "the log began anew"
            written.append((int(found[3]), int(found[4])))
        elif begun and (found := _SYNCED.search(line)) and files[found[1]] == "power.db-wal":
            synced = tuple(written)


def _missing(where: Path, cut: Cut, after: Path) -> list[tuple[str, str]]:
    """Start again after a cut; return what was acknowledged and is not there. Nothing is ever there by half."""
    after.mkdir(exist_ok=True)
    shutil.copy(where / "power.db", after)
    log = (where / "power.db-wal").read_bytes()
    left = bytearray(len(log))
    for start, length in cut.synced:
        left[start : start + length] = log[start : start + length]
    (after / "power.db-wal").write_bytes(left)
    (after / "power.db-shm").unlink(missing_ok=True)
    connection = sqlite3.connect(after / "power.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        names = {name for (name,) in connection.execute("SELECT id FROM ni_referral")}
        entries = {name for (name,) in connection.execute("SELECT object FROM ni_journal WHERE action LIKE 'ref%'")}
        assert names == entries
        names |= {name for (name,) in connection.execute("SELECT case_id FROM ni_decision")}
    finally:
        connection.close()
    return [(kind, name) for kind, name in cut.acknowledged if name not in names]
