"""The schedule of attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notice_intake.core.retries import DEFAULT, next_attempt

NOW = datetime(2017, 4, 25, 8, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def waits(*, fraction: float) -> list[timedelta]:
    at = (next_attempt(attempts, now=NOW, fraction=fraction) for attempts in range(13))
    return [moment - NOW for moment in at if moment is not None]


def test_without_jitter_the_13_attempts_span_75_9_hours_and_then_stop() -> None:
    # The middle of the dice is the schedule itself.
    assert waits(fraction=0.5) == [
        0 * SECOND,
        5 * SECOND,
        1 * MINUTE,
        5 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        1 * HOUR,
        2 * HOUR,
        4 * HOUR,
        8 * HOUR,
        12 * HOUR,
        24 * HOUR,
        24 * HOUR,
    ]
    assert round(sum(DEFAULT, timedelta()) / HOUR, 1) == 75.9
    assert next_attempt(13, now=NOW, fraction=0.5) is None


def test_six_attempts_fall_into_the_first_hour() -> None:
    # An order may have to be carried out within one hour: an outage of minutes must not cost the rest of it.
    sums = [sum(waits(fraction=1.0)[: n + 1], timedelta()) for n in range(13)]
    assert len([at for at in sums if at <= HOUR]) >= 5
    assert len([at for at in (sum(waits(fraction=0.5)[: n + 1], timedelta()) for n in range(13)) if at <= HOUR]) == 6


@pytest.mark.parametrize(
    ("attempts", "fraction", "wait"),
    [
        (1, 0.0, 4 * SECOND),  # the dice's lower end: 20 % early
        (1, 1.0, 6 * SECOND),  # the upper end: 20 % late
        (6, 0.25, 54 * MINUTE),  # in between it is linear
        (0, 1.0, 0 * SECOND),  # the first attempt is immediate whatever the dice say
    ],
)
def test_jitter_moves_a_wait_by_up_to_a_fifth(attempts: int, fraction: float, wait: timedelta) -> None:
    assert next_attempt(attempts, now=NOW, fraction=fraction) == NOW + wait


@pytest.mark.parametrize(
    ("attempts", "retry_after", "wait"),
    [
        (1, 10 * MINUTE, 10 * MINUTE),  # the receiver asks for more than the schedule: honoured
        (7, 10 * MINUTE, 2 * HOUR),  # for less: never earlier than scheduled
        (1, 1000 * HOUR, 24 * HOUR),  # for silence without end: capped
        (12, 1000 * HOUR, 24 * HOUR),  # the cap equals the last step
        (1, -5 * SECOND, 5 * SECOND),  # a date in the past
        (1, 0 * SECOND, 5 * SECOND),  # "at once" is no reason to hurry
    ],
)
def test_retry_after_only_lengthens_and_at_most_to_a_day(
    attempts: int, retry_after: timedelta, wait: timedelta
) -> None:
    assert next_attempt(attempts, now=NOW, fraction=0.5, retry_after=retry_after) == NOW + wait


def test_retry_after_does_not_extend_an_exhausted_schedule() -> None:
    assert next_attempt(13, now=NOW, fraction=0.5, retry_after=HOUR) is None


def test_an_operators_own_schedule_replaces_the_default() -> None:
    own = (timedelta(0), 2 * MINUTE)
    assert next_attempt(1, now=NOW, fraction=0.5, schedule=own) == NOW + 2 * MINUTE
    assert next_attempt(2, now=NOW, fraction=0.5, schedule=own) is None


@pytest.mark.parametrize(
    ("attempts", "now", "fraction"),
    [
        (-1, NOW, 0.5),  # would silently read the schedule from its end
        (1, NOW, 1.01),  # dice beyond the agreed range
        (1, NOW, -0.01),
        (1, NOW.replace(tzinfo=None), 0.5),  # a naive clock
    ],
)
def test_nonsense_is_refused(attempts: int, now: datetime, fraction: float) -> None:
    with pytest.raises(ValueError):
        next_attempt(attempts, now=now, fraction=fraction)
