"""The referral form: choose the instrument, fill in, look at how it was understood, send."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from ...core.instruments import Instrument
from ...errors import InstrumentNotAllowed, KeyReused, NotFound, ReferenceTaken
from ...flows.receive import receive
from ..desk.drafts import keyword_groups
from ..texts import N_
from . import draft as drafts
from . import words
from .draft import Draft, Fault
from .fields import Field, Typed, moment_of, names_of
from .notices import leave
from .presenting import page
from .request import WRITES, caller, require, see_other


def add_routes(blueprint: Blueprint) -> None:
    """Add the form."""
    blueprint.add_url_rule("/refer", "refer", refer)
    blueprint.add_url_rule("/refer", "fill_in", fill_in, methods=["POST"])


def refer() -> ResponseReturnValue:
    """Show the empty form of an instrument, or the choice of instruments where there is more than one."""
    require(WRITES)
    now, open_ones = caller(), _instruments()
    code = request.args.get("instrument")
    if code is None and len(open_ones) == 1:
        code = open_ones[0].code
    if code is None:
        return page("instruments.html", instruments=open_ones)
    return _form_page(drafts.blank(now.mount, _instrument(code), language=now.texts.language))


def fill_in() -> ResponseReturnValue:
    """Go a step on: preview, back to the form, one more entry of a list, or send."""
    require(WRITES)
    now, step = caller(), request.form.get("step", "")
    typed = Typed(list(request.form.items(multi=True)))
    draft = drafts.read(now.mount, _instrument(typed.get("instrument", "")), typed)
    if not draft.nonce:
        raise BadRequest
    if typed.get("add") or step == "change":
        return _form_page(draft)
    draft = _checked(draft)
    if draft.faults:
        return _form_page(draft, status=422)
    if step == "send":
        return _send(draft)
    return page("preview.html", draft=draft, hidden=_hidden(typed), filled=_filled(draft))


def _send(draft: Draft) -> ResponseReturnValue:
    now = caller()
    visit = now.guest
    try:
        received = receive(now.mount, draft.submission(visit), agency=visit.agency, now=now.now)
    except ReferenceTaken as taken:
        return _form_page(_taken(draft, taken.referral_id), status=409, taken=taken.referral_id)
    except KeyReused:
        return _form_page(
            draft, status=409, problem=now.texts.gettext(N_("This form was sent before. Begin a new one."))
        )
    target = see_other(url_for(".referral", referral_id=received.referral_id))
    return leave(now, target, code="again" if received.replayed else "sent")


def _checked(draft: Draft) -> Draft:
    now = caller()
    faults = drafts.check(now.mount, draft, now.guest, now=now.now)
    return replace(draft, faults=faults)


def _taken(draft: Draft, referral_id: str) -> Draft:
    return replace(draft, faults=(Fault("/agency_reference", "taken", referral_id),))


def _form_page(draft: Draft, *, status: int = 200, problem: str = "", taken: str = "") -> ResponseReturnValue:
    values = {"draft": draft, "problem": problem, "taken": taken, "added": draft.typed.get("add", "")}
    told = _told(draft)
    return page("refer.html", status=status, told=told, zones=drafts.ZONES, groups=keyword_groups(), **values)


def _told(draft: Draft) -> tuple[tuple[Fault, str], ...]:
    """Return each fault with its sentence."""
    texts = caller().texts
    longest = {one.pointer: one.longest for one in names_of([*draft.shared, *draft.parts])}
    found = []
    for fault in draft.faults:
        text = words.fault_of(texts, code=fault.code, detail=fault.detail, longest=longest.get(fault.where))
        if fault.code == "taken":
            text = texts.gettext(N_("You have used this reference for another referral. Choose a new one."))
        if fault.line:
            text = texts.gettext(N_("Line %(number)s: %(fault)s"), number=texts.number(fault.line), fault=text)
        found.append((fault, text))
    return tuple(found)


def _hidden(typed: Typed) -> list[tuple[str, str]]:
    """Return everything that was typed, to be carried through the preview."""
    left_out = ("csrf", "csrf_token", "step", "add")
    return [(name, value) for name, value in typed.items(multi=True) if name not in left_out]


def _filled(draft: Draft) -> list[tuple[str, str]]:
    """Return (label, value) of every field that holds something, in order, as a person reads it."""
    texts, found = caller().texts, []
    for field in names_of([*draft.shared, *draft.parts]):
        values = [one.strip() for one in draft.typed.getlist(field.pointer) if one.strip()]
        if not values:
            continue
        steps = field.path.split("/")
        above = [words.label_of(texts, "/".join(steps[:end])) for end in range(2, len(steps) + 1)]
        found.append((" · ".join(above[-2:]), _shown(draft, field, values)))
    return found


def _shown(draft: Draft, field: Field, values: list[str]) -> str:
    texts = caller().texts
    if field.kind in ("choice", "choices"):
        return texts.joined(words.option_of(texts, field.path, code=one) for one in values)
    if field.kind in ("flag", "vow"):
        return texts.gettext(N_("yes"))
    if field.kind == "country":
        return texts.territory(values[0])
    return moment_of(values[0], draft.zone) if field.kind == "time" else values[0]


def _instruments() -> list[Instrument]:
    """Return the instruments that are open to this agency, in the order of the mount."""
    now = caller()
    return [one for one in now.mount.instruments.values() if one.code in now.guest.agency.instruments]


def _instrument(code: str) -> Instrument:
    now = caller()
    found = now.mount.instruments.get(code)
    if found is None:
        raise NotFound
    if code not in now.guest.agency.instruments:
        raise InstrumentNotAllowed
    return found
