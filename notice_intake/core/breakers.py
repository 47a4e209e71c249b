"""How an endpoint does, over all of its callbacks: when it is left alone, probed, given to a person. Pure.

A breaker is closed while callbacks go out, open while none does, half open while one goes out to see. What an open
one holds back, and what fails as a probe, uses up none of a message's own attempts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

#: So many failures in a row open a closed breaker.
OPENS_AFTER: Final = 5
#: How long it stays open the first time; each probe that fails doubles it.
FIRST_REST: Final = timedelta(minutes=1)
LONGEST_REST: Final = timedelta(hours=1)
#: An endpoint that was disabled because it failed for days is still looked at so often.
DISABLED_REST: Final = timedelta(hours=24)
#: A quiet endpoint that fails twice in a week is not dead: so many failures in a row are asked for beside the days.
LEAST_FAILURES: Final = 10
#: After so long without a success people are told; then again where it is disabled.
ALARMS: Final = (timedelta(hours=1), timedelta(hours=24))


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of an endpoint's last attempts."""

    #: Failures in a row.
    failures: int = 0
    #: How often the breaker opened in a row; 0: it is closed.
    openings: int = 0
    #: Nothing goes out before; with an open breaker, what goes out then is one probe.
    not_before: datetime | None = None
    #: The first of the failures in a row.
    failing_since: datetime | None = None
    #: How many of ``ALARMS`` were given.
    warned: int = 0

    @property
    def well(self) -> bool:
        """Whether there is nothing to say about it."""
        return self == Health()


def after_failure(health: Health, *, now: datetime, rest_until: datetime | None, probe: bool) -> Health:
    """Return the health after a failed attempt; ``rest_until`` is what the answer itself asks for.

    A failure that was under way when the breaker opened opens it no further: only probes do.
    """
    failures = health.failures + 1
    openings = health.openings
    until = rest_until
    if probe or (openings == 0 and failures >= OPENS_AFTER):
        openings += 1
        until = max(now + rest(openings), rest_until or now)
    known = health.not_before
    not_before = until if known is None or (until is not None and until > known) or probe else known
    since = health.failing_since or now
    return replace(health, failures=failures, openings=openings, not_before=not_before, failing_since=since)


def rest(openings: int) -> timedelta:
    """How long the breaker stays open after it opened so often in a row."""
    return min(FIRST_REST * (1 << min(openings - 1, 16)), LONGEST_REST)


def worn_out(health: Health, *, now: datetime, days: int) -> bool:
    """Say whether an endpoint has failed for so many days that a person has to look; 0 days: never."""
    if days == 0 or health.failing_since is None or health.failures < LEAST_FAILURES:
        return False
    return now - health.failing_since >= timedelta(days=days)


def alarms_due(health: Health, *, now: datetime) -> int:
    """Return how many of ``ALARMS`` are due by now, those that were given included."""
    if health.failing_since is None:
        return 0
    age = now - health.failing_since
    return sum(age >= alarm for alarm in ALARMS)
