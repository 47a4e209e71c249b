"""Many referrals in one stream: a line each, answered a line each, in order. A bad line fails alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ..contract.problems import problem_of
from ..contract.strict_json import read_json
from ..errors import BodyTooLarge, NoticeIntakeError
from ..store.agencies import Agency
from ..store.together import together
from .mount import Mount
from .prepared import Prepared
from .receive import BULK, Attempt, Received, Submission, attempt_of, prepare, resolve, store_carefully

#: A batch ends early at so many items or bytes: SQLite takes 32,766 variables in one statement, and memory has an end.
_MOST_ITEMS = 5_000
_MOST_BYTES = 4 * 1_048_576

_Line = tuple[int, Prepared | NoticeIntakeError]


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
    count: Callable[[], None] = lambda: None,
) -> Iterator[bytes]:
    """Store the referrals that ``lines`` hold, a batch a transaction; yield the answers, a line each, in order.

    Blank lines are counted and not answered. A referral that was stored by an earlier, broken-off try of the same
    stream is answered with its old receipt. ``count`` counts a line, and raises what it is answered with where it is
    one too many.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="notice-intake-bulk") as storing:
        before: _Batch | None = None
        for lines_of_batch in _batches(mount, lines, agency=agency, clock=clock, count=count):
            for _, one in lines_of_batch:
                if isinstance(one, Prepared):
                    one.signature_id = origin.signature_id
            # While the database takes one batch, the next is read.
            batch = _Batch.begin(mount, lines_of_batch, agency=agency, now=clock())
            if before is not None:
                yield before.finish(mount, root=origin.root)
            batch.store(mount, storing)
            before = batch
        if before is not None:
            yield before.finish(mount, root=origin.root)


def _batches(
    mount: Mount,
    lines: Iterable[bytes | BodyTooLarge],
    *,
    agency: Agency,
    clock: Callable[[], datetime],
    count: Callable[[], None],
) -> Iterator[list[_Line]]:
    batch: list[_Line] = []
    items = size = 0
    for number, line in enumerate(lines, 1):
        if line == b"":
            continue
        one = _prepare(mount, line, agency=agency, now=clock(), count=count)
        batch.append((number, one))
        items += len(one.referral.items) if isinstance(one, Prepared) else 0
        size += len(line) if isinstance(line, bytes) else 0
        if len(batch) >= mount.settings.bulk_batch or items >= _MOST_ITEMS or size >= _MOST_BYTES:
            yield batch
            batch, items, size = [], 0, 0
    if batch:
        yield batch


def _prepare(
    mount: Mount, line: bytes | BodyTooLarge, *, agency: Agency, now: datetime, count: Callable[[], None]
) -> Prepared | NoticeIntakeError:
    try:
        count()
        if isinstance(line, BodyTooLarge):
            raise line
        submission = Submission(read_json(line), line, BULK)
        return prepare(mount, submission, agency=agency, now=now)
    except NoticeIntakeError as refused:
        return refused


@dataclass(slots=True)
class _Batch:
    """Lines on their way: checked, their rows made, then stored by another thread, then answered."""

    lines: list[_Line]
    good: list[Prepared]
    agency: Agency
    now: datetime
    attempt: Attempt | None
    #: Waits until the rows are stored; False where something of them was there already.
    stored: Callable[[], bool] | None = None

    @classmethod
    def begin(cls, mount: Mount, lines: list[_Line], *, agency: Agency, now: datetime) -> _Batch:
        """Ask the platform about the good lines, and make their rows."""
        good = [one for _, one in lines if isinstance(one, Prepared)]
        resolve(mount, good)
        try:
            attempt = attempt_of(mount, good, agency=agency, now=now) if good else None
        except NoticeIntakeError:
            attempt = None
        return cls(lines, good, agency, now, attempt)

    def store(self, mount: Mount, storing: ThreadPoolExecutor) -> None:
        """Have the rows stored."""
        if self.attempt is None:
            return
        store = partial(together(mount.storage).store, self.attempt.fresh)
        # A host's own connections may belong to the thread or the context of the request: they stay there.
        self.stored = storing.submit(store).result if mount.storage.owned else store

    def finish(self, mount: Mount, *, root: str) -> bytes:
        """Wait until it is stored, the slow way where something of it was there already; return the answers."""
        answers = iter(self._answers(mount) if self.good else [])
        results = [(number, next(answers) if isinstance(one, Prepared) else one) for number, one in self.lines]
        return b"".join([_answer(number, result, root=root) for number, result in results])

    def _answers(self, mount: Mount) -> list[Received | NoticeIntakeError]:
        if self.attempt is not None and self.stored is not None and self.stored():
            return self.attempt.received(mount)
        try:
            return store_carefully(mount, self.good, agency=self.agency, now=self.now)
        except NoticeIntakeError as failed:
            return [failed] * len(self.good)


def _answer(number: int, result: Received | NoticeIntakeError, *, root: str) -> bytes:
    if isinstance(result, Received):
        replayed = ',"replayed":true' if result.replayed else ""
        return f'{{"line":{number},"status":201{replayed},"receipt":{result.receipt}}}\n'.encode()
    problem: dict[str, Any] = problem_of(result)
    problem["type"] = root + problem["type"]
    answer = {"line": number, "status": problem["status"], "problem": problem}
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
