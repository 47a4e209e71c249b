"""What an answer to a callback means for the message and for its endpoint. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..core.retries import DEFAULT, LONGEST_RETRY_AFTER, next_attempt
from .answers import Answer

#: A receiver that says so, or that is silent, is left alone as a whole (Standard Webhooks 1.0.0, "throttling").
_THROTTLING: Final = frozenset({429, 502, 503, 504})
_SHORTEST_PAUSE: Final = timedelta(seconds=60)
#: An old message's 24-hour step must not silence the endpoint for fresh ones that long: the ceiling of an open breaker.
_LONGEST_SCHEDULED_PAUSE: Final = timedelta(hours=1)
#: Failures that say more than their class, since the agency reads them.
_REASONS: Final = {"challenge": "the challenge did not come back", "fault": "a fault of the platform"}


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it: a 2xx."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at ``at``."""

    at: datetime
    #: A failure class, or ``status`` and the number: ``"timeout"``, ``"status 500"``.
    reason: str
    #: Nothing else may be sent to this endpoint before; None where only this message waits.
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """No automatic attempt any more; a person may replay it."""

    reason: str
    #: As in ``Again``.
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Disabled:
    """The endpoint is gone for good (410): hold everything for it, and tell the operator."""

    reason: str


Verdict = Delivered | Again | GivenUp | Disabled


def judge(
    answer: Answer, *, attempts: int, now: datetime, fraction: float, schedule: Sequence[timedelta] = DEFAULT
) -> Verdict:
    """Say what follows from an answer; ``attempts`` counts the automatic attempts so far, this one included.

    Everything but a 2xx is a failure, redirects too. A 410 disables the endpoint; an address that the policy blocks
    is given up at once, since waiting cannot cure it; all else is retried until the schedule is exhausted. After a
    429, 502, 503, 504 or a timeout the whole endpoint rests for at least 60 seconds, what ``Retry-After`` asks, or
    the schedule's step up to one hour, whichever is longest.
    """
    if answer.failure is None:
        return Delivered()
    plain = answer.failure if answer.status is None else f"status {answer.status}"
    reason = _REASONS.get(answer.failure, plain)
    if answer.status == 410:
        return Disabled(reason)
    if answer.failure == "blocked":
        return GivenUp(reason)
    at = next_attempt(attempts, now=now, fraction=fraction, retry_after=answer.retry_after, schedule=schedule)
    not_before = _endpoint_rest(answer, at=at, now=now)
    if at is None:
        return GivenUp(reason, not_before)
    return Again(at if not_before is None else max(at, not_before), reason, not_before)


def _endpoint_rest(answer: Answer, *, at: datetime | None, now: datetime) -> datetime | None:
    if answer.failure != "timeout" and answer.status not in _THROTTLING:
        return None
    asked = min(answer.retry_after or timedelta(0), LONGEST_RETRY_AFTER)
    scheduled = timedelta(0) if at is None else min(at - now, _LONGEST_SCHEDULED_PAUSE)
    return now + max(_SHORTEST_PAUSE, asked, scheduled)
