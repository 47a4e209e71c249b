"""When a callback that failed is tried again. Pure: the clock and the dice are the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

#: The wait before each of the 13 attempts, 75.9 hours in all. Standard Webhooks 1.0.0 asks for several days; this is
#: denser in the first hour than its example, because an order may have to be carried out within one hour
#: (Reg. (EU) 2021/784 Art. 3(3)).
DEFAULT: Final[tuple[timedelta, ...]] = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=12),
    timedelta(hours=24),
    timedelta(hours=24),
)

#: Each wait is spread by this share to both sides, so that receivers do not get their backlog in one burst.
JITTER: Final = 0.2

#: No receiver can ask for a longer silence than this.
LONGEST_RETRY_AFTER: Final = timedelta(hours=24)


def next_attempt(
    attempts: int,
    *,
    now: datetime,
    fraction: float,
    retry_after: timedelta | None = None,
    schedule: Sequence[timedelta] = DEFAULT,
) -> datetime | None:
    """Return when to try next after ``attempts`` automatic attempts, or None when the schedule is exhausted.

    ``fraction`` is a random number from 0 to 1 and moves the wait from 80 to 120 % of the scheduled one. A
    ``Retry-After`` (RFC 9110 section 10.2.3) can only make the wait longer, and never longer than 24 hours.
    """
    if attempts < 0 or not 0 <= fraction <= 1:
        raise ValueError("attempts counts from 0, fraction lies between 0 and 1")
    if now.tzinfo is None:
        raise ValueError("now must carry its time zone")
    if attempts >= len(schedule):
        return None
    wait = schedule[attempts] * (1 - JITTER + 2 * JITTER * fraction)
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_RETRY_AFTER))
    return now + wait
