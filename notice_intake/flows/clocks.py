"""The clock of a case, from those of its items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ..core.clocks import ClockKind, ClockRule, Due, ItemClock, of_items
from ..core.messages import stops
from ..store import cases
from ..store.storage import Tx
from .mount import Mount


def clock_columns(mount: Mount, tx: Tx, case_id: str) -> dict[str, Any]:
    """Return the columns of a case's clock as its items now stand; nothing to change where none of them waits."""
    found = of_items([_item_clock(mount, row) for row in cases.item_clocks(tx, case_id)])
    if found is None:
        return {}
    return {
        "priority": found.priority,
        "due_at": found.due.at,
        "due_kind": found.due.kind,
        "due_rule": found.due.rule,
        "instrument": found.instrument,
        "clock_left": _seconds(found.left),
    }


def house_clock(rule: ClockRule, now: datetime) -> dict[str, Any]:
    """Return the columns of a clock that this platform sets itself."""
    due = rule.due(now)
    return {"priority": 1, "due_at": due.at, "due_kind": due.kind, "due_rule": due.rule, "clock_left": None}


def stop(mount: Mount, tx: Tx, case_id: str, *, item_ids: Sequence[str], now: datetime) -> None:
    """Stop the clocks of items that a question stops, where they run: Reg. (EU) 2021/784 Art. 3(8)."""
    for row in cases.item_clocks(tx, case_id):
        if row.id in item_ids and row.clock_left is None and stops(row.instrument, mount.instruments):
            left = _item_clock(mount, row).due.stop(now)
            cases.change_items(tx, [row.id], now=now, clock_left=_seconds(left))


def restart(tx: Tx, items: Sequence[Any], *, now: datetime) -> None:
    """Let the clocks of items run on with what was left."""
    for item in items:
        if item.clock_left is not None:
            left = timedelta(seconds=item.clock_left)
            cases.change_items(tx, [item.id], now=now, clock_left=None, due_at=now + left)


def _item_clock(mount: Mount, row: Any) -> ItemClock:
    instrument = mount.instruments.get(row.instrument)
    due = Due(row.due_at, ClockKind(row.due_kind), row.due_rule)
    urgent = row.threat_to_life or (instrument is not None and instrument.priority == 0)
    left = timedelta(seconds=row.clock_left) if row.clock_left is not None else None
    return ItemClock(due, 0 if urgent else 1, row.instrument, left)


def _seconds(left: timedelta | None) -> int | None:
    return int(left.total_seconds()) if left is not None else None
