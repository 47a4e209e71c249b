"""Deciding and undoing."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from ...errors import Conflict, DocumentRefused, NotPermitted, StaleVersion
from ...flows import decide
from ..texts import N_
from .cases import case_page, conflict_told, open_file
from .drafts import sent_form, told
from .filters import filter_args, read_filter
from .notices import Notice, instead, leave
from .queue import go_next
from .request import DECIDES, current_desk, require, see_other


def add_routes(blueprint: Blueprint) -> None:
    """Add the decision form's address, and undo."""
    blueprint.add_url_rule("/cases/<case_id>/decision", "decision", decision, methods=["POST"])
    blueprint.add_url_rule("/cases/<case_id>/undo", "undo", undo, methods=["POST"])
    for verb in ("decision", "look", "claim", "release", "takeover", "extend", "undo", "question"):
        blueprint.add_url_rule(f"/cases/<case_id>/{verb}", f"back_from_{verb}", _back)


def decision(case_id: str) -> ResponseReturnValue:
    """Record a decision and go on; whatever is refused comes back with everything that was typed."""
    require(DECIDES)
    desk = current_desk()
    form = sent_form(request.form, "decision")
    try:
        taken = decide.decide(
            desk.mount, case_id, form.draft, moderator=desk.moderator, version=form.version, now=desk.now
        )
    except DocumentRefused as refused:
        form = replace(form, errors=told(desk.texts, refused.errors))
        return case_page(open_file(case_id), form=form, status=422)
    except StaleVersion:
        file = open_file(case_id)
        return case_page(file, form=form, status=409, changed=True)
    except Conflict as conflict:
        return case_page(open_file(case_id), form=form, status=409, problem=conflict_told(conflict))
    except NotPermitted:
        file = open_file(case_id)
        problem = N_("An instrument of this case needs a role that you do not have.")
        if file.answered_by_others:
            problem = N_("The complaint is about a decision of yours. Another moderator has to answer it.")
        return case_page(file, form=form, status=403, problem=desk.texts.gettext(problem))
    until = taken.undo_until.isoformat() if taken.undo_until else ""
    notice = Notice("decided", case_id, form.draft.outcome, decision=taken.decision_id, until=until)
    if request.form.get("then") == "queue":
        return leave(desk, see_other(url_for(".queue", **filter_args(read_filter(request.args)))), notice)
    return go_next(notice)


def undo(case_id: str) -> ResponseReturnValue:
    """Take a decision back before it has left, and open its case with what had been typed."""
    require(DECIDES)
    desk, meant = current_desk(), request.form.get("decision")
    try:
        decide.undo(desk.mount, case_id, moderator=desk.moderator, now=desk.now, decision_id=meant)
    except StaleVersion:
        file = open_file(case_id)
        standing = next((one.moderator for one in file.decisions if one.undone_at is None), "")
        instead(None)
        said = N_("Nothing was undone: %(name)s decided this meanwhile.")
        return case_page(file, status=409, problem=desk.texts.gettext(said, name=standing))
    except Conflict as problem:
        return case_page(open_file(case_id), status=409, problem=conflict_told(problem))
    args = filter_args(read_filter(request.args))
    return leave(desk, see_other(url_for(".case", case_id=case_id, **args)), Notice("undone"))


def _back(case_id: str) -> ResponseReturnValue:
    """Lead whoever reloads the address of a form back to the case."""
    return see_other(url_for(".case", case_id=case_id, **filter_args(read_filter(request.args))))
