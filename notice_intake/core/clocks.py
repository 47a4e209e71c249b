"""When something must be done by, and the rule that says so.

A deadline is a stretch of time that can stop and start again: the one-hour order runs from receipt, stops when the
provider reports that it cannot be carried out, and starts again when the obstacle ends or the clarification arrives
(Reg. (EU) 2021/784 Art. 3(7) and 3(8)).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class ClockKind(StrEnum):
    """Whose deadline it is."""

    LEGAL = "legal"
    HOUSE = "house"


@dataclass(frozen=True, slots=True)
class ClockRule:
    """How long an instrument leaves from receipt, and why."""

    kind: ClockKind
    duration: timedelta
    #: One line for people, naming its source.
    rule: str

    def due(self, received_at: datetime) -> Due:
        """Return when a referral received at ``received_at`` must be dealt with."""
        return Due(at=received_at + self.duration, kind=self.kind, rule=self.rule)


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline: computed once, stored with the rule that set it."""

    at: datetime
    kind: ClockKind
    rule: str

    def stop(self, now: datetime) -> timedelta:
        """Return what is left of the stretch when it stops; never negative: a missed deadline stays missed."""
        return max(self.at - now, timedelta(0))

    def restart(self, *, remaining: timedelta, now: datetime) -> Due:
        """Return the deadline when the stretch starts again with ``remaining`` left."""
        return Due(at=now + remaining, kind=self.kind, rule=self.rule)


def strictest(dues: Iterable[Due]) -> Due:
    """Return the deadline that ends first; of two that end together, the one in law."""
    return min(dues, key=lambda due: (due.at, due.kind is not ClockKind.LEGAL))


#: Where the deadline of a clock that stands still lies: after every other, so that it neither leads nor is overdue.
STANDS_STILL = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ItemClock:
    """The clock of one item that waits for a decision."""

    due: Due
    priority: int
    instrument: str
    #: What was left when it stopped; None while it runs.
    left: timedelta | None = None


@dataclass(frozen=True, slots=True)
class CaseClock:
    """The clock of a case: the strictest of its items that runs, or the least that is left where none does."""

    due: Due
    priority: int
    instrument: str
    left: timedelta | None = None


def of_items(clocks: Iterable[ItemClock]) -> CaseClock | None:
    """Return the clock of a case from those of its items; None where no item waits."""
    every = list(clocks)
    running = [one for one in every if one.left is None]
    if running:
        first = min(running, key=lambda one: (one.priority, one.due.at, one.due.kind is not ClockKind.LEGAL))
        return CaseClock(first.due, first.priority, first.instrument)
    if not every:
        return None
    least = min(every, key=lambda one: (one.left, one.due.kind is not ClockKind.LEGAL))
    due = Due(STANDS_STILL, least.due.kind, least.due.rule)
    # What waits for the agency stands behind everything that waits for a moderator.
    return CaseClock(due, max(one.priority for one in every) or 1, least.instrument, least.left)
