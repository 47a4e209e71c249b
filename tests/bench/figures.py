"""What a benchmark hands in, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio should reach: with the first working version, now, and at best. ``None``: nothing was set."""

    first: float | None
    target: float | None = None
    aim: float | None = None
    #: True where less is better.
    most: bool = False

    def verdict(self, value: float) -> str:
        """Say which of them a value reaches: ``aim``, ``met``, ``first`` or ``missed``; empty without a target."""
        reached = (("aim", self.aim), ("met", self.target), ("first", self.first))
        if self.target is None:
            return ""
        return next((word for word, goal in reached if goal is not None and self._reaches(value, goal)), "missed")

    def text(self) -> str:
        """The goal in one line."""
        sign = "<=" if self.most else ">="
        words = (("first", self.first), ("target", self.target), ("aim", self.aim))
        return ", ".join(f"{word} {sign} {value:g}" for word, value in words if value is not None) or "no target"

    def _reaches(self, value: float, goal: float) -> bool:
        return value <= goal if self.most else value >= goal


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
        verdict = {"aim": "met, and the aim", "first": "MISSED, first met", "missed": "MISSED"}
        found = self.goal.verdict(self.value)
        return f"{self.name:<58} {self.value:6.2f}{spread:<16} {verdict.get(found, found or '-'):<18}{self.goal.text()}"


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
