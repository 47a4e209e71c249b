"""docs/operating.md: the words that an operator meets are those that the code uses, and the remedies help."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
from flows.desk import claim_next, decide_next, events, run_worker
from printed import ROOT, blocks, codes, rows, section, text
from standardwebhooks import Webhook

from notice_intake import Storage
from notice_intake.auth.secrets import Secrets
from notice_intake.core import breakers
from notice_intake.core.retries import DEFAULT
from notice_intake.errors import TemporarilyUnavailable
from notice_intake.flows.agencies import TOKEN_LIFE
from notice_intake.flows.endpoint_health import _OF_THE_MESSAGE
from notice_intake.flows.health import LONGEST_SILENCE, LONGEST_WAIT, readiness
from notice_intake.flows.lines import FIRST, MOST
from notice_intake.flows.retrying import LONGEST_WAIT as LONGEST_RETRY
from notice_intake.flows.work import EFFECTS, SWEEP_EVERY
from notice_intake.settings import Settings
from notice_intake.store.leases import LEASE

PAGE = text("operating.md")
FLAT = " ".join(PAGE.split())


def today(house) -> None:
    """Set the clock to the real time: whoever verifies a callback refuses an old one."""
    house.clock.now = datetime.now(UTC)


def operate(house, *args: str) -> str:
    result = house.app.test_cli_runner().invoke(args=["notice-intake", *args])
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def printed(house, holding: str, agency_id: str) -> str:
    """Type the one command of the page that holds a text."""
    lines = re.findall(r"^    flask notice-intake (.*)$", PAGE, re.MULTILINE)
    line = next(one for one in lines if holding in one)
    return operate(house, *line.replace("agy_EXAMPLE", agency_id).split())


def test_each_check_says_the_word_in_the_table(house, receiver):
    words = [(codes(cells[0])[0], codes(cells[1])[0]) for cells in rows(PAGE, "check")]
    table = {name: word for name, word in words if word not in ("none is running", "cannot be written")}
    assert list(readiness(house.mount, now=house.clock.now)) == list(table)
    house.agency(callback_url=receiver.url).refer()
    house.clock.advance(minutes=5)
    assert f"worker: {table['worker']}" in house.app.test_cli_runner().invoke(args=["notice-intake", "check"]).output
    operate(house, "db", "downgrade", "base")
    assert readiness(house.mount, now=house.clock.now)["tables"] == table["tables"]
    operate(house, "db", "upgrade")


def test_a_database_that_is_gone_is_named(make_house, monkeypatch):
    house = make_house()
    table = dict(reversed([(codes(cells[0])[0], codes(cells[1])[0]) for cells in rows(PAGE, "check")]))

    def gone(*_: object, **__: object) -> None:
        raise TemporarilyUnavailable

    monkeypatch.setattr(type(house.mount.storage), "begin", gone)
    monkeypatch.setattr(type(house.mount.storage), "read", gone)
    assert readiness(house.mount, now=house.clock.now) == {"database": table["database"]}
    assert house.app.test_cli_runner().invoke(args=["notice-intake", "work", "--once"]).exit_code == 2


def test_the_numbers_are_those_of_the_code():
    assert timedelta(minutes=5) == LONGEST_WAIT
    assert "due for five minutes" in FLAT
    assert timedelta(minutes=15) == LONGEST_RETRY
    assert "15 minutes apart in the end" in FLAT
    assert timedelta(minutes=1) == LEASE
    assert "work over after a minute" in FLAT
    hour = timedelta(hours=1)
    assert (FIRST, MOST, EFFECTS) == (4, 8, 8)
    assert "at most four callbacks are under way at once, eight once" in FLAT
    assert "at most eight of the platform's hooks" in FLAT
    assert (5, timedelta(minutes=1), hour) == (breakers.OPENS_AFTER, breakers.FIRST_REST, breakers.LONGEST_REST)
    assert (hour, 24 * hour) == breakers.ALARMS
    assert breakers.LEAST_FAILURES == 10
    assert 24 * hour == breakers.DISABLED_REST
    assert timedelta(minutes=2) == LONGEST_SILENCE
    assert "said nothing for two minutes" in FLAT
    assert "A 400, 409, 413, 414, 415 or 422 counts against the message" in FLAT
    assert {400, 409, 413, 414, 415, 422} == _OF_THE_MESSAGE
    assert timedelta(seconds=30) == SWEEP_EVERY
    assert "every 30 seconds" in FLAT
    hours = round(sum(DEFAULT, timedelta()) / timedelta(hours=1))
    assert f"{len(DEFAULT)} attempts in about {hours} hours, dense in the first" in FLAT
    assert f"lives {TOKEN_LIFE.days} days" in FLAT


def test_a_disabled_endpoint_is_opened_again_and_nothing_was_dropped(house, receiver, caplog):
    caplog.set_level(logging.INFO)
    today(house)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    receiver.status = lambda _: 410
    agency.refer()
    run_worker(house)
    claim_next(house)
    receiver.status = lambda _: 204
    run_worker(house, after=60)
    assert receiver.verified == []
    assert "status 410" in caplog.text
    with house.mount.storage.read() as tx:
        actions = tx.execute(tx.tables.journal.select()).all()
    assert "endpoint.disabled" in [one.action for one in actions]
    printed(house, "endpoint enable", agency.id)
    run_worker(house)
    assert [one["type"] for one in receiver.verified] == ["referral.received", "item.in_review"]


def test_a_leaked_token_ends_at_once_and_rotating_alone_would_not_do(house):
    agency = house.agency()
    token = agency.headers["Authorization"]
    operate(house, "agency", "rotate", agency.id)
    assert agency.refer().status_code == 201
    steps = re.findall(
        r"^    flask notice-intake (agency \w+) agy_EXAMPLE$", section(PAGE, "### A token leaked"), re.MULTILINE
    )
    assert steps == ["agency revoke", "agency rotate"]
    for step in steps:
        told = operate(house, *step.split(), agency.id)
    assert agency.refer().status_code == 401
    agency.headers["Authorization"] = "Bearer " + re.search(r"token: (\S+)", told)[1]
    assert agency.headers["Authorization"] != token
    assert agency.refer().status_code == 201


def test_the_list_and_the_check_say_what_runs_out(house):
    agency = house.agency()
    house.clock.advance(days=30)
    operate(house, "agency", "rotate", agency.id)
    assert operate(house, "agency", "list").count("runs out on") == 2
    house.clock.advance(days=325)
    assert re.findall(r"^warning: ", operate(house, "check"), re.MULTILINE) == ["warning: "]
    assert "14, 3 and 1 days before a key runs out" in FLAT


def test_the_operator_gives_an_agency_an_address_and_changes_its_secret(house, receiver):
    today(house)
    agency = house.agency()
    agency.refer()
    line = "endpoint set agy_EXAMPLE https://unit.example/callbacks"
    assert line in PAGE
    args = line.replace("agy_EXAMPLE", agency.id).replace("https://unit.example/callbacks", receiver.url).split()
    receiver.secret = re.search(r"^secret: (\S+)", operate(house, *args, "--without-challenge"), re.MULTILINE)[1]
    claim_next(house)
    run_worker(house)
    assert [one["type"] for one in receiver.verified] == ["item.in_review"], "what happened before is in the feed"
    assert [one for one, _ in events(agency)] == ["referral.received", "item.in_review"]

    told = [operate(house, "endpoint", "rotate-secret", agency.id)]
    agency.refer(agency.document("https://platform.example/p90"))
    run_worker(house)
    assert len(receiver.verified) == 2, "the old secret still verifies"

    told.append(printed(house, "--at-once", agency.id))
    agency.refer(agency.document("https://platform.example/p92"))
    run_worker(house)
    assert len(receiver.verified) == 2, "only the newest secret is left"
    receiver.secret = told[-1].split()[1]
    Webhook(receiver.secret)
    run_worker(house, after=10)
    assert len(receiver.verified) == 3


def test_after_reencrypting_an_old_key_may_go(make_house, receiver):
    house = make_house()
    today(house)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    object.__setattr__(house.mount, "secrets", Secrets(["k" * 40, "n" * 40]))
    assert operate(house, "secrets", "reencrypt") == "1 of 1 stored secrets encrypted anew\n"
    assert operate(house, "secrets", "reencrypt", "--dry-run").startswith("0 of 1 ")
    token = operate(house, "agency", "rotate", agency.id)
    object.__setattr__(house.mount, "secrets", Secrets(["n" * 40]))
    assert agency.refer().status_code == 401, "a token of the old key"
    agency.headers["Authorization"] = "Bearer " + re.search(r"token: (\S+)", token)[1]
    assert agency.refer().status_code == 201
    run_worker(house)
    assert len(receiver.verified) == 1


def test_secret_keys_are_rotated_by_adding_and_an_old_one_can_be_put_back(make_house, receiver, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    house = make_house()
    today(house)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    old, new = "k" * 40, "n" * 40

    def with_keys(*keys: str) -> None:
        object.__setattr__(house.mount, "secrets", Secrets(keys))

    with_keys(old, new)
    assert agency.refer().status_code == 201
    run_worker(house)
    assert len(receiver.verified) == 1
    agency.refer()
    with_keys(new)
    assert agency.refer().status_code == 401
    assert "forged" in caplog.text
    run_worker(house)
    with house.mount.storage.read() as tx:
        errors = [one.last_error for one in tx.execute(tx.tables.outbox.select()).all()]
    assert any("A stored secret cannot be read" in error for error in errors)
    with_keys(old, new)
    assert agency.refer().status_code == 201


def test_every_logger_is_in_the_table():
    package = ROOT / "notice_intake"
    code = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    printed = {name for cells in rows(PAGE, "logger") for name in codes(cells[0])}
    assert printed == set(re.findall(r'getLogger\("(notice_intake[\w.]*)"\)', code))


@pytest.mark.parametrize("broken", ["receiver", "platform", "database"])
def test_the_log_names_nothing_that_an_agency_sent(house, receiver, caplog, broken):
    caplog.set_level(logging.DEBUG)
    agency = house.agency("Unit One", callback_url=receiver.url)
    receiver.status = lambda _: 500
    sent = {
        "agency_reference": "REF-QUINCE",
        "contact": {"name": "Officer Medlar", "email": "medlar@unit.example"},
    }
    document = agency.document("https://platform.example/p4711", **sent)
    document["items"][0]["reasons"] = "Damson."
    if broken == "platform":
        house.platform.faults = [RuntimeError("the platform is down")] * 2
    if broken == "database":
        with house.mount.storage.begin() as tx:
            for table in (tx.tables.mention, tx.tables.item):
                table.drop(tx.connection)
    house.app.testing = False
    assert agency.refer(document).status_code in ((500, 503) if broken == "database" else (201,))
    if broken != "database":
        decide_next(house)
        run_worker(house, after=31)
    agency.headers = {"Authorization": agency.headers["Authorization"][:-3]}
    assert agency.refer(document).status_code == 401
    ours = [one for one in caplog.records if one.name.startswith("notice_intake")]
    assert ours
    said = "\n".join(logging.Formatter().format(one) for one in ours)
    secrets = [agency.headers["Authorization"][7:60], agency.secret[6:]]
    for word in ("REF-QUINCE", "Medlar", "medlar@", "Damson", "p4711", "Unit One", *secrets):
        assert word not in said, word


def test_the_connections_are_as_many_as_the_table_says(tmp_path):
    pool = Storage.from_url("postgresql://nobody@db.example/none")._engine.pool
    assert f"up to {pool.size() + pool._max_overflow} for each process" in FLAT
    assert Settings().worker_threads == 32


def test_the_unit_file_restarts_for_ever():
    (unit,) = blocks(PAGE, "ini")
    assert {"Restart=always", "StartLimitIntervalSec=0"} <= set(unit.splitlines())
    assert "notice-intake work" in unit
