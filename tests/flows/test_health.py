"""Readiness says what an operator has to do something about, and nothing else."""

from __future__ import annotations

import os

import pytest
from desk import claim_next, run_worker
from flask import Flask
from sqlalchemy import text

from notice_intake import NoticeIntake, Storage
from notice_intake.flows.health import readiness
from notice_intake.store import migrate
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform

READY = {"database": "ok", "tables": "ok", "keys": "ok", "worker": "ok"}


def ready(house):
    return readiness(house.mount, now=house.clock.now)


def test_tables_that_were_never_made_are_named(house):
    assert ready(house) == READY
    migrate.downgrade(house.mount.storage, "base")
    assert ready(house) == {"database": "ok", "tables": "not upgraded"}
    answer = house.client.get("/notices/readyz")
    assert (answer.status_code, answer.json) == (503, {"checks": {"database": "ok", "tables": "not upgraded"}})


def test_work_that_no_worker_takes_is_told_after_five_minutes(house, receiver):
    agency = house.agency(callback_url=receiver.url)
    agency.refer()
    house.clock.advance(minutes=4, seconds=59)
    assert ready(house) == READY
    house.clock.advance(seconds=1)
    assert ready(house) == {**READY, "worker": "work is waiting"}


def test_a_receiver_that_fails_does_not_make_the_platform_unready(house, receiver):
    agency = house.agency(callback_url=receiver.url)
    agency.refer()
    claim_next(house)
    for status in (500, 503, 410):
        receiver.status = lambda _, status=status: status
        for _ in range(8):
            run_worker(house, after=60)
        assert ready(house) == READY, status


def test_a_secret_that_no_key_opens_is_told(make_house, receiver):
    house = make_house()
    house.agency(callback_url=receiver.url)
    assert ready(house) == READY
    other = make_house(secret_keys=("o" * 40,))
    assert ready(other) == {**READY, "keys": "one is missing"}
    assert ready(make_house(secret_keys=("k" * 40, "o" * 40))) == READY


@pytest.fixture
def beside(house, database, make_house):
    """Mounts on the same tables, over connections with other options; PostgreSQL only."""
    url, schema = database
    if schema is None:
        pytest.skip("PostgreSQL's own words")
    agency = house.agency()
    opened = []

    def make(option: str):
        storage = Storage.from_url(f"{url}{'&' if '?' in url else '?'}options=-c%20{option}", schema=schema)
        opened.append(storage)
        app = Flask("beside")
        parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "clock": house.clock}
        mount = NoticeIntake(**parts, storage=storage, secret_keys=("k" * 40,)).init_app(app)
        return app, mount, FakeAgency(app.test_client(), agency.headers["Authorization"].removeprefix("Bearer "))

    yield make
    for one in opened:
        one.dispose()


def check_waits(app, mount, agency) -> None:
    answer = agency.refer()
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "5"), answer.text
    assert readiness(mount, now=mount.clock()) == {"database": "cannot be written", "tables": "ok"}
    worked = app.test_cli_runner().invoke(args=["notice-intake", "work", "--once"])
    assert (worked.exit_code, worked.exception.__class__) == (2, SystemExit), worked.output


def test_a_server_that_only_reads_is_told_and_agencies_are_asked_to_come_again(beside):
    check_waits(*beside("default_transaction_read_only=on"))


def test_a_role_that_may_not_write_is_told_as_well(house, beside):
    role, schema = f"reader_{os.getpid()}", house.mount.storage.tables.metadata.schema
    with house.mount.storage.begin() as tx:
        for statement in (
            f"CREATE ROLE {role}",
            f"GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
        ):
            tx.execute(text(statement))
    try:
        check_waits(*beside(f"role={role}"))
    finally:
        with house.mount.storage.begin() as tx:
            tx.execute(text(f"DROP OWNED BY {role}"))
            tx.execute(text(f"DROP ROLE {role}"))


def test_a_column_that_is_not_there_yet_is_a_503(house):
    agency = house.agency()
    with house.mount.storage.begin() as tx:
        name = tx.tables.referral.fullname
        tx.execute(text(f"ALTER TABLE {name} RENAME COLUMN channel TO channel_before"))
    answer = agency.refer()
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "5"), answer.text
