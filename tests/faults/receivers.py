"""Agencies' endpoints on real sockets that misbehave on order, and remember in which order callbacks came."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .rows import Arrival

#: What a receiver can do instead of answering well.
MANNERS = ("hang", "drip", "reset", "reset unread", "huge", "late", "errors", "garbage")
_TEN_MB = b"x" * 10_000_000
_RESET = struct.pack("ii", 1, 0)


class Receiver:
    """The endpoint of one agency."""

    def __init__(self, seed: str) -> None:
        self.agency = self.secret = ""
        #: One of ``MANNERS``; empty: as it should be.
        self.manner = ""
        #: Called once, with the next callback between its arrival and its answer.
        self.strike: Callable[[], object] | None = None
        self._arrivals: list[Arrival] = []
        self._ticks, self._lock, self._dice = itertools.count(), threading.Lock(), random.Random(seed)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                with contextlib.suppress(OSError):
                    receiver._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """A client that was killed in the middle is what these servers are here for."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/callbacks"

    @property
    def arrivals(self) -> list[Arrival]:
        """Everything that came so far."""
        with self._lock:
            return list(self._arrivals)

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, call: BaseHTTPRequestHandler) -> None:
        manner = self.manner
        if manner == "reset unread":
            _reset(call)
            return
        body = call.rfile.read(int(call.headers["Content-Length"]))
        strike, self.strike = self.strike, None
        with self._lock:
            # Half of those that are cut off have been taken: the sender cannot know.
            lucky = self._dice.random() < 0.5
            number = len(self._arrivals)
            self._arrivals.append(self._arrival(call, body))
        if strike is not None:
            strike()
        if manner in ("", "late", "drip", "huge") or (manner == "reset" and lucky):
            self._accept(number)
        getattr(self, "_" + (manner or "well"))(call)

    def _arrival(self, call: BaseHTTPRequestHandler, body: bytes) -> Arrival:
        data = json.loads(body)["data"]
        message, at = call.headers["webhook-id"], call.headers["webhook-timestamp"]
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        made = hmac.digest(key, f"{message}.{at}.".encode() + body, hashlib.sha256)
        genuine = f"v1,{base64.b64encode(made).decode()}" in call.headers["webhook-signature"].split()
        where = (data["referral"], data["sequence"])
        return Arrival(self.agency, message, *where, body, genuine, next(self._ticks), None)

    def _accept(self, number: int) -> None:
        with self._lock:
            self._arrivals[number] = replace(self._arrivals[number], accepted_at=next(self._ticks))

    def _well(self, call: BaseHTTPRequestHandler) -> None:
        call.send_response(204)
        call.end_headers()

    def _hang(self, call: BaseHTTPRequestHandler) -> None:
        time.sleep(4)
        call.close_connection = True

    def _drip(self, call: BaseHTTPRequestHandler) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
            call.wfile.write(bytes([byte]))
            call.wfile.flush()
            time.sleep(0.1)

    def _reset(self, call: BaseHTTPRequestHandler) -> None:
        _reset(call)

    def _huge(self, call: BaseHTTPRequestHandler) -> None:
        call.send_response(200)
        call.send_header("Content-Length", str(len(_TEN_MB)))
        call.end_headers()
        call.wfile.write(_TEN_MB)

    def _late(self, call: BaseHTTPRequestHandler) -> None:
        time.sleep(self._dice.choice((0.8, 1.6, 2.6)))
        call.send_response(200)
        call.send_header("Content-Length", "0")
        call.end_headers()

    def _errors(self, call: BaseHTTPRequestHandler) -> None:
        call.send_response(self._dice.choice((400, 404, 429, 500, 503)))
        call.send_header("Content-Length", "0")
        call.end_headers()

    def _garbage(self, call: BaseHTTPRequestHandler) -> None:
        call.wfile.write(b"\x00\xff not http\r\n\r\n")
        call.close_connection = True


def _reset(call: BaseHTTPRequestHandler) -> None:
    call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    call.close_connection = True
    call.connection.close()
