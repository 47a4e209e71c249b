"""When something must be done by, and the rule that says so.

A deadline is a stretch of time that can stop and start again: the one-hour order runs from receipt, stops when the
provider reports that it cannot be carried out, and starts again when the obstacle ends or the clarification arrives
(Reg. (EU) 2021/784 Art. 3(7) and 3(8)).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
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
