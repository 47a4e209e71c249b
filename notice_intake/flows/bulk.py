"""Many referrals in one stream: a line each, answered a line each, in order. A bad line fails alone."""

from __future__ import annotations

import gc
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..contract.problems import problem_of
from ..contract.strict_json import read_json
from ..errors import BodyTooLarge, NoticeIntakeError
from ..store.agencies import Agency
from .allowance import Allowance
from .lines_before import stored_before
from .mount import Mount
from .prepared import Prepared
from .receive import BULK, Attempt, Received, Submission, prepare, resolve, store_carefully

#: A batch ends early at so many items or bytes: SQLite takes 32,766 variables in one statement, and memory has an end.
_MOST_ITEMS = 5_000
_MOST_BYTES = 4 * 1_048_576

#: So many lines or bytes are read in one go, and become rows before the next are read: while they fit the processor's
#: cache that takes half as long.
_GROUP_LINES, _GROUP_BYTES = 32, 131_072

#: So many batches may wait to be stored while the next is read.
_AHEAD = 2

#: So long, in seconds, the reading stops for the storing after each group: the shortest that a system sleeps.
_WAY = 0.000_01

_Line = tuple[int, bytes | BodyTooLarge]


@dataclass(frozen=True, slots=True)
class Origin:
    """How a stream came."""

    #: What stands before the ``type`` of each problem.
    root: str = ""
    #: The signature that was kept for it.
    signature_id: str | None = None


def receive_lines(
    mount: Mount,
    lines: Iterable[bytes | BodyTooLarge],
    *,
    agency: Agency,
    clock: Callable[[], datetime],
    origin: Origin,
    allowance: Allowance | None = None,
) -> Iterator[bytes]:
    """Store the referrals that ``lines`` hold, a batch a transaction; yield the answers, a line each, in order.

    Blank lines are counted and not answered. A referral that was stored by an earlier, broken-off try of the same
    stream is answered with its old receipt, and not counted: a stream of more lines than ``allowance`` lets pass gets
    on each time that it is sent again.
    """
    source = _Source(mount, agency, clock, origin, allowance or Allowance())
    # A host's own connections may belong to the thread or the context of the request: they stay there.
    with _Storing(ahead=_AHEAD if mount.storage.owned else 0) as storing:
        for batch in _batches(source, lines, beside=storing):
            if storing.stopped:
                yield from storing.answers(leaving=0)
            storing.begin(batch)
            yield from storing.answers()
        yield from storing.answers(leaving=0)


@dataclass(frozen=True, slots=True)
class _Source:
    """Whose lines are read, and how."""

    mount: Mount
    agency: Agency
    clock: Callable[[], datetime]
    origin: Origin
    allowance: Allowance

    def read(self, line: bytes | BodyTooLarge, now: datetime) -> Prepared | NoticeIntakeError:
        """Return the referral that a line holds, or why it is refused."""
        try:
            if isinstance(line, BodyTooLarge):
                raise line
            prepared = prepare(self.mount, Submission(read_json(line), line, BULK), agency=self.agency, now=now)
        except NoticeIntakeError as refused:
            return refused
        prepared.signature_id = self.origin.signature_id
        return prepared


class _Storing:
    """The thread that stores what was read, beside the one that reads on, and the batches that wait to be answered.

    They are stored in their order. Where something of one is there already, those after it are not begun before it is
    settled: of two lines with one reference the first counts.
    """

    def __init__(self, *, ahead: int) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="notice-intake-bulk")
        self._under_way: Future[bool | None] | None = None
        #: How many batches may wait while further lines are read; with none, they are stored by this thread itself.
        self._ahead = ahead
        self._waiting: deque[_Batch] = deque()
        #: Whether a batch could not be stored as it was.
        self.stopped = False

    def __enter__(self) -> _Storing:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._thread.shutdown()

    @property
    def owing(self) -> bool:
        """Whether lines of a batch that waits were counted that may have been stored before."""
        return any(one.counted and not one.settled for one in self._waiting)

    def begin(self, batch: _Batch) -> None:
        """Have a batch stored, after those before it."""
        self._waiting.append(batch)
        if self._ahead:
            batch.make_ready()
            self._under_way = self._thread.submit(self._store, batch)
            batch.stored = self._under_way.result

    def _store(self, batch: _Batch) -> bool | None:
        if self.stopped:
            return None
        stored = False
        try:
            stored = batch.store()
        finally:
            self.stopped = not stored
        return stored

    def settle(self) -> None:
        """Settle all that wait."""
        for one in self._waiting:
            one.settle()
        self.stopped = False

    def answers(self, *, leaving: int | None = None) -> Iterator[bytes]:
        """Yield the answers to all that wait but the last ones, which are still to be stored."""
        while len(self._waiting) > (self._ahead if leaving is None else leaving):
            yield self._waiting[0].finish()
            self._waiting.popleft()
        if not self._waiting:
            self.stopped = False

    def give_way(self) -> None:
        """Let it have the interpreter if it wants it.

        It works outside of the interpreter most of the time, comes back for a moment some ten times a batch, and would
        wait each time until Python has us stop, which is after 5 ms.
        """
        if self._under_way is not None and not self._under_way.done():
            time.sleep(_WAY)


def _batches(source: _Source, lines: Iterable[bytes | BodyTooLarge], *, beside: _Storing) -> Iterator[_Batch]:
    batch = _Batch(source)
    for group in _groups(lines, most=min(_GROUP_LINES, source.mount.settings.bulk_batch)):
        counted = source.allowance.take(len(group))
        if not counted and (batch.counted or beside.owing):
            # What was counted so far may have been stored before: that is known, and given back, before any is refused.
            if batch.lines:
                yield batch
                batch = _Batch(source)
            beside.settle()
            counted = source.allowance.take(len(group))
        batch.add(group, counted=counted)
        _collect()
        beside.give_way()
        if batch.is_full:
            yield batch
            batch = _Batch(source)
    if batch.lines:
        yield batch


def _groups(lines: Iterable[bytes | BodyTooLarge], *, most: int) -> Iterator[list[_Line]]:
    """Yield lines with their numbers, some at once, without the blank ones."""
    group: list[_Line] = []
    size = 0
    for number, line in enumerate(lines, 1):
        if line == b"":
            continue
        group.append((number, line))
        size += len(line) if isinstance(line, bytes) else 0
        if len(group) >= most or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


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


def _collect() -> None:
    """Have the collector look at what is young before it does so by itself, while no document is held.

    What it met on its way it would count among what lives long, and soon walk through the whole process for it.
    """
    if gc.isenabled() and gc.get_count()[1] > gc.get_threshold()[1] // 2:
        gc.collect(1)


class _Batch:
    """Lines on their way: checked, their rows made, then stored by another thread, then answered."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        #: As they came: the bytes stand in the rows anyway.
        self.lines: list[_Line] = []
        self._refused: dict[int, NoticeIntakeError] = {}
        #: Whether lines were counted before it is known whether they had been stored before; and those that were not.
        self.counted = False
        self._uncounted: set[int] = set()
        self._results: list[tuple[int, Received | NoticeIntakeError]] | None = None
        self._items = self._size = 0
        self._attempt = Attempt(source.mount, source.agency)
        #: Waits until the rows are stored; False where something of them was there already, None where they were not
        #: tried: so they are once it is the batch's turn.
        self.stored: Callable[[], bool | None] | None = None

    @property
    def settled(self) -> bool:
        """Whether it is known what became of each line."""
        return self._results is not None

    @property
    def is_full(self) -> bool:
        """Whether it should be stored now."""
        most = self._source.mount.settings.bulk_batch
        return len(self.lines) >= most or self._items >= _MOST_ITEMS or self._size >= _MOST_BYTES

    def add(self, group: Sequence[_Line], *, counted: bool) -> None:
        """Read some lines, ask the platform about them, and make their rows."""
        source = self._source
        now = source.clock()
        passing, too_many = (None, None) if counted else self._passing(group)
        self.counted |= counted
        with _uncollected():
            good = self._read([one for one in group if passing is None or one[0] in passing], now)
        if passing is not None and too_many is not None:
            self._refused |= {number: too_many for number, _ in group if number not in passing}
        self.lines += group
        # Not while the host is asked: that may take its time.
        resolve(source.mount, good)
        with _uncollected():
            self._attempt.add(good, now=now)

    def _read(self, group: Sequence[_Line], now: datetime) -> list[Prepared]:
        """Return the good ones of a group; keep why the others are refused."""
        good = []
        for number, line in group:
            one = self._source.read(line, now)
            if isinstance(one, Prepared):
                good.append(one)
                self._items += len(one.referral.items)
                self._size += len(one.body)
            else:
                self._refused[number] = one
        return good

    def _passing(self, group: Sequence[_Line]) -> tuple[set[int], NoticeIntakeError | None]:
        """Count those of a group that were not stored before; return which pass, and why the others do not."""
        source = self._source
        before = stored_before(source.mount, group, agency=source.agency)
        self._uncounted |= before
        fresh = [number for number, _ in group if number not in before]
        passed, too_many = source.allowance.take_some(len(fresh))
        return before.union(fresh[:passed]), too_many

    def make_ready(self) -> None:
        """Have the rows ready for another thread to store."""
        self._attempt.make_ready()

    def store(self) -> bool:
        """Store the rows; False where something of them is there already, and nothing is stored."""
        try:
            return self._attempt.seems_new() and self._attempt.store()
        except NoticeIntakeError:
            return False

    def settle(self) -> None:
        """Wait until it is stored, the slow way where something of it was there already; then that costs nothing."""
        if self._results is not None:
            return
        stored, self.stored = self.stored() if self.stored is not None else None, None
        if stored is None:
            stored = self.store()
        answers: Iterator[Received | NoticeIntakeError] = iter(self._attempt.received() if stored else self._again())
        self._results = [(number, self._refused.get(number) or next(answers)) for number, _ in self.lines]
        again = (number for number, one in self._results if isinstance(one, Received) and one.replayed)
        self._source.allowance.give_back(sum(number not in self._uncounted for number in again))

    def finish(self) -> bytes:
        """Settle it; return the answers."""
        self.settle()
        root = self._source.origin.root
        return b"".join([_answer(number, result, root=root) for number, result in self._results or ()])

    def _again(self) -> Sequence[Received | NoticeIntakeError]:
        """Read the good lines once more, which were not kept, and store what is not there already."""
        source, now = self._source, self._source.clock()
        read = [source.read(line, now) for number, line in self.lines if number not in self._refused]
        good = [one for one in read if isinstance(one, Prepared)]
        try:
            resolve(source.mount, good)
            stored = iter(store_carefully(source.mount, good, agency=source.agency, now=now) if good else [])
        except NoticeIntakeError as failed:
            stored = iter([failed] * len(good))
        return [next(stored) if isinstance(one, Prepared) else one for one in read]


def _answer(number: int, result: Received | NoticeIntakeError, *, root: str) -> bytes:
    if isinstance(result, Received):
        replayed = ',"replayed":true' if result.replayed else ""
        return f'{{"line":{number},"status":201{replayed},"receipt":{result.receipt}}}\n'.encode()
    problem: dict[str, Any] = problem_of(result)
    problem["type"] = root + problem["type"]
    answer = {"line": number, "status": problem["status"], "problem": problem}
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
