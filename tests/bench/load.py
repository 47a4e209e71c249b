"""Load on one path: by wrk where it is found, else by a few processes with keep-alive connections."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from .documents import NUMBER, body

_CONNECTIONS = 8
_PATH = "/v1/referrals"

_LUA = """
local threads = 0
function setup(thread) threads = threads + 1; thread:set("mine", threads) end
local sent = 0
local parts = { %(parts)s }
local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer %(token)s" }
function request()
  sent = sent + 1
  local number = string.format("%%s%%d%%06d", "%(series)s", mine, sent)
  return wrk.format("POST", "%(path)s", headers, table.concat(parts, number))
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{"requests": %%d, "microseconds": %%d, "p50": %%d, "p99": %%d, "bad": %%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status + e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a stretch of load came to."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def generator() -> str:
    """The name of the generator that is used."""
    return "wrk" if shutil.which("wrk") else "own, two processes of four connections"


def load(port: int, *, token: str, seconds: float, series: int, where: Path) -> Load:
    """Send distinct referrals over eight connections. Raises ``RuntimeError`` where one was not accepted."""
    numbers = f"{series:04d}"
    if shutil.which("wrk"):
        found = _by_wrk(port, token, seconds, numbers, where)
    else:
        found = _own(port, token, seconds, numbers)
    if found.pop("bad"):
        raise RuntimeError("some referrals were not accepted: the figures would mean nothing")
    return Load(**found)


def _by_wrk(port: int, token: str, seconds: float, series: str, where: Path) -> dict[str, Any]:
    script = where / "load.lua"
    parts = body(NUMBER).decode().split(NUMBER)
    values = {
        "parts": ", ".join(f"[==[{part}]==]" for part in parts),
        "token": token,
        "series": series,
        "path": _PATH,
    }
    script.write_text(_LUA % values)
    command = ["wrk", "-t2", f"-c{_CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "30s", "-s", str(script)]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True)
    last = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "requests": last["requests"],
        "seconds": last["microseconds"] / 1e6,
        "p50_ms": last["p50"] / 1000,
        "p99_ms": last["p99"] / 1000,
        "bad": last["bad"],
    }


def _own(port: int, token: str, seconds: float, series: str) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        jobs = [(port, token, seconds, f"{series}{which}") for which in (1, 2)]
        found = pool.starmap(_process, jobs)
    times = sorted(one for part in found for one in part["times"])
    return {
        "requests": len(times),
        "seconds": max(part["seconds"] for part in found),
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": quantiles(times, n=100)[98] * 1000,
        "bad": sum(part["bad"] for part in found),
    }


def _process(port: int, token: str, seconds: float, series: str) -> dict[str, Any]:
    import threading

    times: list[float] = []
    bad: list[int] = []
    started = time.perf_counter()

    def run(which: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        sent = 0
        while time.perf_counter() - started < seconds:
            sent += 1
            begun = time.perf_counter()
            connection.request("POST", _PATH, body(f"{series}{which}{sent:06d}"), headers)
            answer = connection.getresponse()
            answer.read()
            times.append(time.perf_counter() - begun)
            if answer.status != 201:
                bad.append(answer.status)

    threads = [threading.Thread(target=run, args=(which,)) for which in range(_CONNECTIONS // 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"times": times, "seconds": time.perf_counter() - started, "bad": len(bad)}
