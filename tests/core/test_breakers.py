"""When an endpoint is left alone, probed, and given to a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notice_intake.core.breakers import Health, after_failure, alarms_due, rest, worn_out

NOW = datetime(2017, 4, 25, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def failed(health: Health, times: int = 1, *, now: datetime = NOW, probe: bool = False) -> Health:
    for _ in range(times):
        health = after_failure(health, now=now, rest_until=None, probe=probe)
    return health


def test_it_stays_closed_for_four_failures_and_opens_with_the_fifth():
    four = failed(Health(), 4)
    assert (four.openings, four.not_before, four.failing_since) == (0, None, NOW)
    five = failed(four)
    assert (five.openings, five.not_before) == (1, NOW + MINUTE)


def test_failures_that_were_under_way_open_it_no_further():
    many = failed(Health(), 9)
    assert (many.failures, many.openings, many.not_before) == (9, 1, NOW + MINUTE)


def test_each_failed_probe_doubles_the_rest_up_to_an_hour():
    health, rests, now = failed(Health(), 5), [], NOW
    for _ in range(8):
        assert health.not_before is not None
        now = health.not_before
        health = failed(health, now=now, probe=True)
        assert health.not_before is not None
        rests.append((health.not_before - now) // MINUTE)
    assert rests == [2, 4, 8, 16, 32, 60, 60, 60]
    assert rest(10_000) == timedelta(hours=1)


def test_what_the_answer_asks_for_counts_where_it_is_longer():
    asked = NOW + timedelta(hours=3)
    assert after_failure(Health(), now=NOW, rest_until=asked, probe=False).not_before == asked
    assert after_failure(failed(Health(), 4), now=NOW, rest_until=asked, probe=False).not_before == asked
    soon = NOW + timedelta(seconds=5)
    assert after_failure(failed(Health(), 4), now=NOW, rest_until=soon, probe=False).not_before == NOW + MINUTE


def test_a_shorter_rest_does_not_cut_a_longer_one():
    asked = NOW + timedelta(hours=3)
    resting = after_failure(Health(), now=NOW, rest_until=asked, probe=False)
    assert after_failure(resting, now=NOW, rest_until=NOW + MINUTE, probe=False).not_before == asked
    assert failed(resting).not_before == asked


def test_the_claim_of_a_probe_is_replaced_by_the_rest():
    """While a probe is under way its endpoint rests for the length of a lease; its failure sets the true rest."""
    probing = Health(failures=5, openings=1, not_before=NOW + timedelta(hours=30), failing_since=NOW)
    assert failed(probing, probe=True).not_before == NOW + 2 * MINUTE


@pytest.mark.parametrize(
    ("failures", "age", "days", "expected"),
    [
        (10, timedelta(days=5), 5, True),
        (10, timedelta(days=5) - MINUTE, 5, False),
        (9, timedelta(days=50), 5, False),  # hardly used: too little is known
        (10, timedelta(days=50), 0, False),  # switched off
        (10, timedelta(days=1), 1, True),
    ],
)
def test_it_is_worn_out_after_days_and_failures(failures, age, days, expected):
    health = Health(failures=failures, failing_since=NOW - age)
    assert worn_out(health, now=NOW, days=days) is expected


def test_one_that_works_is_never_worn_out():
    assert not worn_out(Health(), now=NOW, days=1)
    assert alarms_due(Health(), now=NOW) == 0


@pytest.mark.parametrize(("hours", "due"), [(0.9, 0), (1, 1), (23, 1), (24, 2), (999, 2)])
def test_people_are_told_after_an_hour_and_after_a_day(hours, due):
    assert alarms_due(Health(failures=1, failing_since=NOW - timedelta(hours=hours)), now=NOW) == due
