"""Trying the rules, one after the other, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

# Each puts its rules on the list.
from . import access, bodies, endpoint, limits, messages, reading, receipts, signatures, streams
from .door import Door, OutOfTime
from .reading import place_of
from .rules import RULES, Broken, NotTried, Rule

PASSED, FAILED, NOT_TRIED = "pass", "fail", "not tried"
_MODULES: Final = (access, receipts, bodies, reading, messages, streams, endpoint, signatures, limits)
RULES.sort(key=lambda one: [module.__name__ for module in _MODULES].index(one.check.__module__))
_LATE: Final = "the time limit was reached"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one rule."""

    rule: Rule
    #: ``pass``, ``fail`` or ``not tried``.
    state: str
    expected: str = ""
    #: What came instead, or why it was not tried.
    came: str = ""
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        told = {"rule": self.rule.id, "state": self.state, "title": self.rule.title, "source": self.rule.source}
        if self.state == FAILED:
            told |= {"expected": self.expected, "came": self.came}
        elif self.state == NOT_TRIED:
            told["reason"] = self.came
        return {**told, "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class Report:
    """What came of all of them."""

    results: tuple[Result, ...]

    def count(self, state: str) -> int:
        """Return how many rules ended so."""
        return sum(one.state == state for one in self.results)

    @property
    def late(self) -> bool:
        """Whether the time was over before every rule was tried."""
        return any(one.came == _LATE for one in self.results)


def chosen(only: Sequence[str]) -> list[Rule]:
    """Return the rules of these names or groups, all where there is none. Raises ``ValueError`` for what is neither."""
    known = {one.id for one in RULES} | {one.group for one in RULES}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ValueError(f"there is no rule or group {unknown[0]!r}; --list shows them")
    return [one for one in RULES if not only or one.id in only or one.group in only]


def check(door: Door, rules: Iterable[Rule], *, tell: Callable[[Result], None] = lambda _: None) -> Report:
    """Try rules on a deployment; ``tell`` hears of each as it ends. Never raises for what the deployment does."""
    results: list[Result] = []
    late = False
    try:
        door.place = place_of(door)
    except (Broken, NotTried):
        pass  # the rules on events say so
    except OutOfTime:
        late = True
    for one in rules:
        result = Result(one, NOT_TRIED, came=_LATE) if late else _tried(door, one)
        late = late or result.came == _LATE
        results.append(result)
        tell(result)
    return Report(tuple(results))


def _tried(door: Door, one: Rule) -> Result:
    began = time.monotonic()

    def ended(state: str, *, expected: str = "", came: str = "") -> Result:
        return Result(one, state, expected, came, time.monotonic() - began)

    try:
        one.check(door)
    except Broken as broken:
        return ended(FAILED, expected=broken.expected, came=broken.came)
    except NotTried as reason:
        return ended(NOT_TRIED, came=str(reason))
    except OutOfTime:
        return ended(NOT_TRIED, came=_LATE)
    except Exception as fault:  # an answer of a shape that nobody thought of is the deployment's, and ends no run
        return ended(
            FAILED, expected="an answer as the contract has it", came=f"one that cannot be read ({fault!r:.150})"
        )
    return ended(PASSED)
