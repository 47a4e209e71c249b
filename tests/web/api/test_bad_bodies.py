"""Bodies that cannot be read: each gets its problem document and leaves no row behind."""

from __future__ import annotations

import gzip
import json

import pytest
from door import check_problem

DOCUMENT = {
    "instrument": "eu.iru.referral",
    "agency_reference": "BODY-1",
    "language": "en",
    "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "grounds": [{"kind": "terms", "reference": "Terms, 4.2"}],
    "items": [{"reference": "1", "target": {"kind": "url", "url": "https://platform.example/p1"}}],
}
GOOD = json.dumps(DOCUMENT)


def _with(name: str, value: str) -> bytes:
    """The good body with one more field, whose value is written as it stands."""
    return (GOOD[:-1] + f', "{name}": {value}}}').encode()


MALFORMED = {
    "empty": b"",
    "not JSON": b"instrument=eu.iru.referral",
    "broken off": GOOD[:-10].encode(),
    "two documents": (GOOD + GOOD).encode(),
    "duplicate key": _with("language", '"fr"'),
    "duplicate key further in": GOOD.replace('"kind": "url"', '"kind": "url", "kind": "file"').encode(),
    "too deep": _with("operation", "[" * 40 + "]" * 40),
    "far too deep": _with("operation", '{"a":' * 3000 + "1" + "}" * 3000),
    "too deep without an instrument": b"[" * 40 + b"]" * 40,
    "too deep under an unknown instrument": b'{"instrument": "xx.no", "a": ' + b"[" * 40 + b"]" * 40 + b"}",
    "NaN": _with("urgency", "NaN"),
    "Infinity": _with("urgency", "-Infinity"),
    "a number beyond floats": _with("urgency", "1e999"),
    "a number of 5,000 digits": _with("urgency", "1" * 5000),
    "NUL": GOOD.replace("BODY-1", "BODY\\u0000").encode(),
    "lone surrogate": GOOD.replace("BODY-1", "BODY\\ud800").encode(),
    "lone surrogate in a name": _with("\\udfff", "1"),
    "Latin-1": GOOD.replace("BODY-1", "BÖDY").encode("latin-1"),
    "UTF-16": GOOD.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_body_that_cannot_be_read_is_a_bad_request(door, name):
    with door.nothing_stored():
        problem = check_problem(door.post(MALFORMED[name]), status=400, slug="malformed-body")
    assert "Traceback" not in problem["detail"]
    assert "errors" not in problem


TYPES = {
    "none": {"Content_Type": ""},
    "a form": {"Content_Type": "application/x-www-form-urlencoded"},
    "text": {"Content_Type": "text/plain"},
    "NDJSON at the single call": {"Content_Type": "application/x-ndjson"},
    "JSON in another charset": {"Content_Type": "application/json; charset=utf-16"},
    "gzip": {"Content_Encoding": "gzip"},
    "deflate": {"Content_Encoding": "deflate"},
    "two encodings": {"Content_Encoding": "identity, gzip"},
}


@pytest.mark.parametrize("name", TYPES)
def test_another_content_type_or_encoding_is_refused(door, name):
    with door.nothing_stored():
        check_problem(door.post(GOOD.encode(), **TYPES[name]), status=415, slug="unsupported-media-type")


def test_a_compressed_body_is_never_unpacked(door):
    bomb = gzip.compress(GOOD.encode() + b" " * 10_000_000)
    with door.nothing_stored():
        check_problem(door.post(bomb, Content_Encoding="gzip"), status=415, slug="unsupported-media-type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "APPLICATION/JSON;charset=UTF-8", 'application/json; charset="utf-8"'],
)
def test_json_in_utf8_is_taken_however_it_is_called(door, content_type):
    answer = door.post(json.dumps(door.one.document()).encode(), Content_Type=content_type)
    assert answer.status_code == 201


def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_read(door):
    limit = door.mount.settings.max_body_bytes
    body = json.dumps(door.one.document()).encode()
    with door.nothing_stored():
        problem = check_problem(door.post(body.ljust(limit + 1)), status=413, slug="body-too-large")
    assert str(limit) in problem["detail"]
    assert door.post(body.ljust(limit)).status_code == 201


def test_the_limit_of_the_host_neither_widens_nor_narrows_ours(door):
    """A host's MAX_CONTENT_LENGTH is made for its own forms."""
    body = json.dumps(door.one.document()).encode()
    door.app.config["MAX_CONTENT_LENGTH"] = 100
    try:
        assert door.post(body).status_code == 201
        line = json.dumps(door.one.document()).encode()
        answer = door.post(line, path="/v1/referrals/bulk", Content_Type="application/x-ndjson")
        assert [one["status"] for one in map(json.loads, answer.data.splitlines())] == [201]
        door.app.config["MAX_CONTENT_LENGTH"] = 10_000_000
        check_problem(door.post(body.ljust(100_000)), status=413, slug="body-too-large")
    finally:
        door.app.config["MAX_CONTENT_LENGTH"] = None


NOT_OBJECTS = [b"null", b"1", b'"text"', b"[]", b"[{}]", b"true"]


@pytest.mark.parametrize("body", NOT_OBJECTS)
def test_a_document_that_is_no_object_is_refused_at_its_root(door, body):
    with door.nothing_stored():
        problem = check_problem(door.post(body), status=422, slug="invalid-document")
    assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [("", "not_an_object")]
