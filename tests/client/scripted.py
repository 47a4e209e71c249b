"""A platform on a real socket, and a server that answers whatever a test tells it to."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from notice_intake import NoticeIntake, Storage
from notice_intake.client import BearerAuth, IntakeClient, Retries
from notice_intake.flows import agencies
from notice_intake.flows.mount import Mount
from notice_intake.store import migrate
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform, FixedClock

INSTRUMENTS = ("eu.iru.referral", "eu.dsa.notice")
#: Quick, so that a test of retries does not wait.
RETRIES = Retries(tries=4, first=0.01, longest=2.0)
TOKEN = "ni1_AAAAAAAAAA_" + "A" * 60


@dataclass
class Served:
    """A mounted platform that listens, and an agency that may refer."""

    mount: Mount
    url: str
    token: str
    documents: FakeAgency

    def client(self, token: str | None = None) -> IntakeClient:
        return IntakeClient(self.url, BearerAuth(token or self.token), retries=RETRIES)


@contextmanager
def serve(mount: Mount, app: Flask) -> Iterator[Served]:
    """Serve an app on a port that the system chose."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    enrolled = agencies.enrol(mount, "Unit", place="BE", instruments=INSTRUMENTS, callback_url=None, now=mount.clock())
    try:
        url = f"http://127.0.0.1:{server.port}/notices"
        yield Served(mount, url, enrolled.token, FakeAgency(None, enrolled.token))
    finally:
        server.shutdown()
        server.server_close()


def mounted(storage: Storage) -> tuple[Mount, Flask]:
    app = Flask("served")
    intake = NoticeIntake(
        platform=FakePlatform(),
        moderators=FakeModerators(),
        storage=storage,
        clock=FixedClock(),
        secret_keys=("k" * 40,),
        max_body_bytes=100_000,
        max_line_bytes=20_000,
    )
    return intake.init_app(app, url_prefix="/notices"), app


@pytest.fixture
def served(storage: Storage) -> Iterator[Served]:
    """A platform on each database."""
    with serve(*mounted(storage)) as running:
        yield running


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A platform for a whole module, on SQLite."""
    where: Path = tmp_path_factory.mktemp("platform")
    storage = Storage.from_url(f"sqlite:///{where / 'served.db'}")
    migrate.upgrade(storage)
    with serve(*mounted(storage)) as running:
        yield running
    storage.dispose()


@dataclass
class Request:
    """What a scripted server was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Reply = Callable[[Any], None]


@dataclass
class Script:
    """A server that gives one reply after the other, the last for ever; it keeps what it was sent."""

    replies: list[Reply] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)
    url: str = ""

    def says(self, *replies: Reply) -> Script:
        self.replies = list(replies)
        return self

    def client(self, **options: Any) -> IntakeClient:
        return IntakeClient(self.url, BearerAuth(TOKEN), **{"retries": RETRIES, "timeout": (2, 2), **options})


def reply(status: int, body: bytes | str | Any = b"", *, kind: str = "application/json", **headers: str) -> Reply:
    """Answer with a status, a body and headers."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()

    def answer(handler: Any) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


def hang_up(handler: Any) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


def problem(status: int, slug: str, **more: Any) -> Reply:
    headers = {"Retry_After": str(more.pop("retry"))} if "retry" in more else {}
    document = {"type": f"/v1/problems/{slug}", "title": "A title", "status": status, "detail": "Why.", **more}
    return reply(status, document, kind="application/problem+json", **headers)


RECEIPT: dict[str, Any] = {
    "id": "ref_1",
    "agency_reference": "REF-1",
    "instrument": "eu.iru.referral",
    "received_at": "2026-03-02T09:00:00.000+00:00",
    "due_at": "2026-03-03T09:00:00.000+00:00",
    "due_kind": "house",
    "due_rule": "Placeholder rule",
    "items": [{"id": "itm_1", "reference": "1-1", "status": "received", "outcome": None}],
}


@pytest.fixture
def script() -> Iterator[Script]:
    """A scripted server on loopback."""
    running = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def answer(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b"".join(iter(self.chunk, b""))
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            running.seen.append(Request(self.command, self.path, dict(self.headers.items()), body))
            place = min(len(running.seen), len(running.replies)) - 1
            running.replies[place](self)

        def chunk(self) -> bytes:
            size = int(self.rfile.readline() or b"0", 16)
            data = self.rfile.read(size)
            self.rfile.readline()
            return data

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    running.url = f"http://127.0.0.1:{server.server_port}"
    yield running
    server.shutdown()
    server.server_close()
