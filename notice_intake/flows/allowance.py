"""How many lines of streams an agency may send: asked for by the flow, counted by whoever carries the call."""

from __future__ import annotations

from ..errors import NoticeIntakeError


class Allowance:
    """Any number of lines."""

    def take(self, lines: int) -> bool:  # noqa: ARG002
        """Count so many, where all of them pass; else none."""
        return True

    def take_some(self, lines: int) -> tuple[int, NoticeIntakeError | None]:
        """Count as many as pass; return how many, and what the rest is answered with."""
        return lines, None

    def give_back(self, lines: int) -> None:
        """Take back what was counted: these lines had been stored before."""
