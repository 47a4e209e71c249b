"""A receiver on loopback that behaves as badly as its path says, a resolver with a script, an authority for TLS."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from egress import BUFFER, Authority


@dataclass(frozen=True)
class Seen:
    """A request as it came over the wire."""

    path: str
    head: str
    headers: dict[str, str]
    body: bytes
    connection: int


class Receiver:
    """Serves HTTP/1.1 on loopback, one thread a connection, and keeps what it saw."""

    def __init__(
        self, tls: ssl.SSLContext | None = None, *, location: str = "/ok", address: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        #: Where ``/redirect`` points.
        self.location = location
        #: Names that senders asked for in their TLS handshakes.
        self.asked_names: list[str | None] = []
        if tls is not None:
            tls.sni_callback = lambda _stream, name, _context: self.asked_names.append(name)
        self.seen: list[Seen] = []
        self.connections = 0
        #: Bytes of the 10 MB answer that could be pushed out before the sender hung up.
        self.pushed = 0
        self.stopping = threading.Event()
        self._tls = tls
        self._listener = socket.create_server(address, backlog=128)
        # Left to itself the kernel would take all of the 10 MB on the way, and nothing would tell who stopped reading.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path: str = "/ok", *, host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def stop(self) -> None:
        self.stopping.set()
        # Closing alone does not wake a thread that waits in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection:
            stream = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            with stream, stream.makefile("rb") as reader:
                while (seen := self._read(reader, number)) is not None:
                    self.seen.append(seen)
                    if not BEHAVIOURS[seen.path](self, stream, seen):
                        return

    def _read(self, reader: Any, number: int) -> Seen | None:
        lines: list[str] = []
        while (line := reader.readline().decode("latin-1")) not in ("", "\r\n"):
            lines.append(line)
        if not lines:
            return None
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        body = reader.read(int(headers.get("content-length", "0")))
        return Seen(lines[0].split()[1].split("?")[0], "".join(lines), headers, body, number)


def _drip(receiver: Receiver, stream: socket.socket, piece: bytes) -> bool:
    while not receiver.stopping.wait(0.03):
        stream.sendall(piece)
    return False


def _fixed(answer: bytes) -> Callable[[Receiver, socket.socket, Seen], bool]:
    def behave(_receiver: Receiver, stream: socket.socket, _seen: Seen) -> bool:
        stream.sendall(answer)
        return True

    return behave


def _with_body(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def _then_drip(start: bytes, piece: bytes) -> Callable[[Receiver, socket.socket, Seen], bool]:
    def behave(receiver: Receiver, stream: socket.socket, _seen: Seen) -> bool:
        stream.sendall(start)
        return _drip(receiver, stream, piece)

    return behave


def _drip_then_stall(receiver: Receiver, stream: socket.socket, _seen: Seen) -> bool:
    stream.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(8):
        receiver.stopping.wait(0.12)
        stream.sendall(b"X-Slow: 1\r\n")
    receiver.stopping.wait(10)
    return False


def _hang(receiver: Receiver, _stream: socket.socket, _seen: Seen) -> bool:
    receiver.stopping.wait(10)
    return False


def _reset(_receiver: Receiver, stream: socket.socket, _seen: Seen) -> bool:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def _echo(_receiver: Receiver, stream: socket.socket, seen: Seen) -> bool:
    stream.sendall(_with_body(b"200 OK", seen.headers["webhook-id"].encode() + b" " + seen.body))
    return True


def _redirect(receiver: Receiver, stream: socket.socket, _seen: Seen) -> bool:
    stream.sendall(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % receiver.location.encode())
    return True


def _close_silently(_receiver: Receiver, stream: socket.socket, _seen: Seen) -> bool:
    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    return False


def _large(receiver: Receiver, stream: socket.socket, _seen: Seen) -> bool:
    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
    for _ in range(100):
        stream.sendall(b"x" * 100_000)
        receiver.pushed += 100_000
    return True


BEHAVIOURS: dict[str, Callable[[Receiver, socket.socket, Seen], bool]] = {
    "/ok": _fixed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "/no-content": _fixed(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "/chunked": _fixed(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"),
    "/echo": _echo,
    "/close": _close_silently,
    "/error": _fixed(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nsick"),
    "/bad": _fixed(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"),
    "/gone": _fixed(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"),
    "/redirect": _redirect,
    "/slow-down": _fixed(b"HTTP/1.1 429 Slow Down\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"),
    "/slow-down-date": _fixed(
        b"HTTP/1.1 503 Later\r\nDate: Tue, 25 Apr 2017 08:00:00 GMT\r\nRetry-After: Tue, 25 Apr 2017 08:10:00 GMT\r\n"
        b"Content-Length: 0\r\n\r\n"
    ),
    "/slow-down-nonsense": _fixed(b"HTTP/1.1 503 Later\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n"),
    "/slow-down-far-away": _fixed(
        b"HTTP/1.1 503 Later\r\nRetry-After: Mon, 01 Jan 2024 00:00:00 +99999999999999\r\nContent-Length: 0\r\n\r\n"
    ),
    "/slow-down-odd-clock": _fixed(
        b"HTTP/1.1 503 Later\r\nDate: Mon, 01 Jan 2024 00:00:00 -99999999999999\r\n"
        b"Retry-After: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"
    ),
    "/controls": _fixed(_with_body(b"422 No", "red \x1b[31m\r\nX: 1\x00\u202etxt\x85€ end\t\t!".encode() + b"\xff")),
    "/long-words": _fixed(_with_body(b"400 Bad", "€".encode() * 1000)),
    "/gzip": _fixed(b"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"),
    "/cookie": _fixed(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"),
    "/hang": _hang,
    "/reset": _reset,
    "/not-http": _fixed(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n"),
    "/drip-status": _then_drip(b"HTTP/1.1 20", b"0"),
    "/drip-head": _then_drip(b"HTTP/1.1 200 OK\r\n", b"X-Slow: 1\r\n"),
    "/drip-continue": _then_drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "/drip-body": _then_drip(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n", b"x"),
    "/drip-error-body": _then_drip(b"HTTP/1.1 500 Oops\r\nContent-Length: 4000\r\n\r\n", b"x"),
    "/drip-then-stall": _drip_then_stall,
    "/endless-head": _fixed(b"HTTP/1.1 200 OK\r\n" + (b"X-Long: " + b"x" * 60_000 + b"\r\n") * 90),
    "/large": _large,
    "/stall-after-4096": _then_drip(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 4096, b""),
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_receiver(authority: Authority) -> Iterator[Callable[..., Receiver]]:
    """Start a TLS receiver whose certificate names what the test asks for."""
    started: list[Receiver] = []

    def start(*names: str, days: int = 3, context: ssl.SSLContext | None = None, location: str = "/ok") -> Receiver:
        started.append(Receiver(context or authority.server_context(*names, days=days), location=location))
        return started[-1]

    yield start
    for receiver in started:
        receiver.stop()


class Resolver:
    """Answers look-ups by a script: for each name a list of answer sets, one a look-up, the last one repeating."""

    def __init__(self) -> None:
        self.script: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        #: A look-up blocks until this is set.
        self.free = threading.Event()
        self.free.set()
        self._numeric = socket.getaddrinfo

    def __call__(self, host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host not in self.script:
            # Numeric hosts go to the real resolver; AI_NUMERICHOST keeps every other name off the network.
            return self._numeric(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        self.free.wait(10)
        sets = self.script[host]
        answers = sets[min(self.asked.count(host), len(sets) - 1)]
        self.asked.append(host)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [entry for address in answers for entry in self._numeric(address, port, type=socket.SOCK_STREAM)]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.free.set()
