"""What an operator types, and what is said when it goes wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from hosting import agency_of, intake
from sqlalchemy.orm import sessionmaker

from notice_intake import Storage
from notice_intake.store import migrate


@pytest.fixture
def run(storage):
    """Type a command on a host with its tables; return what was printed and the exit code."""
    return typist(storage)


def typist(storage):
    app = Flask("host")
    mount = intake(storage=storage).init_app(app)

    def typed(*args, code=0):
        result = app.test_cli_runner().invoke(args=["notice-intake", *args])
        assert code is None or result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    typed.app, typed.mount = app, mount
    return typed


IRU = ("--instrument", "eu.iru.referral")


def test_an_agency_is_added_listed_rotated_and_revoked(run):
    added = run("agency", "add", "Example Unit", "--country", "EL", *IRU, "--json")
    keys = json.loads(added.stdout)
    assert set(keys) == {"agency_id", "token"}
    listed = run("agency", "list").stdout
    assert (keys["agency_id"] in listed, "GR" in listed, "Example Unit" in listed) == (True, True, True)
    client = run.app.test_client()

    def opens(token):
        headers = {"Authorization": f"Bearer {token}"}
        return client.get("/notices/v1/referrals", headers=headers).status_code == 200

    rotated = json.loads(run("agency", "rotate", "Example Unit", "--json").stdout)["token"]
    assert (opens(keys["token"]), opens(rotated)) == (True, True)
    assert run("agency", "revoke", keys["agency_id"]).stdout == "2 keys revoked\n"
    assert (opens(keys["token"]), opens(rotated)) == (False, False)
    assert run("agency", "revoke", "Example Unit").stdout == "0 keys revoked\n"


def test_secrets_are_shown_once_and_said_to_be(run):
    added = run("agency", "add", "Unit", "--country", "BE", *IRU, "--callback-url", "https://unit.example/hook")
    assert "token: ni1_" in added.stdout
    assert "webhook_secret: whsec_" in added.stdout
    assert "not shown again" in added.stderr
    assert "whsec_" not in run("agency", "list").stdout


#: What is typed wrong, and what the refusal says.
WRONG = [
    (("agency", "add", "Unit", "--country", "Belgium", *IRU), "two letters"),
    (("agency", "add", "Unit", "--country", "B1", *IRU), "two letters"),
    (("agency", "add", "Unit", "--country", "", *IRU), "two letters"),
    (("agency", "add", "", "--country", "BE", *IRU), "1 to 200 characters"),
    (("agency", "add", "x" * 201, "--country", "BE", *IRU), "1 to 200 characters"),
    (("agency", "add", "Unit", "--country", "BE"), "--instrument"),
    (("agency", "add", "Unit", "--country", "BE", "--instrument", "eu.none"), "Choose from: eu.dsa.notice"),
    (("agency", "add", "Unit", "--country", "BE", *IRU, "--callback-url", "http://127.0.0.1/x"), "https"),
    (("agency", "add", "Unit", "--country", "BE", *IRU, "--callback-url", "ftp://unit.example/x"), "https"),
    (("agency", "rotate", "agy_none"), "There is no agency agy_none"),
    (("agency", "revoke", "agy_none"), "There is no agency agy_none"),
    (("import", "xarf", "/no/such/file"), "does not exist"),
    (("db", "downgrade", "no-such-revision"), "no-such-revision"),
]


@pytest.mark.parametrize(
    ("args", "says"), WRONG, ids=lambda one: " ".join(one[:4])[:60] if isinstance(one, tuple) else ""
)
def test_what_is_typed_wrong_is_said_in_a_line_and_changes_nothing(run, args, says):
    refused = run(*args, code=2)
    assert says in refused.output
    assert run("agency", "list").stdout == ""


def test_the_tables_come_and_go(database):
    url, schema = database
    storage = Storage.from_url(url, schema=schema)
    run = typist(storage)
    assert f"tables are at {migrate.head()}" in run("db", "upgrade").stdout
    assert f"tables are at {migrate.head()}" in run("db", "upgrade").stdout, "once more does no harm"
    run("check")
    assert "tables are at base" in run("db", "downgrade", "base").stdout
    assert "tables: not upgraded" in run("check", code=1).stdout
    run("db", "upgrade")
    run("check")
    storage.dispose()


def test_a_command_before_the_tables_are_there_says_how_to_make_them(database):
    url, schema = database
    storage = Storage.from_url(url, schema=schema)
    refused = typist(storage)("agency", "add", "Unit", "--country", "BE", *IRU, code=2)
    assert "flask notice-intake db upgrade" in refused.output
    storage.dispose()


def test_what_the_database_says_is_passed_on(tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database at all" * 300)
    damaged = Storage.from_url(f"sqlite:///{path}")
    run = typist(damaged)
    for args in (("agency", "list"), ("db", "upgrade"), ("work", "--once"), ("journal", "verify")):
        said = run(*args, code=2)
        assert "file is not a database" in said.output
        assert "db upgrade" not in said.output, "which would not mend it"
        assert "Traceback" not in said.output
    damaged.dispose()


def test_sessions_that_lead_nowhere_are_told():
    run = typist(Storage.from_sessionmaker(sessionmaker()))
    assert "have no engine" in run("agency", "list", code=2).output

    class Alchemy:
        engines: dict[str, Any] = {}

    run = typist(Storage.from_flask_sqlalchemy(Alchemy(), bind_key="notices"))
    assert "no bind 'notices'" in run("agency", "list", code=2).output


def test_a_schema_that_is_not_there_is_told(postgres_url):
    storage = Storage.from_url(postgres_url, schema="never_made")
    assert 'schema "never_made" does not exist' in typist(storage)("db", "upgrade", code=2).output
    storage.dispose()


#: What cannot be done, and what is said; never exit code 1, which means something else.
CANNOT = [
    (("purge", "--before", "0001-01-01"), "out of range"),
    (("deliveries", "check", "--minutes", "99999999999999999"), "--minutes"),
    (("deliveries", "replay", "Unit", "--since", "yesterday"), "--since must be a time with its zone"),
    (("deliveries", "enable", "Nobody"), "There is no agency Nobody"),
]


@pytest.mark.parametrize(("args", "says"), CANNOT, ids=lambda one: " ".join(one)[:40] if isinstance(one, tuple) else "")
def test_what_cannot_be_done_ends_with_2(run, args, says):
    run("agency", "add", "Unit", "--country", "BE", *IRU)
    said = run(*args, code=2)
    assert says in said.output
    assert "Traceback" not in said.output


def test_a_proof_that_cannot_be_written_is_said_in_a_line(run):
    agency = agency_of(run.app, run.mount)
    receipt = agency.refer().json
    run("journal", "seal")
    assert "/nope/x.json" in run("journal", "prove", receipt["id"], "-o", "/nope/x.json", code=2).output


def test_deliveries_are_replayed_and_enabled_by_the_name_of_the_agency(run):
    where = ("--callback-url", "https://unit.example/x")
    agency_id = json.loads(run("agency", "add", "Unit", "--country", "BE", *IRU, *where, "--json").stdout)["agency_id"]
    assert "0 callbacks" in run("deliveries", "replay", "Unit").stdout
    assert "0 callbacks" in run("deliveries", "replay", agency_id).stdout
    run("endpoint", "disable", "Unit")
    assert "enabled" in run("deliveries", "enable", "Unit").stdout


def test_a_name_that_is_taken_is_told_and_never_guessed_at(run, tmp_path):
    first = json.loads(run("agency", "add", "Unit", "--country", "BE", *IRU, "--json").stdout)["agency_id"]
    again = run("agency", "add", "UNIT", "--country", "FR", *IRU, "--json")
    assert first in again.stderr
    table = tmp_path / "links.csv"
    table.write_text("link\nhttps://platform.example/p1\n")
    wish = ("--instrument", "eu.iru.referral", "--category", "violence", "--language", "en", "--dry-run")
    refused = run("import", "csv", str(table), "--agency", "unit", *wish, code=2)
    assert "2 agencies are called unit" in refused.output
    assert first in refused.output
    assert first in run("import", "csv", str(table), "--agency", first, *wish, code=None).output


def test_a_worker_that_could_not_do_all_says_so(run, monkeypatch):
    agency = agency_of(run.app, run.mount)
    monkeypatch.setattr(run.mount.platform, "resolve", lambda *_: 1 / 0)
    assert agency.refer().status_code == 201
    said = run("work", "--once", code=1)
    assert "1 effects failed and wait" in said.stderr


def test_a_database_that_is_down_is_said_in_a_line():
    storage = Storage.from_url("postgresql://nobody@127.0.0.1:1/none")
    run = typist(storage)
    for args in (("agency", "list"), ("db", "upgrade"), ("agency", "add", "Unit", "--country", "BE", *IRU)):
        assert "database" in run(*args, code=2).output
    assert "database: unreachable" in run("check", code=1).stdout
    storage.dispose()


def test_the_worker_does_what_is_due_and_stops(run):
    agency_of(run.app, run.mount).refer()
    assert "0 faults" in run("work", "--once").stdout
