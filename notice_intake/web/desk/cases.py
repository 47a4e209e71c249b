"""One case: everything known about it, and who works on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from flask import Blueprint, abort, make_response, request, url_for
from flask.typing import ResponseReturnValue

from ...core.catalogue import ALL_CATEGORIES, CATEGORIES, EEA
from ...errors import ClaimHeld, Conflict, DocumentRefused, NotFound
from ...flows import claims, desk_queries, viewing
from ...flows.views import CaseFile, HistoryEntry
from .. import fault_words
from ..texts import N_
from .drafts import PRESETS, Form, first_form, keyword_groups, sent_form, told
from .filters import filter_args, read_filter
from .hostile import local_medium
from .notices import Notice, instead, leave
from .presenting import page
from .request import DECIDES, Desk, current_desk, require, see_other

#: What a fresh page shows, then what each step of the reveal shows.
VEILS = ("veiled", "soft", "clear")


def add_routes(blueprint: Blueprint) -> None:
    """Add the pages of a case, and the verbs of a claim."""
    blueprint.add_url_rule("/cases/<case_id>", "case", case)
    blueprint.add_url_rule("/cases/<case_id>/look", "look", look, methods=["POST"])
    for verb in ("claim", "release", "takeover", "extend"):
        blueprint.add_url_rule(f"/cases/<case_id>/{verb}", verb, globals()[verb], methods=["POST"])


def case(case_id: str) -> ResponseReturnValue:
    """Show a case."""
    require(DECIDES)
    file, desk = open_file(case_id), current_desk()
    viewing.viewed(desk.mount, file.row.id, moderator=desk.moderator, now=desk.now)
    return case_page(file)


def look(case_id: str) -> ResponseReturnValue:
    """Show a case with its content one step further unveiled, and whatever has been typed so far."""
    require(DECIDES)
    file, desk, veil = open_file(case_id), current_desk(), request.form.get("veil", "")
    if veil in VEILS[1:]:
        viewing.revealed(desk.mount, file.row.id, step=veil, moderator=desk.moderator, now=desk.now)
    if "version" not in request.form:
        return case_page(file, veil=veil)
    return case_page(file, form=sent_form(request.form, "look"), veil=veil)


def claim(case_id: str) -> ResponseReturnValue:
    """Take a free case."""
    return _verb(
        case_id, "claimed", lambda desk: claims.claim(desk.mount, case_id, moderator=desk.moderator, now=desk.now)
    )


def release(case_id: str) -> ResponseReturnValue:
    """Give a case back to the queue."""
    return _verb(
        case_id, "released", lambda desk: claims.release(desk.mount, case_id, moderator=desk.moderator, now=desk.now)
    )


def extend(case_id: str) -> ResponseReturnValue:
    """Keep a case for longer."""
    return _verb(
        case_id, "extended", lambda desk: claims.extend(desk.mount, case_id, moderator=desk.moderator, now=desk.now)
    )


def takeover(case_id: str) -> ResponseReturnValue:
    """Take a case from whoever holds it, saying why."""
    reason = request.form.get("reason", "")
    try:
        return _verb(
            case_id,
            "taken_over",
            lambda desk: claims.take_over(desk.mount, case_id, moderator=desk.moderator, reason=reason, now=desk.now),
        )
    except DocumentRefused as refused:
        file, texts = open_file(case_id), current_desk().texts
        return case_page(file, form=replace(first_form(file), errors=told(texts, refused.errors)), status=422)


def open_file(case_id: str) -> CaseFile:
    """Read everything known about a case; where it is purged, answer with what is left of it instead."""
    desk = current_desk()
    try:
        return desk_queries.case_file(desk.mount, case_id, moderator=desk.moderator, now=desk.now)
    except NotFound:
        _show_what_is_left(desk, case_id)
        raise


def _show_what_is_left(desk: Desk, case_id: str) -> None:
    """Answer for a purged case; do nothing for one that was never there."""
    left = desk_queries.purged_case(desk.mount, case_id)
    if left is not None:
        viewing.viewed(desk.mount, case_id, moderator=desk.moderator, now=desk.now)
        abort(make_response(page("purged.html", status=410, file=left)))


def case_page(
    file: CaseFile,
    *,
    form: Form | None = None,
    status: int = 200,
    problem: str = "",
    changed: bool = False,
    veil: str = "",
) -> ResponseReturnValue:
    """Answer with the page of a case; ``form`` holds what was typed, which is never lost."""
    desk, row = current_desk(), file.row
    form = form or first_form(file)
    changes = _changes(file, form) if changed else None
    until = row.claim.until if row.claim else None
    held = row.claim if row.claim and until and until > desk.now else None
    return page(
        "case.html",
        status=status,
        file=file,
        row=row,
        args=filter_args(read_filter(request.args)),
        form=form,
        problem=problem,
        changes=changes,
        meanwhile=next((one.actor for one in reversed(changes or ()) if one.action == "decision.recorded"), ""),
        veil=veil if veil in VEILS else VEILS[0],
        held=held,
        mine=held is not None and held.moderator_id == desk.moderator.id,
        medium=lambda url: local_medium(url, request.host_url),
        categories=_categories(file),
        keyword_groups=keyword_groups(),
        presets=PRESETS,
        countries=sorted((desk.texts.territory(code), code) for code in EEA),
    )


def _categories(file: CaseFile) -> Mapping[str, str]:
    """Return the categories to choose from: one of them is for orders alone."""
    return ALL_CATEGORIES if any(one.binding for one in file.referrals) else CATEGORIES


def conflict_told(problem: Conflict) -> str:
    """Return why a thing could not be done, in the moderator's language where the catalogue has it."""
    texts = current_desk().texts
    if isinstance(problem, ClaimHeld):
        return texts.gettext(N_("%(name)s holds this case."), name=problem.holder)
    return fault_words.told(texts, problem.detail)


def _verb(case_id: str, code: str, act: Callable[[Desk], object]) -> ResponseReturnValue:
    require(DECIDES)
    desk = current_desk()
    try:
        act(desk)
    except Conflict as problem:
        return case_page(open_file(case_id), status=409, problem=conflict_told(problem))
    if code in ("claimed", "extended") and "version" in request.form:
        if code == "extended":
            instead(Notice(code))
        return case_page(open_file(case_id), form=sent_form(request.form, code))
    args = filter_args(read_filter(request.args))
    target = url_for(".queue", **args) if code == "released" else url_for(".case", case_id=case_id, **args)
    # Having claimed shows by itself; the rest is told.
    return see_other(target) if code == "claimed" else leave(desk, see_other(target), Notice(code))


def _changes(file: CaseFile, form: Form) -> tuple[HistoryEntry, ...]:
    """Return the lines of history that were written after the page that the person has seen."""
    return file.history[form.seen :]
