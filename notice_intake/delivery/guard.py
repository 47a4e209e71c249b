"""The only way out: a ``requests`` adapter that connects to nothing but checked addresses, and never for long."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError
from urllib3.poolmanager import ProxyManager
from urllib3.response import BaseHTTPResponse
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.timeout import Timeout

from ..errors import NoticeIntakeError
from .connections import RECEIVERS, Connection, Idle, Pool, TlsConnection, TlsPool
from .exchange import Reply, exchange, head
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

#: Bytes of an answer's body that are read.
KEEP: Final = 4096


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
    between threads. With ``policy.proxy`` that one is asked for a tunnel to the name, and resolves it.

    An adapter follows no redirects, but a ``Session`` around it does: use ``Sender``.
    """

    def __init__(
        self,
        policy: CallbackPolicy,
        *,
        deadlines: Deadlines | None = None,
        pool_size: int = 32,
        ca_file: str | None = None,
    ) -> None:
        self._policy = policy
        self._idle = Idle(pool_size)
        self._deadlines = deadlines or Deadlines()
        # One context for all: urllib3 would parse the authorities' file again for every connection.
        self._tls = create_urllib3_context()
        self._tls.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        if ca_file is not None:
            self._tls.load_verify_locations(ca_file)
        self._egress = _egress(policy.proxy, self._tls) if policy.proxy else None
        self._last_good: dict[str, Address] = {}
        super().__init__(pool_connections=RECEIVERS, pool_maxsize=pool_size)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block=block, ssl_context=self._tls, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: the shared context verifies, and there is no way to turn that off."""

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        where, how = super().build_connection_pool_key_attributes(request, verify, cert)
        # Part of the pool's key as well: connections are kept per checked address and name.
        return where, {**how, "server_hostname": urlsplit(f"//{request.headers['Host']}").hostname}

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes, called: Callable[[str], None]) -> Reply:
        """Post to the first checked address that takes the connection; ``called`` is told which one is tried.

        The same guarantees as ``send``, without what is put around a request for everybody else: most of a callback's
        cost. Raises what connecting raises, ``OSError``, and ``NotHttp``.
        """
        ends = time.monotonic() + self._deadlines.total
        destination = _destination(url, self._policy)
        sent = {"Host": destination.authority, **headers}
        if self._egress is not None:
            with closing(self._tunnelled(destination, "POST", _path(url), headers=sent, body=body)) as response:
                return _reply(response)
        request = head(_path(url), sent, length=len(body)) + body
        untried = self._checked_addresses(destination)
        while True:
            address = untried.pop(0)
            called(str(address))
            try:
                reply = self._ask(destination, address, request, ends=ends)
                self._last_good[destination.authority] = address
                return reply
            except (NewConnectionError, ConnectTimeoutError):
                if not untried:
                    raise

    def close(self) -> None:
        """Close all idle connections."""
        self._idle.close()
        super().close()

    def _ask(self, destination: Destination, address: Address, request: bytes, *, ends: float) -> Reply:
        key = (destination.scheme, str(address), destination.port, destination.host)
        connection = self._idle.take(key)
        if connection is None:
            connection = self._connected(destination, address, ends=ends)
        reply = None
        try:
            patience = self._deadlines.read
            reply = exchange(connection.sock, request, ends=ends, patience=patience, keep=KEEP)
        finally:
            if reply is not None and reply.reusable:
                connection.answered()
                self._idle.keep(key, connection)
            else:
                connection.close()
        return reply

    def _connected(self, destination: Destination, address: Address, *, ends: float) -> Any:
        where: dict[str, Any] = {"host": str(address), "port": destination.port}
        where["timeout"] = min(self._deadlines.connect, max(0.001, ends - time.monotonic()))
        if destination.scheme == "https":
            made: Any = TlsConnection(**where, ssl_context=self._tls, server_hostname=destination.host)
        else:
            made = Connection(**where)
        try:
            made.connect()
        except BaseException:
            made.close()
            raise
        return made

    def _tunnelled(
        self, destination: Destination, method: str, path: str, *, headers: Mapping[str, str], body: Any
    ) -> BaseHTTPResponse:
        """Ask through the operator's proxy; the answer's body is not read yet."""
        if destination.scheme != "https":
            raise CallbackRefused("Through the egress proxy the callback address must use https.")
        assert self._egress is not None
        pool = self._egress.connection_from_host(destination.lookup, destination.port, "https")
        fixed: dict[str, Any] = {"retries": False, "redirect": False, "assert_same_host": False}
        limits = self._patience(time.monotonic() + self._deadlines.total)
        fixed |= {"preload_content": False, "decode_content": False, "timeout": limits}
        return pool.urlopen(method, path, body=body, headers=headers, **fixed)

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        """Send to the first checked address that takes the connection. The answer's body is not read yet."""
        ends = time.monotonic() + self._deadlines.total
        destination = read_destination(str(request.url), self._policy)
        if self._egress is not None:
            sent = {**request.headers, "Host": destination.authority}
            method, path = str(request.method), request.path_url
            answer = self._tunnelled(destination, method, path, headers=sent, body=request.body)
            return self.build_response(request, answer)
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


def _reply(response: BaseHTTPResponse) -> Reply:
    try:
        read = response.read(KEEP, decode_content=False)
    except (HTTPError, OSError):
        read = b""
    return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, read)


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
    # Not a SimpleQueue: its get() waits for ever where a signal comes as its timeout runs out.
    answers: queue.Queue[list[Any] | Exception] = queue.Queue()

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


def _egress(proxy: str, tls: Any) -> ProxyManager:
    manager = ProxyManager(proxy, maxsize=8, ssl_context=tls)
    manager.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}
    return manager
