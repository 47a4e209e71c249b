"""Sending one referral: its receipt, and sending it again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from . import expect
from .door import Door
from .expect import that
from .rules import NotTried, rule

_SEND, _AGAIN = "refer-to-us.md#send-a-referral", "refer-to-us.md#send-it-again"


@rule("receipts.created", "A referral is answered by 201 and Location", _SEND)
def _created(door: Door) -> None:
    reply = door.refer(door.document())
    found = expect.document(reply, 201)
    path = expect.member(found, "status_path", str)
    that(
        reply.headers.get("Location", "").endswith(path), f"Location that ends in {path}", reply.headers.get("Location")
    )


@rule("receipts.members", "A receipt has ids, your references, the times, and the rule that set the due time", _SEND)
def _members(door: Door) -> None:
    one = door.one()
    for name in ("agency_reference", "instrument"):
        expect.equal(one.receipt.get(name), one.document[name], name)
    that(len(expect.member(one.receipt, "due_rule", str)) > 0, "a due_rule", "an empty one")
    that(one.receipt.get("due_kind") in ("legal", "house"), "due_kind legal or house", one.receipt.get("due_kind"))
    expect.member(one.receipt, "binding", bool)
    expect.equal(expect.member(one.receipt, "status_path", str), one.path, "status_path")


@rule("receipts.times", "A receipt's times have an offset, and it is due after it was received", _SEND)
def _times(door: Door) -> None:
    receipt = door.one().receipt
    received, due = expect.moment(receipt, "received_at"), expect.moment(receipt, "due_at")
    off = abs(datetime.now(UTC) - received)
    that(off < timedelta(minutes=10), "received_at within ten minutes of now", receipt.get("received_at"))
    that(due > received, "due_at after received_at", receipt.get("due_at"))


@rule("receipts.items", "A receipt lists every item in order, with your reference, an id and where it stands", _SEND)
def _items(door: Door) -> None:
    one = door.one()
    found = expect.objects(one.receipt, "items")
    expect.equal([item.get("reference") for item in found], ["1", "2"], "the items' references")
    ids = [expect.member(item, "id", str) for item in found]
    that(len(set(ids)) == len(ids), "an id of its own for each item", ids)
    for item in found:
        expect.member(item, "status", str)
        that("outcome" in item, "an outcome, null where there is none", item)


@rule("receipts.ids", "Ids are new for each referral, and cannot be guessed from one another", _SEND)
def _ids(door: Door) -> None:
    first, second = door.referred().id, door.referred().id
    same = sum(a == b for a, b in zip(first, second, strict=False))
    that(len(first) >= 20 and len(first) - same >= 8, "ids of 20 characters or more, 8 of them new", (first, second))


@rule("receipts.found-again", "What a receipt names can be read at once", _SEND)
def _found_again(door: Door) -> None:
    one = door.one()
    found = expect.document(door.get(one.path), 200)
    expect.equal(found.get("id"), one.id, "id")
    expect.equal(found.get("agency_reference"), one.document["agency_reference"], "agency_reference")


@rule("receipts.sandbox", "The receipt of a sandbox says that it is one", "refer-to-us.md#try-it-in-the-sandbox")
def _sandbox(door: Door) -> None:
    if not door.sandbox:
        raise NotTried("this is no sandbox")
    expect.equal(door.one().receipt.get("sandbox"), True, "sandbox")
    lines = door.send("POST", "/v1/referrals/bulk", body=json.dumps(door.document()).encode(), Content_Type=_LINES)
    found = lines.json()
    expect.equal(found.get("receipt", {}).get("sandbox") if isinstance(found, dict) else None, True, "sandbox, in bulk")


_LINES = "application/x-ndjson"


@rule("repeats.same-receipt", "The same body under the same key gets the same receipt, and is stored once", _AGAIN)
def _same_receipt(door: Door) -> None:
    key, body = f"conformance:{door.run}:{door.count}", json.dumps(door.document()).encode()
    first, again = (door.refer(body, Idempotency_Key=key) for _ in range(2))
    expect.status(first, 201)
    expect.status(again, 201)
    expect.equal(again.json(), first.json(), "the receipt")
    expect.equal(again.headers.get("Idempotency-Replayed"), "true", "Idempotency-Replayed")
    that("Idempotency-Replayed" not in first.headers, "no Idempotency-Replayed at first", "one")


@rule("repeats.quoted-key", "A key in quotes is the same key", _AGAIN)
def _quoted_key(door: Door) -> None:
    key, body = f"conformance:{door.run}:{door.count}", json.dumps(door.document()).encode()
    first, again = door.refer(body, Idempotency_Key=key), door.refer(body, Idempotency_Key=f'"{key}"')
    expect.status(first, 201)
    expect.status(again, 201)
    expect.equal(again.object().get("id"), first.object().get("id"), "the id")


@rule("repeats.other-body", "Another body under the same key is refused", _AGAIN)
def _other_body(door: Door) -> None:
    key = f"conformance:{door.run}:{door.count}"
    expect.status(door.refer(door.document(), Idempotency_Key=key), 201)
    expect.problem(door.refer(door.document(), Idempotency_Key=key), 422, "idempotency-key-reused")


@rule("repeats.bad-key", "A key that is too short, too long or of other characters is refused", _AGAIN)
def _bad_key(door: Door) -> None:
    for key in ("short", "k" * 129, "k" * 20 + " " + "k", '"' + "k" * 20):
        expect.problem(door.refer(door.document(), Idempotency_Key=key), 400, "idempotency-key-invalid")


@rule("repeats.reference", "A reference can be used once: 409 names the referral that has it", _AGAIN)
def _reference(door: Door) -> None:
    one = door.one()
    for document in (one.document, door.document(agency_reference=one.document["agency_reference"])):
        reply = door.refer(document)
        found = expect.problem(reply, 409, "reference-taken")
        expect.equal(found.get("referral"), one.id, "referral")
        that(
            reply.headers.get("Location", "").endswith(one.path),
            f"Location: …{one.path}",
            reply.headers.get("Location"),
        )


@rule(
    "repeats.refused-leaves-nothing",
    "A referral that was refused leaves its reference free",
    "refer-to-us.md#when-it-is-refused",
)
def _refused_leaves_nothing(door: Door) -> None:
    document = door.document()
    expect.status(door.refer({**document, "language": 7}), 422)
    expect.status(door.refer(document), 201)
