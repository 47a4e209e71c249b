"""The command: rounds of faults, and the table at the end."""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .arena import ENGINES, Arena, Tally
from .table import lines, write


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return 0 where everything held, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=12, help="rounds on each database")
    parser.add_argument("--faults", type=int, default=12, help="faults in each round")
    parser.add_argument("--times", type=int, default=1, help="so many fresh platforms, one after the other, added up")
    parser.add_argument("--kills", type=int, default=1, help="draw a kill -9 so many times as often as anything else")
    parser.add_argument("--minutes", type=float, default=60, help="begin no round after so long, on each database")
    parser.add_argument("--seed", type=int, default=None, help="draws the same faults again")
    parser.add_argument("--engine", choices=list(ENGINES), action="append", help="only this database")
    parser.add_argument("--no-mount", action="store_true", help="limit file sizes instead of filling a tmpfs")
    parser.add_argument("--write", action="store_true", help="write docs/faults.md")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10_000)
    engines = options.engine or list(ENGINES)
    print(
        f"Faults on {' and '.join(engines)}, seed {seed}: gunicorn, two workers, four agencies with receivers and two "
        "moderators\nare started on loopback, and killed, stalled, filled up and misled; after each round everything "
        "that was promised is checked.",
        flush=True,
    )
    # Side by side: most of a round is waiting for processes to come up.
    with ThreadPoolExecutor(len(engines)) as pool:
        tallies = list(pool.map(lambda one: _fire(one, options, seed=seed), engines))
    print("\n" + "\n".join(lines(tallies)))
    if options.write:
        command = f"--seed {seed} --times {options.times} --rounds {options.rounds} --faults {options.faults}"
        print(f"\nwritten: {write(tallies, command=f'{command} --kills {options.kills}')}")
    return 1 if any(one.violations or one.surprises for one in tallies) else 0


def _fire(engine: str, options: argparse.Namespace, *, seed: int) -> Tally:
    """Fire at one platform after the other, until something does not hold or the time is over; return the sum."""
    ends = time.monotonic() + options.minutes * 60
    total = Tally(engine)
    for number in range(options.times):
        total.add(_fire_at_one(engine, options, seed=f"{seed} {number}", ends=ends))
        if total.violations or total.surprises or time.monotonic() > ends:
            break
    return total


def _fire_at_one(engine: str, options: argparse.Namespace, *, seed: str, ends: float) -> Tally:
    root = Path(tempfile.mkdtemp(prefix="notice-intake-faults-"))
    root.chmod(0o755)
    with Arena(engine, root, seed=seed, mount=not options.no_mount) as arena:
        for number in range(options.rounds):
            dice = random.Random(f"{seed} {engine} {number}")
            plan = planned(arena.kinds(), options.faults, dice, kills=options.kills)
            began = time.monotonic()
            found = arena.round(plan, dice)
            tally = arena.tally
            took, injected = time.monotonic() - began, sum(tally.faults.values())
            told = f"{tally.acknowledged} acknowledged, {tally.delivered} of {tally.due} delivered"
            print(
                f"  {engine} round {number + 1}: {took:.0f} s, {injected} faults, {told}, {len(found)} violations",
                flush=True,
            )
            if found or tally.surprises:
                arena.keep()
                print(f"  with {', '.join(plan)}; logs (and an SQLite file) are kept in {root}")
                print("\n".join(f"    {one}" for one in [*found[:20], *tally.surprises[:10]]), flush=True)
                return tally
            if time.monotonic() > ends:
                break
    shutil.rmtree(root, ignore_errors=True)
    return arena.tally


def planned(kinds: Sequence[str], count: int, dice: random.Random, *, kills: int = 1) -> list[str]:
    """Draw the faults of a round. Receivers are set first: the rest happens while they misbehave."""
    endpoints = [one for one in kinds if one.startswith("endpoint: ")]
    others = [one for one in kinds if one not in endpoints]
    first = dice.sample(endpoints, min(2, count // 4))
    weights = [kills if "killed" in one else 1 for one in others]
    return first + dice.choices(others, weights, k=count - len(first))
