"""The banner that tells on the next page what has just been done. It travels in a signed cookie of these pages' own."""

from __future__ import annotations

from flask import Response, g, request, url_for
from itsdangerous import BadData

from ..texts import N_
from .request import Caller, cookie_options

_COOKIE = "notice_intake_agency_notice"
_PURPOSE = "agency.notice"
_KEPT = 120

MESSAGES = {
    "sent": N_("Your referral has arrived. This is your receipt."),
    "again": N_("This referral had arrived before. Nothing was stored twice."),
    "supplemented": N_("The platform has what you added."),
    "withdrawn": N_("Withdrawn."),
    "complained": N_("The platform will look at it again."),
    "address": N_("The address is noted. It is used once it has given its challenge back."),
    "unchanged": N_("This address is in use already."),
    "address_removed": N_("The address is gone. What was waiting for it can be read here."),
    "tested": N_("A test message is on its way."),
    "replayed": N_("It will be sent once more."),
    "key_added": N_("Requests signed with this key are accepted from now on."),
}


def leave(caller: Caller, response: Response, *, code: str) -> Response:
    """Have the next page show a notice."""
    value = caller.mount.secrets.serializer(_PURPOSE).dumps([caller.guest.id, code])
    response.set_cookie(_COOKIE, str(value), max_age=_KEPT, **cookie_options(caller.mount))
    return response


def take(caller: Caller) -> str:
    """Return what there is to tell, once; nothing where there is nothing."""
    raw = request.cookies.get(_COOKIE)
    if not raw or caller.visit is None:
        return ""
    g.notice_intake_agency_notice = True
    try:
        who, code = caller.mount.secrets.serializer(_PURPOSE).loads(raw, max_age=_KEPT)
    except (BadData, TypeError, ValueError):
        return ""
    return str(code) if who == caller.visit.id and code in MESSAGES else ""


def clear_spent(response: Response) -> None:
    """Forget a notice that has been shown."""
    if g.pop("notice_intake_agency_notice", False):
        response.delete_cookie(_COOKIE, path=url_for(".home"))
