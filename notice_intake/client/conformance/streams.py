"""Many referrals at once: a line each, answered in order."""

from __future__ import annotations

import json
from typing import Any

from . import expect
from .door import LINES, Door, Reply
from .expect import that
from .rules import Broken, rule

_BULK = "refer-to-us.md#many-at-once"


def _send(door: Door, *lines: Any) -> Reply:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return door.send("POST", "/v1/referrals/bulk", body=b"\n".join(raw) + b"\n", Content_Type=LINES)


def _answers(reply: Reply) -> list[dict[str, Any]]:
    expect.status(reply, 200)
    that(reply.kind == LINES, f"Content-Type: {LINES}", reply.kind)
    try:
        found = [json.loads(line) for line in reply.body.splitlines()]
    except ValueError:
        raise Broken("a JSON document a line", repr(reply.body[:80])) from None
    that(all(isinstance(one, dict) for one in found), "an object a line", found)
    return found


@rule("bulk.in-order", "Each line is answered by a line, in order, with its number and its receipt", _BULK)
def _in_order(door: Door) -> None:
    documents = [door.document() for _ in range(5)]
    found = _answers(_send(door, *documents))
    expect.equal([(one.get("line"), one.get("status")) for one in found], [(n, 201) for n in range(1, 6)], "the lines")
    wanted = [document["agency_reference"] for document in documents]
    expect.equal([one.get("receipt", {}).get("agency_reference") for one in found], wanted, "the references")


@rule("bulk.alone", "A bad line fails alone, with a problem of its own", _BULK)
def _alone(door: Door) -> None:
    bad = {**door.document(), "surprise": 1}
    found = _answers(_send(door, door.document(), b"not json", bad, b'{"a":1,"a":2}', door.document()))
    expect.equal([one.get("status") for one in found], [201, 400, 422, 400, 201], "the statuses")
    slugs = [str(one.get("problem", {}).get("type", "")).rpartition("/")[2] for one in found[1:4]]
    expect.equal(slugs, ["malformed-body", "invalid-document", "malformed-body"], "the problems")
    pointers = [one.get("pointer") for one in found[2]["problem"].get("errors", [])]
    that("/surprise" in pointers, "a pointer to /surprise", pointers)


@rule("bulk.blank-lines", "Blank lines are counted and not answered", _BULK)
def _blank_lines(door: Door) -> None:
    found = _answers(_send(door, b"", door.document(), b"", b"  ", door.document()))
    expect.equal([(one.get("line"), one.get("status")) for one in found], [(2, 201), (5, 201)], "the lines")


@rule("bulk.again", "A stream that is sent again gets the old receipts", _BULK)
def _again(door: Door) -> None:
    documents = [door.document() for _ in range(3)]
    first, second = _answers(_send(door, *documents)), _answers(_send(door, *documents, door.document()))
    expect.equal([one.get("replayed", False) for one in second], [True, True, True, False], "replayed")
    expect.equal([one.get("receipt") for one in second[:3]], [one.get("receipt") for one in first], "the receipts")


@rule("bulk.reference", "A reference that is taken, before or in the same stream, fails alone", _BULK)
def _reference(door: Door) -> None:
    one = door.document()
    other = {**door.document(), "agency_reference": one["agency_reference"]}
    found = _answers(_send(door, one, other, door.document()))
    expect.equal([line.get("status") for line in found], [201, 409, 201], "the statuses")


@rule("bulk.content-type", "Another type than NDJSON is refused as a whole", _BULK)
def _content_type(door: Door) -> None:
    body = json.dumps(door.document()).encode()
    reply = door.send("POST", "/v1/referrals/bulk", body=body, Content_Type="application/json")
    expect.problem(reply, 415, "unsupported-media-type")
