"""Deliveries for the engineer: how each endpoint does, each callback, each attempt; and sending again."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from ...errors import Conflict
from ...flows import ledger
from ...flows.claims import actor_of
from ..texts import N_
from .notices import Notice, leave
from .presenting import page
from .request import REPLAYS, current_desk, require, see_other
from .words import EFFECT_STATES

_LIMIT = 50
_NO_TIME = N_("Give the time as year-month-day and hours:minutes, in UTC.")


def add_routes(blueprint: Blueprint) -> None:
    """Add the pages of deliveries."""
    add = blueprint.add_url_rule
    add("/deliveries", "deliveries", deliveries)
    add("/deliveries/<message_id>", "delivery", delivery)
    add("/deliveries/<message_id>/replay", "delivery_replay", replay_one, methods=["POST"])
    add("/deliveries/of/<agency_id>/replay", "deliveries_replay", replay_many, methods=["POST"])
    add("/deliveries/endpoints/<endpoint_id>/enable", "endpoint_enable", enable, methods=["POST"])


def deliveries() -> ResponseReturnValue:
    """Show the endpoints, those first that need a person, and the callbacks that the address asks for."""
    require(REPLAYS)
    return _page()


def delivery(message_id: str) -> ResponseReturnValue:
    """Show one callback with all of its attempts."""
    require(REPLAYS)
    return _one(message_id)


def replay_one(message_id: str) -> ResponseReturnValue:
    """Send a callback again, now."""
    require(REPLAYS)
    desk = current_desk()
    try:
        ledger.replay_one(desk.mount, message_id, actor=actor_of(desk.moderator), now=desk.now)
    except Conflict as problem:
        return _one(message_id, status=409, problem=desk.texts.gettext(problem.detail))
    return leave(desk, see_other(url_for(".delivery", message_id=message_id)), Notice("replayed"))


def replay_many(agency_id: str) -> ResponseReturnValue:
    """Send an agency's callbacks again: those that were given up, or all since a time."""
    require(REPLAYS)
    desk = current_desk()
    text = request.form.get("since", "").strip()
    since = _moment(text)
    if text and since is None:
        return _page(status=400, problem=desk.texts.gettext(_NO_TIME))
    wish = ledger.Wish(since, request.form.get("arrived") == "on" and since is not None)
    try:
        count = ledger.replay_many(desk.mount, agency_id, wish, actor=actor_of(desk.moderator), now=desk.now)
    except Conflict as problem:
        return _page(status=409, problem=desk.texts.gettext(problem.detail))
    return leave(desk, see_other(url_for(".deliveries")), Notice("replayed_many" if count else "replayed_none"))


def enable(endpoint_id: str) -> ResponseReturnValue:
    """Use an endpoint again that is disabled or left alone."""
    require(REPLAYS)
    desk = current_desk()
    try:
        ledger.enable(desk.mount, endpoint_id, actor=actor_of(desk.moderator), now=desk.now)
    except Conflict as problem:
        return _page(status=409, problem=desk.texts.gettext(problem.detail))
    return leave(desk, see_other(url_for(".deliveries")), Notice("enabled"))


def _page(*, status: int = 200, problem: str = "") -> ResponseReturnValue:
    desk = current_desk()
    chosen = {name: request.args.get(name, "").strip()[:100] for name in ("agency", "state", "referral")}
    state = chosen["state"] if chosen["state"] in EFFECT_STATES else ""
    rows, cursor = ledger.page(
        desk.mount,
        ledger.Chosen(chosen["agency"] or None, state or None, chosen["referral"] or None),
        cursor=request.args.get("cursor") or None,
        limit=_LIMIT,
    )
    found = ledger.endpoints(desk.mount, now=desk.now)
    args = {name: value for name, value in {**chosen, "state": state}.items() if value}
    return page(
        "deliveries.html",
        status=status,
        problem=problem,
        endpoints=found,
        rows=rows,
        cursor=cursor,
        chosen={**chosen, "state": state},
        args=args,
        cap=ledger.COUNT_CAP,
    )


def _one(message_id: str, *, status: int = 200, problem: str = "") -> ResponseReturnValue:
    desk = current_desk()
    found = ledger.delivery(desk.mount, message_id, now=desk.now)
    return page("delivery.html", status=status, problem=problem, found=found, one=found.row)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
