"""Who may go next: a line of leased callbacks for each agency, so that a slow receiver takes a few threads, not all."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from ..store.leases import Leased

#: Callbacks of one agency that are under way at once: at first, and once its receiver has shown that it is quick.
FIRST, MOST = 4, 8
#: So many times as much is leased ahead.
AHEAD = 4
#: So many answers in a row let one more be under way.
_PROOF = 4
#: An answer that takes longer shows nothing, in milliseconds.
_QUICK = 1000


class Line:
    """What waits for one agency, and what is under way to it."""

    def __init__(self) -> None:
        self.waiting: deque[Leased] = deque()
        self.under_way = 0
        self._good = 0

    @property
    def window(self) -> int:
        """How many may be under way at once."""
        return min(MOST, FIRST + self._good // _PROOF)

    @property
    def room(self) -> int:
        """How many more are worth leasing: some times what may be under way, so that nobody waits for the database."""
        return max(0, AHEAD * self.window - self.under_way - len(self.waiting))

    def answered(self, *, well: bool, milliseconds: int) -> None:
        """Learn from an answer."""
        self.under_way -= 1
        self._good = self._good + 1 if well and milliseconds <= _QUICK else 0

    def clear(self) -> list[Leased]:
        """Empty the line; return what waited in it."""
        waiting = list(self.waiting)
        self.waiting.clear()
        return waiting


class Lines:
    """The lines of all agencies."""

    def __init__(self) -> None:
        self._of: dict[str, Line] = {}
        #: Where something waits, whoever was served longest ago first.
        self._turns: dict[str, Line] = {}

    def of(self, agency_id: str) -> Line:
        """Return an agency's line."""
        return self._of.setdefault(agency_id, Line())

    def add(self, one: Leased) -> None:
        """Put a callback at the end of its agency's line."""
        line = self._turns.setdefault(one.row.agency_id, self.of(one.row.agency_id))
        line.waiting.append(one)

    def rooms(self) -> dict[str, int]:
        """Return how many more of an agency's are worth leasing, where it has a line."""
        return {agency: line.room for agency, line in self._of.items()}

    @property
    def waiting(self) -> int:
        """How many wait in all."""
        return sum(len(line.waiting) for line in self._turns.values())

    def ready(self, most: int) -> list[Leased]:
        """Return up to ``most`` callbacks that may leave now, the agencies in turn; they are under way then."""
        found: list[Leased] = []
        begun = -1
        while len(found) != begun:
            begun = len(found)
            for agency, line in list(self._turns.items()):
                if line.waiting and line.under_way < line.window and len(found) < most:
                    line.under_way += 1
                    found.append(line.waiting.popleft())
                    # Its turn comes after everybody else's: else the last would get what the others leave.
                    self._turns[agency] = self._turns.pop(agency)
                if not line.waiting:
                    del self._turns[agency]
        return found

    def stale(self, *, before: datetime) -> list[Leased]:
        """Take out what waits under a lease that ends before a time: it could not be finished within it any more."""
        found: list[Leased] = []
        for line in self._turns.values():
            if line.waiting and min(one.row.lease_until for one in line.waiting) < before:
                found += line.clear()
        return found

    def clear(self) -> list[Leased]:
        """Empty all lines."""
        return [one for line in self._of.values() for one in line.clear()]
