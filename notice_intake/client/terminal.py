"""What the command writes: for a person, or for a program."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, Any, Final

from .errors import IntakeError, Problem
from .results import Event, ItemStatusView, Question, Receipt, ReferralStatus

_WIDTH: Final = 30
_EVERY: Final = 0.1


def say(*words: object, to: IO[str] | None = None) -> None:
    """Write a line. What the platform sent cannot move the cursor or colour the screen."""
    print(printable("  ".join(str(word) for word in words if word is not None)), file=to, flush=True)


def complain(text: str) -> None:
    """Write a line that is no result."""
    say(text, to=sys.stderr)


def dump(document: Any) -> None:
    """Write a JSON document on one line."""
    print(json.dumps(document), flush=True)


def printable(text: str) -> str:
    """Return text with everything that a terminal would obey written as an escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def show_receipt(receipt: Receipt) -> None:
    """Show a receipt."""
    again = "(stored before)" if receipt.replayed else None
    say(receipt.id, receipt.agency_reference, again)
    if receipt.sandbox:
        say("sandbox: nobody looks at this, and nothing will be done")
    say("due", _at(receipt.due_at), receipt.due_kind, receipt.due_rule)
    show_items(receipt.items)


def show_status(status: ReferralStatus) -> None:
    """Show where a referral stands."""
    say(status.id, status.agency_reference, status.instrument, f"sequence {status.sequence}")
    say("received", _at(status.received_at), "due", _at(status.due_at) if status.due_at is not None else "-")
    show_items(status.items)
    for question in status.questions:
        _show_question(question)


def show_items(items: Iterable[ItemStatusView]) -> None:
    """Show where items stand."""
    for item in items:
        say(" ", item.reference, item.status, item.outcome)


def show_event(event: Event) -> None:
    """Show an event."""
    about = event.item_reference or event.agency_reference
    say(_at(event.timestamp), event.id, event.type, event.referral, event.sequence, about, event.outcome)


def show_error(error: IntakeError, *, as_json: bool) -> None:
    """Say what went wrong, on the stream for errors."""
    if as_json:
        document = error.problem.document if error.problem is not None else None
        print(json.dumps({"error": error.code, "detail": error.detail, "problem": document}), file=sys.stderr)
        return
    complain(f"{error.code}: {error.detail}")
    if error.problem is not None:
        for line in faults(error.problem):
            complain(line)


def faults(problem: Problem) -> Iterator[str]:
    """Say each fault, and whom to name when asking for help."""
    for fault in problem.errors:
        yield f"  {fault.pointer or '(the document)'}  {fault.code}  {fault.detail}"
    if problem.instance:
        yield f"  request {problem.instance}"


class Progress:
    """A bar on a terminal; nothing anywhere else."""

    def __init__(self, total: int | None, *, to: IO[str]) -> None:
        self._total, self._to, self._done, self._next = total, to, 0, 0.0
        self._shown = to.isatty()

    def through(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield lines on, counting their bytes."""
        for line in lines:
            yield line
            self._done += len(line)
            if self._shown and time.monotonic() > self._next:
                self._draw("sent")
        if self._shown:
            self._draw("sent, waiting for the answers")

    def clear(self) -> None:
        """Take the bar away."""
        if self._shown:
            self._to.write("\r\x1b[K")
            self._to.flush()

    def _draw(self, word: str) -> None:
        self._next = time.monotonic() + _EVERY
        size = f"{self._done / 1_048_576:.1f} MiB {word}"
        if self._total:
            part = min(self._done / self._total, 1.0)
            full = round(part * _WIDTH)
            size = f"[{'#' * full}{'.' * (_WIDTH - full)}] {part:4.0%}  {size}"
        self._to.write(f"\r{size}\x1b[K")
        self._to.flush()


def _show_question(question: Question) -> None:
    asked = "answered" if question.answered_at is not None else "waits for your answer"
    say("question", question.id, question.reason_code, asked, "about " + ", ".join(question.items))
    say("   ", question.text)


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
