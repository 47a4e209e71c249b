"""The work that follows from decisions: what failed for good, and what waits."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from ...errors import Conflict
from ...flows import desk_queries
from ...flows import effects as flow
from .notices import Notice, leave
from .presenting import page
from .request import REPLAYS, SEES, current_desk, require, see_other
from .words import EFFECT_STATES


def add_routes(blueprint: Blueprint) -> None:
    """Add the effects' pages."""
    blueprint.add_url_rule("/effects", "effects", effects)
    blueprint.add_url_rule("/effects/<effect_id>/replay", "replay", replay, methods=["POST"])


def effects() -> ResponseReturnValue:
    """Show the effects in one state, the failed ones unless the address asks for others."""
    require(SEES)
    return _effects_page()


def replay(effect_id: str) -> ResponseReturnValue:
    """Try a failed effect again, now."""
    require(REPLAYS)
    desk = current_desk()
    try:
        flow.replay(desk.mount, effect_id, moderator=desk.moderator, now=desk.now)
    except Conflict as problem:
        return _effects_page(status=409, problem=desk.texts.gettext(problem.detail))
    return leave(desk, see_other(url_for(".effects", state=_state())), Notice("replayed"))


def _effects_page(*, status: int = 200, problem: str = "") -> ResponseReturnValue:
    state = _state()
    rows, cursor = desk_queries.effects_page(
        current_desk().mount, state=state, cursor=request.args.get("cursor") or None, limit=50
    )
    return page("effects.html", status=status, rows=rows, cursor=cursor, state=state, problem=problem)


def _state() -> str:
    wish = request.args.get("state", "dead")
    return wish if wish in EFFECT_STATES else "dead"
