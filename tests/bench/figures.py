"""What a benchmark hands in, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio should reach: now, by the issue on delivery and scale, and at best."""

    now: float | None
    later: float | None = None
    aim: float | None = None
    #: True where less is better.
    most: bool = False

    def met(self, value: float) -> bool | None:
        """Say whether the goal of today is met; None where there is none."""
        if self.now is None:
            return None
        return value <= self.now if self.most else value >= self.now

    def text(self) -> str:
        """The goal in one line."""
        sign = "<=" if self.most else ">="
        words = (("target", self.now), ("later", self.later), ("aim", self.aim))
        return ", ".join(f"{word} {sign} {value:g}" for word, value in words if value is not None) or "no target yet"


@dataclass(frozen=True, slots=True)
class Ratio:
    """One measured ratio beside its goal."""

    name: str
    value: float
    goal: Goal
    #: Lowest and highest over the rounds, where there were several.
    spread: tuple[float, float] | None = None

    def line(self) -> str:
        """The ratio as it is printed."""
        spread = f" [{self.spread[0]:.2f}-{self.spread[1]:.2f}]" if self.spread else ""
        verdict = {True: "met", False: "MISSED", None: "-"}[self.goal.met(self.value)]
        return f"{self.name:<58} {self.value:6.2f}{spread:<16} {verdict:<7}{self.goal.text()}"


@dataclass(slots=True)
class Result:
    """What one benchmark found."""

    title: str
    ratios: list[Ratio] = field(default_factory=list)
    #: The figures behind the ratios, a table with a header line: valid on this machine, in this run, only.
    table: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def over(name: str, above: Sequence[float], below: Sequence[float], goal: Goal) -> Ratio:
    """Return the ratio of two medians, with the spread of the ratio over the rounds."""
    each = [a / b for a, b in zip(above, below, strict=True)]
    return Ratio(name, median(above) / median(below), goal, (min(each), max(each)) if len(each) > 1 else None)


def spread(values: Sequence[float], form: str = ".0f") -> str:
    """Return a median with the range over the rounds."""
    if len(values) == 1:
        return format(values[0], form)
    return f"{median(values):{form}} [{min(values):{form}}-{max(values):{form}}]"
