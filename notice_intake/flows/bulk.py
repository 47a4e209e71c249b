"""Many referrals in one stream: a line each, answered a line each, in order. A bad line fails alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from ..contract.problems import problem_of
from ..contract.strict_json import read_json
from ..errors import BodyTooLarge, NoticeIntakeError
from ..store.agencies import Agency
from .intake import Prepared
from .mount import Mount
from .receive import BULK, Received, Submission, prepare, resolve, store_batch

#: A batch ends early at so many items or bytes: SQLite takes 32,766 variables in one statement, and memory has an end.
_MOST_ITEMS = 5_000
_MOST_BYTES = 4 * 1_048_576


def receive_lines(
    mount: Mount,
    lines: Iterable[bytes | BodyTooLarge],
    *,
    agency: Agency,
    clock: Callable[[], datetime],
    root: str = "",
    count: Callable[[], None] = lambda: None,
) -> Iterator[bytes]:
    """Store the referrals that ``lines`` hold, a batch a transaction; yield the answers, a line each, in order.

    Blank lines are counted and not answered. A referral that was stored by an earlier, broken-off try of the same
    stream is answered with its old receipt. ``root`` stands before the ``type`` of each problem.
    ``count`` counts a line, and raises what it is answered with where it is one too many.
    """
    batch: list[tuple[int, Prepared | NoticeIntakeError]] = []
    items = size = 0
    for number, line in enumerate(lines, 1):
        if line == b"":
            continue
        one = _prepare(mount, line, agency=agency, now=clock(), count=count)
        batch.append((number, one))
        items += len(one.referral.items) if isinstance(one, Prepared) else 0
        size += len(line) if isinstance(line, bytes) else 0
        if len(batch) >= mount.settings.bulk_batch or items >= _MOST_ITEMS or size >= _MOST_BYTES:
            yield _store(mount, batch, agency=agency, now=clock(), root=root)
            batch, items, size = [], 0, 0
    if batch:
        yield _store(mount, batch, agency=agency, now=clock(), root=root)


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


def _store(
    mount: Mount, batch: list[tuple[int, Prepared | NoticeIntakeError]], *, agency: Agency, now: datetime, root: str
) -> bytes:
    good = [(number, one) for number, one in batch if isinstance(one, Prepared)]
    results: dict[int, Received | NoticeIntakeError] = {
        number: one for number, one in batch if isinstance(one, NoticeIntakeError)
    }
    if good:
        prepared = [one for _, one in good]
        resolve(mount, prepared)
        try:
            stored = store_batch(mount, prepared, agency=agency, now=now)
        except NoticeIntakeError as failed:
            stored = [failed] * len(good)
        results |= {number: result for (number, _), result in zip(good, stored, strict=True)}
    return b"".join([_answer(number, results[number], root=root) for number, _ in batch])


def _answer(number: int, result: Received | NoticeIntakeError, *, root: str) -> bytes:
    if isinstance(result, Received):
        replayed = ',"replayed":true' if result.replayed else ""
        return f'{{"line":{number},"status":201{replayed},"receipt":{result.receipt}}}\n'.encode()
    problem: dict[str, Any] = problem_of(result)
    problem["type"] = root + problem["type"]
    answer = {"line": number, "status": problem["status"], "problem": problem}
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
