"""Who calls."""

from __future__ import annotations

from datetime import datetime

from flask import Request

from ...auth.envelope import Envelope
from ...flows.agencies import authenticate
from ...flows.mount import Mount
from ...store.agencies import Agency


def agency_of(mount: Mount, request: Request, *, scope: str, now: datetime) -> Agency:
    """Return the agency whose credentials this request carries; cookies count for nothing here."""
    headers = {name.lower(): value for name, value in request.headers}
    target = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or ""
    envelope = Envelope(request.method, target, headers)
    with mount.storage.read() as tx:
        return authenticate(mount, tx, envelope, scope=scope, now=now)
