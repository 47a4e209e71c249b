"""How urgent a deadline is, in steps that the stylesheet and the script know too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

#: (level, most seconds left, bars of four)
LEVELS = (("overdue", 0, 4), ("hour", 3600, 3), ("soon", 6 * 3600, 2), ("day", 24 * 3600, 1))


@dataclass(frozen=True, slots=True)
class Urgency:
    """One deadline as it stands now."""

    level: str
    bars: int
    at: datetime


def urgency(at: datetime | None, now: datetime) -> Urgency | None:
    """Return how urgent a deadline is, or None where there is none."""
    if at is None:
        return None
    left = (at - now).total_seconds()
    for level, most, bars in LEVELS:
        if left < most:
            return Urgency(level, bars, at)
    return Urgency("calm", 0, at)


def levels_attribute() -> str:
    """Return the steps for the script: ``overdue:0:4 hour:3600:3 …``."""
    return " ".join(f"{level}:{most}:{bars}" for level, most, bars in LEVELS)
