"""What the API really sends keeps the published schemas, and holds nothing that they do not name."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from contract.closed import SCHEMAS, check
from contract.specimens import INSTRUMENTS, full
from flows.desk import (
    KEEP,
    LEAD,
    ONE,
    REMOVE,
    TWO,
    case_file,
    claim_next,
    decide_case,
    decide_next,
    run_worker,
)
from flows.sandboxes import PREFIX, Sandbox, scripted

from notice_intake.contract.events import EVENTS
from notice_intake.core.decisions import Draft
from notice_intake.flows.agencies import TOKEN_LIFE
from notice_intake.flows.questions import Question, ask
from notice_intake.regimes.publish import published

OPENAPI = json.loads(published()["openapi.json"])
LINK = "https://platform.example/p1"
GONE = Draft(outcome="not_possible", facts="Seen.", impossibility="insufficient_information")


def read(agency: Any, receipt: Any) -> dict[str, Any]:
    """Read a referral, and each of its parts, against their schemas."""
    told = check("referral_status", agency.get(receipt["status_path"]).json)
    for item in told["items"]:
        check("item_status", item)
        if item["decision"] is not None:
            check("decision", item["decision"])
    for question in told["questions"]:
        check("question", question)
    return told


def write(agency: Any, receipt: Any, call: str, document: dict[str, Any]) -> Any:
    """Send a message, which keeps its own schema, and check what it is answered with."""
    check({"supplements": "supplement", "complaints": "complaint"}.get(call, call), document)
    headers = {**agency.headers, "If-Match": agency.get(receipt["status_path"]).headers["ETag"]}
    answer = agency._client.post(f"/notices{receipt['status_path']}/{call}", json=document, headers=headers)
    assert answer.status_code == 201, answer.json
    return check("answer", answer.json)


def asked(house: Any, case_id: str, referral: str) -> None:
    question = Question("not_precise", "Which one?", (referral,))
    version = case_file(house, case_id).row.version
    ask(
        house.mount,
        case_id,
        question,
        moderator=ONE,
        version=version,
        now=house.clock.now,
    )


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_receipt_of_every_instrument(house, instrument):
    agency = house.agency()
    receipt = check("receipt", agency.refer(full(instrument)).json)
    assert check("receipt", receipt)["instrument"] == instrument
    read(agency, receipt)


@pytest.fixture
def lived(house, receiver):
    """A house in which everything has happened that an agency is told of; the agency, and what it received."""
    # The receiver's library refuses what was signed more than five minutes from now, either way.
    house.clock.now = datetime.now(UTC) - timedelta(seconds=150)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    first = agency.refer(agency.document(LINK)).json
    case_id = claim_next(house)
    asked(house, case_id, first["id"])
    read(agency, first)
    write(
        agency, first, "supplements", {"text": "The second.", "items": [{"reference": first["items"][0]["reference"]}]}
    )
    decide_next(house)
    run_worker(house, after=60)
    assert read(agency, first)["items"][0]["decision"]["outcome"] == "removed"
    write(agency, first, "complaints", {"items": [first["items"][0]["reference"]], "text": "Look again."})
    decide_next(house, KEEP, LEAD)
    run_worker(house, after=60)
    told = read(agency, first)
    assert told["items"][0]["status"] == "restored"
    assert told["items"][0]["decision"]["outcome"] == "no_action"
    second = agency.refer(agency.document("https://platform.example/p2")).json
    write(agency, second, "withdrawal", {"reason": "Sent in error."})
    order = agency.refer(agency.order("https://platform.example/p3")).json
    decide_next(house, GONE)
    run_worker(house, after=60)
    assert read(agency, order)["items"][0]["status"] == "not_possible"
    return house, agency, receiver


def test_every_event_as_it_arrives_and_as_it_is_polled(lived):
    house, agency, receiver = lived
    answer = agency._client.post("/notices/v1/endpoint/test", headers=agency.headers)
    check("endpoint_test", answer.json)
    run_worker(house, after=1)
    other = receiver.url + "/other"
    receiver.answer = lambda event: (200, json.dumps({"challenge": event["data"].get("challenge")}).encode())
    put = agency._client.put("/notices/v1/endpoint", json={"url": other}, headers=agency.headers)
    assert put.status_code == 200
    receiver.secret = check("endpoint_status", put.json)["secret"]
    run_worker(house, after=60)
    seen = {event["type"] for event in (check("event", one) for one in receiver.verified)}
    assert seen == set(EVENTS) - {"key.expiring"}
    assert not receiver.rejected
    page = check("events", agency.get("/v1/events?limit=200").json, closed=False)
    for event in page["events"]:
        check("event", {name: value for name, value in event.items() if name != "id"})
    check("endpoint_status", agency.get("/v1/endpoint").json)


def test_a_key_that_runs_out_is_told_of_as_the_contract_says(house, receiver):
    house.clock.now = datetime.now(UTC) - TOKEN_LIFE + timedelta(days=3)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    agency.refer()
    house.clock.now = datetime.now(UTC)
    run_worker(house)
    assert "key.expiring" in {check("event", one)["type"] for one in receiver.verified}
    page = check("events", agency.get("/v1/events").json, closed=False)
    assert {one["type"] for one in page["events"]} == {"referral.received", "key.expiring"}
    for event in page["events"]:
        check("event", {name: value for name, value in event.items() if name != "id"})


def test_a_type_of_event_that_is_not_known_yet_breaks_no_reader(house):
    agency = house.agency()
    agency.refer()
    page = agency.get("/v1/events").json
    (known,) = page["events"]
    new = {**known, "type": "referral.archived", "data": {"shelf": 7}}
    check("events", {**page, "events": [known, new]}, closed=False)
    check("event", {name: value for name, value in new.items() if name != "id"})
    for spoilt in ({**known, "data": {"shelf": 7}}, {**known, "type": 7}):
        with pytest.raises(AssertionError):
            check("events", {**page, "events": [spoilt]}, closed=False)
        with pytest.raises(AssertionError):
            check("event", {name: value for name, value in spoilt.items() if name != "id"})


def test_all_that_a_sandbox_sends(make_house, receiver):
    sandbox = Sandbox(make_house)
    agency = sandbox.agency("--callback-url", receiver.url)
    receiver.secret = agency.secret
    sandbox.house.clock.now = datetime.now(UTC)
    answer = agency.refer(scripted(agency, "ask:not_precise+decide:removed", "decide:removed"))
    receipt = check("receipt", answer.json)
    headers = {**agency.headers, "Content-Type": "application/x-ndjson"}
    lines = b"{\n" + json.dumps(agency.document()).encode()
    streamed = agency._client.post(f"{PREFIX}/v1/referrals/bulk", data=lines, headers=headers)
    _, stored = [check("bulk_line", json.loads(line)) for line in streamed.data.splitlines()]
    sandbox.work()
    page = check("referrals", agency.get("/v1/referrals").json)
    found = [receipt, stored["receipt"], read(agency, receipt), *page["referrals"]]
    assert [one["sandbox"] for one in found] == [True] * 5
    for event in check("events", agency.get("/v1/events").json, closed=False)["events"]:
        check("event", {name: value for name, value in event.items() if name != "id"})
    for event in receiver.verified:
        check("event", event)
    told = OPENAPI["components"]["headers"]["Notice-Intake-Sandbox"]["schema"]["const"]
    assert {one.headers["Notice-Intake-Sandbox"] for one in (answer, streamed, agency.get("/v1/events"))} == {told}


def test_lists_and_what_else_is_read(lived):
    _, agency, _ = lived
    page = check("referrals", agency.get("/v1/referrals?limit=2").json)
    assert page["next"] is not None
    for one in check("deliveries", agency.get("/v1/deliveries?limit=200").json)["deliveries"]:
        check("delivery", one)
    (sent, *_) = agency.get("/v1/deliveries?state=done").json["deliveries"]
    replayed = agency._client.post(f"/notices/v1/deliveries/{sent['id']}/replay", headers=agency.headers)
    check("delivery", replayed.json)
    check("health", agency.get("/healthz").json)
    check("readiness", agency.get("/readyz").json)
    check("keys", agency.get("/v1/keys").json)
    check("explanation", agency.get("/v1/problems/conflict").json)


def test_keys_where_answers_are_signed(make_house):
    house = make_house(public_url="https://platform.example")
    keys = check("keys", house.agency().get("/v1/keys").json)["keys"]
    assert keys[0]["crv"] == "Ed25519"


def test_lines_of_a_stream(house):
    agency = house.agency()
    good = json.dumps(agency.document(LINK))
    lines = [good, good, "{", json.dumps(agency.document(LINK, language="?")), json.dumps([])]
    headers = {**agency.headers, "Content-Type": "application/x-ndjson"}
    answer = agency._client.post("/notices/v1/referrals/bulk", data="\n".join(lines), headers=headers)
    told = [check("bulk_line", json.loads(line)) for line in answer.data.splitlines()]
    assert [one["status"] for one in told] == [201, 201, 400, 422, 422]


def test_a_decision_that_rests_in_its_undo_window_is_not_told(house):
    agency = house.agency()
    receipt = agency.refer(agency.document(LINK)).json
    case_id = decide_next(house)
    run_worker(house)
    assert read(agency, receipt)["items"][0]["decision"] is None
    run_worker(house, after=60)
    first = read(agency, receipt)["items"][0]["decision"]
    assert (first["outcome"], first["ground"], first["automated"]) == ("removed", "terms", False)
    draft = replace(REMOVE, outcome="access_disabled", territories=("BE",))
    decide_case(house, case_id, draft, TWO)
    run_worker(house)
    assert read(agency, receipt)["items"][0]["decision"] == first
    run_worker(house, after=60)
    assert read(agency, receipt)["items"][0]["decision"]["territories"] == ["BE"]


def test_a_decision_tells_nothing_that_a_moderator_wrote(house):
    agency, other = house.agency(), house.agency("Unit Two")
    receipt = agency.refer(agency.document(LINK)).json
    other.refer(other.document(LINK))
    words = {"facts": "canary-1", "explanation": "canary-2", "ground_reference": "canary-3"}
    decide_next(house, replace(REMOVE, **words))
    run_worker(house, after=60)
    assert read(agency, receipt)["items"][0]["decision"] is not None
    told = agency.get(receipt["status_path"]).get_data(as_text=True)
    assert "canary" not in told
    assert not re.search(r"(?<![\w-])m-1(?![\w-])", told), "a word of its own: base64url may hold it by chance"


def test_every_schema_of_an_answer_was_met_here():
    """Adding a schema asks for a body that keeps it."""
    source = Path(__file__).read_text(encoding="utf-8")
    answered = {name for name in SCHEMAS if not name.startswith("referral.")} - {"problem"}
    assert {name for name in answered if f'"{name}"' not in source} <= {"endpoint"}
