"""``docs/benchmarks.md``: the figures of one run, on what machine, and how to repeat them."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from .figures import Ratio, Result
from .servers import ROOT

_PACKAGES = ("Flask", "SQLAlchemy", "psycopg", "marshmallow", "jsonschema-rs", "gunicorn", "requests")
_PEERS = ("Django", "djangorestframework", "djangorestframework-simplejwt")


def write(results: Sequence[Result], *, postgres_version: str, quick: bool) -> Path:
    """Write the page; return where it is."""
    command = "make bench ARGS='--quick --write'" if quick else "make bench"
    lines = [
        "# Benchmarks",
        "",
        f"One run of `{command}` on {datetime.now(UTC):%Y-%m-%d}. **Read the ratios.** Each compares two things that",
        "ran side by side, in rounds, on one machine; the absolute figures behind them hold for that machine",
        "and that hour only. The load generator, the servers and the databases share the processors.",
        *(
            ["A quick run: one round of most things, smaller tables. Differences under a third mean little."]
            if quick
            else []
        ),
        "",
        "## How to repeat",
        "",
        "```sh",
        "make bench                             # some sixteen minutes; writes this page",
        "make bench ARGS='--quick'              # about two minutes, smaller tables, writes nothing",
        "make bench ARGS='--only single'        # one part: single, bulk, memory, queue, callbacks, hanging, journal …",
        "```",
        "",
        "Nothing has to be started: PostgreSQL comes by pip, with its defaults (`fsync` and `synchronous_commit` on).",
        "`NOTICE_INTAKE_TEST_POSTGRES` names another one; its processor time is then not counted. SQLite runs with",
        "WAL; floors and peers with `synchronous=NORMAL`, ours as it is set by default: so for voluntary referrals",
        "that come one by one, which is what is measured as single intake, and `FULL` for all else. With `wrk`",
        "installed that makes the load, else a small client of ours. A quiet machine matters: differences under a",
        "quarter are not resolved on a busy one.",
        "",
        "## Machine and versions",
        "",
        f"- {_processor()}, {os.cpu_count()} processors, {_memory()}, {platform.system()} {platform.release()}",
        f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, PostgreSQL {postgres_version}",
        "- " + ", ".join(f"{name} {version(name)}" for name in _PACKAGES[:4]),
        "- " + ", ".join(f"{name} {version(name)}" for name in _PACKAGES[4:]),
        "- Peers: " + ", ".join(f"{name} {version(name)}" for name in _PEERS),
        f"- Load by {'wrk' if shutil.which('wrk') else 'our own client'}",
        "",
        "## Ratios",
        "",
        "*first*: what the first working version had to reach; *target*: what has to hold; *aim*: what would be very",
        "good, and stands in the last column where it is reached.",
        "",
        "| ratio | found | rounds | target | |",
        "|---|---|---|---|---|",
    ]
    lines += [_ratio(one) for result in results for one in result.ratios]
    for result in results:
        lines += ["", f"## {result.title}", ""]
        lines += [f"{textwrap.fill(note, 118, break_long_words=False)}\n" for note in result.notes]
        head, *rows = result.table
        lines += [_row(head), "|---" * len(head) + "|", *[_row(row) for row in rows]]
    path = ROOT / "docs" / "benchmarks.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path.relative_to(ROOT)


def _ratio(one: Ratio) -> str:
    words = {"aim": "aim", "first": "**missed**, first met", "missed": "**missed**"}
    found = one.goal.verdict(one.value)
    spread = f"{one.spread[0]:.2f} to {one.spread[1]:.2f}" if one.spread else ""
    return _row((one.name, f"{one.value:.2f}", spread, one.goal.text(), words.get(found, found)))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB of memory"
