"""A key that runs out: its agency, the host and the operator are told in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from desk import run_worker

from notice_intake import signals
from notice_intake.flows import expiry
from notice_intake.flows.agencies import TOKEN_LIFE


def type_in(house: Any, *args: str) -> str:
    result = house.app.test_cli_runner().invoke(args=["notice-intake", *args])
    assert result.exit_code == 0, result.output
    return result.stdout


def days_before(house: Any, days: float) -> None:
    """Let the clock stand so many days before the first token runs out, and the worker sweep."""
    house.clock.now = house.begun + TOKEN_LIFE - timedelta(days=days)
    run_worker(house)


@pytest.fixture
def house(house):
    # The receiver refuses what was signed at another time than its own: the last days are the real ones.
    house.clock.now = house.begun = datetime.now(UTC) - TOKEN_LIFE + timedelta(days=14)
    return house


@pytest.fixture
def heard():
    found: list[dict[str, Any]] = []

    def listen(_mount: Any, **facts: Any) -> None:
        found.append(facts)

    signals.key_expiring.connect(listen)
    yield found
    signals.key_expiring.disconnect(listen)


def events(agency: Any) -> list[dict[str, Any]]:
    return [one for one in agency.get("/v1/events").json["events"] if one["type"] == "key.expiring"]


def test_an_agency_is_told_in_its_feed_14_3_and_1_days_before(house, heard):
    agency = house.agency()
    for days, told in ((20, 0), (14, 1), (13, 1), (3, 2), (2.5, 2), (1, 3), (0.5, 3)):
        days_before(house, days)
        assert len(events(agency)) == told, days
    found = events(agency)
    assert [one["data"]["days"] for one in found] == [14, 3, 1]
    data = found[0]["data"]
    assert set(data) == {"key", "scheme", "expires_at", "days"}
    assert data["scheme"] == "bearer"
    assert data["expires_at"] == (house.begun + TOKEN_LIFE).isoformat(timespec="seconds")
    # The name of the key is the second part of its token, so that the agency knows which one.
    assert agency.headers["Authorization"].split("_")[1] == data["key"]
    assert agency.headers["Authorization"].split("_", 2)[2] not in str(found)
    assert [(one["agency_id"], one["key_id"], one["days"]) for one in heard] == [
        (agency.id, data["key"], days) for days in (14, 3, 1)
    ]


def test_an_agency_with_an_address_is_called_back(house, receiver):
    house.clock.now = house.begun = datetime.now(UTC) - TOKEN_LIFE + timedelta(days=3)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    house.clock.now = datetime.now(UTC)
    run_worker(house)
    assert receiver.rejected == []
    assert [(one["type"], one["data"]["days"]) for one in receiver.verified] == [("key.expiring", 3)]
    assert [one["id"] for one in events(agency)] == receiver.ids, "the same id as in the feed"


def test_after_a_standstill_only_the_last_warning_is_given(house):
    agency = house.agency()
    days_before(house, 0.25)
    assert [one["data"]["days"] for one in events(agency)] == [1]


def test_keys_that_are_gone_or_over_are_not_warned_of(house):
    revoked, asleep, over = house.agency("Revoked"), house.agency("Asleep"), house.agency("Over")
    type_in(house, "agency", "revoke", revoked.id)
    with house.mount.storage.begin() as tx:
        table = tx.tables.agency
        tx.execute(table.update().where(table.c.id == asleep.id).values(active=False))
    house.clock.now = house.begun + TOKEN_LIFE
    assert expiry.warn(house.mount, now=house.clock.now) == 0
    house.clock.now -= timedelta(hours=1)
    assert expiry.warn(house.mount, now=house.clock.now) == 1, "only the one that still opens the door"
    assert events(over)[0]["data"]["days"] == 1


def test_two_workers_tell_once(house):
    house.agency()
    now = house.begun + TOKEN_LIFE - timedelta(days=2)
    assert [expiry.warn(house.mount, now=now) for _ in range(3)] == [1, 0, 0]


def test_nobody_reads_anothers_warnings(house):
    one, two = house.agency("One"), house.agency("Two")
    days_before(house, 3)
    ids = [{event["id"] for event in events(agency)} for agency in (one, two)]
    assert [len(found) for found in ids] == [1, 1]
    assert not ids[0] & ids[1]


def test_the_operator_sees_it_in_the_list_and_in_the_check(house):
    agency = house.agency()
    assert "warning" not in type_in(house, "check")
    listed = type_in(house, "agency", "list")
    assert f"runs out on {house.begun + TOKEN_LIFE:%Y-%m-%d}, in 365 days" in listed
    days_before(house, 3)
    said = type_in(house, "check")
    (line,) = [line for line in said.splitlines() if line.startswith("warning: ")]
    assert line.startswith("warning: bearer key ")
    assert f"of Unit One ({agency.id}) runs out on " in line
    assert line.endswith("in 3 days")
    type_in(house, "agency", "rotate", agency.id)
    listed = type_in(house, "agency", "list")
    assert (listed.count("in 3 days"), listed.count("in 365 days")) == (1, 1)
    days_before(house, -1)
    assert "ran out on" in type_in(house, "agency", "list")


def test_a_public_key_can_be_given_an_end(house, tmp_path):
    from notice_intake.auth import signing

    agency = house.agency()
    file = tmp_path / "key.jwk"
    for days, said in ((None, "does not run out"), ("90", "in 90 days")):
        key = signing.new_ed25519()[0]
        file.write_text(key.public.jwk)
        options = () if days is None else ("--days", days)
        type_in(house, "agency", "key-add", agency.id, "--jwk", str(file), *options)
        (line,) = [line for line in type_in(house, "agency", "list").splitlines() if key.key_id in line]
        assert line.endswith(said)


def test_what_was_to_be_called_back_can_be_polled_after_the_address_is_gone(house, receiver):
    agency = house.agency(callback_url=receiver.url)
    receiver.status = lambda _: 503
    days_before(house, 3)
    assert house.client.delete("/notices/v1/endpoint", headers=agency.headers).status_code == 204
    found = house.client.get("/notices/v1/deliveries", headers=agency.headers).json["deliveries"]
    assert [(one["type"], one["state"]) for one in found] == [("key.expiring", "feed")]
    assert len(events(agency)) == 1
