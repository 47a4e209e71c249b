"""Answers of every kind over a pair of sockets: what is understood, what is refused, what lets a connection live."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from notice_intake.delivery.exchange import LONGEST, NotHttp, Reply, exchange, head

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


def answered(answer: bytes, *, close: bool = False, keep: int = 64, patience: float = 0.4) -> Reply:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        threading.Thread(target=_speak, args=(theirs, answer, close), daemon=True).start()
        return exchange(ours, REQUEST, ends=time.monotonic() + 2, patience=patience, keep=keep)


def _speak(theirs: socket.socket, answer: bytes, close: bool) -> None:
    theirs.recv(65_536)
    theirs.sendall(answer)
    if close:
        theirs.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("answer", "status", "body", "reusable"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),  # no reason phrase
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, b"ok", True),  # bare line feeds
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),  # closes by itself
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 No\r\n\r\n", 204, b"", False),  # an answer nobody asked for
        (b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + b"x" * 200, 200, b"x" * 64, False),  # longer than kept
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok", 200, b"", False),  # contradicts itself
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok", 200, b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", 200, b"", False),  # stalls in mid-sentence: 200 stands
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n1\r\n!\r\n0\r\n\r\n", 200, b"ok!", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n", 200, b"", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n" + b"x" * 99, 200, b"x" * 64, False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: 1\r\n\r\n", 200, b"ok", False),
        (b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
    ],
)
def test_what_an_answer_says(answer: bytes, status: int, body: bytes, reusable: bool) -> None:
    reply = answered(answer)
    assert (reply.status, reply.body, reply.reusable) == (status, body, reusable)


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    reply = answered(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True)
    assert (reply.body, reply.reusable) == (b"all of it", False)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 Odd\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b" HTTP/1.1 200 OK\r\n\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * LONGEST,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
    ],
)
def test_what_is_no_answer(answer: bytes) -> None:
    with pytest.raises(NotHttp):
        answered(answer)


def test_silence_and_a_closed_door() -> None:
    with pytest.raises(TimeoutError):
        answered(b"HTTP/1.1 20")
    with pytest.raises(NotHttp):
        answered(b"HTTP/1.1 200 OK\r\n", close=True)


def test_a_time_that_is_over_sends_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError):
        exchange(ours, REQUEST, ends=time.monotonic() - 1, patience=1, keep=1)
    theirs.close()


def test_fields_are_found_by_any_case_and_joined() -> None:
    reply = answered(b"HTTP/1.1 503 No\r\nRETRY-after:  7 \r\nX: 1\r\nx: 2\r\nContent-Length: 0\r\n\r\n")
    assert reply.headers["retry-after"] == "7"
    assert reply.headers["x"] == "1, 2"


def test_no_value_ends_its_line() -> None:
    with pytest.raises(ValueError, match="line break"):
        head("/", {"X": "a\r\nInjected: b"}, length=0)
    with pytest.raises(ValueError, match="line break"):
        head("/ HTTP/1.1\r\nInjected: b", {}, length=0)
