"""What an agency says after the referral, and its own address: what goes over the wire, and what is read from it."""

from __future__ import annotations

import json

import pytest
from scripted import RECEIPT, Script, problem, reply

from notice_intake.client import BadAnswer, Conflict, NotFound

ITEM = RECEIPT["items"][0]
MESSAGE = {
    "id": "sup_1",
    "kind": "supplement",
    "referral": "ref_1",
    "sequence": 7,
    "received_at": RECEIPT["received_at"],
    "items": [ITEM],
}
ENDPOINT = {
    "id": "end_1",
    "url": None,
    "state": "unverified",
    "pending": {"url": "https://unit.example/c", "since": RECEIPT["received_at"]},
    "failures": 0,
    "secret": "whsec_x",
}
DELIVERY = {
    "id": "msg_1",
    "type": "item.effected",
    "referral": "ref_1",
    "state": "dead",
    "attempts": 13,
    "last_status": 500,
    "last_error": "status",
    "created_at": RECEIPT["received_at"],
    "next_attempt_at": None,
    "delivered_at": None,
}


def test_a_supplement_answers_a_question(script: Script):
    script.says(reply(201, MESSAGE))
    message = script.client().supplement("ref_1", text="Placeholder.", answers="qst_1", sequence=6)
    assert (message.id, message.kind, message.sequence, message.replayed) == ("sup_1", "supplement", 7, False)
    (sent,) = script.seen
    assert (sent.method, sent.path) == ("POST", "/v1/referrals/ref_1/supplements")
    assert json.loads(sent.body) == {"text": "Placeholder.", "answers": "qst_1"}
    assert sent.headers["If-Match"] == '"r6"'
    assert len(sent.headers["Idempotency-Key"]) >= 16


def test_a_withdrawal_and_a_complaint_name_items(script: Script):
    script.says(reply(201, {**MESSAGE, "kind": "withdrawal"}), reply(201, MESSAGE, Idempotency_Replayed="true"))
    client = script.client()
    assert client.withdraw("ref_1", reason="Placeholder.", items=["1-1"]).kind == "withdrawal"
    assert client.complain("ref_1", text="Placeholder.", items=["1-1"], key="k" * 16).replayed
    first, second = script.seen
    assert first.path == "/v1/referrals/ref_1/withdrawal"
    assert json.loads(first.body) == {"reason": "Placeholder.", "items": ["1-1"]}
    assert first.headers["If-Match"] == "*"
    assert second.path == "/v1/referrals/ref_1/complaints"
    assert second.headers["Idempotency-Key"] == "k" * 16


def test_a_message_is_sent_until_it_is_answered(script: Script):
    script.says(problem(503, "temporarily-unavailable"), reply(201, MESSAGE))
    script.client().withdraw("ref_1", reason="Placeholder.", sequence=3)
    assert len({one.headers["Idempotency-Key"] for one in script.seen}) == 1
    assert [one.headers["If-Match"] for one in script.seen] == ['"r3"', '"r3"']


def test_a_referral_that_has_moved_on_says_where_to(script: Script):
    script.says(problem(412, "referral-changed", sequence=9))
    with pytest.raises(Conflict) as moved:
        script.client().withdraw("ref_1", reason="Placeholder.", sequence=3)
    assert moved.value.sequence == 9
    script.says(problem(412, "referral-changed", sequence="9"))
    with pytest.raises(Conflict) as moved:
        script.client().withdraw("ref_1", reason="Placeholder.", sequence=3)
    assert moved.value.sequence is None


def test_questions_stand_in_the_status(script: Script):
    question = {
        "id": "qst_1",
        "reason_code": "content_not_found",
        "text": "Placeholder?",
        "items": ["1-1"],
        "asked_at": RECEIPT["received_at"],
        "answered_at": None,
    }
    item = {**ITEM, "due_at": None, "status": "needs_clarification"}
    status = {**RECEIPT, "updated_at": RECEIPT["received_at"], "sequence": 2, "items": [item], "questions": [question]}
    script.says(reply(200, status))
    found = script.client().status("ref_1")
    assert (found.questions[0].reason_code, found.questions[0].items) == ("content_not_found", ("1-1",))
    assert found.questions[0].answered_at is None
    assert found.items[0].due_at is None
    script.says(reply(200, {**status, "questions": [{**question, "items": [1]}]}))
    with pytest.raises(BadAnswer):
        script.client().status("ref_1")


def test_an_endpoint_is_looked_after(script: Script):
    client = script.client()
    script.says(reply(201, ENDPOINT))
    endpoint = client.set_endpoint("https://unit.example/c", rotate_secret=True)
    assert (endpoint.url, endpoint.pending_url, endpoint.secret) == (None, "https://unit.example/c", "whsec_x")
    assert "whsec_x" not in repr(endpoint)
    assert json.loads(script.seen[-1].body) == {"url": "https://unit.example/c", "rotate_secret": True}
    script.says(reply(200, {**ENDPOINT, "url": "https://unit.example/c", "pending": None, "secret": None}))
    assert client.endpoint().pending_url is None
    script.says(reply(202, {"id": "msg_9", "type": "endpoint.test", "state": "due"}))
    assert client.test_endpoint() == "msg_9"
    script.says(reply(204))
    client.delete_endpoint()
    assert [one.method for one in script.seen] == ["PUT", "GET", "POST", "DELETE"]
    script.says(problem(404, "not-found"))
    with pytest.raises(NotFound):
        client.endpoint()
    script.says(reply(200, {**ENDPOINT, "pending": 7}))
    with pytest.raises(BadAnswer):
        client.endpoint()


def test_deliveries_are_listed_and_replayed(script: Script):
    client = script.client()
    script.says(
        reply(200, {"deliveries": [DELIVERY], "next": "further"}),
        reply(200, {"deliveries": [{**DELIVERY, "id": "msg_2", "referral": None}], "next": None}),
    )
    assert [one.id for one in client.deliveries("dead")] == ["msg_1", "msg_2"]
    assert [one.path for one in script.seen] == [
        "/v1/deliveries?limit=200&state=dead",
        "/v1/deliveries?limit=200&state=dead&cursor=further",
    ]
    script.says(reply(202, {**DELIVERY, "state": "due"}))
    assert client.replay("msg_1").state == "due"
    assert script.seen[-1].path == "/v1/deliveries/msg_1/replay"


def test_keys_are_read(script: Script):
    script.says(reply(200, {"keys": [{"kty": "OKP", "kid": "k1"}]}))
    assert script.client().keys()[0]["kid"] == "k1"
    script.says(reply(200, {"keys": ["x"]}))
    with pytest.raises(BadAnswer):
        script.client().keys()
