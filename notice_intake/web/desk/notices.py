"""The banner that tells on the next page what has just been done, and offers to undo it.

It travels in a signed cookie of the desk's own, bound to the moderator, so that the host's session stays untouched.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TypedDict, cast

from flask import Response, g, request, url_for
from itsdangerous import BadData

from ..texts import N_
from .request import Desk

_COOKIE = "notice_intake_notice"
_PURPOSE = "desk.notice"
_KEPT = 600

MESSAGES = {
    "decided": N_("Decided"),
    "undone": N_("The decision is undone. The case is open again."),
    "none_free": N_("No free case is left here."),
    "released": N_("The case is free again."),
    "taken_over": N_("You have taken this case over."),
    "extended": N_("Your claim is extended."),
    "asked": N_("The agency is asked. The case is free until it answers."),
    "entered": N_("It is stored, and waits in the queue."),
    "entered_answered": N_("It is stored. The case was decided before; that decision answers it."),
    "entered_before": N_("It was here already. Nothing was stored twice."),
    "replayed": N_("It will be tried again now."),
    "agency_revoked": N_("Nothing opens a door for this agency any more."),
    "agency_signed_out": N_("Nobody of this agency is signed in any more, and no link is open."),
    "agency_signatures": N_("This counts from the agency's next request on."),
    "agency_endpoint_on": N_("Callbacks go to this address again, first what has waited."),
    "agency_endpoint_off": N_("Callbacks to this address wait. None is lost."),
    "agency_key_revoked": N_("The key is revoked. It fails on its next use."),
    "agency_key_expiry": N_("The key's last day is set."),
    "agency_key_endless": N_("The key has no last day any more."),
    "replayed_many": N_("They will be sent again now, in their order."),
    "replayed_none": N_("There is nothing to send again."),
    "enabled": N_("The endpoint is in use again. What has waited leaves now, in order."),
}


class CookieOptions(TypedDict):
    """How a cookie of the desk is set."""

    path: str
    httponly: bool
    samesite: str
    secure: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """What was done, and to which case."""

    code: str
    case_id: str = ""
    outcome: str = ""
    #: The decision that was taken, which is the one that the banner's button undoes.
    decision: str = ""
    #: When the undo window ends, as ISO 8601; empty where there is none.
    until: str = ""
    #: Something further to be told, a code of ``MESSAGES``.
    also: str = ""

    def followed_by(self, code: str) -> Notice:
        """Return this notice with something further to be told, or that alone where this one says nothing new."""
        return replace(self, also=code) if self.case_id else Notice(code)

    @property
    def undo_until(self) -> datetime | None:
        """When the undo window ends."""
        return datetime.fromisoformat(self.until) if self.until else None


def leave(desk: Desk, response: Response, notice: Notice) -> Response:
    """Have the next page show ``notice``."""
    value = desk.mount.secrets.serializer(_PURPOSE).dumps({"who": desk.moderator.id, **asdict(notice)})
    response.set_cookie(_COOKIE, str(value), max_age=_KEPT, **cookie_options())
    g.notice_intake_notice = None
    return response


def take(desk: Desk) -> Notice | None:
    """Return what there is to tell, once; a decision that can still be undone stays until it no longer can."""
    if "notice_intake_instead" in g:
        g.notice_intake_notice = "spent"
        here: Notice | None = g.pop("notice_intake_instead")
        return here
    raw = request.cookies.get(_COOKIE)
    if not raw:
        return None
    try:
        found = cast(dict[str, str], desk.mount.secrets.serializer(_PURPOSE).loads(raw, max_age=_KEPT))
        who, notice = found.pop("who"), Notice(**found)
        until = notice.undo_until
    except (BadData, KeyError, TypeError, ValueError):
        g.notice_intake_notice = "spent"
        return None
    if until is None or until <= desk.now or who != desk.moderator.id:
        g.notice_intake_notice = "spent"
    return notice if who == desk.moderator.id else None


def instead(notice: Notice | None) -> None:
    """Have this very answer show ``notice``, or nothing, in place of what waits to be told."""
    g.notice_intake_instead = notice


def clear_spent(response: Response) -> None:
    """Forget a notice that has been shown for the last time."""
    if g.pop("notice_intake_notice", None) == "spent":
        response.delete_cookie(_COOKIE, path=url_for(".queue"))


def cookie_options() -> CookieOptions:
    """Return how the desk sets its cookies: seen by the desk's own addresses only, never by scripts."""
    return {"path": url_for(".queue"), "httponly": True, "samesite": "Lax", "secure": request.is_secure}
