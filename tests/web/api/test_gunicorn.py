"""Bodies as they come over a socket, under a real server: chunked, broken off, and larger than they may be."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
import served
from door import PREFIX
from flask import Flask
from sqlalchemy import func, select

from notice_intake import NoticeIntake, Storage
from notice_intake.flows import agencies
from notice_intake.store import migrate
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform

HERE = Path(__file__).parent
LIMIT = served.LIMITS["max_body_bytes"]


@dataclass
class Server:
    """A running gunicorn, an agency that may refer, and the database behind it."""

    port: int
    agency: FakeAgency
    storage: Storage
    #: Where its output goes.
    log: Path | None = None

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=20)

    def raw(self, data: bytes, *, then: str = "read") -> bytes:
        """Send bytes as they are, then read the answer, or hang up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as wire:
            wire.sendall(data)
            if then == "hang up":
                return b""
            wire.settimeout(20)
            return b"".join(iter(lambda: wire.recv(65_536), b""))

    def head(self, path: str, *headers: str, kind: str = "application/json") -> bytes:
        lines = [f"POST {PREFIX}{path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Type: {kind}"]
        lines += [f"Authorization: {self.agency.headers['Authorization']}", *headers, "", ""]
        return "\r\n".join(lines).encode()

    def post(self, path: str, body: bytes | Iterable[bytes], *, kind: str = "application/json") -> tuple[int, Any]:
        """Send a body, chunked where it comes in pieces."""
        connection = self.connect()
        headers = {"Content-Type": kind, **self.agency.headers}
        if not isinstance(body, bytes):
            headers["Transfer-Encoding"] = "chunked"
        connection.request("POST", PREFIX + path, body, headers, encode_chunked=not isinstance(body, bytes))
        answer = _read(connection.getresponse())
        connection.close()
        return answer

    def referrals(self) -> int:
        with self.storage.read() as tx:
            return int(tx.execute(select(func.count()).select_from(tx.tables.referral)).scalar_one())

    def settles_at(self, count: int) -> bool:
        """Wait until what a hung-up request could still store is stored; say whether it is ``count``."""
        for _ in range(10):
            time.sleep(0.05)
            if self.referrals() != count:
                break
        return self.referrals() == count


def _read(response: HTTPResponse) -> tuple[int, Any]:
    raw = response.read()
    if response.getheader("Content-Type") == "application/x-ndjson":
        return response.status, [json.loads(line) for line in raw.splitlines()]
    return response.status, json.loads(raw)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Servers by their kind of worker, each started once, in whatever order the tests run."""
    running: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(worker: str) -> Server:
            if worker not in running:
                running[worker] = stack.enter_context(_served(worker, tmp_path_factory.mktemp("served")))
            return running[worker]

        yield get


@pytest.fixture(params=["gthread", "sync"])
def server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    """gunicorn with one worker, on a port that the system chose."""
    return servers(request.param)


@contextmanager
def _served(worker: str, where: Path, *, app: str = "create") -> Iterator[Server]:
    url = f"sqlite:///{where / 'served.db'}"
    storage = Storage.from_url(url)
    migrate.upgrade(storage)
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "secret_keys": (served.SECRET,)}
    mount = NoticeIntake(**parts, storage=storage).init_app(Flask("here"), url_prefix=PREFIX)
    enrolled = agencies.enrol(
        mount, "Unit", place="BE", instruments=["eu.iru.referral"], callback_url=None, now=mount.clock()
    )
    log = where / "log"
    with log.open("wb") as sink:
        command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "--worker-class", worker]
        command += ["--workers", "1", "--threads", "4", "--timeout", "30", "--chdir", str(HERE), f"served:{app}()"]
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env={**os.environ, "SERVED_DATABASE": url})
    try:
        yield Server(_port(log, process), FakeAgency(None, enrolled.token), storage, log)
    finally:
        process.terminate()
        process.wait(20)
        storage.dispose()


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    for _ in range(400):
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text())
        if found and "Booting worker" in log.read_text():
            return int(found[1])
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def document(server: Server, **changes: Any) -> bytes:
    return json.dumps(server.agency.document(**changes)).encode()


def pieces(data: bytes, *sizes: int) -> Iterator[bytes]:
    """Cut data into pieces of the given sizes, over and over."""
    while data:
        for size in sizes:
            yield data[:size]
            data = data[size:]


def test_a_chunked_body_is_read_to_its_end(server):
    status, receipt = server.post("/v1/referrals", pieces(document(server), 1, 64, 300))
    assert status == 201
    assert receipt["status_path"]
    status, _ = server.post("/v1/referrals", pieces(document(server).ljust(LIMIT), 5_000))
    assert status == 201, "at the limit, and above the host's own"


@pytest.mark.parametrize("over", [1, 3_000_000])
def test_a_chunked_body_over_the_limit_is_refused_and_never_cut(server, over):
    """Blanks after a good document: a body that is cut at the limit would be accepted."""
    before = server.referrals()
    body = document(server).ljust(LIMIT + over)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces(body, 8_000) if piece)
    sent = server.head("/v1/referrals", "Transfer-Encoding: chunked") + chunks[: LIMIT + 9_000]
    # Nobody says that this is the end: the refusal must not wait for it.
    answer = server.raw(sent)
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    assert b"application/problem+json" in answer
    assert server.settles_at(before)


def test_a_length_over_the_limit_is_refused_before_a_byte_of_the_body(server):
    before = server.referrals()
    answer = server.raw(server.head("/v1/referrals", f"Content-Length: {LIMIT + 1}"))
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    assert server.settles_at(before)


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_body_that_breaks_off_stores_nothing(server, framing):
    """Also where what came is a whole document: the sender meant to say more."""
    before = server.referrals()
    body = document(server)
    if framing == "chunked":
        sent = server.head("/v1/referrals", "Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(body), body)
    else:
        sent = server.head("/v1/referrals", f"Content-Length: {len(body) + 1}") + body
    server.raw(sent, then="hang up")
    assert server.settles_at(before)
    assert server.post("/v1/referrals", document(server))[0] == 201


@pytest.mark.parametrize("sizes", [(1, 2, 3, 9_000), (997,), (65_536,), (200_000,)], ids=str)
def test_bulk_lines_arrive_in_any_pieces(server, sizes):
    """More in all than any limit of a single body."""
    lines = [document(server).ljust(15_000) for _ in range(12)]
    lines[5] = b"x" * 50_000
    status, answers = server.post("/v1/referrals/bulk", pieces(b"\n".join(lines), *sizes), kind="application/x-ndjson")
    assert status == 200
    assert [one["status"] for one in answers] == [*[201] * 5, 413, *[201] * 6]


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_bulk_stream_that_breaks_off_is_sent_again_without_harm(server, framing):
    lines = [document(server) for _ in range(9)]
    whole = b"\n".join(lines) + b"\n"
    # Seven lines and a part of the eighth arrive: a batch of five is stored, and never a part of a line.
    part = b"\n".join(lines[:7]) + b"\n" + lines[7][:50]
    kind = "application/x-ndjson"
    before = server.referrals()
    if framing == "chunked":
        head = server.head("/v1/referrals/bulk", "Transfer-Encoding: chunked", kind=kind)
        server.raw(head + b"%x\r\n%s\r\n" % (len(part), part), then="hang up")
    else:
        server.raw(server.head("/v1/referrals/bulk", f"Content-Length: {len(whole)}", kind=kind) + part, then="hang up")
    status, answers = server.post("/v1/referrals/bulk", whole, kind=kind)
    assert (status, [one["status"] for one in answers]) == (200, [201] * 9)
    # Whatever of the first try was stored, it was whole batches.
    assert [one.get("replayed", False) for one in answers] in ([True] * 5 + [False] * 4, [False] * 9)
    assert server.settles_at(before + 9)


def test_the_next_request_on_a_connection_is_not_read_out_of_a_refused_body(server):
    """What was refused without being read must not be taken for requests."""
    connection = server.connect()
    hidden = f"GET {PREFIX}/v1/problems/not-found HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 20
    for _ in range(2):
        connection.request("POST", f"{PREFIX}/v1/referrals", hidden, {"Content-Type": "application/json"})
        assert _read(connection.getresponse())[0] == 401
        connection.request("GET", f"{PREFIX}/healthz")
        assert _read(connection.getresponse()) == (200, {"status": "ok"})
    connection.close()


def test_a_gzip_body_is_refused_however_it_is_framed(server):
    before = server.referrals()
    body = document(server)
    head = server.head("/v1/referrals", "Content-Encoding: gzip", f"Content-Length: {len(body)}")
    assert server.raw(head + body).startswith(b"HTTP/1.1 415 ")
    assert server.settles_at(before)
