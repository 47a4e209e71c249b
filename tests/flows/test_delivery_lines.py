"""Whose callback leaves next, where many wait for few threads."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from notice_intake.flows.lines import FIRST, MOST, Lines
from notice_intake.store.leases import Leased

_UNTIL = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def _waiting(agency: str, number: int, *, until: datetime = _UNTIL) -> Leased:
    row: Any = SimpleNamespace(id=f"{agency}-{number}", agency_id=agency, lease_until=until)
    return Leased(row)


def _lines(counts: dict[str, int]) -> Lines:
    lines = Lines()
    for agency, count in counts.items():
        for number in range(count):
            lines.add(_waiting(agency, number))
    return lines


def test_no_agency_gets_only_what_the_others_leave() -> None:
    agencies = [f"agc_{letter}" for letter in "abcde"]
    lines = _lines(dict.fromkeys(agencies, 40))
    for agency in agencies:
        for _ in range(100):
            lines.of(agency).under_way += 1
            lines.of(agency).answered(well=True, milliseconds=20)
    under_way = lines.ready(32)
    assert set(Counter(one.row.agency_id for one in under_way).values()) == {6, 7}
    left: Counter[str] = Counter()
    for _ in range(90):
        # A thread becomes free, and takes whatever may leave next.
        lines.of(under_way.pop(0).row.agency_id).answered(well=True, milliseconds=20)
        (one,) = lines.ready(1)
        under_way.append(one)
        left[one.row.agency_id] += 1
    assert set(left) == set(agencies)
    assert max(left.values()) - min(left.values()) <= 2


def test_the_callbacks_of_an_agency_leave_in_their_order() -> None:
    lines = _lines({"agc_a": 3, "agc_b": 1})
    assert [one.row.id for one in lines.ready(10)] == ["agc_a-0", "agc_b-0", "agc_a-1", "agc_a-2"]
    assert lines.waiting == 0


def test_a_slow_receiver_takes_no_more_than_its_window() -> None:
    lines = _lines({"agc_slow": 40, "agc_quick": 40})
    assert Counter(one.row.agency_id for one in lines.ready(32)) == {"agc_slow": FIRST, "agc_quick": FIRST}
    for _ in range(40):
        lines.of("agc_quick").answered(well=True, milliseconds=20)
        lines.ready(32)
    assert lines.of("agc_slow").under_way == FIRST
    assert lines.of("agc_quick").window == MOST


def test_what_waits_under_a_lease_that_runs_out_is_taken_out() -> None:
    lines = _lines({"agc_a": 2})
    lines.add(_waiting("agc_b", 0, until=_UNTIL + timedelta(seconds=60)))
    found = lines.stale(before=_UNTIL + timedelta(seconds=1))
    assert [one.row.id for one in found] == ["agc_a-0", "agc_a-1"]
    assert [one.row.id for one in lines.ready(10)] == ["agc_b-0"]
    lines.add(_waiting("agc_a", 2))
    assert [one.row.id for one in lines.ready(10)] == ["agc_a-2"]
