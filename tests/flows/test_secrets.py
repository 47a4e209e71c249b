"""Secrets at rest: under which key they lie, and how they come under another."""

from __future__ import annotations

import base64
import json
import secrets as random
import subprocess
import sys
import time
from typing import Any

import pytest
from desk import decide_next, run_worker
from flask import Flask
from sqlalchemy import select

from notice_intake import NoticeIntake, Storage
from notice_intake.auth.secrets import Secrets
from notice_intake.delivery.webhook import new_secret
from notice_intake.errors import SettingsError
from notice_intake.flows import reencrypt as flow
from notice_intake.flows import sealing
from notice_intake.flows.platform_keys import published
from notice_intake.store import agencies, encrypted
from notice_intake.store.agencies import Endpoint
from notice_intake.testing import FakeModerators, FakePlatform

OLD, NEW, OTHER = "o" * 40, "n" * 40, "x" * 40


def mounted(storage: Storage, *keys: str) -> Any:
    """A host with these secret keys on the same database, as after a restart."""
    app = Flask("host")
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "public_url": "https://platform.example"}
    mount = NoticeIntake(storage=storage, secret_keys=keys, **parts).init_app(app)
    return app, mount


def run(app: Flask, *args: str, code: int = 0) -> Any:
    result = app.test_cli_runner().invoke(args=["notice-intake", *args])
    assert result.exit_code == code, result.output
    return result


def everything(storage: Storage) -> dict[str, list[Any]]:
    """Every row of every table."""
    with storage.read() as tx:
        return {
            table.name: [tuple(row) for row in tx.execute(select(table))]
            for table in storage.tables.metadata.sorted_tables
        }


def tokens(storage: Storage) -> list[str]:
    """Every text in the whole database that looks as if it had been encrypted, wherever it lies."""
    found: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, str) and value.startswith("gAAAAA"):
            found.append(value)
        elif isinstance(value, dict):
            for one in value.values():
                look(one)
        elif isinstance(value, list | tuple):
            for one in value:
                look(one)

    look(list(everything(storage).values()))
    return found


@pytest.fixture
def full(storage):
    """A database with a secret in every place: an address in use with two secrets, one that waits, a platform key."""
    app, mount = mounted(storage, OLD)
    added = ["agency", "add", "Unit", "--country", "BE", "--instrument", "eu.iru.referral", "--json"]
    first = json.loads(run(app, *added, "--callback-url", "https://unit.example/hook").stdout)["agency_id"]
    run(app, "endpoint", "rotate-secret", first)
    second = json.loads(run(app, *added).stdout)["agency_id"]
    run(app, "endpoint", "set", second, "https://other.example/hook")
    published(mount, now=mount.clock())
    return storage


def test_every_place_with_secrets_comes_under_the_newest_key(full):
    assert len(tokens(full)) == 4
    app, mount = mounted(full, OLD, NEW)
    assert run(app, "secrets", "reencrypt", "--dry-run").stdout == "4 of 4 stored secrets would be encrypted anew\n"
    before = [mount.secrets.decrypt(one) for one in tokens(full)]
    assert run(app, "secrets", "reencrypt").stdout == "4 of 4 stored secrets encrypted anew\n"
    # With the old key gone: whatever in the whole database is encrypted opens, and is what it was.
    assert [Secrets([NEW]).decrypt(one) for one in tokens(full)] == before
    done = everything(full)
    assert run(app, "secrets", "reencrypt").stdout == "0 of 4 stored secrets encrypted anew\n"
    assert everything(full) == done, "the second run writes nothing"


def test_every_column_with_secrets_is_known(full):
    places = {(one.table.name, one.column) for one in encrypted.places(full.tables)}
    found = set()
    with full.read() as tx:
        for table in full.tables.metadata.sorted_tables:
            for column in table.columns:
                values = tx.execute(select(column)).scalars().all()
                if "gAAAAA" in json.dumps(values, default=str):
                    found.add((table.name, column.name))
    assert found == places


def test_without_the_key_that_opens_them_it_says_which_and_writes_nothing(full):
    before = everything(full)
    app, _ = mounted(full, OTHER, NEW)
    said = run(app, "secrets", "reencrypt", code=2).stderr
    assert "endpoint.secrets of end_" in said
    assert "Put the key that was removed back. Nothing was changed." in said
    assert "gAAAA" not in said
    assert everything(full) == before


def test_one_that_does_not_open_stops_it_before_the_first_is_written(full):
    _, mount = mounted(full, OLD)
    with full.begin() as tx:
        row = tx.execute(select(full.tables.platform_key)).one()
        foreign = Secrets([OTHER]).encrypt("seed")
        encrypted.put(tx, encrypted.places(full.tables)[2], key=row.key_id, value=foreign)
    before = everything(full)
    app, mount = mounted(full, OLD, NEW)
    with pytest.raises(SettingsError, match=r"platform_key\.private_key of "):
        flow.reencrypt(mount)
    assert everything(full) == before
    run(app, "secrets", "reencrypt", "--dry-run", code=2)


@pytest.fixture
def many(storage, monkeypatch):
    """Thirty addresses, in slices of seven."""
    monkeypatch.setattr(flow, "SLICE", 7)
    _, mount = mounted(storage, OLD)
    with storage.begin() as tx:
        for number in range(30):
            agency = agencies.Agency(f"agy_{number:02}", "Unit", "BE", frozenset(), True)
            agencies.add(tx, agency, now=mount.clock())
            sealed = (mount.secrets.encrypt(new_secret()),)
            endpoint = Endpoint(f"end_{number:02}", agency.id, "https://unit.example/", sealed, "active", 0, None)
            agencies.set_endpoint(tx, endpoint, now=mount.clock())
    return storage


def test_broken_off_anywhere_the_next_run_does_the_rest(many, monkeypatch):
    _, mount = mounted(many, OLD, NEW)
    real, left = encrypted.put, iter(range(17))

    def failing(*args: Any, **values: Any) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        real(*args, **values)

    monkeypatch.setattr(encrypted, "put", failing)
    with pytest.raises(KeyboardInterrupt):
        flow.reencrypt(mount)
    monkeypatch.undo()
    monkeypatch.setattr(flow, "SLICE", 7)
    # Two whole slices stand; the third was taken back as a whole.
    assert flow.reencrypt(mount, dry=True) == flow.Renewed(30, 16)
    assert flow.reencrypt(mount) == flow.Renewed(30, 16)
    assert flow.reencrypt(mount) == flow.Renewed(30, 0)
    assert all(Secrets([NEW]).renewed(one) is None for one in tokens(many))


_KILLED = """
import sys, time
from flask import Flask
from notice_intake import NoticeIntake, Storage
from notice_intake.flows import reencrypt
from notice_intake.store import encrypted
from notice_intake.testing import FakeModerators, FakePlatform
put = encrypted.put
def slow(*args, **values):
    put(*args, **values); print("put", flush=True); time.sleep(0.05)
encrypted.put, reencrypt.SLICE = slow, 7
storage = Storage.from_url(sys.argv[1], schema=sys.argv[2] or None)
intake = NoticeIntake(platform=FakePlatform(), moderators=FakeModerators(), storage=storage, secret_keys=sys.argv[3:])
reencrypt.reencrypt(intake.init_app(Flask("host")))
"""


def test_killed_in_the_middle_every_secret_still_opens(many, database):
    url, schema = database
    command = [sys.executable, "-c", _KILLED, url, schema or "", OLD, NEW]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(10):
            assert process.stdout.readline() == "put\n"
        process.kill()
    both = Secrets([OLD, NEW])
    deadline = time.monotonic() + 10
    while True:
        assert len([both.decrypt(one) for one in tokens(many)]) == 30
        _, mount = mounted(many, OLD, NEW)
        if flow.reencrypt(mount, dry=True).old == 23 or time.monotonic() > deadline:
            break
    assert flow.reencrypt(mount) == flow.Renewed(30, 23)
    assert flow.reencrypt(mount) == flow.Renewed(30, 0)


def test_without_the_old_key_the_worker_says_so_and_carries_out_what_is_decided(make_house, caplog):
    before = make_house(secret_keys=(OLD,))
    agency = before.agency()
    agency.refer()
    run_worker(before)
    listening = before.agency("Unit Two", callback_url="http://127.0.0.1:9/")
    document = listening.order("https://platform.example/p2")
    assert listening.refer(document).status_code == 201
    decide_next(before, ground_kind="law")
    after = make_house(secret_keys=(NEW,))
    for _ in range(2):
        run_worker(after, after=60)
    assert len(after.platform.applied) == 1, "the order is carried out"
    with after.mount.storage.read() as tx:
        table = tx.tables.outbox
        told = tx.execute(select(table.c.state, table.c.last_error).where(table.c.agency_id == listening.id)).all()
    assert {state for state, _ in told} == {"dead"}
    assert all(error.startswith("A stored secret cannot be read") for _, error in told)
    said = [one.getMessage() for one in caplog.records if one.name == "notice_intake.journal"]
    refused = "the journal is not sealed: A stored secret cannot be read"
    assert sum(one.startswith(refused) for one in said) == 2, "once each time it is tried"
    back = make_house(secret_keys=(OLD, NEW))
    back.clock.now = after.clock.now
    assert sealing.seal(back.mount, now=back.clock.now) > 0, "nothing is lost by it"


def test_the_newest_key_encrypts_and_all_of_them_open():
    texts = [Secrets(keys).encrypt("text") for keys in ([OLD], [NEW, OLD], [OLD, NEW])]
    assert [Secrets([OLD]).decrypt(one) for one in texts[:2]] == ["text", "text"]
    assert [Secrets([NEW, OLD]).decrypt(one) for one in texts] == ["text"] * 3
    assert Secrets([NEW]).decrypt(texts[2]) == "text"
    assert Secrets([OLD, NEW]).renewed(texts[2]) is None
    assert Secrets([NEW]).decrypt(Secrets([OLD, NEW]).renewed(texts[0]) or "") == "text"


@pytest.mark.parametrize("text", ["", "gAAAAA", "x" * 200, base64.urlsafe_b64encode(random.token_bytes(120)).decode()])
def test_what_was_never_encrypted_opens_with_nothing(text):
    with pytest.raises(SettingsError, match="cannot be read"):
        Secrets([OLD, NEW]).renewed(text)
