"""Many referrals in one stream: a line each, answered a line each, in order. A bad line fails alone."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..contract.problems import problem_of
from ..contract.strict_json import read_json
from ..errors import BodyTooLarge, NoticeIntakeError
from ..store.agencies import Agency
from .mount import Mount
from .prepared import Prepared
from .receive import BULK, Attempt, Received, Submission, prepare, resolve, store_carefully

#: A batch ends early at so many items or bytes: SQLite takes 32,766 variables in one statement, and memory has an end.
_MOST_ITEMS = 5_000
_MOST_BYTES = 4 * 1_048_576

#: So many lines or bytes are read in one go, and become rows before the next are read: while they fit the processor's
#: cache that takes half as long.
_GROUP_LINES, _GROUP_BYTES = 32, 131_072

_Line = tuple[int, bytes | BodyTooLarge]
#: Counts so many lines: returns how many pass, and what the rest is answered with.
Count = Callable[[int], tuple[int, NoticeIntakeError | None]]


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
    count: Count = lambda lines: (lines, None),
) -> Iterator[bytes]:
    """Store the referrals that ``lines`` hold, a batch a transaction; yield the answers, a line each, in order.

    Blank lines are counted and not answered. A referral that was stored by an earlier, broken-off try of the same
    stream is answered with its old receipt.
    """
    source = _Source(mount, agency, clock, origin, count)
    with ThreadPoolExecutor(1, thread_name_prefix="notice-intake-bulk") as storing:
        before: _Batch | None = None
        for batch in _batches(source, lines):
            # While the database takes one batch, the next is read.
            if before is not None:
                yield before.finish()
            batch.store(storing)
            before = batch
        if before is not None:
            yield before.finish()


@dataclass(frozen=True, slots=True)
class _Source:
    """Whose lines are read, and how."""

    mount: Mount
    agency: Agency
    clock: Callable[[], datetime]
    origin: Origin
    count: Count

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


def _batches(source: _Source, lines: Iterable[bytes | BodyTooLarge]) -> Iterator[_Batch]:
    batch = _Batch(source)
    for group in _groups(lines):
        batch.add(group)
        if batch.is_full:
            yield batch
            batch = _Batch(source)
    if batch.lines:
        yield batch


def _groups(lines: Iterable[bytes | BodyTooLarge]) -> Iterator[list[_Line]]:
    """Yield lines with their numbers, some at once, without the blank ones."""
    group: list[_Line] = []
    size = 0
    for number, line in enumerate(lines, 1):
        if line == b"":
            continue
        group.append((number, line))
        size += len(line) if isinstance(line, bytes) else 0
        if len(group) >= _GROUP_LINES or size >= _GROUP_BYTES:
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


class _Batch:
    """Lines on their way: checked, their rows made, then stored by another thread, then answered."""

    def __init__(self, source: _Source) -> None:
        self._source = source
        #: As they came: the bytes stand in the rows anyway.
        self.lines: list[_Line] = []
        self._refused: dict[int, NoticeIntakeError] = {}
        self._items = self._size = 0
        self._attempt = Attempt(source.mount, source.agency)
        #: Waits until the rows are stored; False where something of them was there already.
        self._stored: Callable[[], bool] | None = None

    @property
    def is_full(self) -> bool:
        """Whether it should be stored now."""
        most = self._source.mount.settings.bulk_batch
        return len(self.lines) >= most or self._items >= _MOST_ITEMS or self._size >= _MOST_BYTES

    def add(self, group: Sequence[_Line]) -> None:
        """Read some lines, ask the platform about them, and make their rows."""
        source = self._source
        now = source.clock()
        with _uncollected():
            good = self._read(group, now)
        # Not while the host is asked: that may take its time.
        resolve(source.mount, good)
        with _uncollected():
            self._attempt.add(good, now=now)

    def _read(self, group: Sequence[_Line], now: datetime) -> list[Prepared]:
        """Return the good ones of a group; keep why the others are refused."""
        source, good = self._source, []
        passed, too_many = source.count(len(group))
        for place, (number, line) in enumerate(group):
            one = too_many if place >= passed and too_many is not None else source.read(line, now)
            if isinstance(one, Prepared):
                good.append(one)
                self._items += len(one.referral.items)
                self._size += len(one.body)
            else:
                self._refused[number] = one
        self.lines += group
        return good

    def store(self, storing: ThreadPoolExecutor) -> None:
        """Have the rows stored."""
        # A host's own connections may belong to the thread or the context of the request: they stay there. And with a
        # database inside this process two threads would only take the interpreter from each other.
        if self._source.mount.storage.served:
            self._stored = storing.submit(self._try).result
        else:
            self._stored = self._try

    def _try(self) -> bool:
        try:
            return self._attempt.seems_new() and self._attempt.store()
        except NoticeIntakeError:
            return False

    def finish(self) -> bytes:
        """Wait until it is stored, the slow way where something of it was there already; return the answers."""
        stored = self._stored is not None and self._stored()
        answers: Iterator[Received | NoticeIntakeError] = iter(self._attempt.received() if stored else self._again())
        root, refused = self._source.origin.root, self._refused
        results = [(number, refused.get(number) or next(answers)) for number, _ in self.lines]
        return b"".join([_answer(number, result, root=root) for number, result in results])

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
