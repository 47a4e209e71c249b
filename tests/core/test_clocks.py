"""Deadlines that begin, stop and start again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notice_intake.core.clocks import ClockKind, ClockRule, Due, strictest

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def due(hours: float, kind: ClockKind = ClockKind.HOUSE) -> Due:
    return Due(NOW + timedelta(hours=hours), kind, "rule")


def test_a_rule_runs_from_receipt_and_keeps_its_words():
    rule = ClockRule(ClockKind.LEGAL, HOUR, "Art. 3(3)")
    assert rule.due(NOW) == Due(NOW + HOUR, ClockKind.LEGAL, "Art. 3(3)")


@pytest.mark.parametrize(
    ("dues", "expected"),
    [
        ([due(24), due(1)], due(1)),  # what ends first
        ([due(1), due(1, ClockKind.LEGAL)], due(1, ClockKind.LEGAL)),  # of two that end together, the one in law
        ([due(1, ClockKind.LEGAL), due(0.5)], due(0.5)),  # a house target that ends earlier is the next thing due
    ],
)
def test_the_strictest_deadline(dues, expected):
    assert strictest(dues) == expected


@pytest.mark.parametrize(
    ("stopped_after", "left"),
    [
        (timedelta(0), HOUR),
        (timedelta(minutes=40), timedelta(minutes=20)),
        (timedelta(hours=3), timedelta(0)),  # a missed deadline stays missed
    ],
)
def test_a_clock_that_stops_and_starts_again_keeps_what_was_left(stopped_after, left):
    first = ClockRule(ClockKind.LEGAL, HOUR, "rule").due(NOW)
    remaining = first.stop(NOW + stopped_after)
    assert remaining == left
    later = NOW + timedelta(days=2)
    assert first.restart(remaining=remaining, now=later).at == later + left
