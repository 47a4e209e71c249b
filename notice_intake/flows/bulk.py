"""Many referrals in one stream: a line each, answered a line each, in order. A bad line fails alone."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

from ..errors import BodyTooLarge
from ..store.agencies import Agency
from .allowance import Allowance
from .bulk_batch import Batch, Lines, Origin, Source
from .mount import Mount

__all__ = ["Origin", "receive_lines"]

#: So many lines or bytes are read in one go, and become rows before the next are read: while they fit the processor's
#: cache that takes half as long.
_GROUP_LINES, _GROUP_BYTES = 32, 131_072

#: So many batches may wait to be stored while the next is read.
_AHEAD = 1

#: After so many groups the reading stops for the storing; so long, in seconds: the shortest that a system sleeps.
_WAY_EVERY, _WAY = 2, 0.000_01


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
    source = Source(mount, agency, clock, origin, allowance or Allowance())
    # A host's own connections may belong to the thread or the context of the request: they stay there.
    with _Storing(ahead=_AHEAD if mount.storage.owned else 0) as storing:
        for batch in _batches(source, lines, beside=storing):
            if storing.stopped:
                yield from storing.answers(leaving=0)
            storing.begin(batch)
            yield from storing.answers()
        yield from storing.answers(leaving=0)


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
        self._waiting: deque[Batch] = deque()
        #: Whether a batch could not be stored as it was.
        self.stopped = False
        #: Whether the batch before was new as a whole: then the next is not looked for before it is stored.
        self._all_new = False
        self._groups = 0

    def __enter__(self) -> _Storing:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._thread.shutdown()

    @property
    def owing(self) -> bool:
        """Whether lines of a batch that waits were counted that may have been stored before."""
        return any(one.counted and not one.settled for one in self._waiting)

    @property
    def idle(self) -> bool:
        """Whether the thread has nothing to store."""
        return bool(self._ahead) and (self._under_way is None or self._under_way.done())

    def begin(self, batch: Batch) -> None:
        """Have a batch stored, after those before it."""
        self._waiting.append(batch)
        if self._ahead:
            batch.make_ready()
            self._under_way = self._thread.submit(self._store, batch)
            batch.stored = self._under_way.result

    def _store(self, batch: Batch) -> bool | None:
        if self.stopped:
            return None
        stored = False
        try:
            stored = batch.store(unseen=self._all_new)
        finally:
            self.stopped, self._all_new = not stored, stored
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
        self._groups += 1
        under_way = self._under_way is not None and not self._under_way.done()
        if under_way and self._groups % _WAY_EVERY == 0:
            time.sleep(_WAY)


def _batches(source: Source, lines: Iterable[bytes | BodyTooLarge], *, beside: _Storing) -> Iterator[Batch]:
    batch = Batch(source)
    for group in _groups(lines, most=min(_GROUP_LINES, source.mount.settings.bulk_batch)):
        counted = source.allowance.take(len(group))
        if not counted and (batch.counted or beside.owing):
            # What was counted so far may have been stored before: that is known, and given back, before any is refused.
            if batch.lines:
                yield batch
                batch = Batch(source)
            beside.settle()
            counted = source.allowance.take(len(group))
        batch.add(group, counted=counted)
        _collect()
        beside.give_way()
        if batch.is_full or (batch.is_worth_it and beside.idle):
            yield batch
            batch = Batch(source)
    if batch.lines:
        yield batch


def _groups(lines: Iterable[bytes | BodyTooLarge], *, most: int) -> Iterator[Lines]:
    """Yield lines with their numbers, some at once, without the blank ones."""
    group: Lines = {}
    size = 0
    for number, line in enumerate(lines, 1):
        if line == b"":
            continue
        group[number] = line
        size += len(line) if isinstance(line, bytes) else 0
        if len(group) >= most or size >= _GROUP_BYTES:
            yield group
            group, size = {}, 0
    if group:
        yield group


def _collect() -> None:
    """Have the collector look at what is young before it does so by itself, while no document is held.

    What it met on its way it would count among what lives long, and soon walk through the whole process for it.
    """
    if gc.isenabled() and gc.get_count()[1] > gc.get_threshold()[1] // 2:
        gc.collect(1)
