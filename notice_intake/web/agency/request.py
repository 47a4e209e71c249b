"""What every agency page knows about the request it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from flask import Response, g, make_response, redirect, request, url_for

from ...core.journal import Actor
from ...errors import ScopeMissing
from ...flows.mount import Mount
from ...flows.page_links import Visit
from ..texts import Texts

READS, WRITES, ENDPOINTS = "referrals:read", "referrals:write", "endpoints:write"
#: What the person who is in holds: a cookie of our own, which neither the host nor the desk ever reads.
COOKIE = "notice_intake_agency"


@dataclass(frozen=True, slots=True)
class Caller:
    """One request: the mounted instance, who is in, the language and the time."""

    mount: Mount
    #: None where nobody has signed in.
    visit: Visit | None
    texts: Texts
    now: datetime
    #: ``auto``, ``light`` or ``dark``.
    theme: str = "auto"

    @property
    def guest(self) -> Visit:
        """Who is in; only pages behind the gate ask."""
        assert self.visit is not None
        return self.visit

    @property
    def actor(self) -> Actor:
        """Who stands in the journal."""
        return self.guest.actor

    def may(self, scope: str) -> bool:
        """Say whether whoever is in may do this."""
        return self.visit is not None and scope in self.visit.scopes


class CookieOptions(TypedDict):
    """How a cookie of these pages is set."""

    path: str
    httponly: bool
    samesite: str
    secure: bool


def caller() -> Caller:
    """Return what the gate found out about this request."""
    found: Caller = g.notice_intake_caller
    return found


def known_caller() -> Caller | None:
    """Return the same, or None where the gate did not get that far."""
    found: Caller | None = g.get("notice_intake_caller")
    return found


def require(scope: str) -> None:
    """Raise ``ScopeMissing`` where the agency's newest token could not do this when the link was made."""
    if not caller().may(scope):
        raise ScopeMissing(scope)


def cookie_options(mount: Mount) -> CookieOptions:
    """Return how these pages set cookies: for their own addresses only, never for scripts, over TLS where there is any.

    The public address says so too: behind a proxy that is not told of, every request looks plain.
    """
    secure = request.is_secure or mount.settings.public_url.startswith("https:")
    return {"path": url_for(".home"), "httponly": True, "samesite": "Lax", "secure": secure}


def see_other(target: str) -> Response:
    """Answer a form with the way to the next page, so that going back or reloading sends nothing twice."""
    return make_response(redirect(target, 303))
