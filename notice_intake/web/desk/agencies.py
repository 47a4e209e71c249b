"""The agencies: who can refer, with which keys, and how their callback addresses do."""

from __future__ import annotations

import json
import re
import secrets as random_secrets
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, time

from flask import Blueprint, make_response, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.routing import BuildError

from ... import errors
from ...core.catalogue import country
from ...errors import Conflict, DocumentRefused, KeyNotUsable, SettingsError
from ...flows import agencies, agency_desk, agency_keys, endpoint_operations, page_links
from ...flows.claims import actor_of
from ..agency import words as page_words
from ..agency.addresses import address_of
from ..texts import N_
from .notices import CookieOptions, Notice, cookie_options, leave
from .presenting import page
from .request import REPLAYS, current_desk, require, see_other

#: Who looks after agencies and their keys: who also looks after what could not be delivered.
KEEPS = REPLAYS
View = Callable[..., ResponseReturnValue]
_ID = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)
_NONCE = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
#: The cookie that carries a new link to the page that shows it, and for how many seconds.
_MADE, _SHOWN_FOR = "notice_intake_made", 300
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,80}", re.ASCII)


def add_routes(blueprint: Blueprint) -> None:
    """Add the list, the page of an agency, and what can be done there."""
    blueprint.add_url_rule("/agencies", "agencies", everyone)
    blueprint.add_url_rule("/agencies", "add_agency", add, methods=["POST"])
    blueprint.add_url_rule("/agencies/<agency_id>", "agency", one)
    verbs: dict[str, View] = {
        "link": link,
        "token": token,
        "revoke": revoke,
        "out": sign_out,
        "signatures": signatures,
        "endpoint": endpoint,
    }
    for verb, view in verbs.items():
        rule = f"/agencies/<agency_id>/{verb}"
        blueprint.add_url_rule(rule, f"agency_{verb}", view, methods=["POST"])
        blueprint.add_url_rule(rule, f"back_from_agency_{verb}", _back)
    of_keys: dict[str, View] = {"revoke": revoke_key, "expiry": expiry}
    for verb, view in of_keys.items():
        rule = f"/agencies/<agency_id>/keys/<key_id>/{verb}"
        blueprint.add_url_rule(rule, f"agency_key_{verb}", view, methods=["POST"])
        blueprint.add_url_rule(rule, f"back_from_agency_key_{verb}", _back)


def everyone() -> ResponseReturnValue:
    """Show all agencies, and the form for a new one."""
    return _list_page()


def add() -> ResponseReturnValue:
    """Add an agency and make its onboarding link, which is shown on the agency's page, once."""
    require(KEEPS)
    desk, form = current_desk(), request.form
    name, place, codes = form.get("name", "").strip(), country(form.get("country", "")), form.getlist("instruments")
    try:
        by = actor_of(desk.moderator)
        agency_id = agencies.register(desk.mount, name, place=place, instruments=codes, now=desk.now, by=by)
    except DocumentRefused as refused:
        faults = {fault.pointer.strip("/"): _FAULTS[fault.pointer.strip("/")] for fault in refused.errors}
        return _list_page(status=422, typed=form, faults=faults)
    scopes = frozenset(one for one in form.getlist("scopes") if one in page_words.SCOPES)
    made = page_links.make(desk.mount, agency_id, purpose="onboard", now=desk.now, by=by, scopes=scopes or None)
    # The page is left by a redirect, so that loading it again adds nobody twice.
    response = see_other(url_for(".agency", agency_id=agency_id))
    told = {"who": desk.moderator.id, **asdict(made), "expires_at": made.expires_at.isoformat()}
    response.set_cookie(_MADE, desk.mount.secrets.encrypt(json.dumps(told)), max_age=_SHOWN_FOR, **_made_at(agency_id))
    return response


def one(agency_id: str) -> ResponseReturnValue:
    """Show one agency, and a link that has just been made with it."""
    response = make_response(_agency_page(agency_id, made=_just_made()))
    if _MADE in request.cookies:
        response.delete_cookie(_MADE, **_made_at(agency_id))
    return response


def link(agency_id: str) -> ResponseReturnValue:
    """Make a one-time link and show it, once."""
    require(KEEPS)
    desk, purpose = current_desk(), request.form.get("purpose", "")
    minutes = request.form.get("minutes", "")
    if not (minutes.isascii() and minutes.isdecimal() and len(minutes) < 7):
        raise BadRequest
    try:
        made = page_links.make(
            desk.mount,
            _known(agency_id),
            purpose=purpose,
            minutes=int(minutes),
            now=desk.now,
            by=actor_of(desk.moderator),
        )
    except SettingsError as refused:
        raise BadRequest from refused
    except Conflict as conflict:
        return _agency_page(agency_id, status=409, problem=desk.texts.gettext(conflict.detail))
    return _agency_page(agency_id, made=made)


def token(agency_id: str) -> ResponseReturnValue:
    """Make a further token and show it, once."""
    require(KEEPS)
    desk, nonce = current_desk(), request.form.get("nonce", "")
    if _NONCE.fullmatch(nonce) is None:
        raise BadRequest
    try:
        agency_desk.once_only(desk.mount, _known(agency_id), f"desk:{nonce}", now=desk.now)
    except Conflict:
        problem = N_("A token was made by this form already, and shown once. Make another one if it is lost.")
        return _agency_page(agency_id, status=409, problem=desk.texts.gettext(problem))
    made = agencies.rotate(desk.mount, _known(agency_id), now=desk.now, by=actor_of(desk.moderator))
    return _agency_page(agency_id, token=made.token)


def revoke(agency_id: str) -> ResponseReturnValue:
    """End everything that opens a door for an agency; acts on its next request."""
    require(KEEPS)
    desk = current_desk()
    if not request.form.get("sure"):
        fault = N_("Tick the box to say that you mean it.")
        return _agency_page(agency_id, status=422, unsure=desk.texts.gettext(fault))
    agencies.revoke(desk.mount, _known(agency_id), now=desk.now, by=actor_of(desk.moderator))
    return _done(agency_id, "agency_revoked")


def sign_out(agency_id: str) -> ResponseReturnValue:
    """Sign everybody of an agency out and end its open links."""
    require(KEEPS)
    desk = current_desk()
    page_links.end_all(desk.mount, _known(agency_id), now=desk.now, by=actor_of(desk.moderator))
    return _done(agency_id, "agency_signed_out")


def signatures(agency_id: str) -> ResponseReturnValue:
    """Take only signed requests from an agency, or others as well."""
    require(KEEPS)
    desk, wish = current_desk(), request.form.get("required") == "yes"
    try:
        agency_keys.require_signature(
            desk.mount, _known(agency_id), required=wish, now=desk.now, by=actor_of(desk.moderator)
        )
    except KeyNotUsable:
        problem = N_("This agency has no key to sign with yet: it would be locked out.")
        return _agency_page(agency_id, status=409, problem=desk.texts.gettext(problem))
    return _done(agency_id, "agency_signatures")


def endpoint(agency_id: str) -> ResponseReturnValue:
    """Hold callbacks to an address back, or send them again."""
    require(KEEPS)
    desk, wish = current_desk(), request.form.get("enabled") == "yes"
    whose = agency_desk.own_keys(desk.mount, _known(agency_id), now=desk.now).agency
    try:
        endpoint_operations.switch(desk.mount, whose, on=wish, now=desk.now, by=actor_of(desk.moderator))
    except (Conflict, errors.NotFound):
        problem = N_("There is no address that could be switched.")
        return _agency_page(agency_id, status=409, problem=desk.texts.gettext(problem))
    return _done(agency_id, "agency_endpoint_on" if wish else "agency_endpoint_off")


def revoke_key(agency_id: str, key_id: str) -> ResponseReturnValue:
    """End one key; acts on its next use."""
    require(KEEPS)
    desk = current_desk()
    agency_desk.revoke_key(desk.mount, _known(agency_id), _key(key_id), now=desk.now, by=actor_of(desk.moderator))
    return _done(agency_id, "agency_key_revoked")


def expiry(agency_id: str, key_id: str) -> ResponseReturnValue:
    """Say until when a key is good: to the end of a day, in UTC; that it has no end is said by a button of its own."""
    require(KEEPS)
    desk, typed = current_desk(), request.form.get("expires", "").strip()
    endless = request.form.get("end") == "none"
    try:
        day = None if endless else datetime.combine(datetime.fromisoformat(typed).date(), time(23, 59, 59), UTC)
        agency_desk.set_expiry(
            desk.mount, _known(agency_id), _key(key_id), expires_at=day, now=desk.now, by=actor_of(desk.moderator)
        )
    except (DocumentRefused, ValueError):
        problem = N_("Nothing was changed. Choose a day that is still to come. To end a key now, revoke it.")
        return _agency_page(agency_id, status=422, problem=desk.texts.gettext(problem))
    return _done(agency_id, "agency_key_endless" if endless else "agency_key_expiry")


def _just_made() -> page_links.Made | None:
    """Return the link that this person's form has made, which waits in a cookie that only this host can read."""
    desk = current_desk()
    try:
        told = json.loads(desk.mount.secrets.decrypt(request.cookies[_MADE]))
        whose, until = told.pop("who"), datetime.fromisoformat(told.pop("expires_at"))
        return page_links.Made(**told, expires_at=until) if whose == desk.moderator.id else None
    except (SettingsError, KeyError, TypeError, ValueError):
        return None


def _made_at(agency_id: str) -> CookieOptions:
    return {**cookie_options(), "path": url_for(".agency", agency_id=agency_id)}


#: What is said at a field of the form for a new agency.
_FAULTS = {
    "name": N_("Write the agency's name, up to 200 characters; one that is not here yet."),
    "country": N_("Choose a country."),
    "instruments": N_("Choose at least one instrument."),
}


def _list_page(
    *, status: int = 200, typed: MultiDict[str, str] | None = None, faults: dict[str, str] | None = None
) -> ResponseReturnValue:
    require(KEEPS)
    desk = current_desk()
    states = agency_desk.everyone(desk.mount, now=desk.now)
    form = {"typed": typed or MultiDict(), "faults": faults or {}, "instruments": desk.mount.instruments.values()}
    return page("agencies.html", status=status, states=states, own_words=page_words, **form, **_shared())


def _agency_page(
    agency_id: str, *, status: int = 200, made: page_links.Made | None = None, **values: object
) -> ResponseReturnValue:
    require(KEEPS)
    desk = current_desk()
    state = agency_desk.own_keys(desk.mount, _known(agency_id), now=desk.now)
    address = ""
    if made is not None:
        try:
            address = address_of(desk.mount, made.secret, otherwise=request.url_root)
        except BuildError:
            values["problem"] = desk.texts.gettext(
                N_("The agency pages are not mounted here: this link leads nowhere.")
            )
    names = {code: instrument.name for code, instrument in desk.mount.instruments.items()}
    shown: dict[str, object] = {
        **dict.fromkeys(("problem", "token", "unsure"), ""),
        "nonce": random_secrets.token_urlsafe(16),
        "state": state,
        "made": made,
        "address": address,
        "instrument_names": names,
    }
    return page("agency.html", status=status, own_words=page_words, **{**shown, **values}, **_shared())


def _shared() -> dict[str, object]:
    texts = current_desk().texts
    return {"countries": page_words.countries(texts.language)}


def _known(agency_id: str) -> str:
    if _ID.fullmatch(agency_id) is None:
        raise NotFound
    return agency_id


def _key(key_id: str) -> str:
    if _KEY.fullmatch(key_id) is None:
        raise NotFound
    return key_id


def _done(agency_id: str, code: str) -> ResponseReturnValue:
    return leave(current_desk(), see_other(url_for(".agency", agency_id=agency_id)), Notice(code))


def _back(agency_id: str, key_id: str = "") -> ResponseReturnValue:  # noqa: ARG001  the address has it
    """Lead whoever reloads the address of a form back to the agency."""
    return see_other(url_for(".agency", agency_id=agency_id))
