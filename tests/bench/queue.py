"""The desk's queue at a million cases over a thousand: the page, its filters, its counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from notice_intake.core.queue import QueueFilter
from notice_intake.flows import desk_queries
from notice_intake.flows.mount import Mount
from notice_intake.hooks import Moderator

from .apps import prepared
from .figures import Goal, Ratio, Result
from .populate import HOLDER, NOW, RARE_AGENCY, RARE_OPERATION, USUAL_AGENCY, USUAL_OPERATION, fill, reference
from .servers import Postgres

FLAT = Goal(3.0, 3.0, 1.5, most=True)
COUNTS = Goal(None, 10.0, 2.0, most=True)
_ME = Moderator(HOLDER, "Moderator One")
_PAGE, _COUNTS = "queue page", "counts"
_FILTERS = {
    "agency, a fifth of all": QueueFilter(agency=USUAL_AGENCY),
    "agency, 50 items": QueueFilter(agency=RARE_AGENCY),
    "operation, a fifth of all": QueueFilter(operation=USUAL_OPERATION),
    "operation, 50 items": QueueFilter(operation=RARE_OPERATION),
    "free only, the most urgent held": QueueFilter(claim="free"),
    "held by me": QueueFilter(claim="mine"),
    "overdue": QueueFilter(due="overdue"),
    "decided": QueueFilter(state="decided"),
    "no match": QueueFilter(kind="none"),
}


@dataclass(slots=True)
class _Table:
    mount: Mount
    engine: str
    count: int
    share: str
    times: dict[str, list[float]] = field(default_factory=dict)

    def p50(self, name: str) -> float:
        return median(self.times[name]) * 1000


def run(where: Path, server: Postgres, *, quick: bool) -> Result:
    """Fill a small and a large database of each kind, then ask all of them in turn."""
    small, large, rounds = (1_000, 50_000, 8) if quick else (1_000, 1_000_000, 40)
    result = Result("Queue")
    result.table.append(("p50 ms", "database", "open", f"{small:,} cases", f"{large:,}", "ratio"))
    for engine in ("SQLite", "PostgreSQL"):
        for open_in, share in ((10, "10 %"), (1, "all")):
            tables = [_filled(where, server, engine, count, open_in=open_in, share=share) for count in (small, large)]
            _measure(tables, rounds)
            _report(result, *tables)
            for table in tables:
                table.mount.storage.dispose()
    result.notes.append(
        f"In process, each number the median of {rounds} calls, the sizes by turns. 2 % of the cases are claimed, the "
        "most urgent 500 of a million in any case; 2 % are orders; an item a case. A page is 50 cases. Search finds "
        "two cases by the agency's reference. What has no target says how far the filters carry."
    )
    return result


def _filled(where: Path, server: Postgres, engine: str, count: int, *, open_in: int, share: str) -> _Table:
    path = where / f"{count}-{open_in}.db"
    url, schema = f"sqlite:///{path}", None
    if engine == "PostgreSQL":
        database = server.database()
        url, schema = database.url, database.schema
    mount, _, _ = prepared(url, schema)
    fill(mount.storage, count, open_in=open_in)
    return _Table(mount, engine, count, share)


def _measure(tables: list[_Table], rounds: int) -> None:
    calls = {_PAGE: _page(QueueFilter()), _COUNTS: _counts, "facets": _facets, "page in the middle": _middle}
    calls |= {f"page, {name}": _page(wanted) for name, wanted in _FILTERS.items()}
    calls["page, search by reference"] = _search
    for table in tables:
        table.times = {name: [] for name in calls}
    for number in range(-2, rounds):
        for name, call in calls.items():
            for table in tables:
                # A slow one is asked less often: it says the same each time.
                if sum(table.times[name]) > 3 and number % 8:
                    continue
                started = time.perf_counter()
                call(table)
                if number >= 0:
                    table.times[name].append(time.perf_counter() - started)


def _page(wanted: QueueFilter) -> Callable[[_Table], object]:
    return lambda table: desk_queries.queue_page(table.mount, wanted, moderator=_ME, now=NOW)


def _counts(table: _Table) -> object:
    return desk_queries.queue_counts(table.mount, moderator=_ME, now=NOW)


def _facets(table: _Table) -> object:
    return desk_queries.facets(table.mount)


def _search(table: _Table) -> object:
    wanted = QueueFilter(search=reference(table.count // 4))
    found = desk_queries.queue_page(table.mount, wanted, moderator=_ME, now=NOW)
    if table.share == "all" and len(found.rows) != 2:
        raise RuntimeError(f"the search found {len(found.rows)} cases")
    return found


def _middle(table: _Table) -> object:
    middle = [1, datetime(2026, 3, 2, 20, 30, tzinfo=UTC).isoformat(), ""]
    cursor = desk_queries.write_cursor(table.mount, middle, "queue")
    return desk_queries.queue_page(table.mount, QueueFilter(), moderator=_ME, now=NOW, cursor=cursor)


def _report(result: Result, small: _Table, large: _Table) -> None:
    on = f"{large.engine}, {large.share} open"
    for name in (_PAGE, _COUNTS):
        value = large.p50(name) / small.p50(name)
        result.ratios.append(Ratio(f"{name}, {large.count:,} cases over {small.count:,}, {on}", value, FLAT))
    page = large.p50(_COUNTS) / large.p50(_PAGE)
    result.ratios.append(Ratio(f"counts over the page at {large.count:,}, {on}", page, COUNTS))
    for name in small.times:
        ratio = large.p50(name) / small.p50(name)
        cells = (f"{small.p50(name):.2f}", f"{large.p50(name):.2f}", f"{ratio:.1f}")
        result.table.append((name, large.engine, large.share, *cells))
