"""Connections to receivers: read until a moment and up to an amount, kept while they are fresh."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from typing import Any, Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .exchange import LONGEST

#: A connection that was idle for longer is not used again: firewalls forget such ones silently, and the next callback
#: would then wait out its whole deadline.
_LONGEST_IDLE: Final = 30.0
#: Receivers whose connections are kept.
RECEIVERS: Final = 256


class Idle:
    """Open connections that nobody uses, by where they lead; the one that was used last is used first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[Any, list[Any]] = {}
        self._lock = threading.Lock()

    def take(self, key: Any) -> Any:
        while True:
            with self._lock:
                found = self._of.get(key)
                connection = found.pop() if found else None
            if connection is None or connection.is_connected:
                return connection
            connection.close()

    def keep(self, key: Any, connection: Any) -> None:
        dropped = []
        with self._lock:
            if key not in self._of and len(self._of) >= RECEIVERS:
                dropped = self._of.pop(next(iter(self._of)))
            mine = self._of.setdefault(key, [])
            mine.append(connection)
            if len(mine) > self._most:
                dropped.append(mine.pop(0))
        for one in dropped:
            one.close()

    def close(self) -> None:
        with self._lock:
            found = [one for mine in self._of.values() for one in mine]
            self._of.clear()
        for one in found:
            one.close()


class _TimedReader(io.RawIOBase):
    """The socket's bytes until a moment and up to an amount, however slowly they drip in."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        # urllib3 has just set the socket's timeout to what is left of the request's.
        self._ends = time.monotonic() + (sock.gettimeout() or 0.0)
        self._left = LONGEST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        patience = self._ends - time.monotonic()
        if patience <= 0:
            raise TimeoutError("the answer took too long")
        if self._left <= 0:
            raise http.client.HTTPException("the answer is too long")
        self._sock.settimeout(patience)
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedAnswer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: io.BufferedReader = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _Perishable:
    """A connection that counts as dropped once it has been idle for too long."""

    response_class: Any = _TimedAnswer
    _answered: float = 0.0

    def answered(self) -> None:
        self._answered = time.monotonic()

    def getresponse(self) -> Any:
        self.answered()
        return super().getresponse()  # type: ignore[misc]

    @property
    def is_connected(self) -> bool:
        return bool(super().is_connected) and time.monotonic() - self._answered < _LONGEST_IDLE  # type: ignore[misc]


class Connection(_Perishable, HTTPConnection):
    """A connection without TLS, for networks of the operator's own."""


class TlsConnection(_Perishable, HTTPSConnection):
    """A connection whose certificate was checked against the name."""


class Pool(HTTPConnectionPool):
    """Makes connections of ours."""

    ConnectionCls = Connection


class TlsPool(HTTPSConnectionPool):
    """Makes connections of ours."""

    ConnectionCls = TlsConnection
