"""An agency looks after its own callback address, on real sockets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from desk import KEEP, decide_next, run_worker

from notice_intake.store import agencies


def call(agency: Any, method: str, path: str, document: Any = None, **headers: str) -> Any:
    options: dict[str, Any] = {"headers": {**agency.headers, **headers}}
    if document is not None:
        options["json"] = document
    return agency._client.open(f"/notices{path}", method=method, **options)


class Echo:
    """Answers an endpoint.verification with what ``say`` makes of its challenge."""

    def __init__(self, receiver: Any) -> None:
        self.receiver, self.say = receiver, lambda challenge: {"challenge": challenge}

    def answer(self, event: dict[str, Any]) -> tuple[int, bytes]:
        if event["type"] != "endpoint.verification":
            return 204, b""
        return 200, json.dumps(self.say(event["data"]["challenge"])).encode()


@pytest.fixture
def house(house):
    """A house whose clock is right: the receiver refuses what was signed at another time."""
    house.clock.now = datetime.now(UTC)
    return house


@pytest.fixture
def echo(receiver):
    found = Echo(receiver)
    receiver.answer = found.answer
    return found


def put(agency: Any, receiver: Any, **options: Any) -> Any:
    answer = call(agency, "PUT", "/v1/endpoint", {"url": receiver.url, **options})
    if "secret" in (answer.json or {}):
        receiver.secret = answer.json["secret"]
    return answer


def show(agency: Any) -> dict[str, Any]:
    return call(agency, "GET", "/v1/endpoint").json


def test_an_address_is_used_once_it_has_given_the_challenge_back(house, receiver, echo):
    agency = house.agency()
    assert call(agency, "GET", "/v1/endpoint").status_code == 404
    answer = put(agency, receiver)
    assert answer.status_code == 201, answer.json
    assert answer.json["secret"].startswith("whsec_")
    assert (answer.json["state"], answer.json["url"]) == ("unverified", None)
    assert call(agency, "POST", "/v1/endpoint/test").status_code == 409
    before = agency.refer()
    run_worker(house)
    assert receiver.rejected == []
    assert [one["type"] for one in receiver.verified] == ["endpoint.verification"]
    shown = show(agency)
    assert (shown["state"], shown["url"], shown["pending"]) == ("active", receiver.url, None)
    assert "secret" not in json.dumps(shown)
    agency.refer()
    run_worker(house)
    assert [one["type"] for one in receiver.verified] == ["endpoint.verification", "referral.received"]
    # What came before can be sent after all, or polled.
    waiting = call(agency, "GET", "/v1/deliveries?state=feed").json["deliveries"]
    assert [one["referral"] for one in waiting] == [before.json["id"]]
    assert call(agency, "POST", f"/v1/deliveries/{waiting[0]['id']}/replay").status_code == 202
    run_worker(house)
    assert receiver.verified[-1]["data"]["referral"] == before.json["id"]
    assert all(one["type"].startswith("referral.") for one in agency.get("/v1/events").json["events"])


@pytest.mark.parametrize(
    "say",
    [
        lambda challenge: {},
        lambda challenge: {"challenge": challenge[:-1]},
        lambda challenge: {"data": {"challenge": challenge}},
        lambda challenge: [challenge],
        lambda challenge: challenge,
        lambda challenge: {"challenge": "\ud800"},
    ],
)
def test_an_address_that_does_not_give_it_back_gets_nothing_else(house, receiver, echo, say):
    echo.say = say
    agency = house.agency()
    put(agency, receiver)
    agency.refer()
    run_worker(house)
    assert {one["type"] for one in receiver.verified} == {"endpoint.verification"}
    assert show(agency)["state"] == "unverified"
    (delivery,) = call(agency, "GET", "/v1/deliveries?state=due").json["deliveries"]
    assert (delivery["last_status"], delivery["last_error"]) == (200, "the challenge did not come back")
    assert delivery["next_attempt_at"] is not None


def test_an_answer_of_brackets_only_is_a_failed_attempt(house, receiver, echo):
    receiver.answer = lambda _: (200, b"[" * 1024)
    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    (delivery,) = call(agency, "GET", "/v1/deliveries?state=due").json["deliveries"]
    assert (delivery["attempts"], delivery["last_error"]) == (1, "the challenge did not come back")


def test_a_new_address_is_verified_while_the_old_one_works(house, receiver, echo):
    from receiver import Receiver

    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    other = Receiver()
    try:
        second = Echo(other)
        second.say = lambda challenge: {}
        other.answer = second.answer
        answer = put(agency, other)
        assert answer.status_code == 200
        assert answer.json["pending"]["url"] == other.url
        agency.refer()
        run_worker(house)
        assert [one["type"] for one in receiver.verified] == ["endpoint.verification", "referral.received"]
        second.say = lambda challenge: {"challenge": challenge}
        run_worker(house, after=120)
        assert show(agency)["url"] == other.url
        agency.refer()
        run_worker(house)
        assert [one["type"] for one in other.verified][-1] == "referral.received"
        assert other.rejected == receiver.rejected == []
        assert len(receiver.verified) == 2
    finally:
        other.close()


def test_a_disabled_address_is_enabled_and_gets_what_waited_in_order(house, receiver, echo):
    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    receiver.answer = lambda event: (410, b"")
    receipt = agency.refer()
    run_worker(house)
    assert show(agency)["state"] == "disabled"
    decide_next(house, KEEP)
    run_worker(house, after=31)
    receiver.answer = echo.answer
    put(agency, receiver)
    run_worker(house)
    assert show(agency)["state"] == "active"
    run_worker(house, after=60)
    mine = [one for one in receiver.verified if one["data"].get("referral") == receipt.json["id"]]
    assert [one["data"]["sequence"] for one in mine] == [1, 2, 3]


def test_both_secrets_sign_for_a_day(house, receiver, echo):
    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    old = receiver.secret
    assert "secret" not in put(agency, receiver).json
    new = call(agency, "PUT", "/v1/endpoint", {"url": receiver.url, "rotate_secret": True}).json["secret"]
    assert new != old
    for secret in (old, new):
        receiver.secret = secret
        agency.refer()
        run_worker(house)
    assert receiver.rejected == []
    house.clock.advance(hours=25)
    receiver.secret = old
    agency.refer()
    # The receiver keeps its own clock: what is looked at is whether the old secret signs at all.
    with house.mount.storage.read() as tx:
        endpoint = agencies.endpoints(tx, [agency.id])[agency.id]
    from notice_intake.flows.deliver import _target

    assert len(_target(endpoint, house.clock.now)[1]) == 1
    assert len(_target(endpoint, endpoint.rotated_at + timedelta(hours=23))[1]) == 2


def test_a_test_event_arrives_once_for_a_key(house, receiver, echo):
    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    key = {"Idempotency-Key": "test-0123456789-abcdef"}
    first, again = (call(agency, "POST", "/v1/endpoint/test", **key) for _ in range(2))
    assert (first.status_code, first.json) == (202, again.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    run_worker(house)
    assert [one["type"] for one in receiver.verified] == ["endpoint.verification", "endpoint.test"]
    assert receiver.ids[-1] == first.json["id"]


def test_taking_it_away_leaves_everything_to_be_polled(house, receiver, echo):
    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    agency.refer()
    assert call(agency, "DELETE", "/v1/endpoint").status_code == 204
    assert call(agency, "DELETE", "/v1/endpoint").status_code == 404
    assert call(agency, "GET", "/v1/endpoint").status_code == 404
    run_worker(house)
    assert [one["type"] for one in receiver.verified] == ["endpoint.verification"]
    assert [one["type"] for one in agency.get("/v1/events").json["events"]] == ["referral.received"]
    assert put(agency, receiver).status_code == 201
    run_worker(house)
    assert show(agency)["state"] == "active"


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/hook", "ftp://hooks.example/x", "https://user:x@hooks.example/", "https://[::1]/", "x"]
)
def test_an_address_that_callbacks_may_not_reach_is_refused(house, url):
    agency = house.agency()
    answer = call(agency, "PUT", "/v1/endpoint", {"url": url})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/url"
    assert call(agency, "GET", "/v1/endpoint").status_code == 404


def test_deliveries_are_listed_in_pages_and_belong_to_their_agency(house, receiver, echo):
    agency, other = house.agency(), house.agency("Unit Two", country="FR")
    put(agency, receiver)
    run_worker(house)
    for _ in range(4):
        agency.refer()
    run_worker(house)
    found, path = [], "/v1/deliveries?limit=2"
    while path:
        page = call(agency, "GET", path)
        found += page.json["deliveries"]
        link = page.headers.get("Link")
        path = link.partition(">")[0].removeprefix("</notices") if link else None
    assert len({one["id"] for one in found}) == len(found) == 5
    assert [one["id"] for one in found] == sorted((one["id"] for one in found), reverse=True)
    assert {(one["state"], one["last_status"]) for one in found[:4]} == {("done", 204)}
    assert call(other, "GET", "/v1/deliveries").json["deliveries"] == []
    missing = call(other, "POST", f"/v1/deliveries/{found[0]['id']}/replay")
    none = call(other, "POST", "/v1/deliveries/msg_00000000000000000000000000/replay")
    assert missing.status_code == none.status_code == 404
    assert missing.json["detail"] == none.json["detail"]
    assert call(agency, "POST", f"/v1/deliveries/{found[-1]['id']}/replay").status_code == 409
    again = call(agency, "POST", f"/v1/deliveries/{found[0]['id']}/replay")
    assert (again.status_code, again.json["state"]) == (202, "due")
    run_worker(house)
    assert receiver.ids.count(found[0]["id"]) == 2
