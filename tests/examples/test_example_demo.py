"""The demo loses nothing, also where the web processes and the worker are killed on the way."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(
    r"action day: (\d+) items, (\d+) cases, (\d+) decided, (\d+) effected, (\d+) callbacks verified, (\d+) lost"
)


def demo(*options):
    command = [sys.executable, "-m", "examples.flask_app.demo", *options]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("NOTICE_INTAKE_", "HARBOUR_"))}
    return subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


@pytest.fixture
def run():
    """Start a demo; whatever happens, it is asked to end, and ends its own children then."""
    started = []

    def start(*options):
        started.append(demo(*options))
        return started[-1]

    yield start
    for one in started:
        if one.poll() is None:
            one.send_signal(signal.SIGTERM)
            one.wait(60)
        one.stdout.close()


@pytest.mark.timeout(420)
def test_kill_9_of_web_and_worker_in_the_middle_of_the_action_day_loses_nothing(run, tmp_path):
    process = run("--once", "--kill", "--items", "220", "--folder", str(tmp_path), "--limit", "300")
    out, _ = process.communicate(timeout=400)
    assert "killed and started again (2)" in out, out
    assert process.returncode == 0, out
    items, cases, decided, effected, callbacks, lost = map(int, LINE.fullmatch(out.splitlines()[-1]).groups())
    assert (items, cases, decided, lost) == (220, 200, 200, 0)
    assert 100 < effected < 200
    # Each referral and each item is told of, and what was carried out twice.
    assert callbacks > items * 2 + effected


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="asks /proc for the children of a process")
@pytest.mark.timeout(180)
def test_the_demo_that_stays_up_prints_where_to_go_and_ends_its_children(run, tmp_path):
    process = run("--items", "30", "--folder", str(tmp_path))
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    printed = "".join(lines)
    assert "/notices/desk/" in printed, printed
    assert "low-water" in printed
    (command,) = [line.split() for line in lines if "conformance" in line]
    tried = subprocess.run(
        [*command, "--only", "access", "--only", "keys"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (tried.returncode, "0 are broken" in tried.stdout) == (0, True), tried.stdout + tried.stderr
    pids = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    assert len(pids) >= 7
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    end = time.monotonic() + 10
    while any(map(_alive, pids)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(map(_alive, pids))


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
