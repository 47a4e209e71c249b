"""Who calls."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TypeVar

from flask import Request
from werkzeug.exceptions import HTTPException

from ...auth import signature
from ...auth.envelope import Envelope, Signed
from ...errors import CredentialsRefused, KeyReused, NoticeIntakeError, ReferenceTaken
from ...flows import evidence, key_sources, key_use, presuming
from ...flows.agencies import Caller, authenticate
from ...flows.mount import Mount
from ...settings import Settings
from ...store.agencies import Agency
from .. import bodies
from . import limiting

#: Where a request keeps whom it was found to come from.
AGENCY = "notice_intake.agency"
#: The media types of a referral a line.
STREAMS = ("application/x-ndjson", "application/jsonl", "application/json-lines")
#: How many times as large as a single referral's body a signed stream may be.
_STREAM = 32
_CERTIFICATE, _PROXY = "client-cert", "notice-intake-proxy"

T = TypeVar("T")
#: What stores for a caller: see ``storing``.
Store = Callable[[Caller], T]


class _Headers(Mapping[str, str]):
    """The headers of a request as an ``Envelope`` has them, each read only where a scheme asks for it."""

    def __init__(self, request: Request, hidden: Collection[str]) -> None:
        self._headers, self._hidden = request.headers, hidden

    def __getitem__(self, name: str) -> str:
        if name in self._hidden:
            raise KeyError(name)
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return (name.lower() for name, _ in self._headers if name.lower() not in self._hidden)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def agency_of(mount: Mount, request: Request, *, scope: str, now: datetime) -> Agency:
    """Return the agency whose credentials this request carries, a signature's nonce spent.

    Cookies count for nothing here.
    """
    limiting.admit(mount, request)
    caller = _caller(mount, request, scope=scope, now=now)
    if caller.signed is not None:
        evidence.spend_alone(mount, caller.signed)
    limiting.admit_agency(mount, request, agency_id=caller.agency.id)
    return caller.agency


def storing(mount: Mount, request: Request, *, scope: str, now: datetime, store: Store[T], presume: bool = False) -> T:
    """Return what ``store`` returns for whoever calls; it spends a signature's nonce in its transaction.

    Where it fails before that, the nonce is spent nevertheless: a signed request is answered once. With ``presume``
    the key may be looked at only with what is stored: ``store`` stores nothing unless a ``presumed`` key stands. What
    is refused is refused for a key that stands: where it was changed, ``store`` begins again, or the key is refused.
    """
    limiting.admit(mount, request)
    caller = _caller(mount, request, scope=scope, now=now, presume=presume)
    try:
        return _stored(mount, request, caller, store)
    except presuming.Changed:
        # What is told to the agency only, its limits and our signature, is not told to a key that was revoked.
        for name in (AGENCY, limiting.KNOWN):
            request.environ.pop(name, None)
        caller = _caller(mount, request, scope=scope, now=now)
        return _stored(mount, request, caller, store)


def _stored(mount: Mount, request: Request, caller: Caller, store: Store[T]) -> T:
    with _refusing(mount, caller):
        limiting.admit_agency(mount, request, agency_id=caller.agency.id)
    with _spending(mount, caller.signed), _refusing(mount, caller):
        return store(caller)


@contextmanager
def _refusing(mount: Mount, caller: Caller) -> Iterator[None]:
    """See that what is refused is refused for a key that stands; raises ``presuming.Changed`` where it does not."""
    try:
        yield
    except (NoticeIntakeError, HTTPException):
        if caller.presumed is not None:
            presuming.confirm(mount, caller.presumed)
        raise


def _caller(mount: Mount, request: Request, *, scope: str, now: datetime, presume: bool = False) -> Caller:
    envelope = _envelope(mount, request)
    ask = partial(authenticate, mount, envelope, scope=scope, now=now)
    try:
        try:
            caller = ask(presume=presume)
        except CredentialsRefused as refused:
            if refused.reason != signature.UNKNOWN or not key_sources.look_again(mount, now=now):
                raise
            caller = ask()
    except CredentialsRefused:
        limiting.failed(mount, request)
        raise
    key_use.write(mount)
    request.environ[AGENCY] = caller.agency.id
    return caller


@contextmanager
def _spending(mount: Mount, signed: Signed | None) -> Iterator[None]:
    """Spend a signature's nonce where the request fails before anything is stored: it is answered once.

    Raises ``CredentialsRefused`` in place of the fault where that had happened before.
    """
    try:
        yield
    except (ReferenceTaken, KeyReused):
        # These are found in the transaction that spends the nonce.
        raise
    except NoticeIntakeError:
        if signed is not None:
            evidence.spend_alone(mount, signed)
        raise


def target_of(request: Request) -> str:
    """Return the target as it stood on the wire, or ``""`` where the server does not tell.

    Werkzeug decodes and encodes it again, which is not the same: a signature is over what was sent.
    """
    target: str = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or ""
    return target


def _envelope(mount: Mount, request: Request) -> Envelope:
    hidden = {_PROXY}
    if "HTTP_CLIENT_CERT" in request.environ and not _from_proxy(mount.settings, request):
        hidden.add(_CERTIFICATE)
    return Envelope(
        request.method,
        target_of(request),
        _Headers(request, hidden),
        lambda: bodies.held(request, limit=_limit(mount.settings, request)),
        mount.settings.public_url,
    )


def _limit(settings: Settings, request: Request) -> int:
    """A stream that is signed has to be here whole before its first line counts, and stays as evidence."""
    return settings.max_body_bytes * (_STREAM if request.mimetype in STREAMS else 1)


def _from_proxy(settings: Settings, request: Request) -> bool:
    """Whether the request comes from a proxy that we trust: by address and by secret, since either may be forged."""
    before: dict[str, str] = request.environ.get("werkzeug.proxy_fix.orig", {})
    peer = before.get("REMOTE_ADDR") or request.environ.get("REMOTE_ADDR", "")
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    known = any(address in ipaddress.ip_network(network) for network in settings.client_cert_proxies)
    secret: str = request.headers.get(_PROXY, "")
    return known and hmac.compare_digest(secret.encode(), settings.client_cert_secret.encode())
