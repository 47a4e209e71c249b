"""Some lines of a stream on their way: read, made into rows, stored, answered."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ..contract.problems import problem_of
from ..contract.strict_json import read_compact, read_json
from ..errors import BodyTooLarge, MalformedBody, NoticeIntakeError
from ..store.agencies import Agency
from .allowance import Allowance
from .lines_before import stored_before
from .mount import Mount
from .prepared import Prepared
from .receive import BULK, Attempt, Received, Submission, prepare, resolve, store_carefully

#: A batch ends early at so many items or bytes: SQLite takes 32,766 variables in one statement, and memory has an end.
_MOST_ITEMS = 5_000
_MOST_BYTES = 4 * 1_048_576

#: From so many lines on a batch may be stored before it is full: as many rows as SQLite takes in one statement.
_WORTH_IT = (128, 256, 512, 1024)

#: Lines that came within so long came at one time: what their rows say of it is then handed to the database once.
_MOMENT: Final = timedelta(milliseconds=250)

#: Lines by their numbers, in order. Of pairs that are kept, Python's cycle collector would be called every few hundred
#: lines, and would go through all the rows each time; a dictionary of plain values it does not even look at.
Lines = dict[int, bytes | BodyTooLarge]


@dataclass(frozen=True, slots=True)
class Origin:
    """How a stream came."""

    #: What stands before the ``type`` of each problem.
    root: str = ""
    #: The signature that was kept for it.
    signature_id: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Whose lines are read, and how."""

    mount: Mount
    agency: Agency
    clock: Callable[[], datetime]
    origin: Origin
    allowance: Allowance

    def read(self, line: bytes | BodyTooLarge, now: datetime) -> Prepared | NoticeIntakeError:
        """Return the referral that a line holds, or why it is refused."""
        if isinstance(line, BodyTooLarge):
            return line
        compact = read_compact(line)
        try:
            document = read_json(line) if compact is None else compact
            prepared = prepare(self.mount, Submission(document, line, BULK), agency=self.agency, now=now)
        except NoticeIntakeError as refused:
            return refused if compact is None else _too_deep(line) or refused
        prepared.signature_id = self.origin.signature_id
        return prepared


def _too_deep(line: bytes) -> MalformedBody | None:
    """Say of a line that was refused that it is too deep, if it is: that comes first, and is looked at last."""
    try:
        read_json(line)
    except MalformedBody as malformed:
        return malformed
    return None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hold Python's cycle collector for the few milliseconds of a group.

    A referral is many small values and no cycle. Made with the collector at work, they have it walk through the whole
    process again and again.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Batch:
    """Lines on their way: checked, their rows made, then stored by another thread, then answered."""

    def __init__(self, source: Source) -> None:
        self._source = source
        #: As they came: the bytes stand in the rows anyway.
        self.lines: Lines = {}
        #: How many there were before those that came last.
        self._before = 0
        self._refused: dict[int, NoticeIntakeError] = {}
        #: Whether lines were counted before it is known whether they had been stored before; and those that were not.
        self.counted = False
        self._uncounted: set[int] = set()
        self._answers: list[str] | None = None
        self._items = self._size = 0
        self._at: datetime | None = None
        self._attempt = Attempt(source.mount, source.agency)
        #: Waits until the rows are stored; False where something of them was there already, None where they were not
        #: tried: so they are once it is the batch's turn.
        self.stored: Callable[[], bool | None] | None = None

    @property
    def settled(self) -> bool:
        """Whether it is known what became of each line."""
        return self._answers is not None

    @property
    def is_full(self) -> bool:
        """Whether it should be stored now."""
        most = self._source.mount.settings.bulk_batch
        return len(self.lines) >= most or self._items >= _MOST_ITEMS or self._size >= _MOST_BYTES

    @property
    def is_worth_it(self) -> bool:
        """Whether it may be stored as it is where nothing else is, rather than wait for more."""
        # Not always so many exactly: of long lines fewer are read at once.
        return any(self._before < many <= len(self.lines) for many in _WORTH_IT)

    def add(self, group: Lines, *, counted: bool) -> None:
        """Read some lines, ask the platform about them, and make their rows."""
        source, now = self._source, self._moment()
        passing, too_many = (None, None) if counted else self._passing(group)
        self.counted |= counted
        with _uncollected():
            good = self._read(group, passing, now)
        if passing is not None and too_many is not None:
            self._refused |= {number: too_many for number in group if number not in passing}
        self._before = len(self.lines)
        self.lines |= group
        # Not while the host is asked: that may take its time.
        resolve(source.mount, good)
        with _uncollected():
            self._attempt.add(good, now=now)

    def _moment(self) -> datetime:
        """Return the time, which is that of the lines before where hardly any has passed."""
        now = self._source.clock()
        if self._at is None or not timedelta(0) <= now - self._at < _MOMENT:
            self._at = now
        return self._at

    def _read(self, group: Lines, passing: Container[int] | None, now: datetime) -> list[Prepared]:
        """Return the good ones of a group, of those that pass; keep why the others are refused."""
        good = []
        for number, line in group.items():
            if passing is not None and number not in passing:
                continue
            one = self._source.read(line, now)
            if isinstance(one, Prepared):
                good.append(one)
                self._items += len(one.referral.items)
                self._size += len(one.body)
            else:
                self._refused[number] = one
        return good

    def _passing(self, group: Lines) -> tuple[set[int], NoticeIntakeError | None]:
        """Count those of a group that were not stored before; return which pass, and why the others do not."""
        source = self._source
        before = stored_before(source.mount, group, agency=source.agency)
        self._uncounted |= before
        fresh = [number for number in group if number not in before]
        passed, too_many = source.allowance.take_some(len(fresh))
        return before.union(fresh[:passed]), too_many

    def make_ready(self) -> None:
        """Have the rows ready for another thread to store."""
        self._attempt.make_ready()

    def store(self, *, unseen: bool = False) -> bool:
        """Store the rows; False where something of them is there already, and nothing is stored.

        With ``unseen`` that is not looked for before.
        """
        try:
            return self._attempt.seems_new(unseen=unseen) and self._attempt.store(unseen=unseen)
        except NoticeIntakeError:
            return False

    def settle(self) -> None:
        """Wait until it is stored, the slow way where something of it was there already; then that costs nothing."""
        if self._answers is not None:
            return
        stored, self.stored = self.stored() if self.stored is not None else None, None
        if stored is None:
            stored = self.store()
        self._answers = self._kept() if stored else self._tried_again()

    def finish(self) -> bytes:
        """Settle it; return the answers."""
        self.settle()
        return "".join(self._answers or ()).encode()

    def _kept(self) -> list[str]:
        """Return the answers to lines of which all that were good are stored."""
        receipts, refused, root = self._attempt.receipts(), self._refused, self._source.origin.root
        if not refused:
            return [_receipt(number, receipt) for number, receipt in zip(self.lines, receipts, strict=True)]
        more = iter(receipts)
        return [
            _refusal(number, refused[number], root=root) if number in refused else _receipt(number, next(more))
            for number in self.lines
        ]

    def _tried_again(self) -> list[str]:
        """Store what is not there already; return the answers."""
        results, root = iter(self._again()), self._source.origin.root
        given = [(number, self._refused.get(number) or next(results)) for number in self.lines]
        again = [number for number, one in given if isinstance(one, Received) and one.replayed]
        self._source.allowance.give_back(sum(number not in self._uncounted for number in again))
        return [
            _receipt(number, one.receipt, replayed=one.replayed)
            if isinstance(one, Received)
            else _refusal(number, one, root=root)
            for number, one in given
        ]

    def _again(self) -> Sequence[Received | NoticeIntakeError]:
        """Read the good lines once more, which were not kept, and store what is not there already."""
        source, now = self._source, self._source.clock()
        read = [source.read(line, now) for number, line in self.lines.items() if number not in self._refused]
        good = [one for one in read if isinstance(one, Prepared)]
        try:
            resolve(source.mount, good)
            stored = iter(store_carefully(source.mount, good, agency=source.agency, now=now) if good else [])
        except NoticeIntakeError as failed:
            stored = iter([failed] * len(good))
        return [next(stored) if isinstance(one, Prepared) else one for one in read]


def _receipt(number: int, receipt: str, *, replayed: bool = False) -> str:
    again = ',"replayed":true' if replayed else ""
    return f'{{"line":{number},"status":201{again},"receipt":{receipt}}}\n'


def _refusal(number: int, refused: NoticeIntakeError, *, root: str) -> str:
    problem: dict[str, Any] = problem_of(refused)
    problem["type"] = root + problem["type"]
    answer = {"line": number, "status": problem["status"], "problem": problem}
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False) + "\n"
