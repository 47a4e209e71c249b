"""Many rows at once, as a stream brings them: whatever stands in them is read back, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DataError

from notice_intake.store.direct import Flat
from notice_intake.store.storage import Raced, Storage

AT = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
COUNT = 200
TEXTS = ("plain", "", 'both " and \\ \t \n {1,2} NULL', "Ελληνικά العربية 😀", "π" * 3000, "x" * 70_000)
TIMES = (
    AT,
    AT + timedelta(microseconds=1),
    datetime(1969, 7, 20, 20, 17, 40, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(9999, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 3, 0, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
)
DOCUMENTS = ({"kind": "url"}, [], {"ü": ["\\", None, 1.5, True]}, {"text": "π" * 5000})
#: What a row can hold in each column that is not the same in all; a number picks one.
VARIED: dict[str, Callable[[int], Any]] = {
    "id": lambda number: f"cas_{number:04}",
    "key": lambda number: f'content:"{number}"\t\\\n',
    "version": lambda number: (1, -1, 2**31 - 1, -(2**31))[number % 4],
    "priority": lambda number: (0, -1, 2**15 - 1, -(2**15))[number % 4],
    "due_at": lambda number: TIMES[number % len(TIMES)],
    "claimed_until": lambda number: (None, *TIMES)[number % (len(TIMES) + 1)],
    "claimed_by": lambda number: (None, "", "m-1")[number % 3],
    "locator": lambda number: TEXTS[number % len(TEXTS)],
    "language": lambda number: None if number % 2 else "ar",
    "target": lambda number: DOCUMENTS[number % len(DOCUMENTS)],
    "content": lambda number: (None, *DOCUMENTS)[number % (len(DOCUMENTS) + 1)],
    "announced": lambda number: number % 3 == 0,
    "clock_left": lambda number: (None, 0, -1)[number % 3],
}
FIXED: dict[str, Any] = {
    "state": "open",
    "sequence": 0,
    "due_kind": "house",
    "due_rule": "House target",
    "instrument": "eu.iru.referral",
    "category": "STATEMENT_CATEGORY_OTHER",
    "kind": "post",
    "flags": ["graphic"],
    "referrals": 1,
    "opened_at": AT,
    "updated_at": AT,
    "outcome": None,
}


def case(number: int) -> dict[str, Any]:
    return FIXED | {name: pick(number) for name, pick in VARIED.items()}


def message(number: int) -> dict[str, Any]:
    bodies = (b"", bytes(range(256)), b"\\x00", b"x" * 70_000, None)
    return {
        "id": f"msg_{number:04}",
        "kind": "callback",
        "lane": f"ref_{number:04}",
        "position": 1,
        "state": "due",
        "due_at": AT,
        "attempts": 0,
        "body": bodies[number % len(bodies)],
        "feed_number": (None, 0, 2**63 - 1, -(2**63))[number % 4],
        "last_error": "",
        "created_at": AT,
    }


def store(storage: Storage, table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Store rows at once; return the same columns of what is there then, in the order of the ids."""
    with storage.straight(writing=True) as tx:
        tx.insert((getattr(tx.tables, table), rows))
    return stored(storage, table, rows[0])


def stored(storage: Storage, table: str, like: dict[str, Any]) -> list[dict[str, Any]]:
    with storage.read() as tx:
        columns = getattr(tx.tables, table).c
        found = tx.execute(select(*[columns[name] for name in like]).order_by(columns.id))
        return [dict(row._mapping) for row in found]


@pytest.mark.parametrize(("table", "make"), [("case", case), ("outbox", message)])
def test_every_kind_of_value_is_read_back(storage, table, make):
    rows = [make(number) for number in range(COUNT)]
    assert store(storage, table, rows) == rows


@pytest.mark.parametrize("name", [name for name in VARIED if name != "id"])
def test_what_differs_in_one_row_only_is_not_lost(storage, name):
    same = case(0)
    rows = [{**same, "id": f"cas_{number:04}", "key": f"key {number}"} for number in range(COUNT)]
    for place in (0, 77, COUNT - 1):
        rows[place][name] = VARIED[name](place + 1)
    assert store(storage, "case", rows) == rows


def test_rows_keep_their_order(storage):
    made = {"action": "case.seen", "actor_kind": "system", "actor_id": "", "at": AT, "payload": b"{}"}
    entries = [{"object": f"cas_{number}", **made, "leaf": f"{number:064}"} for number in reversed(range(COUNT))]
    with storage.straight(writing=True) as tx:
        tx.insert((tx.tables.journal, entries))
    with storage.read() as tx:
        journal = tx.tables.journal
        found = tx.execute(select(journal.c.object).where(journal.c.action == "case.seen").order_by(journal.c.id))
        assert [row.object for row in found] == [entry["object"] for entry in entries]


def test_all_or_nothing_of_several_tables_is_stored(storage):
    rows, messages = [case(number) for number in range(COUNT)], [message(number) for number in range(COUNT)]
    with pytest.raises(Raced), storage.straight(writing=True) as tx:
        tx.insert((tx.tables.case, rows), (tx.tables.outbox, [*messages, message(3)]))
    assert stored(storage, "case", rows[0]) == stored(storage, "outbox", messages[0]) == []
    with storage.begin() as tx:
        with pytest.raises(Raced), tx.savepoint():
            tx.insert((tx.tables.case, [*rows, rows[0]]))
        tx.insert((tx.tables.case, rows), (tx.tables.outbox, messages))
    assert (stored(storage, "case", rows[0]), stored(storage, "outbox", messages[0])) == (rows, messages)


def ready_value(value: Any) -> Any:
    """Return a value as streams hold it: times and documents as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ", "microseconds")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.mark.postgres
@on_postgresql
@pytest.mark.parametrize("shared", [False, True])
def test_postgresql_refuses_what_is_too_long_and_never_cuts_it(storage, shared):
    rows = [case(number) | {"category": "x" * (101 if shared or number == 50 else 100)} for number in range(COUNT)]
    with pytest.raises(DataError):
        store(storage, "case", rows)
    assert stored(storage, "case", rows[0]) == []


@pytest.mark.postgres
@on_postgresql
@pytest.mark.parametrize("ready_before", [False, True])
def test_text_is_written_as_the_connection_to_postgresql_says(storage, database, ready_before):
    url, schema = database
    latin = Storage.from_url(f"{url}{'&' if '?' in url else '?'}client_encoding=latin1", schema=schema)
    rows = [
        case(number) | {"key": f"ñ {number}", "locator": f"é {number}", "target": {"ü": number}, "content": None}
        for number in range(COUNT)
    ]
    columns = [column.name for column in latin.tables.case.columns if column.name in rows[0]]
    ready = Flat(tuple(columns), [ready_value(row[name]) for row in rows for name in columns], written=True)
    latin.make_ready([("case", ready)])
    with latin.straight(writing=True) as tx:
        tx.insert((tx.tables.case, ready if ready_before else rows))
    latin.dispose()
    assert stored(storage, "case", rows[0]) == rows
