"""Which warning is due before a key runs out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notice_intake.core.expiry import days_left, warning

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "warned", "due"),
    [
        (timedelta(days=15), None, None),
        (timedelta(days=14, seconds=1), None, None),
        (timedelta(days=14), None, 14),
        (timedelta(days=14), 14, None),
        (timedelta(days=3, seconds=1), 14, None),
        (timedelta(days=3), 14, 3),
        (timedelta(days=3), 3, None),
        (timedelta(days=1), 3, 1),
        (timedelta(hours=2), 14, 1),  # nobody worked for two weeks: one warning, not two
        (timedelta(hours=2), None, 1),
        (timedelta(hours=2), 1, None),
        (timedelta(0), 3, None),
        (timedelta(days=-1), None, None),
    ],
)
def test_each_warning_comes_once(left, warned, due):
    assert warning(NOW + left, now=NOW, warned=warned) == due


@pytest.mark.parametrize(
    ("left", "days"),
    [
        (timedelta(days=14), 14),
        (timedelta(days=13, seconds=1), 14),
        (timedelta(seconds=1), 1),
        (timedelta(0), 0),
        (timedelta(days=-9), 0),
    ],
)
def test_a_day_that_has_begun_counts(left, days):
    assert days_left(NOW + left, now=NOW) == days
