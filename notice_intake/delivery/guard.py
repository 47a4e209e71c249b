"""The only way out: a ``requests`` adapter that connects to nothing but checked addresses, and never for long."""

from __future__ import annotations

import http.client
import io
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError
from urllib3.poolmanager import ProxyManager
from urllib3.response import BaseHTTPResponse
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.timeout import Timeout

from ..errors import NoticeIntakeError
from .policy import (
    Address,
    CallbackPolicy,
    CallbackRefused,
    Destination,
    check_addresses,
    check_callback_url,
    read_destination,
)

__all__ = ["CallbackPolicy", "CallbackRefused", "Deadlines", "GuardedAdapter", "LookupFailed", "check_callback_url"]

#: Bytes of one answer that are taken off the wire at all, head included; http.client alone would take 6 MB of head.
_LONGEST_ANSWER: Final = 65_536
#: A connection that was idle for longer is not used again: firewalls forget such ones silently, and the next callback
#: would then wait out its whole deadline.
_LONGEST_IDLE: Final = 30.0
#: Receivers whose connections are kept.
_RECEIVERS: Final = 256


class LookupFailed(NoticeIntakeError):
    """The host of the callback address cannot be found."""

    code = "callback-lookup-failed"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long one attempt may take, in seconds; Standard Webhooks 1.0.0 asks for 15 to 30."""

    #: For the connection to one address; for the TLS handshake again.
    connect: float = 5.0
    #: For the whole answer, not for each byte of it.
    read: float = 15.0
    #: For everything, the look-up of the name included.
    total: float = 20.0


class GuardedAdapter(HTTPAdapter):
    """Sends a prepared request to a host that the policy allows, or raises ``CallbackRefused``.

    Guaranteed for every request: the name is resolved once, all of its addresses must pass, and the connection goes to
    one of those, while TLS (name indication and certificate) and the Host header keep the name. Certificates are
    verified and the deadlines kept whatever the caller passes; proxies of the environment are never used. Safe to share
    between threads. With ``proxy``, the operator's own egress proxy, ``post`` asks that one for a tunnel to the name:
    resolving it and refusing addresses is then the proxy's part.

    An adapter follows no redirects, but a ``Session`` around it does: use ``Sender``.
    """

    def __init__(
        self,
        policy: CallbackPolicy,
        *,
        deadlines: Deadlines | None = None,
        pool_size: int = 32,
        ca_file: str | None = None,
        proxy: str = "",
    ) -> None:
        self._policy = policy
        self._proxy = proxy
        self._pool_size = pool_size
        self._pools: dict[tuple[str, str, int, str], HTTPConnectionPool] = {}
        self._pooling = threading.Lock()
        self._deadlines = deadlines or Deadlines()
        # One context for all: urllib3 would parse the authorities' file again for every connection.
        self._tls = create_urllib3_context()
        self._tls.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        if ca_file is not None:
            self._tls.load_verify_locations(ca_file)
        self._last_good: dict[str, Address] = {}
        super().__init__(pool_connections=_RECEIVERS, pool_maxsize=pool_size)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block=block, ssl_context=self._tls, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: the shared context verifies, and there is no way to turn that off."""

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        where, how = super().build_connection_pool_key_attributes(request, verify, cert)
        # Part of the pool's key as well: connections are kept per checked address and name.
        return where, {**how, "server_hostname": urlsplit(f"//{request.headers['Host']}").hostname}

    def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, called: Callable[[str], None]
    ) -> BaseHTTPResponse:
        """Post to the first checked address that takes the connection; ``called`` is told which one is tried.

        The same guarantees as ``send``, without what ``requests`` puts around a request: half of a callback's cost.
        The answer's body is not read yet: read and close it.
        """
        ends = time.monotonic() + self._deadlines.total
        destination = _destination(url, self._policy)
        path = _path(url)
        sent = {"Host": destination.authority, **headers}
        if self._proxy:
            return self._ask(self._tunnel(destination), path, body, headers=sent, ends=ends)
        untried = self._checked_addresses(destination)
        while True:
            address = untried.pop(0)
            called(str(address))
            try:
                response = self._ask(self._pool(destination, address), path, body, headers=sent, ends=ends)
                self._last_good[destination.authority] = address
                return response
            except (NewConnectionError, ConnectTimeoutError):
                if not untried:
                    raise

    def close(self) -> None:
        """Close all idle connections."""
        with self._pooling:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()
        super().close()

    def _ask(
        self, pool: HTTPConnectionPool, path: str, body: bytes, *, headers: Mapping[str, str], ends: float
    ) -> BaseHTTPResponse:
        return pool.urlopen(
            "POST",
            path,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=self._patience(ends),
            preload_content=False,
            decode_content=False,
        )

    def _pool(self, destination: Destination, address: Address) -> HTTPConnectionPool:
        key = (destination.scheme, str(address), destination.port, destination.host)
        found = self._pools.get(key)
        if found is None:
            where: Any = {"host": str(address), "port": destination.port, "maxsize": self._pool_size}
            if destination.scheme == "https":
                made: Any = _TlsPool(**where, ssl_context=self._tls, server_hostname=destination.host)
            else:
                made = _Pool(**where)
            with self._pooling:
                while len(self._pools) >= _RECEIVERS:
                    self._pools.pop(next(iter(self._pools)))
                found = self._pools.setdefault(key, made)
        return found

    def _tunnel(self, destination: Destination) -> HTTPConnectionPool:
        if destination.scheme != "https":
            raise CallbackRefused("Through the egress proxy the callback address must use https.")
        key = ("tunnel", destination.host, destination.port, destination.host)
        found = self._pools.get(key)
        if found is None:
            manager = ProxyManager(self._proxy, maxsize=8, ssl_context=self._tls)
            manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
            with self._pooling:
                made = manager.connection_from_host(destination.lookup, destination.port, "https")
                found = self._pools.setdefault(key, made)
        return found

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        """Send to the first checked address that takes the connection. The answer's body is not read yet."""
        ends = time.monotonic() + self._deadlines.total
        destination = read_destination(str(request.url), self._policy)
        untried = self._checked_addresses(destination)
        while True:
            address = untried.pop(0)
            pinned = _pinned(request, destination, address)
            try:
                response = super().send(pinned, stream=True, timeout=self._patience(ends))
                self._last_good[destination.authority] = address
                return response
            except requests.ConnectionError as failure:
                if not untried or not _never_connected(failure):
                    raise

    def _checked_addresses(self, destination: Destination) -> list[Address]:
        if destination.literal is not None:
            return [destination.literal]
        addresses = _look_up(destination, within=self._deadlines.total)
        check_addresses(destination, addresses, policy=self._policy)
        # A receiver whose IPv6 is broken costs the connect deadline once, not at every callback; and resolvers that
        # rotate their answers do not make us leave an open connection.
        last_good = self._last_good.get(destination.authority)
        return sorted(addresses, key=lambda address: address != last_good)

    def _patience(self, ends: float) -> Any:
        left = ends - time.monotonic()
        if left <= 0:
            raise requests.Timeout("no time is left to connect")
        return Timeout(connect=self._deadlines.connect, read=self._deadlines.read, total=left)


@lru_cache(maxsize=1024)
def _destination(url: str, policy: CallbackPolicy) -> Destination:
    return read_destination(url, policy)


@lru_cache(maxsize=1024)
def _path(url: str) -> str:
    """Return path and query as they were given: the policy has let nothing through that needs repair."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _pinned(request: requests.PreparedRequest, destination: Destination, address: Address) -> requests.PreparedRequest:
    host = f"[{address}]" if address.version == 6 else str(address)
    pinned = request.copy()
    pinned.url = f"{destination.scheme}://{host}:{destination.port}{request.path_url}"
    pinned.headers["Host"] = destination.authority
    return pinned


def _never_connected(failure: requests.ConnectionError) -> bool:
    """Whether no byte of the request can have reached the receiver, so that its next address may be tried."""
    if isinstance(failure, requests.ConnectTimeout):
        return True
    cause = failure.args[0] if failure.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _look_up(destination: Destination, *, within: float) -> list[Address]:
    """Resolve the name once.

    In a thread of its own, because the C library takes no deadline and may need minutes; in no pool of threads, because
    one agency's silent name server would fill it and hold up all others.
    """
    answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(destination.lookup, destination.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as failure:
            answers.put(failure)

    threading.Thread(target=ask, name="notice_intake-lookup", daemon=True).start()
    try:
        found = answers.get(timeout=within)
    except queue.Empty:
        raise LookupFailed from None
    if isinstance(found, Exception) or not found:
        raise LookupFailed
    return list(dict.fromkeys(ip_address(socket_address[0]) for *_, socket_address in found))


class _TimedReader(io.RawIOBase):
    """The socket's bytes until a moment and up to an amount, however slowly they drip in."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        # urllib3 has just set the socket's timeout to what is left of the request's.
        self._ends = time.monotonic() + (sock.gettimeout() or 0.0)
        self._left = _LONGEST_ANSWER

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

    def getresponse(self) -> Any:
        self._answered = time.monotonic()
        return super().getresponse()  # type: ignore[misc]

    @property
    def is_connected(self) -> bool:
        return bool(super().is_connected) and time.monotonic() - self._answered < _LONGEST_IDLE  # type: ignore[misc]


class _Connection(_Perishable, HTTPConnection):
    pass


class _TlsConnection(_Perishable, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
