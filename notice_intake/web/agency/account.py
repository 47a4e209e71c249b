"""The callback address, and what was sent to it."""

from __future__ import annotations

import re

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from ...contract.messages import endpoint_contract
from ...contract.referrals import MAX_URL
from ...core.codes import EffectState
from ...errors import Conflict, DocumentRefused, NotFound
from ...flows import delivery_lists, endpoints, page_links
from . import words
from .notices import leave
from .presenting import page
from .request import ENDPOINTS, caller, require, see_other

_ID = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)


def add_routes(blueprint: Blueprint) -> None:
    """Add the pages of callbacks."""
    blueprint.add_url_rule("/callbacks", "callbacks", callbacks)
    blueprint.add_url_rule("/callbacks", "set_address", set_address, methods=["POST"])
    for verb in ("test", "remove"):
        blueprint.add_url_rule(f"/callbacks/{verb}", f"{verb}_address", globals()[verb], methods=["POST"])
        blueprint.add_url_rule(f"/callbacks/{verb}", f"back_from_{verb}", _back)
    blueprint.add_url_rule("/deliveries/<delivery_id>/replay", "replay", replay, methods=["POST"])
    blueprint.add_url_rule("/deliveries/<delivery_id>/replay", "back_from_replay", _gone)


def callbacks() -> ResponseReturnValue:
    """Show the address, how it does, and what was sent to it."""
    require(ENDPOINTS)
    return _page()


def set_address() -> ResponseReturnValue:
    """Name the address, or have a new secret made for it. The secret is shown in the answer, once."""
    require(ENDPOINTS)
    now, url = caller(), request.form.get("url", "").strip()
    rotate = bool(request.form.get("rotate"))
    try:
        endpoint_contract().check({"url": url, "rotate_secret": rotate} if url else {"rotate_secret": rotate})
        kept = endpoints.put(now.mount, agency=now.guest.agency, url=url, rotate=rotate, now=now.now)
    except DocumentRefused as refused:
        fault = refused.errors[0]
        told = words.fault_of(now.texts, code=fault.code, detail=fault.detail, longest=MAX_URL)
        return _page(status=422, typed=url, fault=told)
    except Conflict as conflict:
        return _page(status=409, typed=url, problem=words.sentence(now.texts, conflict.detail))
    page_links.note(now.mount, now.guest, "endpoint.set", object=kept.document["id"], now=now.now)
    secret = kept.document.get("secret")
    if secret is not None:
        return _page(secret=secret)
    pending = kept.document["pending"] is not None
    return leave(now, see_other(url_for(".callbacks")), code="address" if pending else "unchanged")


def test() -> ResponseReturnValue:
    """Send a test message."""
    require(ENDPOINTS)
    now = caller()
    try:
        endpoints.test(now.mount, agency=now.guest.agency, key=None, now=now.now)
    except Conflict as conflict:
        return _page(status=409, problem=words.sentence(now.texts, conflict.detail))
    page_links.note(now.mount, now.guest, "endpoint.tested", object=now.guest.agency.id, now=now.now)
    return leave(now, see_other(url_for(".callbacks")), code="tested")


def remove() -> ResponseReturnValue:
    """Take the address away."""
    require(ENDPOINTS)
    now = caller()
    endpoints.remove(now.mount, agency=now.guest.agency, now=now.now)
    page_links.note(now.mount, now.guest, "endpoint.removed", object=now.guest.agency.id, now=now.now)
    return leave(now, see_other(url_for(".callbacks")), code="address_removed")


def replay(delivery_id: str) -> ResponseReturnValue:
    """Have a callback sent once more."""
    require(ENDPOINTS)
    now = caller()
    if _ID.fullmatch(delivery_id) is None:
        raise NotFound
    try:
        endpoints.replay(now.mount, delivery_id, agency=now.guest.agency, key=None, now=now.now)
    except Conflict as conflict:
        return _page(status=409, problem=words.sentence(now.texts, conflict.detail))
    page_links.note(now.mount, now.guest, "effect.replayed", object=now.guest.agency.id, now=now.now)
    return leave(now, see_other(url_for(".callbacks")), code="replayed")


def _back() -> ResponseReturnValue:
    return see_other(url_for(".callbacks"))


def _gone(delivery_id: str) -> ResponseReturnValue:  # noqa: ARG001  the address has it
    return see_other(url_for(".callbacks"))


def _page(*, status: int = 200, **values: object) -> ResponseReturnValue:
    """Answer with the page of callbacks; ``secret`` is shown this once."""
    now = caller()
    agency = now.guest.agency
    try:
        endpoint = endpoints.show(now.mount, agency=agency)
    except NotFound:
        endpoint = None
    state = request.args.get("state")
    state = state if state in tuple(EffectState) else None
    rows, cursor = delivery_lists.page(
        now.mount, agency=agency, state=state, cursor=request.args.get("cursor") or None, limit=50
    )
    return page("callbacks.html", status=status, endpoint=endpoint, rows=rows, cursor=cursor, state=state, **values)
