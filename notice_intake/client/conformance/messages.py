"""What is said about a referral afterwards: further facts, taking back, complaints, questions."""

from __future__ import annotations

import json
from typing import Any

from . import expect
from .door import Door, Referred, Reply
from .expect import that
from .reading import events_of
from .rules import Broken, NotTried, rule

_CHANGED = "refer-to-us.md#when-the-platform-asks"
_BACK, _COMPLAIN = "refer-to-us.md#take-it-back", "refer-to-us.md#complain"
_SANDBOX = "refer-to-us.md#try-it-in-the-sandbox"
_FACTS = {"text": "Placeholder."}
_REASON = {"reason": "Placeholder."}


def _say(door: Door, one: Referred, what: str, document: Any, **headers: str) -> Reply:
    return door.post(f"{one.path}/{what}", document, **headers)


def _stands(door: Door, one: Referred) -> tuple[str, dict[str, Any]]:
    """Return the tag of a referral as it stands, and what it says."""
    reply = door.get(one.path)
    if reply.status != 200 or "ETag" not in reply.headers:
        raise NotTried("a referral cannot be read, or has no ETag")
    return reply.headers["ETag"], reply.object()


@rule("messages.precondition", "Whoever says something must name the state that was read: 428", _CHANGED)
def _precondition(door: Door) -> None:
    one = door.one()
    for what, document in (
        ("supplements", _FACTS),
        ("withdrawal", _REASON),
        ("complaints", {"items": ["1"], **_FACTS}),
    ):
        expect.problem(_say(door, one, what, document), 428, "precondition-required")


@rule(
    "messages.stale", "What was written for an older state is refused with 412, which names the current one", _CHANGED
)
def _stale(door: Door) -> None:
    one = door.one()
    tag, shown = _stands(door, one)
    for what, document in (("supplements", _FACTS), ("withdrawal", _REASON)):
        reply = _say(door, one, what, document, If_Match='"r999999"')
        found = expect.problem(reply, 412, "referral-changed")
        expect.equal(reply.headers.get("ETag"), tag, "ETag")
        expect.equal(found.get("sequence"), shown.get("sequence"), "sequence")


@rule("messages.strict", "Messages are read as strictly as referrals", _CHANGED)
def _strict(door: Door) -> None:
    one = door.one()
    tag, _ = _stands(door, one)
    expect.fault(
        _say(door, one, "supplements", {"text": "x", "surprise": 1}, If_Match=tag), "/surprise", "unknown_field"
    )
    expect.fault(_say(door, one, "withdrawal", {}, If_Match=tag), "/reason", "required")
    expect.problem(_say(door, one, "supplements", b'{"text":"x","text":"y"}', If_Match=tag), 400, "malformed-body")


@rule(
    "messages.unknown-referral",
    "Nothing can be said about a referral that is none",
    "refer-to-us.md#when-it-is-refused",
)
def _unknown_referral(door: Door) -> None:
    for what, document in (
        ("supplements", _FACTS),
        ("withdrawal", _REASON),
        ("complaints", {"items": ["1"], **_FACTS}),
    ):
        reply = door.post(f"/v1/referrals/ref_AAAAAAAAAAAAAAAAAAAAAAAAAA/{what}", document, If_Match="*")
        expect.problem(reply, 404, "not-found")


@rule("messages.supplement", "Facts are added: 201 with the new ETag, and the event referral.supplemented", _CHANGED)
def _supplement(door: Door) -> None:
    one = door.referred()
    tag, shown = _stands(door, one)
    facts = {**_FACTS, "items": [{"reference": "1", "text": "Placeholder."}]}
    reply = _say(door, one, "supplements", facts, If_Match=tag)
    found = expect.document(reply, 201)
    expect.equal(found.get("referral"), one.id, "referral")
    that(expect.member(found, "sequence", int) > shown["sequence"], "a higher sequence", found.get("sequence"))
    after, now = _stands(door, one)
    expect.equal(reply.headers.get("ETag"), after, "ETag")
    that(len(now.get("supplements", [])) == 1, "one supplement in the referral", now.get("supplements"))
    types = [event.get("type") for event in events_of(door, one.id)]
    that("referral.supplemented" in types, "the event referral.supplemented", types)


@rule("messages.once", "A message is taken once under its idempotency key", "refer-to-us.md#send-it-again")
def _once(door: Door) -> None:
    one = door.referred()
    tag, _ = _stands(door, one)
    key = f"conformance:{door.run}:{door.count}"
    body = json.dumps(_FACTS).encode()
    first, again = (_say(door, one, "supplements", body, If_Match=tag, Idempotency_Key=key) for _ in range(2))
    expect.status(first, 201)
    expect.status(again, 201)
    expect.equal(again.json(), first.json(), "the answer")
    other = _say(door, one, "supplements", {"text": "Something else."}, If_Match="*", Idempotency_Key=key)
    expect.problem(other, 422, "idempotency-key-reused")


@rule("messages.withdrawal", "Items can be taken back, some or all, and stay so", _BACK)
def _withdrawal(door: Door) -> None:
    one = door.referred("1", "2")
    tag, _ = _stands(door, one)
    expect.status(_say(door, one, "withdrawal", {**_REASON, "items": ["1"]}, If_Match=tag), 201)
    tag, shown = _stands(door, one)
    statuses = {item.get("reference"): item.get("status") for item in shown.get("items", [])}
    that(statuses.get("1") == "withdrawn" != statuses.get("2"), "only item 1 withdrawn", statuses)
    types = [event.get("type") for event in events_of(door, one.id)]
    that("item.withdrawn" in types, "the event item.withdrawn", types)
    expect.status(_say(door, one, "withdrawal", _REASON, If_Match=tag), 201)
    tag, _ = _stands(door, one)
    expect.problem(_say(door, one, "withdrawal", _REASON, If_Match=tag), 409, "conflict")


@rule("messages.early-complaint", "Nothing can be complained about before it is decided", _COMPLAIN)
def _early_complaint(door: Door) -> None:
    one = door.referred()
    tag, _ = _stands(door, one)
    expect.problem(_say(door, one, "complaints", {"items": ["1"], **_FACTS}, If_Match=tag), 409, "conflict")


def _until(door: Door, one: Referred, type: str) -> list[dict[str, Any]]:
    """Wait for an event of a referral that the sandbox answers; return all that came."""
    waited = 0.0
    while True:
        found = events_of(door, one.id)
        types = [str(event.get("type")) for event in found]
        if type in types:
            return found
        if waited >= door.patience:
            raise Broken(
                f"the event {type} within {door.patience:.0f} seconds", f"{', '.join(types)}: is a worker running?"
            )
        door.rest(0.25)
        waited += 0.25


def _scripted(door: Door, reference: str) -> Referred:
    if not door.sandbox:
        raise NotTried("needs a sandbox, which answers by itself")
    return door.referred(reference)


def _data(events: list[dict[str, Any]], type: str) -> dict[str, Any]:
    return next(expect.member(event, "data", dict) for event in events if event.get("type") == type)


@rule(
    "life.decided",
    "The sandbox decides as a reference says; each change is an event, in order, counted without a gap",
    _SANDBOX,
)
def _decided(door: Door) -> None:
    one = _scripted(door, "decide:removed")
    events = _until(door, one, "item.effected")
    types = [event.get("type") for event in events]
    wanted = ["referral.received", "item.in_review", "item.decided", "item.effected"]
    expect.equal(types, wanted, "the events")
    sequences = [expect.member(event, "data", dict).get("sequence") for event in events]
    expect.equal(sequences, [1, 2, 3, 4], "the sequences")
    data = _data(events, "item.decided")
    expect.equal((data.get("status"), data.get("outcome")), ("decided", "removed"), "status and outcome")
    expect.equal(data.get("item_reference"), "decide:removed", "item_reference")
    _, shown = _stands(door, one)
    (item,) = expect.objects(shown, "items")
    expect.equal((item.get("status"), item.get("outcome")), ("effected", "removed"), "status and outcome of the item")
    expect.equal(shown.get("sequence"), 4, "the referral's sequence")


@rule("life.question", "A question stands in the referral with its reason; the answer to it is taken", _SANDBOX)
def _question(door: Door) -> None:
    one = _scripted(door, "ask:not_precise+decide:no_action")
    data = _data(_until(door, one, "item.needs_clarification"), "item.needs_clarification")
    expect.equal(data.get("reason_code"), "not_precise", "reason_code")
    tag, shown = _stands(door, one)
    (asked,) = expect.objects(shown, "questions") or [{}]
    expect.equal(asked.get("id"), data.get("question"), "the question's id")
    expect.equal(asked.get("answered_at", ""), None, "answered_at")
    expect.member(asked, "text", str)
    answer = _say(door, one, "supplements", {"text": "Placeholder.", "answers": asked["id"]}, If_Match=tag)
    expect.status(answer, 201)
    _until(door, one, "item.decided")
    _, shown = _stands(door, one)
    (asked,) = expect.objects(shown, "questions") or [{}]
    that(asked.get("answered_at") is not None, "a time in answered_at", asked.get("answered_at"))


@rule("life.complaint", "A complaint is answered for each item: upheld, or reversed with the new outcome", _SANDBOX)
def _complaint(door: Door) -> None:
    reference = "decide:removed+decide:no_action"
    one = _scripted(door, reference)
    _until(door, one, "item.effected")
    tag, _ = _stands(door, one)
    reply = _say(door, one, "complaints", {**_FACTS, "items": [reference]}, If_Match=tag)
    found = expect.document(reply, 201)
    data = _data(_until(door, one, "complaint.decided"), "complaint.decided")
    expect.equal(data.get("complaint"), found.get("id"), "the complaint's id")
    expect.equal((data.get("result"), data.get("outcome")), ("reversed", "no_action"), "result and outcome")
