"""The agency's keys: what it has, a further token shown once, a public key of its own; and the first steps."""

from __future__ import annotations

import re

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from ...auth import keys as public_keys
from ...errors import Conflict, KeyNotUsable
from ...flows import agencies, agency_desk, agency_keys, page_links
from . import words
from .notices import leave
from .presenting import page
from .request import ENDPOINTS, caller, require, see_other

_NONCE = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


def add_routes(blueprint: Blueprint) -> None:
    """Add the pages of keys."""
    blueprint.add_url_rule("/keys", "keys", keys)
    blueprint.add_url_rule("/welcome", "welcome", welcome)
    blueprint.add_url_rule("/keys/token", "new_token", new_token, methods=["POST"])
    blueprint.add_url_rule("/keys/token", "back_from_token", keys_again)
    blueprint.add_url_rule("/keys/public", "add_key", add_key, methods=["POST"])
    blueprint.add_url_rule("/keys/public", "back_from_public", keys_again)


def keys() -> ResponseReturnValue:
    """Show the keys that are good now."""
    return _page()


def keys_again() -> ResponseReturnValue:
    """Lead whoever reloads the address of a form back to the keys."""
    return see_other(url_for(".keys"))


def welcome() -> ResponseReturnValue:
    """Show the first steps to whoever came in by an onboarding link."""
    now = caller()
    return page("welcome.html", state=agency_desk.own_keys(now.mount, now.guest.agency.id, now=now.now))


def new_token() -> ResponseReturnValue:
    """Make a further token and show it, once: reloading the answer makes no other."""
    require(ENDPOINTS)
    now, nonce = caller(), request.form.get("nonce", "")
    if _NONCE.fullmatch(nonce) is None:
        raise BadRequest
    visit = now.guest
    try:
        agency_desk.once_only(now.mount, visit.agency.id, f"page:{visit.link_id}:{nonce}", now=now.now)
    except Conflict as conflict:
        return _page(status=409, problem=words.sentence(now.texts, conflict.detail))
    made = agencies.rotate(now.mount, visit.agency.id, now=now.now, by=visit.actor, scopes=visit.scopes)
    page_links.note(now.mount, visit, "agency.key_added", object=visit.agency.id, now=now.now)
    return _page(token=made.token)


def add_key() -> ResponseReturnValue:
    """Accept requests signed with a public key, pasted as PEM or JWK."""
    require(ENDPOINTS)
    now, text = caller(), request.form.get("key", "").strip()
    visit = now.guest
    try:
        key = public_keys.from_jwk(text) if text.startswith("{") else public_keys.from_pem(text.encode())
        agency_keys.add_public_key(
            now.mount, visit.agency.id, key=key, now=now.now, by=visit.actor, scopes=visit.scopes
        )
    except KeyNotUsable as fault:
        # A private key that was pasted by mistake is not sent back to stand in a page.
        typed = "" if "PRIVATE" in text or '"d"' in text else text
        return _page(status=422, typed=typed, fault=words.sentence(now.texts, fault.detail))
    page_links.note(now.mount, visit, "agency.key_added", object=visit.agency.id, now=now.now)
    return leave(now, see_other(url_for(".keys")), code="key_added")


def _page(*, status: int = 200, **values: object) -> ResponseReturnValue:
    now = caller()
    state = agency_desk.own_keys(now.mount, now.guest.agency.id, now=now.now)
    return page("keys.html", status=status, state=state, **values)
