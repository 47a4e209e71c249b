"""The agency's own side of callbacks, for the time of a run: it answers challenges, verifies, and keeps what came."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ..callbacks import verify_callback
from ..errors import CallbackRefused

_MOST_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Came:
    """A callback as it came."""

    id: str
    document: dict[str, Any]
    body: bytes
    #: Whether its signature fits the secret.
    verified: bool


@dataclass(slots=True)
class Listener:
    """Listens on ``address``; the platform reaches it as ``url``."""

    url: str
    address: tuple[str, int]
    #: The callback secret, once the platform has given one.
    secret: str = ""
    came: list[Came] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        """Begin to listen. Raises ``OSError``."""
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                answer = listener.take(dict(self.headers), self.rfile.read(min(size, _MOST_BYTES)))
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing: the report says it."""

        self._server = ThreadingHTTPServer(self.address, Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, headers: dict[str, str], body: bytes) -> bytes:
        """Keep a callback; return the body of the answer."""
        try:
            document = json.loads(body)
            data = document["data"]
        except (ValueError, KeyError, TypeError):
            document, data = {}, {}
        message_id = next((value for name, value in headers.items() if name.lower() == "webhook-id"), "")
        self.came.append(Came(message_id, document, body, self._verified(headers, body)))
        challenge = data.get("challenge") if isinstance(data, dict) else None
        return json.dumps({"challenge": challenge}).encode() if challenge is not None else b""

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def wait(
        self, wanted: Callable[[Came], bool], *, after: int = 0, rest: Callable[[float], None], patience: float
    ) -> Came | None:
        """Return the first callback that is wanted, of those that came after so many; None where none comes in time."""
        end = time.monotonic() + patience
        while True:
            found = next((one for one in self.came[after:] if wanted(one)), None)
            if found is not None or time.monotonic() > end:
                return found
            rest(0.1)

    def _verified(self, headers: dict[str, str], body: bytes) -> bool:
        for _ in range(20):
            # A platform may be quicker with its verification than with the answer that holds the secret.
            if self.secret:
                break
            time.sleep(0.1)
        try:
            verify_callback(headers, body, self.secret)
        except (CallbackRefused, ValueError):
            return False
        return True
