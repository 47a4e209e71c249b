"""What a rule is, and the list of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .door import Door


class Broken(Exception):
    """The deployment does otherwise than the rule says."""

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"expected {expected}; came {came}")
        self.expected, self.came = expected, came


class NotTried(Exception):
    """The rule could not be tried: something that it needs is missing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise of the contract."""

    #: Group and name, such as ``receipts.created``: stable, for ``--only``.
    id: str
    #: What is promised, in one line.
    title: str
    #: The page and section of ``docs/`` that says so.
    source: str
    check: Callable[[Door], None]

    @property
    def group(self) -> str:
        """What stands before the dot."""
        return self.id.partition(".")[0]


#: Every rule, in the order in which they are tried.
RULES: list[Rule] = []


def rule(id: str, title: str, source: str) -> Callable[[Callable[[Door], None]], Callable[[Door], None]]:
    """Put a check on the list; it raises ``Broken`` or ``NotTried``, or returns."""

    def add(check: Callable[[Door], None]) -> Callable[[Door], None]:
        RULES.append(Rule(id, title, source, check))
        return check

    return add
