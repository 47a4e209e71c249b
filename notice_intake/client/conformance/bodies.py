"""Bad bodies: what is not JSON for every reader alike, and what breaks the schema."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from . import expect
from .door import JSON, Door
from .rules import rule

_REFUSED, _FIELDS = "refer-to-us.md#when-it-is-refused", "refer-to-us.md#what-stands-in-it"


def _malformed(door: Door, *bodies: bytes) -> None:
    for body in bodies:
        expect.problem(door.refer(body), 400, "malformed-body")


def _with(door: Door, member: bytes) -> bytes:
    """Return a good referral with one more member, as bytes."""
    return json.dumps(door.document()).encode()[:-1] + b"," + member + b"}"


@rule("json.repeated-field", "A field that stands twice in one object is refused", _REFUSED)
def _repeated_field(door: Door) -> None:
    nested = json.dumps(door.document()).encode().replace(b'"reference": "1"', b'"reference": "1", "reference": "2"')
    _malformed(door, _with(door, b'"language":"en"'), nested)


@rule("json.not-a-number", "NaN, Infinity and numbers beyond every range are refused", _REFUSED)
def _not_a_number(door: Door) -> None:
    _malformed(door, *[_with(door, b'"x":' + value) for value in (b"NaN", b"Infinity", b"-Infinity", b"1e999")])


@rule("json.byte-order-mark", "A byte order mark is refused (RFC 8259 section 8.1)", _REFUSED)
def _byte_order_mark(door: Door) -> None:
    _malformed(door, b"\xef\xbb\xbf" + json.dumps(door.document()).encode())


@rule("json.utf-8", "What is not UTF-8 is refused", _REFUSED)
def _utf_8(door: Door) -> None:
    document = json.dumps(door.document(language="\u00e9n"), ensure_ascii=False)
    _malformed(door, document.encode("latin-1"), document.encode("utf-16"))


@rule("json.characters", "A NUL and half a surrogate pair are refused, also as escapes", _REFUSED)
def _characters(door: Door) -> None:
    _malformed(door, _with(door, b'"x":"a\\u0000"'), _with(door, b'"x":"\\ud800"'))


@rule("json.depth", "More than 32 levels of nesting are refused, however many they are", _REFUSED)
def _depth(door: Door) -> None:
    _malformed(door, *[_with(door, b'"x":' + b"[" * n + b"]" * n) for n in (40, 20_000)])


@rule("json.whole", "An empty body, one that breaks off, and one with something behind it are refused", _REFUSED)
def _whole(door: Door) -> None:
    body = json.dumps(door.document()).encode()
    _malformed(door, b"", body[:-1], body + b"}", body + body)


@rule("bodies.content-type", "Other types than JSON in UTF-8, and compressed bodies, are refused", _REFUSED)
def _content_type(door: Door) -> None:
    body = json.dumps(door.document()).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"):
        expect.problem(door.refer(body, Content_Type=kind), 415, "unsupported-media-type")
    packed = door.refer(gzip.compress(body), Content_Encoding="gzip", Content_Type=JSON)
    expect.problem(packed, 415, "unsupported-media-type")


@rule("bodies.too-large", "A body above the limit is refused", _REFUSED)
def _too_large(door: Door) -> None:
    expect.problem(door.oversized(chunked=False), 413, "body-too-large")


@rule("bodies.too-large-in-pieces", "A chunked body above the limit is refused, and never cut and taken", _REFUSED)
def _too_large_in_pieces(door: Door) -> None:
    expect.problem(door.oversized(chunked=True), 413, "body-too-large")


def _fault(door: Door, pointer: str, code: str, **changes: Any) -> None:
    expect.fault(door.refer(door.document(**changes)), pointer, code)


@rule("fields.unknown", "A field that is none is refused, wherever it stands", _FIELDS)
def _unknown(door: Door) -> None:
    _fault(door, "/surprise", "unknown_field", surprise=1)
    document = door.document()
    document["items"][0]["target"]["surprise"] = 1
    expect.fault(door.refer(document), "/items/0/target/surprise", "unknown_field")


@rule("fields.required", "A field that is missing is named, and so is one that is null", _FIELDS)
def _required(door: Door) -> None:
    _fault(door, "/language", "required", language=None)
    document = {**door.document(), "language": None}
    expect.fault(door.refer(document), "/language", "null")
    expect.fault(door.refer(door.document(items=[{}])), "/items/0/reference", "required")


@rule("fields.all-at-once", "Every fault is listed, not only the first, and each says what to change", _REFUSED)
def _all_at_once(door: Door) -> None:
    reply = door.refer(door.document(language=7, category="NONE"))
    expect.fault(reply, "/language", "wrong_type")
    expect.fault(reply, "/category", "not_listed")
    for one in expect.objects(reply.object(), "errors"):
        expect.that(bool(expect.member(one, "detail", str)), "a detail for each fault", one)


@rule("fields.not-an-object", "Something else than one object is refused", _REFUSED)
def _not_an_object(door: Door) -> None:
    for body in (b"[]", b"7", b'"text"', b"null"):
        expect.fault(door.refer(body), "", "not_an_object")


@rule("fields.instrument", "An instrument that is none is refused by name", _FIELDS)
def _instrument(door: Door) -> None:
    _fault(door, "/instrument", "unknown_instrument", instrument="eu.none.such")
    _fault(door, "/instrument", "required", instrument=None)


@rule("fields.count", "A referral has 1 to 100 items", _FIELDS)
def _count(door: Door) -> None:
    _fault(door, "/items", "length", items=[])
    expect.fault(door.refer(door.document(*map(str, range(101)))), "/items", "length")
    expect.status(door.refer(door.document(*map(str, range(100)))), 201)


@rule("fields.links", "A link that cannot be read is refused; a defanged one is understood", _FIELDS)
def _links(door: Door) -> None:
    document = door.document()
    for link in ("not a link", "javascript:alert(1)", "https://"):
        document["items"][0]["target"]["url"] = link
        expect.fault(door.refer(document), "/items/0/target/url", "bad_link")
    document["items"][0]["target"]["url"] = f"hxxps://conformance[.]example/{door.run}"
    expect.status(door.refer(document), 201)


@rule("fields.repeated-reference", "An item reference that stands twice in a referral is refused", _REFUSED)
def _repeated_reference(door: Door) -> None:
    expect.fault(door.refer(door.document("1", "1")), "/items/1/reference", "repeated")


@rule("fields.future", "A time that has not come yet is refused", _REFUSED)
def _future(door: Door) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    _fault(door, "/issued_at", "future_time", issued_at=later.isoformat(timespec="seconds"))
