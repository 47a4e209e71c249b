"""Asking an agency."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from ...errors import Conflict, DocumentRefused, StaleVersion
from ...flows import questions
from .cases import case_page, conflict_told, open_file
from .drafts import sent_form, told
from .filters import filter_args, read_filter
from .notices import Notice, leave
from .request import DECIDES, current_desk, require, see_other


def add_routes(blueprint: Blueprint) -> None:
    """Add the address of the question's form."""
    blueprint.add_url_rule("/cases/<case_id>/question", "question", question, methods=["POST"])


def question(case_id: str) -> ResponseReturnValue:
    """Ask, and stay with the case; whatever is refused comes back with everything that was typed."""
    require(DECIDES)
    desk = current_desk()
    form = sent_form(request.form, "question")
    try:
        questions.ask(desk.mount, case_id, form.question, moderator=desk.moderator, version=form.version, now=desk.now)
    except DocumentRefused as refused:
        form = replace(form, errors=told(desk.texts, refused.errors))
        return case_page(open_file(case_id), form=form, status=422)
    except StaleVersion:
        return case_page(open_file(case_id), form=form, status=409, changed=True)
    except Conflict as conflict:
        return case_page(open_file(case_id), form=form, status=409, problem=conflict_told(conflict))
    target = url_for(".case", case_id=case_id, **filter_args(read_filter(request.args)))
    return leave(desk, see_other(target), Notice("asked"))
