"""The shipped revisions make the tables that the code describes, and nothing of the host's is touched."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fresh_tables import open_fresh
from sqlalchemy import create_engine, inspect, text

from notice_intake import Storage
from notice_intake.store import migrate


@pytest.fixture
def empty(database):
    url, schema = database
    opened = Storage.from_url(url, schema=schema)
    yield opened
    opened.dispose()


def names(storage: Storage) -> set[str]:
    with storage.connect() as connection:
        return set(inspect(connection).get_table_names(schema=storage.tables.metadata.schema))


def differences(storage: Storage) -> list[object]:
    # Other tests come and go in schemas beside this one.
    ours = {table.name for table in storage.tables.metadata.tables.values()} | {storage.tables.metadata.schema}
    options = {
        "include_schemas": storage.tables.metadata.schema is not None,
        "include_name": lambda name, kind, parents: name in ours if kind in ("table", "schema") else True,
        "compare_type": True,
        "version_table": migrate.version_table(storage),
        "version_table_schema": storage.tables.metadata.schema,
    }
    with storage.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=options), storage.tables.metadata)


def test_the_revisions_make_what_the_code_describes(empty):
    migrate.upgrade(empty)
    assert differences(empty) == []
    assert migrate.current(empty) == migrate.head()


def test_the_databases_of_the_other_tests_are_what_the_revisions_make(storage, tmp_path):
    # The fixture's own may be the one that was migrated, if this is the first test of all: the next never is.
    schema = storage.tables.metadata.schema
    if schema:
        with storage.begin() as tx:
            tx.execute(text(f"DROP SCHEMA {schema} CASCADE"))
            tx.execute(text(f"CREATE SCHEMA {schema}"))
    url = storage.engine.url.render_as_string(hide_password=False) if schema else f"sqlite:///{tmp_path / 'copy.db'}"
    copy = open_fresh(url, schema)
    assert differences(copy) == []
    assert migrate.current(copy) == migrate.head()
    copy.dispose()


def test_upgrading_again_changes_nothing(empty):
    migrate.upgrade(empty)
    before = names(empty)
    migrate.upgrade(empty)
    assert names(empty) == before


def test_going_back_to_the_base_drops_every_table_of_ours(empty):
    migrate.upgrade(empty)
    migrate.downgrade(empty, "base")
    assert names(empty) == {migrate.version_table(empty)}
    migrate.upgrade(empty)
    assert differences(empty) == []


def test_another_prefix_lives_beside_it(database):
    url, schema = database
    first, second = (Storage.from_url(url, schema=schema, prefix=prefix) for prefix in ("ni_", "second_"))
    for storage in (first, second):
        migrate.upgrade(storage)
    assert {name.split("_")[0] for name in names(first)} == {"ni", "second"}
    migrate.downgrade(second, "base")
    assert {name for name in names(first) if name.startswith("second_")} == {"second_alembic_version"}
    assert differences(first) == []
    for storage in (first, second):
        storage.dispose()


def test_the_host_keeps_its_own_alembic_version(tmp_path):
    url = f"sqlite:///{tmp_path / 'host.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('host-7')"))
    storage = Storage.from_url(url)
    migrate.upgrade(storage)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "host-7"
    storage.dispose()
    engine.dispose()


def test_a_host_can_keep_our_tables_out_of_its_own_autogenerate():
    include = migrate.include_name("ni_")
    assert not include("ni_case", "table", {})
    assert include("users", "table", {})
    assert include("ni_case", "index", {})


def test_who_did_what_before_the_journal_was_sealed_is_still_known_and_can_be_erased(empty):
    schema = f"{empty.tables.metadata.schema}." if empty.tables.metadata.schema else ""
    migrate.upgrade(empty, "0006")
    at = "2026-01-02 03:04:05.000006" if not schema else "2026-01-02 03:04:05.000006+00"
    with empty.begin() as tx:
        for number, kind in enumerate(("moderator", "agency")):
            values = {"kind": kind, "at": at, "payload": b"{}", "leaf": str(number) * 64}
            columns = "object, action, actor_kind, actor_id, actor_name, at, payload, leaf"
            given = "'cas_1', 'case.claimed', :kind, 'm-7', 'Seven', :at, :payload, :leaf"
            tx.execute(text(f"INSERT INTO {schema}ni_journal ({columns}) VALUES ({given})"), values)
    migrate.upgrade(empty)
    with empty.begin() as tx:
        (opening,) = tx.execute(text(f"SELECT person, name FROM {schema}ni_opening")).all()
        assert tuple(opening) == ("m-7", "Seven")
    migrate.downgrade(empty, "0006")
    with empty.read() as tx:
        names = tx.execute(text(f"SELECT actor_name FROM {schema}ni_journal ORDER BY id")).scalars().all()
    assert names == ["Seven", ""]
    migrate.upgrade(empty)
    assert differences(empty) == []


def collations(storage: Storage) -> dict[str, set[str | None]]:
    """Return by what each text of limited length is compared on PostgreSQL, and which columns that is."""
    query = """SELECT coalesce(collation_name, 'default') AS collation, table_name || '.' || column_name AS place
        FROM information_schema.columns WHERE table_schema = :schema AND data_type = 'character varying'"""
    found: dict[str, set[str | None]] = {}
    with storage.read() as tx:
        for row in tx.execute(text(query), {"schema": storage.tables.metadata.schema}):
            found.setdefault(row.collation, set()).add(row.place)
    return found


def test_postgresql_compares_ids_and_keys_by_their_bytes(empty):
    if not empty.tables.metadata.schema:
        pytest.skip("SQLite compares by bytes anyway")
    migrate.upgrade(empty, "0011")
    # A server that sorts as a language does takes longer for it, and a system update may sort differently.
    assert set(collations(empty)) == {"default"}
    migrate.upgrade(empty)
    found = collations(empty)
    assert found["default"] == {"ni_agency.name", "ni_opening.name", "ni_alembic_version.version_num"}
    assert {"ni_item.target_key", "ni_referral.agency_reference", "ni_decision.case_id"} < found["C"]
    migrate.downgrade(empty, "0011")
    assert set(collations(empty)) == {"default"}


def test_joins_of_ids_are_still_made_by_their_indexes(empty):
    if not empty.tables.metadata.schema:
        pytest.skip("SQLite compares by bytes anyway")
    migrate.upgrade(empty)
    schema = empty.tables.metadata.schema
    joined = f"SELECT 1 FROM {schema}.ni_case c JOIN {schema}.ni_decision d ON d.case_id = c.id WHERE c.key = 'a'"
    with empty.begin() as tx:
        tx.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(tx.execute(text(f"EXPLAIN {joined}")).scalars())
    assert "Seq Scan" not in plan
