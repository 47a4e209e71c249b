"""Waiting for threads ends in time, whatever signals a process gets meanwhile."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Signals come more often than the waits are long, so that some come as one runs out.
_SIGNALS = """
import signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
"""
_QUIET = "signal.setitimer(signal.ITIMER_REAL, 0)"
WAITS = {
    "for what the threads have done": """
from notice_intake.flows.crew import Crew
crew = Crew(1, lambda job: job)
for _ in range(300):
    assert crew.take(0.003) == []
""",
    "for a name server that is silent": """
import socket, time
from notice_intake.delivery import guard
from notice_intake.delivery.guard import LookupFailed
from notice_intake.delivery.policy import Destination
socket.getaddrinfo = lambda *_, **__: time.sleep(60)
destination = Destination("https", "agency.example", 443, "agency.example", None, "")
for _ in range(200):
    try:
        guard._look_up(destination, within=0.003)
    except LookupFailed:
        continue
    raise AssertionError("nobody answered")
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such timer")
@pytest.mark.parametrize("what", list(WAITS))
def test_a_signal_makes_no_wait_endless(what):
    done = subprocess.run(
        [sys.executable, "-c", _SIGNALS + WAITS[what] + _QUIET], timeout=60, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
