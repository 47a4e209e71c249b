"""``notice-intake bulk``: a stream of referrals, and what was not taken at once sent again."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO, Final

from .commands import OK, PARTLY_REFUSED, REFUSED, UNREACHABLE, opened
from .errors import IntakeError, RateLimited, Unavailable, Unreachable
from .intake import IntakeClient
from .results import BulkLine
from .terminal import Progress, complain, dump, faults, say
from .transport import Retries

#: A pause longer than this is not made; a limit is one of a minute.
_PAUSES: Final = Retries(first=1, longest=120)


def bulk(client: IntakeClient, args: Namespace) -> int:
    """Send a stream of referrals; then, after a pause, the lines again that the platform did not take at once.

    It goes on as long as that brings something, and gives up after a few tries in a row that brought nothing.
    """
    said, idle = _Said(as_json=args.json), 1
    with opened(args.file) as (file, size), _kept(file) as lines:
        _send(client, lines, said, progress=Progress(size, to=sys.stderr))
        while not said.done and idle < _PAUSES.tries:
            pause = _PAUSES.pause(idle, said.asked)
            if pause > _PAUSES.longest:
                break
            left = f"{len(said.later)} lines were" if said.begun else "the stream was"
            complain(f"{left} not taken: sent again in {max(pause, 1):.0f} seconds")
            time.sleep(pause)
            before = (said.begun, len(said.later))
            _send(client, lines, said, progress=Progress(None, to=sys.stderr))
            idle = idle + 1 if (said.begun, len(said.later)) == before else 1
    if said.failed is not None and not said.begun:
        raise said.failed
    return said.summary()


@dataclass(slots=True)
class _Said:
    """What became of the lines so far."""

    as_json: bool
    stored: int = 0
    before: int = 0
    refused: int = 0
    #: Whether every line has had an answer.
    begun: bool = False
    #: The answers to what was not taken at once.
    later: dict[int, BulkLine] = field(default_factory=dict)
    #: How long the platform asked to wait.
    asked: timedelta | None = None
    #: Why the last try ended, where it was refused as a whole.
    failed: IntakeError | None = None

    @property
    def done(self) -> bool:
        """Whether nothing is to be sent again."""
        return self.begun and not self.later

    def take(self, line: BulkLine) -> None:
        """Take the answer to a line."""
        self.later.pop(line.line, None)
        if not line.stored and (line.status == 429 or line.status >= 500):
            self.later[line.line] = line
            asked = line.problem.document.get("retry_after") if line.problem is not None else None
            if type(asked) is int and 0 <= asked < 1e6:
                self.asked = max(self.asked or timedelta(), timedelta(seconds=asked))
            return
        self.stored += line.stored
        self.before += line.receipt is not None and line.receipt.replayed
        self.refused += not line.stored
        self._show(line)

    def _show(self, line: BulkLine) -> None:
        if self.as_json:
            dump({**line.raw, "line": line.line})
        elif line.problem is not None:
            complain(f"line {line.line}: {line.status} {line.problem}")
            for fault in faults(line.problem):
                complain(fault)

    def summary(self) -> int:
        """Say what became of all; return the exit code."""
        left = len(self.later)
        for line in self.later.values():
            self._show(line)
        if self.failed is not None:
            complain(f"{self.failed.code}: {self.failed.detail}")
        if not self.as_json:
            total = self.stored + self.refused + left
            waiting = f", {left} not taken now: send the file again" if left else ""
            taken = f"{self.stored} stored, {self.before} of them before, {self.refused} refused"
            say(f"{total} referrals: {taken}{waiting}")
        if left and not self.stored and not self.refused:
            return UNREACHABLE
        return OK if not self.refused and not left else PARTLY_REFUSED if self.stored else REFUSED


def _send(client: IntakeClient, lines: Callable[[], Iterator[bytes]], said: _Said, *, progress: Progress) -> None:
    """Send what has not been answered for good."""
    wanted = sorted(said.later) if said.begun else None
    said.asked = said.failed = None
    try:
        try:
            answers = client.bulk(progress.through(lines() if wanted is None else _only(lines(), set(wanted))))
        finally:
            progress.clear()
        for line in answers:
            said.take(line if wanted is None else _renumbered(line, wanted))
        said.begun = True
    except (RateLimited, Unavailable, Unreachable) as error:
        # Of a first try that broke off nobody knows which lines were taken; what came before a later one stands.
        if wanted is None and error.retry_after is None:
            raise
        said.asked, said.failed = error.retry_after, error


def _only(lines: Iterator[bytes], wanted: set[int]) -> Iterator[bytes]:
    return (line for number, line in enumerate(lines, 1) if number in wanted)


def _renumbered(line: BulkLine, wanted: list[int]) -> BulkLine:
    """Return an answer with the number that its line has in the file."""
    if not 1 <= line.line <= len(wanted):
        return line
    return BulkLine(wanted[line.line - 1], line.status, line.receipt, line.problem, line.raw)


@contextmanager
def _kept(file: IO[bytes]) -> Iterator[Callable[[], Iterator[bytes]]]:
    """Yield what reads all lines, as often as it is called; those that come by a pipe are kept in a file for it."""
    if file.seekable():
        yield lambda: _from_start(file)
        return
    with tempfile.TemporaryFile() as copy:
        yield lambda: _from_copy(copy, file)


def _from_start(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    return iter(file)


def _from_copy(copy: IO[bytes], file: IO[bytes]) -> Iterator[bytes]:
    yield from _from_start(copy)
    copy.seek(0, os.SEEK_END)
    # A try that was refused before its end has left some of it in the pipe.
    for line in file:
        copy.write(line)
        yield line
