"""Who calls."""

from __future__ import annotations

from datetime import datetime

from flask import Request

from ...auth.envelope import Envelope
from ...errors import CredentialsRefused
from ...flows.agencies import authenticate
from ...flows.mount import Mount
from ...store.agencies import Agency
from . import limiting


def agency_of(mount: Mount, request: Request, *, scope: str, now: datetime) -> Agency:
    """Return the agency whose credentials this request carries; cookies count for nothing here."""
    limiting.admit(mount, request)
    try:
        found = _authenticated(mount, request, scope=scope, now=now)
    except CredentialsRefused:
        limiting.failed(mount, request)
        raise
    limiting.admit_agency(mount, found.id)
    return found


def _authenticated(mount: Mount, request: Request, *, scope: str, now: datetime) -> Agency:
    headers = {name.lower(): value for name, value in request.headers}
    target = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or ""
    envelope = Envelope(request.method, target, headers)
    with mount.storage.read() as tx:
        return authenticate(mount, tx, envelope, scope=scope, now=now)
