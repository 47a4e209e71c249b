"""``python -m tests.bench``: run the benchmarks, print each ratio beside its target, write ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import bulk, claims, client, credentials, deliveries, journal, queue, single
from .figures import Result
from .report import write
from .servers import Postgres, postgres

BENCHMARKS: dict[str, Callable[..., Result]] = {
    "single": single.run,
    "bulk": bulk.run,
    "memory": bulk.memory,
    "client": client.run,
    "credentials": credentials.run,
    "queue": queue.run,
    "claims": claims.run,
    "callbacks": claims.callbacks,
    "journal": journal.run,
    "hanging": deliveries.hanging,
    "latency": deliveries.latency,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes: fewer rounds, smaller tables")
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), help="may be given several times")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md as it is")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md from a quick run too")
    options = parser.parse_args(arguments)
    chosen = options.only or list(BENCHMARKS)
    with tempfile.TemporaryDirectory(prefix="notice-intake-bench-") as name, postgres(Path(name)) as server:
        results = [_one(one, Path(name), server, quick=options.quick) for one in chosen]
        version = server.version()
    if options.write or not (options.no_write or options.only or options.quick):
        print(f"written: {write(results, postgres_version=version, quick=options.quick)}")


def _one(name: str, where: Path, server: Postgres, *, quick: bool) -> Result:
    started = time.perf_counter()
    (where / name).mkdir()
    result = BENCHMARKS[name](where / name, server, quick=quick)
    print(f"\n{result.title}  ({time.perf_counter() - started:.0f} s)")
    for ratio in result.ratios:
        print("  " + ratio.line())
    widths = [max(len(row[column]) for row in result.table) for column in range(len(result.table[0]))]
    for row in result.table:
        print("    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    print(flush=True)
    return result


if __name__ == "__main__":
    main()
