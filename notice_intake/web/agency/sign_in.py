"""Coming in by a one-time link, and leaving.

Opening a link spends nothing, since mail scanners open links too: it shows a page with one button, and only the form
behind it counts. That form is bound to the browser that opened the page, so that nobody can be signed in unawares.
"""

from __future__ import annotations

import logging
import secrets as random_secrets

from flask import Blueprint, Response, make_response, request, url_for
from flask.typing import ResponseReturnValue

from ...errors import CredentialsRefused
from ...flows import page_links
from .. import csrf
from ..api import limiting
from .presenting import csrf_fields, page
from .request import COOKIE, caller, cookie_options, see_other

log = logging.getLogger("notice_intake.pages")
#: What binds the form to the browser that opened it.
_DOOR = "notice_intake_agency_door"
#: How long a page with the button stays good, in seconds.
_OPEN_FOR = 3600


def add_routes(blueprint: Blueprint) -> None:
    """Add the pages of signing in and out."""
    blueprint.add_url_rule("/in", "door", door)
    blueprint.add_url_rule("/in/<secret>", "offer", offer)
    blueprint.add_url_rule("/in", "enter", enter, methods=["POST"])
    blueprint.add_url_rule("/out", "out", out, methods=["POST"])


def door() -> ResponseReturnValue:
    """Say how one comes in; whoever is in already goes home."""
    if caller().visit is not None:
        return see_other(url_for(".home"))
    return page("door.html", left="left" in request.args)


def offer(secret: str) -> ResponseReturnValue:
    """Show what a link opens, with the button that uses it. Looking spends nothing."""
    now = caller()
    try:
        found = page_links.look(now.mount, secret, now=now.now)
    except CredentialsRefused as refused:
        return _refuse(refused)
    word = request.cookies.get(_DOOR) or random_secrets.token_urlsafe(16)
    fields = csrf_fields(now, _owner(word))
    response = make_response(page("offer.html", offer=found, secret=secret, door_fields=fields))
    response.set_cookie(_DOOR, word, max_age=_OPEN_FOR, **cookie_options(now.mount))
    return response


def enter() -> ResponseReturnValue:
    """Use a link up, begin a visit under a new secret, and go on."""
    now = caller()
    word = request.cookies.get(_DOOR, "")
    trusted = csrf.same_origin(request.headers, request.host) and csrf.holds(
        now.mount.secrets, request.form.get(csrf.FIELD), moderator_id=_owner(word)
    )
    if not word or not trusted:
        return page("door.html", status=400, strange=True)
    try:
        entered = page_links.enter(
            now.mount, request.form.get("secret", ""), now=now.now, before=request.cookies.get(COOKIE)
        )
    except CredentialsRefused as refused:
        return _refuse(refused)
    target = ".welcome" if entered.purpose == "onboard" else ".home"
    response = see_other(url_for(target))
    options = cookie_options(now.mount)
    response.set_cookie(COOKIE, entered.secret, max_age=now.mount.settings.page_visit_minutes * 60, **options)
    response.delete_cookie(_DOOR, path=options["path"])
    return response


def out() -> ResponseReturnValue:
    """End the visit, in the tables and in the browser."""
    now = caller()
    page_links.leave(now.mount, now.guest, now=now.now)
    response: Response = see_other(url_for(".door", left=1))
    response.delete_cookie(COOKIE, path=cookie_options(now.mount)["path"])
    return response


def _refuse(refused: CredentialsRefused) -> ResponseReturnValue:
    """Answer every bad link alike, and count it as credentials that were refused; only the log has the reason."""
    log.info("a link was refused: %s", refused.reason)
    limiting.failed(caller().mount, request)
    return page("door.html", status=404, refused=True)


def _owner(word: str) -> str:
    return f"door:{word}"
