"""Proof that a form came from a page of ours, opened by the person who now sends it.

Two checks, neither of which touches the host's session or configuration: a signed token bound to the moderator's id,
and the browser's own word on where the request comes from (``Sec-Fetch-Site``, else ``Origin``).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from itsdangerous import BadData
from werkzeug.datastructures import Headers

from ..auth.secrets import Secrets

FIELD = "csrf"
#: Longer than a shift: a form left open over lunch must not lose what was typed.
MAX_AGE = 24 * 3600

_PURPOSE = "desk.csrf"


def issue(secrets: Secrets, moderator_id: str) -> str:
    """Return a token for the forms of one moderator."""
    return str(secrets.serializer(_PURPOSE).dumps(moderator_id))


def holds(secrets: Secrets, token: str | None, *, moderator_id: str) -> bool:
    """Say whether ``token`` was issued to this moderator and has not run out."""
    try:
        return bool(secrets.serializer(_PURPOSE).loads(token or "", max_age=MAX_AGE) == moderator_id)
    except BadData:
        return False


def same_origin(headers: Headers, host: str) -> bool:
    """Say whether the browser sent this from a page of this site; a browser that does not say gets the token alone."""
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("Origin")
    # A host or proxy that sets ``Referrer-Policy: no-referrer`` makes browsers send "null" with our own forms.
    return origin in (None, "null") or urlsplit(origin).netloc == host
