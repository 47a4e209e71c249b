"""Answers that no contract knows: from proxies, log-in pages, broken lines, and worse."""

from __future__ import annotations

import json
import socket
import threading
import time
from copy import deepcopy
from typing import Any

import pytest
from scripted import RECEIPT, Script, hang_up, problem, reply

from notice_intake.client import (
    BadAnswer,
    BearerAuth,
    Conflict,
    IntakeClient,
    IntakeError,
    NotAuthorized,
    NotFound,
    RateLimited,
    Refused,
    Retries,
    Unavailable,
    Unreachable,
    transport,
)

PAGE = "<!doctype html><title>Placeholder</title>"
ONCE = Retries(tries=1)


def raw(data: bytes) -> Any:
    """Write bytes as they are, then hang up."""

    def answer(handler: Any) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in RECEIPT.items() if key != name}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, NotAuthorized),
        (403, NotAuthorized),
        (404, NotFound),
        (410, NotFound),
        (413, Refused),
        (418, Refused),
        (429, RateLimited),
        (500, Unavailable),
        (502, Unavailable),
        (599, Unavailable),
        (301, BadAnswer),
        (304, BadAnswer),
    ],
)
def test_a_page_of_a_proxy_still_says_what_kind_of_trouble_it_is(script: Script, status, kind):
    script.says(reply(status, b"" if status == 304 else PAGE, kind="text/html"))
    with pytest.raises(kind) as error:
        script.client(retries=ONCE).submit({})
    assert error.value.status == status
    assert error.value.problem is None
    assert str(status) in str(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, PAGE, kind="text/html"),
        reply(200, b""),
        reply(204),
        reply(201, json.dumps(RECEIPT)[:-9]),
        reply(201, b"\xff\xfe\x00"),
        reply(201, b"[" * 100_000),
        reply(201, b"9" * 10_000),
        reply(201, []),
        reply(201, "null"),
        *[reply(201, without(name)) for name in RECEIPT],
        *[reply(201, {**RECEIPT, name: wrong}) for name in RECEIPT for wrong in (7, None, {"a": 1}, True)],
        reply(201, {**RECEIPT, "received_at": "yesterday"}),
        reply(201, {**RECEIPT, "received_at": "2026-03-02T09:00:00"}),
        reply(201, {**RECEIPT, "items": [None]}),
        reply(201, {**RECEIPT, "items": [{**RECEIPT["items"][0], "status": 1}]}),
    ],
)
def test_a_receipt_that_is_none(script: Script, answer):
    script.says(answer)
    with pytest.raises(BadAnswer):
        script.client(retries=ONCE).submit({})


def test_what_a_later_version_adds_is_ignored_and_kept(script: Script):
    later = deepcopy(RECEIPT) | {"unheard_of": {"deep": [1]}}
    later["items"][0] |= {"status": "a_new_word", "more": 1}
    script.says(reply(201, later))
    receipt = script.client().submit({})
    assert receipt.items[0].status == "a_new_word"
    assert receipt.raw["unheard_of"] == {"deep": [1]}


def test_a_problem_with_members_of_a_wrong_type(script: Script):
    errors = ["x", None, {"pointer": 1, "code": ["y"], "detail": "Placeholder."}]
    script.says(problem(422, "invalid-document", detail=7, errors=errors, instance=None))
    with pytest.raises(Refused) as refused:
        script.client().submit({})
    (fault,) = refused.value.problem.errors
    assert (fault.pointer, fault.code, fault.detail) == ("", "", "Placeholder.")
    script.says(reply(409, ["not", "a", "problem"], kind="application/problem+json"))
    with pytest.raises(Conflict) as conflict:
        script.client().submit({})
    assert conflict.value.problem is None
    assert conflict.value.referral is None


def test_an_answer_without_end_is_left(script: Script, monkeypatch):
    monkeypatch.setattr(transport, "MOST_BYTES", 1_000_000)
    script.says(reply(201, b" " * 1_000_001))
    with pytest.raises(BadAnswer, match="larger than"):
        script.client().submit({})
    assert len(script.seen) == 1


def test_an_answer_that_drips_is_left(script: Script, monkeypatch):
    monkeypatch.setattr(transport, "_LONGEST_ANSWER", 0.3)

    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(60):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.1)

    monkeypatch.setattr(transport, "_CHUNK", 1)
    script.says(drip)
    started = time.monotonic()
    with pytest.raises(Unreachable, match="does not come to its end"):
        script.client(retries=ONCE).status("ref_1")
    assert time.monotonic() - started < 4


def test_a_redirect_takes_neither_the_document_nor_the_token_along(script: Script):
    script.says(reply(307, Location=script.url + "/elsewhere"), reply(201, RECEIPT))
    with pytest.raises(BadAnswer, match="/elsewhere"):
        script.client().submit({})
    assert [one.path for one in script.seen] == ["/v1/referrals"]


@pytest.mark.parametrize(
    "answer",
    [
        hang_up,
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        raw(b"\x00\x01\x02"),
        raw(b"HTTP/1.1 abc def\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 500 + b"\r\n"),
    ],
)
def test_a_broken_line_may_have_carried_it_through(script: Script, answer):
    script.says(answer, reply(201, RECEIPT))
    assert script.client().submit({}).id == "ref_1"
    assert len({one.headers["Idempotency-Key"] for one in script.seen}) == 1
    assert len(script.seen) == 2


def test_nobody_listens():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        client = IntakeClient(f"http://127.0.0.1:{closed.getsockname()[1]}/secret-path", BearerAuth("t"), retries=ONCE)
        with pytest.raises(Unreachable, match="no connection") as error:
            client.submit({}, key="unit-one:REF-UNREACHABLE")
    assert error.value.key == "unit-one:REF-UNREACHABLE"
    assert error.value.status is None


def test_a_server_that_says_nothing(script: Script):
    held = threading.Event()
    script.says(lambda handler: held.wait(5))
    with pytest.raises(Unreachable, match="no answer in time"):
        script.client(retries=ONCE, timeout=(1, 0.2)).status("ref_1")
    held.set()


def test_a_plain_server_behind_https(script: Script):
    pausing = Retries(tries=2, first=20.0)
    client = IntakeClient(script.url.replace("http:", "https:"), BearerAuth("t" * 40), retries=pausing)
    started = time.monotonic()
    with pytest.raises(Unreachable, match="certificate"):
        client.submit({})
    assert time.monotonic() - started < 8, "a certificate does not mend itself: no pause, no second try"


def test_lists_that_go_round_in_a_circle(script: Script):
    event = {"id": "msg_1", "type": "x.y", "timestamp": RECEIPT["received_at"], "data": {}}
    script.says(reply(200, {"events": [event], "next": "7"}))
    with pytest.raises(BadAnswer, match="circle"):
        list(script.client().events())
    status = {**RECEIPT, "updated_at": RECEIPT["received_at"], "sequence": 1}
    script.says(reply(200, {"referrals": [status], "next": "again"}))
    with pytest.raises(BadAnswer, match="circle"):
        list(script.client().referrals())
    script.says(reply(200, {"referrals": [], "next": "further"}))
    with pytest.raises(BadAnswer, match="circle"):
        list(script.client().referrals())


@pytest.mark.parametrize(
    "document", [{}, {"events": 1}, {"events": [1], "next": "1"}, {"events": [{}], "next": "1"}, 7]
)
def test_pages_that_are_none(script: Script, document):
    script.says(reply(200, document))
    with pytest.raises(BadAnswer):
        list(script.client().events())


def test_every_error_is_one_of_one_tree():
    for kind in (BadAnswer, Conflict, NotAuthorized, NotFound, RateLimited, Refused, Unavailable, Unreachable):
        assert issubclass(kind, IntakeError)
