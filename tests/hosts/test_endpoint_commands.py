"""What an operator does for an agency's callback address, as typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from notice_intake.flows.work import work
from notice_intake.testing import FakeAgency


@pytest.fixture
def house(house):
    house.clock.now = datetime.now(UTC)
    return house


def type_in(house: Any, *args: str, code: int = 0) -> Any:
    result = house.app.test_cli_runner().invoke(args=["notice-intake", "endpoint", *args])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def run_worker(house: Any) -> None:
    import threading

    work(house.mount, stop=threading.Event(), once=True)


def shown(house: Any, agency: FakeAgency) -> dict[str, Any]:
    return json.loads(type_in(house, "show", agency.id, "--json").stdout)


def echo(receiver: Any) -> None:
    """Have the receiver give challenges back."""

    def answer(event: dict[str, Any]) -> tuple[int, bytes]:
        if event["type"] != "endpoint.verification":
            return 204, b""
        return 200, json.dumps({"challenge": event["data"]["challenge"]}).encode()

    receiver.answer = answer


def test_an_address_is_set_challenged_and_used(house, receiver):
    echo(receiver)
    agency = house.agency()
    said = type_in(house, "set", "Unit One", receiver.url, "--json")
    receiver.secret = json.loads(said.stdout)["secret"]
    assert "sends it a challenge now" in said.stderr
    assert shown(house, agency)["state"] == "unverified"
    run_worker(house)
    assert (shown(house, agency)["state"], shown(house, agency)["url"]) == ("active", receiver.url)
    agency.refer()
    run_worker(house)
    assert [one["type"] for one in receiver.verified] == ["endpoint.verification", "referral.received"]


def test_an_address_that_the_operator_has_made_sure_of_is_used_at_once(house, receiver):
    agency = house.agency()
    type_in(house, "set", agency.id, "http://127.0.0.1:9/waits")
    said = type_in(house, "set", agency.id, receiver.url, "--without-challenge", "--json")
    receiver.secret = json.loads(said.stdout)["secret"]
    assert "challenge" not in said.stderr
    agency.refer()
    run_worker(house)
    assert [one["type"] for one in receiver.verified] == ["referral.received"]
    assert shown(house, agency)["pending"] is None, "the one that waited is given up"


@pytest.mark.parametrize("option", [(), ("--without-challenge",)])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://169.254.169.254/hook", "not a public one"),
        ("ftp://unit.example/hook", "must use https"),
        ("https://user@unit.example/", "no user name"),
        ("unit.example", "must be a full URL"),
    ],
)
def test_the_operator_is_held_to_the_same_rules(house, option, url, said):
    agency = house.agency()
    assert said in type_in(house, "set", agency.id, url, *option, code=2).stderr
    assert agency.get("/v1/endpoint").status_code == 404


def test_a_secret_is_rotated_with_a_day_of_both_or_at_once(house, receiver):
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    new = json.loads(type_in(house, "rotate-secret", agency.id, "--json").stdout)["secret"]
    for secret in (agency.secret, new):
        receiver.secret = secret
        agency.refer()
        run_worker(house)
    assert (len(receiver.verified), receiver.rejected) == (2, [])
    receiver.secret = json.loads(type_in(house, "rotate-secret", agency.id, "--at-once", "--json").stdout)["secret"]
    agency.refer()
    run_worker(house)
    assert (len(receiver.verified), receiver.rejected) == (3, [])
    receiver.secret = new
    agency.refer()
    run_worker(house)
    assert (len(receiver.verified), len(receiver.rejected)) == (3, 1), "the one that leaked signs no more"


def test_a_disabled_address_holds_its_callbacks_and_none_is_dropped(house, receiver):
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    assert type_in(house, "disable", "Unit One").stdout == "the address of Unit One is disabled\n"
    referrals = [agency.refer().json["id"] for _ in range(3)]
    run_worker(house)
    assert receiver.ids == []
    assert shown(house, agency)["state"] == "disabled"
    assert type_in(house, "enable", "Unit One").stdout == "the address of Unit One is enabled\n"
    run_worker(house)
    assert sorted(one["data"]["referral"] for one in receiver.verified) == sorted(referrals)


def test_one_that_was_disabled_by_a_410_is_enabled_again(house, receiver):
    agency = house.agency(callback_url=receiver.url)
    receiver.secret, receiver.status = agency.secret, lambda _: 410
    agency.refer()
    run_worker(house)
    assert shown(house, agency)["state"] == "disabled"
    receiver.status = lambda _: 204
    type_in(house, "enable", agency.id)
    run_worker(house)
    assert len(receiver.verified) == 1


def test_one_that_never_gave_its_challenge_back_is_not_enabled(house):
    agency = house.agency()
    type_in(house, "set", agency.id, "http://127.0.0.1:9/silent")
    for word in ("enable", "disable"):
        assert "has not given its challenge back" in type_in(house, word, agency.id, code=2).stderr
    assert "has no address in use yet" in type_in(house, "rotate-secret", agency.id, code=2).stderr


@pytest.mark.parametrize("args", [("show",), ("enable",), ("disable",), ("rotate-secret",)])
def test_an_agency_without_an_address_and_one_that_is_none_are_told_apart(house, args):
    agency = house.agency()
    assert "no endpoint" in (said := type_in(house, *args, agency.id, code=2).stderr) or "no callback address" in said
    assert "There is no agency Nobody." in type_in(house, *args, "Nobody", code=2).stderr


def test_the_secret_is_shown_once_and_the_journal_says_who_did_it(house, receiver):
    agency = house.agency(callback_url=receiver.url)
    said = type_in(house, "rotate-secret", agency.id)
    assert said.stdout.startswith("secret: whsec_")
    assert "not shown again" in said.stderr
    secret = said.stdout.split()[1]
    assert "whsec_" not in type_in(house, "show", agency.id).stdout
    with house.mount.storage.read() as tx:
        table = tx.tables.journal
        rows = tx.execute(select(table.c.action, table.c.actor_kind, table.c.payload)).all()
    assert [row[:2] for row in rows][-1] == ("endpoint.secret_rotated", "operator")
    assert not any(secret.encode() in row.payload for row in rows)
