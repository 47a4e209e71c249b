"""When an agency is told that a key of its own runs out."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

#: So many days before, each once.
WARNINGS = (14, 3, 1)
HORIZON = timedelta(days=WARNINGS[0])


def days_left(expires_at: datetime, *, now: datetime) -> int:
    """Return the days until a key runs out, a day that has begun counting as one; 0 where it has run out."""
    return max(math.ceil((expires_at - now) / timedelta(days=1)), 0)


def warning(expires_at: datetime, *, now: datetime, warned: int | None) -> int | None:
    """Return which of the ``WARNINGS`` is to be given now, None for none; ``warned`` is the one that was given last.

    Where several have come due, as after a standstill, only the last one is given.
    """
    left = expires_at - now
    if left <= timedelta(0):
        return None
    due = [days for days in WARNINGS if left <= timedelta(days=days)]
    found = min(due, default=None)
    return found if found is not None and (warned is None or found < warned) else None
