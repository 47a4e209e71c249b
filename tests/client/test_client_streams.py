"""Streams: sent as they come, answered in order, and never taken for whole when they are not."""

from __future__ import annotations

import io
import itertools
import json
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from scripted import RECEIPT, Script, Served, hang_up, problem, reply

from notice_intake.client import (
    BadAnswer,
    BearerAuth,
    IntakeClient,
    IntakeError,
    NotAuthorized,
    Unavailable,
    Unreachable,
)


def answers(*lines: Any) -> Any:
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return reply(200, body, kind="application/x-ndjson")


def stored(number: int) -> dict[str, Any]:
    return {"line": number, "status": 201, "receipt": RECEIPT}


def test_each_line_gets_its_answer_and_a_bad_one_fails_alone(platform: Served):
    good = [platform.documents.document() for _ in range(3)]
    lines = [
        json.dumps(good[0]),
        "",
        b"{not json\n",
        good[1],
        b"  \n",
        {**good[2], "language": None},
        json.dumps(good[2]),
    ]
    found = list(platform.client().bulk(lines))
    assert [(one.line, one.status) for one in found] == [(1, 201), (3, 400), (4, 201), (6, 422), (7, 201)]
    assert [one.stored for one in found] == [True, False, True, False, True]
    assert found[0].receipt.agency_reference == good[0]["agency_reference"]
    assert found[1].problem.slug == "malformed-body"
    assert found[3].problem.errors[0].pointer == "/language"


def test_a_stream_that_is_sent_again_gets_its_old_receipts(platform: Served):
    documents = [platform.documents.document() for _ in range(5)]
    first = list(platform.client().bulk(documents))
    again = list(platform.client().bulk(iter(documents)))
    assert [one.receipt.id for one in again] == [one.receipt.id for one in first]
    assert [one.receipt.replayed for one in first + again] == [False] * 5 + [True] * 5


def test_a_file_is_a_stream(platform: Served):
    lines = "\n".join(json.dumps(platform.documents.document()) for _ in range(3))
    assert [one.status for one in platform.client().bulk(io.BytesIO(lines.encode()))] == [201] * 3
    assert list(platform.client().bulk([])) == []


def test_a_stream_is_never_held_in_memory():
    """A platform that throws away what it reads: 40 MB leave, and neither side holds more than a part of it."""
    arrived: list[int] = []
    received = made = 0

    def swallow(listening: socket.socket) -> None:
        nonlocal received
        wire, _ = listening.accept()
        with wire:
            tail = b""
            while not tail.endswith(b"0\r\n\r\n"):
                piece = wire.recv(65_536)
                received += len(piece)
                tail = (tail + piece)[-5:]
            wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def lines() -> Iterator[bytes]:
        nonlocal made
        # Blank, so that nothing has to be answered.
        for _ in range(4_000):
            made += 10_000
            arrived.append(made - received)
            yield b" " * 9_999 + b"\n"

    with socket.create_server(("127.0.0.1", 0)) as listening:
        reader = threading.Thread(target=swallow, args=(listening,), daemon=True)
        reader.start()
        client = IntakeClient(f"http://127.0.0.1:{listening.getsockname()[1]}", BearerAuth("t" * 40))
        tracemalloc.start()
        try:
            assert list(client.bulk(lines())) == []
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        reader.join(10)
    assert received > 40_000_000
    assert peak < 4_000_000
    assert max(arrived) < 20_000_000, "the first lines must have arrived long before the last is made"


def test_credentials_that_are_refused_are_said_so_however_long_the_stream(platform: Served):
    lines = itertools.repeat(json.dumps(platform.documents.document()).encode(), 20_000)
    with pytest.raises(NotAuthorized):
        platform.client("ni1_AAAAAAAAAA_" + "A" * 80).bulk(lines)


@pytest.mark.parametrize(
    "lines",
    [
        [stored(1)],
        [],
        [stored(1), {"line": 2, "status": 201, "receipt": None}],
        [stored(1), {"line": 2, "status": 422}],
        [stored(1), stored(1)],
        [stored(2), stored(1)],
        [stored(1), "x"],
        [stored(1), {"line": "2", "status": 201, "receipt": RECEIPT}],
        [stored(1), stored(2), stored(3)],
    ],
)
def test_a_stream_whose_answers_do_not_add_up_is_an_error(script: Script, lines):
    script.says(answers(*lines))
    with pytest.raises((Unreachable, BadAnswer)):
        list(script.client().bulk([{}, {}]))


def test_answers_that_break_off(script: Script):
    first = json.dumps(stored(1)).encode() + b"\n{"

    def cut(handler: Any) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        handler.wfile.write(head + b"%x\r\n%b\r\n" % (len(first), first))
        handler.close_connection = True

    script.says(cut)
    read = script.client().bulk([{}, {}])
    assert next(read).line == 1
    with pytest.raises(Unreachable, match="again"):
        next(read)


def test_an_answer_without_a_line_end_is_left(script: Script, monkeypatch):
    from notice_intake.client import bulk

    monkeypatch.setattr(bulk, "_LONGEST_ANSWER", 1_000)
    script.says(reply(200, b"[" * 500_000, kind="application/x-ndjson"))
    with pytest.raises(BadAnswer, match="does not end"):
        list(script.client().bulk([{}]))


@pytest.mark.parametrize(
    "answer", [problem(503, "temporarily-unavailable"), reply(502, "<p>Bad gateway", kind="text/html")]
)
def test_a_stream_that_is_refused_as_a_whole(script: Script, answer):
    script.says(answer)
    with pytest.raises(Unavailable):
        script.client().bulk([{}])


def test_a_server_that_hangs_up(script: Script):
    script.says(hang_up)
    with pytest.raises(Unreachable):
        script.client().bulk([{}])


@pytest.mark.parametrize(
    "fault", [RuntimeError("the export failed"), OSError(5, "disk"), ConnectionResetError(104, "gone")]
)
def test_what_goes_wrong_with_the_lines_is_not_blamed_on_the_platform(script: Script, fault):
    script.says(answers(stored(1)))

    def lines() -> Iterator[bytes]:
        yield b"{}"
        raise fault

    with pytest.raises(type(fault)) as raised:
        list(script.client().bulk(lines()))
    assert raised.value is fault
    assert not isinstance(raised.value, IntakeError)


def test_two_referrals_on_one_line_are_refused_before_the_platform_counts_them(script: Script):
    script.says(answers())
    for line in (b"{}\n{}", "{\n}", b"\n\n"):
        with pytest.raises(ValueError, match="one line"):
            list(script.client().bulk([line]))
