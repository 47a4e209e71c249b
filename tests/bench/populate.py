"""A database full of cases, by a few statements: the queue's benchmark needs a million of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, Table, text

from notice_intake.store.storage import Storage

#: The moment at which the queue is looked at: one open case in 25 is overdue then.
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
#: The moderator who holds three cases.
HOLDER = "m-1"
USUAL_AGENCY, RARE_AGENCY = "agy_bench_1", "agy_bench_rare"
USUAL_OPERATION, RARE_OPERATION = "RAD-2017-04", "RAD-RARE"

#: ``n`` counts the cases in the order in which they came, ``place`` in the order in which they are due.
_SERIES = {
    "sqlite": """
        CREATE TEMP TABLE bench_series AS
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
        SELECT n, n * 7919 % {count} AS place, (n + 1) / 2 AS pair, (n + 1) / 10 % ({count} / 50) AS rarity,
               printf('%026d', n) AS id, printf('%026d', (n + 1) / 2) AS pair_id, '2026-03-01 08:00:00.000000' AS came,
               strftime(
                 '%Y-%m-%d %H:%M:%f000', '2026-03-02 08:00', (n * 7919 % {count} * 90000 / {count}) || ' seconds'
               ) AS due, '2026-03-02 09:15:00.000000' AS later
        FROM numbers
        """,
    "postgresql": """
        CREATE TEMP TABLE bench_series ON COMMIT DROP AS
        SELECT n, n * 7919 % {count} AS place, (n + 1) / 2 AS pair, (n + 1) / 10 % ({count} / 50) AS rarity,
               lpad(n::text, 26, '0') AS id, lpad(((n + 1) / 2)::text, 26, '0') AS pair_id,
               timestamptz '2026-03-01 08:00+00' AS came,
               timestamptz '2026-03-02 08:00+00' + make_interval(secs => n * 7919 % {count} * 90000 / {count}) AS due,
               timestamptz '2026-03-02 09:15+00' AS later
        FROM generate_series(1::bigint, {count}) AS numbers(n)
        """,
}
_OPEN = "place % {open_in} = 0"
_DONE = "WHEN place % 1000 = 5 THEN 'failed' WHEN place % 3 = 1 THEN 'decided' ELSE 'closed'"
_STATE = f"CASE WHEN {_OPEN} THEN 'open' {_DONE} END"
# One in fifty, and the 500 that a full shift has taken from the head of a queue of a million.
_HELD = f"({_OPEN} AND (place % 50 = 0 OR place < {{open_in}} * {{count}} / 2000))"
_WHO = f"CASE WHEN {_HELD} THEN CASE WHEN place >= {{count}} - {{open_in}} * 150 THEN '{HOLDER}' ELSE 'm-2' END END"
_AGENCY = f"CASE WHEN rarity = 7 THEN '{RARE_AGENCY}' ELSE 'agy_bench_' || (pair / 7 % 5) END"
_OPERATION = f"CASE WHEN rarity = 7 THEN '{RARE_OPERATION}' WHEN pair / 7 % 5 = 2 THEN '{USUAL_OPERATION}' END"
_CATEGORY = "'STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY'"
_RULE = "'House target: answer referrals within 24 hours'"
_NO_JSON = "'[]'"

_CASE = {
    "id": "'cas_' || id",
    "key": "'content:' || n",
    "state": _STATE,
    "version": "1",
    "sequence": "0",
    "priority": "CASE WHEN n % 50 = 3 THEN 0 ELSE 1 END",
    "due_at": "due",
    "due_kind": "CASE WHEN n % 50 = 3 THEN 'legal' ELSE 'house' END",
    "due_rule": _RULE,
    "instrument": "'eu.iru.referral'",
    "category": _CATEGORY,
    "kind": "CASE WHEN n % 3 = 0 THEN 'video' ELSE 'post' END",
    "language": "CASE WHEN n % 4 = 0 THEN 'ar' ELSE 'fr' END",
    "locator": "'https://platform.example/watch/p' || n",
    "target": """'{"kind": "url", "url": "https://platform.example/watch/p1"}'""",
    "content": """'{"key": "p1", "kind": "post", "title": "Post", "live": true, "facts": {}, "parts": []}'""",
    "flags": """'["graphic"]'""",
    "referrals": "1",
    "opened_at": "came",
    "updated_at": "due",
    "claimed_by": _WHO,
    "claimed_name": _WHO,
    "claimed_until": f"CASE WHEN {_HELD} THEN later END",
    "announced": "FALSE",
}
_ITEM = {
    "id": "'itm_' || id",
    "referral_id": "'ref_' || pair_id",
    "case_id": "'cas_' || id",
    "agency_id": _AGENCY,
    "position": "n % 2",
    "reference": "'B-' || pair || '-' || (n % 2)",
    "target_key": "'link:https://platform.example/watch/p' || n",
    "instrument": "'eu.iru.referral'",
    "operation": _OPERATION,
    "status": "'received'",
    "withheld": "FALSE",
    "received_at": "came",
    "updated_at": "came",
}
_REFERRAL = {
    "id": "'ref_' || pair_id",
    "agency_id": _AGENCY,
    "instrument": "'eu.iru.referral'",
    "agency_reference": "'B-' || pair",
    "channel": "'api'",
    "fingerprint": "'none'",
    "language": "'fr'",
    "operation": _OPERATION,
    "category": _CATEGORY,
    "threat_to_life": "FALSE",
    "withheld": "FALSE",
    "received_at": "came",
    "due_at": "due",
    "due_kind": "'house'",
    "due_rule": _RULE,
    "sequence": "1",
    "updated_at": "came",
    "body": "'none'",
    "receipt": "'none'",
}
_AGENCIES = {
    "id": f"CASE WHEN n = 6 THEN '{RARE_AGENCY}' ELSE 'agy_bench_' || (n % 5) END",
    "name": "'Unit ' || n",
    "country": "'BE'",
    "instruments": """'["eu.iru.referral"]'""",
    "active": "TRUE",
    "created_at": "came",
}


def reference(number: int) -> str:
    """Return the agency's reference of a referral; it has two items."""
    return f"B-{number}"


def fill(storage: Storage, count: int, *, open_in: int) -> None:
    """Store ``count`` cases, an item each, of which one in ``open_in`` is open; two items make a referral."""
    t = storage.tables
    big = (t.referral, t.case, t.item)
    with storage.begin() as tx:
        connection = tx.connection
        connection.execute(text(_SERIES[tx.dialect].format(count=count)))
        indexes = [index for table in big for index in table.indexes]
        for index in indexes:
            index.drop(connection)
        numbers = {"count": str(count), "open_in": str(open_in)}
        _insert(connection, t.agency, _AGENCIES, "n <= 6", numbers)
        _insert(connection, t.referral, _REFERRAL, "n % 2 = 1", numbers)
        _insert(connection, t.case, _CASE, "TRUE", numbers)
        _insert(connection, t.item, _ITEM, "TRUE", numbers)
        for index in indexes:
            index.create(connection)
        if tx.dialect == "sqlite":
            connection.execute(text("DROP TABLE bench_series"))
    # Not ``begin``: PostgreSQL's VACUUM takes no transaction round it.
    with storage.read() as tx:
        word = "VACUUM ANALYZE" if tx.dialect == "postgresql" else "ANALYZE"
        for table in big:
            tx.execute(text(f"{word} {tx.connection.dialect.identifier_preparer.format_table(table)}"))


def _insert(
    connection: Connection, table: Table, values: Mapping[str, str], where: str, numbers: Mapping[str, str]
) -> None:
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.quote(name) for name in values)
    chosen = ", ".join(values.values())
    for name, number in numbers.items():
        chosen = chosen.replace("{" + name + "}", number)
    statement = f"INSERT INTO {preparer.format_table(table)} ({names}) SELECT {chosen} FROM bench_series WHERE {where}"
    doubled = connection.dialect.paramstyle == "pyformat"
    connection.exec_driver_sql(statement.replace("%", "%%") if doubled else statement)
