"""docs/operating.md, retention.md, sizing.md: what is to be typed there works, and the figures are the code's."""

from __future__ import annotations

import re
import types

import pytest
from flask import Flask
from printed import block, blocks, rows, section, text
from sqlalchemy import text as sql

from notice_intake import NoticeIntake
from notice_intake.core.codes import Outcome
from notice_intake.core.retention import Kept
from notice_intake.flows import retention
from notice_intake.flows.sweeps import _PARTS
from notice_intake.regimes.known import KNOWN
from notice_intake.testing import FakeModerators, FakePlatform

OPERATING, RETENTION, SIZING = text("operating.md"), text("retention.md"), text("sizing.md")


def test_what_to_watch_can_be_asked_of_postgresql(house, database):
    if house.mount.storage.tables.metadata.schema is None:
        pytest.skip("the statements are PostgreSQL's")
    house.agency().refer()
    (printed,) = blocks(section(OPERATING, "## What to watch"), "sql")
    (settings,) = blocks(SIZING, "sql")
    schema = house.mount.storage.tables.metadata.schema
    for statement in filter(None, (one.strip() for one in re.sub(r"--.*", "", printed + settings).split(";"))):
        with house.mount.storage.begin() as tx:
            tx.execute(sql(f"SET LOCAL search_path TO {schema}, pg_catalog"))
            result = tx.execute(sql(statement.replace("::float", "\\:\\:float")))
            assert not result.returns_rows or result.all() is not None


def test_the_lines_for_celery_work_as_printed(tmp_path, monkeypatch):
    pytest.importorskip("celery", reason="needs the extra celery")

    def create_app() -> Flask:
        app = Flask("ours", instance_path=str(tmp_path))
        NoticeIntake(platform=FakePlatform(), moderators=FakeModerators()).init_app(app)
        return app

    ours = types.ModuleType("ours")
    ours.__dict__["create_app"] = create_app
    exec(block(OPERATING, "python", "wake_with_celery"), ours.__dict__)
    (entry,) = ours.celery_app.conf.beat_schedule.values()
    assert entry["task"] in ours.celery_app.tasks
    assert [kind for kind in _PARTS if "purge" in kind.__name__]


def test_the_least_periods_are_those_of_the_regimes():
    printed = {code: cells[1] for cells in rows(RETENTION, "instrument") for code in re.findall(r"`([^`]+)`", cells[0])}
    known = {one.code: one for regime in KNOWN for one, _ in regime.instruments}
    for code, days in printed.items():
        assert days == f"{known[code].retention.least(Outcome.REMOVED).days} days", code
    assert set(printed) == set(known)


def test_the_words_of_the_purge_are_explained():
    assert retention.SLICE == 100
    for word in ("undelivered", "kept for now"):
        assert word in RETENTION
    assert {"open", "claimed", "undelivered", "unanswered", "held", "period", "busy"} == {str(one) for one in Kept}


def test_a_discard_as_printed_is_what_the_purge_calls(house):
    class Vault:
        def __init__(self) -> None:
            self.gone: list[str] = []

        def delete(self, location: str, *, missing_ok: bool) -> None:
            assert missing_ok
            self.gone.append(location)

    vault = Vault()
    space = {"vault": vault}
    exec(block(RETENTION, "python", "def discard"), space)
    space["discard"](None, "vault/p1", key="discard:evi_1")
    assert vault.gone == ["vault/p1"]


def measured(what: str) -> float:
    """Return what the page says that something costs on PostgreSQL: milliseconds, or kilobytes."""
    (cell,) = [cells[2] for cells in rows(SIZING, "what") if cells[0].startswith(what)]
    return float(cell.split()[0])


def estimated(what: str) -> float:
    """Return the number that a line of the estimate comes to."""
    (line,) = [line for line in SIZING.splitlines() if re.match(rf"{re.escape(what)}\s", line) and "=" in line]
    return float(line.rpartition("=")[2].split()[0].replace(",", ""))


def test_the_estimate_adds_up():
    referrals, cases, evening, year = 100_000, 200_000, 8 * 3600, 365
    (texts,) = re.findall(r"(\d+) kB on PostgreSQL, which is what the estimate below takes", " ".join(SIZING.split()))
    day = referrals * (float(texts) + 2 * measured("bytes that each decided case adds"))
    for what, comes_to in (
        ("evenly", referrals / 86_400),
        ("busiest hour", referrals * 0.2 / 3600),
        ("an action day", referrals * 2 / 3600),
        ("resolve", referrals * 2 / 3600 * 2),
        ("web, taking in", referrals * 2 / 3600 * (measured("a referral of two items, `POST") + 0.5) / 1000),
        ("web, the desk", cases * measured("one case at the desk") * 3 / 1000 / evening),
        ("worker, effects", cases * measured("its effects") / 1000 / evening),
        ("worker, callbacks", referrals * 5 * measured("a callback") / 1000 / evening),
        ("purge", cases * measured("purging a case") / 1000),
        ("moderators", cases * 90 / (6 * 3600)),
        ("a day", day / 1e6),
        ("kept in full", day * year / 1e9),
        ("left after that", referrals * measured("bytes that are left") * year / 1e9),
        ("WAL", day * 3 / 1e6),
    ):
        assert estimated(what) == pytest.approx(comes_to, rel=0.07), what
    assert f"a few days of {estimated('a day')} GB" in " ".join(SIZING.split())
