"""One HTTP/1.1 exchange (RFC 9112) on an open connection: a request in, the head and a little of the body out.

The standard library's client costs more than all the rest of a callback. This one needs no more of an answer than a
status, three fields and the beginning of a text; every wait ends with the deadline and every buffer with a limit.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Bytes of one answer that are taken off the wire at all, head included.
LONGEST: Final = 65_536
_PIECE: Final = 8192
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_FIELD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


class NotHttp(Exception):
    """What came back is no answer that could be understood, or none at all."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The part of an answer that says what became of a callback."""

    status: int
    #: By name in lower case; of a field that stands there twice, the values joined by commas.
    headers: Mapping[str, str]
    #: The first bytes of the body, as they came.
    body: bytes
    #: Whether the answer ended where it said, so that the connection can carry another one.
    reusable: bool = False


def head(path: str, headers: Mapping[str, str], *, length: int) -> bytes:
    """Return the bytes of a POST request's head. Raises ``ValueError`` where a value would end its line."""
    lines = [f"POST {path} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    lines.append(f"Content-Length: {length}")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a request's head holds a line break")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def exchange(sock: socket.socket, request: bytes, *, ends: float, patience: float, keep: int) -> Reply:
    """Send a request and read the answer, up to ``keep`` bytes of its body.

    ``ends`` is the moment, by ``time.monotonic()``, when all of it has to be over; ``patience`` is how many seconds
    the whole answer may take. Raises ``TimeoutError``, ``OSError``, ``NotHttp``; a status that has arrived stands,
    whatever becomes of the body.
    """
    _wait_at_most(sock, ends)
    sock.sendall(request)
    wire = _Wire(sock, min(ends, time.monotonic() + patience))
    while True:
        lines = wire.head()
        match = _STATUS.fullmatch(lines[0].rstrip(b"\r"))
        if match is None:
            raise NotHttp
        status = int(match[2])
        if status >= 200:
            break
        if status == 101:
            raise NotHttp
    fields = _fields(lines[1:])
    try:
        body, complete = _body(wire, status, fields, keep)
    except (OSError, NotHttp):
        body, complete = b"", False
    stays = "close" not in fields.get("connection", "").lower() and match[1] == b"1"
    return Reply(status, fields, body, complete and stays and not wire.left)


def _wait_at_most(sock: socket.socket, ends: float) -> None:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    sock.settimeout(left)


class _Wire:
    """What comes off a socket until a moment and up to an amount."""

    def __init__(self, sock: socket.socket, ends: float) -> None:
        self._sock = sock
        self._ends = ends
        self._allowed = LONGEST
        #: What was read and not used yet.
        self.left = b""

    def more(self) -> bool:
        """Read another piece; False at the end of the stream."""
        if self._allowed <= 0:
            raise NotHttp
        _wait_at_most(self._sock, self._ends)
        piece = self._sock.recv(min(_PIECE, self._allowed))
        self._allowed -= len(piece)
        self.left += piece
        return bool(piece)

    def head(self) -> list[bytes]:
        """Return the lines of a head."""
        searched = 0
        while True:
            # A bare line feed ends a line too, as in the standard library.
            for end in (b"\r\n\r\n", b"\n\n"):
                place = self.left.find(end, max(0, searched - 3))
                if place >= 0:
                    found, self.left = self.left[:place], self.left[place + len(end) :]
                    return found.split(b"\n")
            searched = len(self.left)
            if not self.more():
                raise NotHttp

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes; fewer at the end of the stream."""
        while len(self.left) < count and self.more():
            pass
        found, self.left = self.left[:count], self.left[count:]
        return found


def _fields(lines: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon and _FIELD.fullmatch(name):
            known = name.lower()
            text = value.strip()
            found[known] = f"{found[known]}, {text}" if known in found else text
    return found


def _body(wire: _Wire, status: int, fields: Mapping[str, str], keep: int) -> tuple[bytes, bool]:
    """Return the beginning of the body, and whether that is all of it."""
    if status in (204, 304):
        return b"", True
    coding, length = fields.get("transfer-encoding", "").lower(), fields.get("content-length", "")
    if coding:
        return _chunks(wire, keep) if coding == "chunked" else (wire.take(keep), False)
    if not length.isascii() or not length.isdigit() or len(length) > 18:
        return wire.take(keep), False
    body = wire.take(min(int(length), keep))
    return body, len(body) == int(length)


def _chunks(wire: _Wire, keep: int) -> tuple[bytes, bool]:
    """RFC 9112 section 7.1. A trailer is not read: the connection is closed instead."""
    body = b""
    while len(body) < keep:
        while b"\n" not in wire.left:
            if not wire.more():
                return body, False
        match = _CHUNK.match(wire.left)
        if match is None:
            return body, False
        size, wire.left = int(match[1], 16), wire.left[match.end() :]
        if size == 0:
            return body, wire.take(2) == b"\r\n"
        wanted = min(size, keep - len(body))
        piece = wire.take(wanted)
        body += piece
        if len(piece) < wanted or wanted < size or wire.take(2) != b"\r\n":
            return body, False
    return body, False
