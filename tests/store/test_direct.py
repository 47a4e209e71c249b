"""Rows that go straight to the driver: what is read back is what was stored, all of it or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import bindparam, func, literal_column, select
from sqlalchemy.exc import DataError

from notice_intake.store.one_statement import HELD, Holding
from notice_intake.store.storage import Raced, Storage, Tx

AT = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)


def case(number: int, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": f"cas_{number}",
        "key": f'content:"{number}"\t\\\n',
        "state": "open",
        "version": 1,
        "sequence": 0,
        "priority": 1,
        "due_at": AT,
        "due_kind": "house",
        "due_rule": "House target",
        "instrument": "eu.iru.referral",
        "category": "STATEMENT_CATEGORY_OTHER",
        "kind": "post",
        "language": None,
        "locator": "https://platform.example/π",
        "target": {"kind": "url", "url": "https://platform.example/π"},
        "content": '{"title":"A \\"title\\""}',
        "flags": ["graphic"],
        "referrals": 1,
        "opened_at": AT.astimezone(timezone(timedelta(hours=2))),
        "updated_at": AT,
        "announced": False,
    }
    return row | changes


def stored(storage: Storage) -> list[Any]:
    with storage.read() as tx:
        return list(tx.execute(select(tx.tables.case).order_by(tx.tables.case.c.id)))


@pytest.mark.parametrize("count", [1, 2, 9, 40, 613])
def test_what_is_stored_is_read_back(storage, count):
    with storage.begin() as tx:
        tx.insert((tx.tables.case, [case(number) for number in range(1000, 1000 + count)]))
    found = stored(storage)
    assert [row.id for row in found] == [f"cas_{number}" for number in range(1000, 1000 + count)]
    last = found[-1]
    assert last.key == f'content:"{999 + count}"\t\\\n'
    assert (last.due_at, last.opened_at, last.opened_at.utcoffset()) == (AT, AT, timedelta(0))
    assert last.target == {"kind": "url", "url": "https://platform.example/π"}
    assert last.content == {"title": 'A "title"'}
    assert (last.flags, last.language, last.announced) == (["graphic"], None, False)


@pytest.mark.parametrize("count", [2, 40])
def test_one_insert_on_a_straight_connection_is_one_transaction(storage, count):
    rows = [case(number) for number in range(count)]
    with pytest.raises(Raced), storage.straight(writing=True) as tx:
        tx.insert((tx.tables.case, rows), (tx.tables.case, [case(count, id="cas_0")]))
    assert stored(storage) == []
    with storage.straight(writing=True) as tx:
        tx.insert((tx.tables.case, rows))
    assert len(stored(storage)) == count


def test_a_transaction_goes_on_after_a_part_that_failed(storage):
    with storage.begin() as tx:
        tx.insert((tx.tables.case, [case(1)]))
        with pytest.raises(Raced), tx.savepoint():
            tx.insert((tx.tables.case, [case(1), case(2)]))
        tx.insert((tx.tables.case, [case(3)]))
    assert [row.id for row in stored(storage)] == ["cas_1", "cas_3"]


def test_a_time_without_a_zone_is_refused(storage):
    with pytest.raises(ValueError, match="zone"), storage.begin() as tx:
        tx.insert((tx.tables.case, [case(1, due_at=datetime(2026, 3, 2))]))
    assert stored(storage) == []


def test_no_rows_are_no_statement(storage):
    with storage.straight(writing=True) as tx:
        tx.insert((tx.tables.case, []))
    assert stored(storage) == []


def test_a_host_that_translates_schemas_gets_the_same_rows(storage):
    with storage.begin() as tx:
        schema = tx.tables.metadata.schema
        translated = tx.connection.execution_options(schema_translate_map={schema: schema})
        Tx(tx.tables, translated, tx.dialect).insert((tx.tables.case, [case(1)]))
    (row,) = stored(storage)
    assert (row.content, row.flags, row.due_at) == ({"title": 'A "title"'}, ["graphic"], AT)


def test_a_question_answers_as_sqlalchemy_does(storage):
    with storage.begin() as tx:
        tx.insert((tx.tables.case, [case(1, claimed_by="m-1", claimed_until=AT)]))
    table = storage.tables.case
    query = select(table, func.length(table.c.key).label("long")).where(table.c.id == bindparam("wanted"))
    with storage.read() as tx, storage.straight() as straight:
        (expected,) = tx.execute(query, {"wanted": "cas_1"})
        for found in (tx.fetch(query, {"wanted": "cas_1"}), straight.fetch(query, {"wanted": "cas_1"})):
            assert found[0]._asdict() == expected._asdict()
        assert list(straight.fetch(query, {"wanted": "cas_9"})) == []


def unless(storage: Storage, keys: list[str], *rows: dict[str, Any]) -> bool:
    with storage.straight(writing=True) as tx:
        table = tx.tables.case
        return tx.insert_unless(table.c.key, keys, (table, rows[:1]), (table, rows[1:]))


def test_no_rows_are_stored_whatever_is_there(storage):
    assert unless(storage, [])
    assert stored(storage) == []


@pytest.mark.parametrize("count", [1, 2, 7])
def test_rows_are_stored_unless_a_key_is_there(storage, count):
    rows = [case(number) for number in range(count)]
    assert unless(storage, [row["key"] for row in rows], *rows)
    first = stored(storage)
    assert [row.key for row in first] == [row["key"] for row in rows]
    assert (first[0].opened_at, first[0].flags, first[0].content) == (AT, ["graphic"], {"title": 'A "title"'})
    again = case(91) | {"key": rows[0]["key"]}
    assert not unless(storage, [case(90)["key"], again["key"]], case(90), again)
    assert stored(storage) == first


def test_what_follows_a_key_that_is_there_is_a_transaction_of_its_own(storage):
    if storage.engine.dialect.name == "postgresql":
        pytest.skip("nothing is open on PostgreSQL")
    table = storage.tables.case
    with storage.straight(writing=True) as tx:
        tx.insert((table, [case(1)]))
        assert not tx.insert_unless(table.c.key, [case(1)["key"]], (table, [case(1)]))
        tx.insert((table, [case(2)]))
    assert [row.id for row in stored(storage)] == [case(2)["id"]]


@pytest.mark.parametrize("changed", [False, True])
def test_rows_are_stored_only_while_a_text_is_what_it_was(storage, changed):
    table = storage.tables.case
    with storage.begin() as tx:
        tx.insert((table, [case(1)]))
    now = select(table.c.category.label("stamp")).where(table.c.id == literal_column(HELD)).limit(1)
    text = "another" if changed else case(1)["category"]
    rows = [case(2), case(3)]
    with storage.straight(writing=True) as tx:
        held = Holding(now, [(case(1)["id"], text)])
        assert tx.insert_unless(table.c.key, [row["key"] for row in rows], (table, rows), held=held) is not changed
    assert len(stored(storage)) == (1 if changed else 3)


def test_what_is_too_long_is_refused_and_never_cut(storage):
    if storage.engine.dialect.name == "sqlite":
        pytest.skip("SQLite knows no longest text")
    with pytest.raises(DataError):
        unless(storage, ["new"], case(1, category="x" * 101))
    assert stored(storage) == []
