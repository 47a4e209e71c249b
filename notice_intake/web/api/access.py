"""Who calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from flask import Request

from ...auth.envelope import Envelope
from ...errors import CredentialsRefused
from ...flows.agencies import authenticate
from ...flows.mount import Mount
from ...store.agencies import Agency
from . import limiting


class _Headers(Mapping[str, str]):
    """The headers of a request as an ``Envelope`` has them, each read only where a scheme asks for it."""

    def __init__(self, request: Request) -> None:
        self._headers = request.headers

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return (name.lower() for name, _ in self._headers)

    def __len__(self) -> int:
        return len(self._headers)


def agency_of(mount: Mount, request: Request, *, scope: str, now: datetime) -> Agency:
    """Return the agency whose credentials this request carries; cookies count for nothing here."""
    limiting.admit(mount, request)
    try:
        found = _authenticated(mount, request, scope=scope, now=now)
    except CredentialsRefused:
        limiting.failed(mount, request)
        raise
    limiting.admit_agency(mount, request, agency_id=found.id)
    return found


def _authenticated(mount: Mount, request: Request, *, scope: str, now: datetime) -> Agency:
    headers = _Headers(request)
    target = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or ""
    envelope = Envelope(request.method, target, headers)
    with mount.storage.straight() as tx:
        return authenticate(mount, tx, envelope, scope=scope, now=now)
