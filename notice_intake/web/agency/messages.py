"""Answering, adding facts, withdrawing and complaining: the calls of the API, with a form around each."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from ...core.codes import MessageKind
from ...errors import Conflict, DocumentRefused, FieldError, KeyReused, NotFound, ReferralChanged
from ...flows.exchange import Sent, send
from ..texts import N_
from . import words
from .notices import leave
from .referrals import referral_page
from .request import WRITES, caller, require, see_other

_NONCE = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)
_DONE = {
    MessageKind.SUPPLEMENT: "supplemented",
    MessageKind.WITHDRAWAL: "withdrawn",
    MessageKind.COMPLAINT: "complained",
}
_TEXT = {MessageKind.SUPPLEMENT: "text", MessageKind.WITHDRAWAL: "reason", MessageKind.COMPLAINT: "text"}


def add_routes(blueprint: Blueprint) -> None:
    """Add the addresses of the three forms."""
    for kind in _DONE:
        rule, view = f"/referrals/<referral_id>/{kind}", _view(kind)
        blueprint.add_url_rule(rule, str(kind), view, methods=["POST"])
        blueprint.add_url_rule(rule, f"back_from_{kind}", _back)


def _back(referral_id: str) -> ResponseReturnValue:
    """Lead whoever reloads the address of a form back to the referral."""
    return see_other(url_for(".referral", referral_id=referral_id))


def _view(kind: MessageKind) -> Any:
    def view(referral_id: str) -> ResponseReturnValue:
        require(WRITES)
        if _ID.fullmatch(referral_id) is None:
            raise NotFound
        return _send(kind, referral_id)

    return view


def _send(kind: MessageKind, referral_id: str) -> ResponseReturnValue:
    now, form = caller(), request.form
    document = _document(kind, form)
    nonce = form.get("nonce", "")
    if _NONCE.fullmatch(nonce) is None:
        raise BadRequest
    sent = Sent(
        kind,
        referral_id,
        document,
        json.dumps(document, ensure_ascii=False).encode(),
        expected=frozenset({_count(form, "sequence")}),
        idempotency_key=f"page:{now.guest.link_id}:{nonce}",
        origin=now.guest.origin,
    )
    again = _Again(kind, referral_id, form)
    try:
        send(now.mount, sent, agency=now.guest.agency, now=now.now)
    except DocumentRefused as refused:
        return again.page(422, faults=tuple(_fault(kind, one) for one in refused.errors))
    except ReferralChanged:
        changed = N_("Something has happened to this referral since you opened this page. Look at it, then send again.")
        return again.page(409, problem=now.texts.gettext(changed))
    except KeyReused:
        return again.page(409, problem=now.texts.gettext(N_("This form was sent before. Load the page again.")))
    except Conflict as conflict:
        return again.page(409, problem=words.sentence(now.texts, conflict.detail))
    return leave(now, see_other(url_for(".referral", referral_id=referral_id)), code=_DONE[kind])


class _Again:
    """The page of the referral with the refused form as it was typed."""

    def __init__(self, kind: MessageKind, referral_id: str, form: MultiDict[str, str]) -> None:
        self._kind, self._id = kind, referral_id
        chosen = form.getlist("items")
        self._typed: dict[str, object] = {**form.to_dict(), "items": chosen}

    def page(self, status: int, **values: Any) -> ResponseReturnValue:
        about = str(self._kind)
        return referral_page(self._id, status=status, typed=self._typed, about=about, **values)


def _document(kind: MessageKind, form: MultiDict[str, str]) -> dict[str, Any]:
    text = form.get("text", "").replace("\r\n", "\n").strip()
    document: dict[str, Any] = {_TEXT[kind]: text} if text else {}
    chosen = [one for one in form.getlist("items") if one]
    if kind is MessageKind.SUPPLEMENT:
        if form.get("answers"):
            document["answers"] = form["answers"]
        url = form.get("url", "").strip()
        # Only a question about one item asks for a link, and then says which.
        return document | ({"items": [{"reference": form.get("reference", ""), "url": url}]} if url else {})
    if kind is MessageKind.COMPLAINT or form.get("which") == "some":
        document["items"] = chosen
    return document


def _fault(kind: MessageKind, error: FieldError) -> tuple[str, str]:
    texts = caller().texts
    if kind is MessageKind.SUPPLEMENT and error.pointer == "/items/0/url":
        return "url", words.sentence(texts, error.detail)
    where = "items" if error.pointer.startswith("/items") else "text"
    if where == "items":
        return where, texts.gettext(N_("Choose at least one item."))
    return where, words.fault_of(texts, code=error.code, detail=error.detail)


def _count(form: MultiDict[str, str], name: str) -> int:
    value = form.get(name, "")
    if not (value.isascii() and value.isdecimal() and len(value) < 10):
        raise BadRequest
    return int(value)
