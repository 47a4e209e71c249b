"""The table that the faults end with."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from .arena import Tally

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
#: What ends a process with ``kill -9``, by whose it is.
KILLS = {
    "web": ("web killed", "web process killed", "all killed"),
    "worker": ("worker killed", "worker killed while it delivers", "all killed"),
    "database": ("database killed", "database backend killed"),
    "purge": ("purge killed",),
}
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def rows(tallies: Sequence[Tally]) -> list[tuple[str, list[str]]]:
    """Return what happened, a line each, with a cell for each database."""
    figures: dict[str, Callable[[Tally], int]] = {
        "rounds": lambda t: t.rounds,
        "faults injected": lambda t: sum(t.faults.values()),
        **{f"`kill -9` of {whose}": partial(_killed, kinds=kinds) for whose, kinds in KILLS.items()},
        "requests sent to have them": lambda t: t.requests,
        "referrals acknowledged": lambda t: t.acknowledged,
        "**lost**": lambda t: t.count("lost"),
        "decisions": lambda t: t.decisions,
        "decisions carried out": lambda t: t.effected,
        "callbacks due": lambda t: t.due,
        "callbacks delivered": lambda t: t.delivered,
        "arrivals at receivers, repeats included": lambda t: t.arrivals,
        "**out of order**": lambda t: t.count("out of order"),
        "changes that the journal tells of, verified": lambda t: t.entries if not t.count("journal") else 0,
        "cases purged": lambda t: t.purged,
        "backups taken under load, restored and checked": lambda t: t.backups,
        "other violations": lambda t: len(t.violations) - t.count("lost") - t.count("out of order"),
        "answers that were neither an acknowledgement nor 502/503": lambda t: len(t.surprises),
        "processes that ended without being killed": lambda t: t.fell,
        "seconds": lambda t: round(t.seconds),
    }
    return [(name, [str(take(one)) for one in tallies]) for name, take in figures.items()]


def _killed(tally: Tally, *, kinds: Sequence[str]) -> int:
    return sum(tally.faults[kind] for kind in kinds)


def faults(tallies: Sequence[Tally]) -> list[tuple[str, list[str]]]:
    """Return how often each fault was injected."""
    kinds = sorted({kind for one in tallies for kind in one.faults})
    return [(kind, [str(one.faults[kind]) if one.faults[kind] else "" for one in tallies]) for kind in kinds]


def lines(tallies: Sequence[Tally]) -> list[str]:
    """Return both tables as Markdown."""
    names = [_NAMES[one.engine] for one in tallies]
    found = []
    for title, table in (("", rows(tallies)), ("fault", faults(tallies))):
        width = max(len(name) for name, _ in [*table, (title, [])])
        found += [f"| {title:<{width}} | " + " | ".join(f"{one:>10}" for one in names) + " |"]
        found += [f"|{'-' * (width + 2)}|" + "|".join("-" * 11 + ":" for _ in names) + "|"]
        found += [f"| {name:<{width}} | " + " | ".join(f"{one:>10}" for one in cells) + " |" for name, cells in table]
        found.append("")
    return found[:-1]


def write(tallies: Sequence[Tally], *, command: str) -> Path:
    """Write the page with what was measured, by ``make faults`` with these options; return where."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    first, second = _tables(lines(tallies))
    text = (Path(__file__).with_name("page.md")).read_text()
    text = text.replace("{figures}", first).replace("{faults}", second)
    text = text.replace("{command}", command)
    _PAGE.write_text(text.replace("{machine}", f"{platform.system()} {platform.machine()}, Python {version}"))
    return _PAGE


def _tables(both: list[str]) -> tuple[str, str]:
    middle = both.index("")
    return "\n".join(both[:middle]), "\n".join(both[middle + 1 :])
