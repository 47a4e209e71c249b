"""An agency looks after its own callback address, on real sockets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from desk import KEEP, decide_next, run_worker
from receiver import Receiver
from standardwebhooks import Webhook

from notice_intake.flows import callback_secrets, endpoint_operations
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
    assert len(callback_secrets.signing(endpoint, now=house.clock.now)) == 1
    assert len(callback_secrets.signing(endpoint, now=endpoint.rotated_at + timedelta(hours=23))) == 2


def rotated(house, agency, receiver, *, by_operator=False):
    if not by_operator:
        return call(agency, "PUT", "/v1/endpoint", {"url": receiver.url, "rotate_secret": True}).json["secret"]
    with house.mount.storage.read() as tx:
        found = agencies.find(tx, agency.id)
    return endpoint_operations.rotate_secret(house.mount, found, at_once=False, now=house.clock.now)


def signers(house, agency, receiver, *secrets):
    """Which of these secrets the next callback is signed with."""
    seen = []
    receiver.take = lambda headers, body: seen.append((headers, body)) or (204, b"")
    agency.refer()
    run_worker(house)
    ((headers, body),) = seen
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    made = [Webhook(one).sign(headers["webhook-id"], at, body.decode()) for one in secrets]
    return [one for one, signature in zip(secrets, made, strict=True) if signature in headers["webhook-signature"]]


@pytest.mark.parametrize("by_operator", [False, True])
def test_each_secret_signs_for_a_day_after_it_was_replaced_however_often_that_was(house, receiver, echo, by_operator):
    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    first = receiver.secret
    second = rotated(house, agency, receiver, by_operator=by_operator)
    house.clock.advance(hours=1)
    third = rotated(house, agency, receiver, by_operator=by_operator)
    all_of_them = (first, second, third)
    assert signers(house, agency, receiver, *all_of_them) == [first, second, third]
    house.clock.advance(hours=22, minutes=59)
    assert signers(house, agency, receiver, *all_of_them) == [first, second, third]
    house.clock.advance(minutes=2)
    assert signers(house, agency, receiver, *all_of_them) == [second, third]
    house.clock.advance(hours=1)
    assert signers(house, agency, receiver, *all_of_them) == [third]
    # What has run out is not kept either.
    rotated(house, agency, receiver, by_operator=by_operator)
    with house.mount.storage.read() as tx:
        assert len(agencies.endpoints(tx, [agency.id])[agency.id].secrets) == 2


def test_a_disabled_address_that_gets_a_new_secret_is_signed_with_the_one_before_for_a_day(house, receiver, echo):
    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    first = receiver.secret
    receiver.answer = lambda event: (410, b"")
    agency.refer()
    run_worker(house)
    assert show(agency)["state"] == "disabled"
    receiver.answer = echo.answer
    second = receiver.secret = rotated(house, agency, receiver)
    run_worker(house)
    assert show(agency)["state"] == "active"
    run_worker(house, after=60)
    assert signers(house, agency, receiver, first, second) == [first, second]
    house.clock.advance(hours=25)
    assert signers(house, agency, receiver, first, second) == [second]


def test_another_address_with_a_new_secret_is_never_signed_with_the_one_before(house, receiver, echo):
    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    first = receiver.secret
    other = Receiver()
    try:
        other.answer = Echo(other).answer
        second = rotated(house, agency, other)
        other.secret = second
        run_worker(house)
        assert signers(house, agency, other, first, second) == [second]
    finally:
        other.close()


def test_a_secret_that_is_changed_too_often_within_a_day_is_kept_and_none_is_left_out(house, receiver, echo):
    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    given = [receiver.secret] + [rotated(house, agency, receiver) for _ in range(9)]
    again = call(agency, "PUT", "/v1/endpoint", {"url": receiver.url, "rotate_secret": True})
    assert (again.status_code, again.json["type"].rpartition("/")[2]) == (409, "conflict")
    assert signers(house, agency, receiver, *given) == given
    result = house.app.test_cli_runner().invoke(args=["notice-intake", "endpoint", "rotate-secret", agency.id])
    assert result.exit_code == 2
    assert "too often within a day" in result.output
    at_once = ["notice-intake", "endpoint", "rotate-secret", agency.id, "--at-once"]
    assert house.app.test_cli_runner().invoke(args=at_once).exit_code == 0
    assert signers(house, agency, receiver, *given) == []
    house.clock.advance(hours=25)
    assert rotated(house, agency, receiver)


def test_a_secret_that_was_stored_without_its_time_signs_for_a_day_after_the_last_change(house, receiver, echo):
    agency = house.agency()
    put(agency, receiver)
    run_worker(house)
    first, second = receiver.secret, rotated(house, agency, receiver)
    with house.mount.storage.begin() as tx:
        endpoint = agencies.endpoints(tx, [agency.id])[agency.id]
        agencies.note_endpoint(tx, endpoint.id, secrets=list(endpoint.secrets))
    assert signers(house, agency, receiver, first, second) == [first, second]
    house.clock.advance(hours=25)
    assert signers(house, agency, receiver, first, second) == [second]


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
