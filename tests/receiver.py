"""An agency's endpoint on a real socket, which checks every callback with an independent library."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


class Receiver:
    """Answers what ``status`` says; keeps what it could verify, in order of arrival."""

    def __init__(self) -> None:
        self.secret = ""
        self.status: Callable[[dict[str, Any]], int] = lambda _: 204
        #: Status and body, where a body is wanted.
        self.answer: Callable[[dict[str, Any]], tuple[int, bytes]] = lambda event: (self.status(event), b"")
        self.verified: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.rejected: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, said = receiver.take(dict(self.headers), body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/callbacks"

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        event = json.loads(body)
        status, said = self.answer(event)
        if status // 100 != 2:
            return status, said
        try:
            Webhook(self.secret).verify(body, headers)
        except Exception as error:
            self.rejected.append(repr(error))
            return 400, b""
        self.ids.append(headers["webhook-id"])
        self.verified.append(event)
        return status, said

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
