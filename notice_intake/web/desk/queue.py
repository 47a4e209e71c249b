"""The queue: what is due next, and taking the most urgent case."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from typing import Any

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from ...core.queue import QueueFilter
from ...flows import claims, desk_queries
from ...flows.views import QueuePage
from . import words
from .filters import filter_args, read_filter
from .notices import Notice, leave
from .presenting import page
from .request import DECIDES, Desk, current_desk, require, see_other

PAGE_SIZE = 50


def add_routes(blueprint: Blueprint) -> None:
    """Add the queue's pages."""
    blueprint.add_url_rule("/", "queue", queue)
    blueprint.add_url_rule("/next", "take_next", take_next, methods=["POST"])


def queue() -> ResponseReturnValue:
    """Show the cases that the address asks for, most urgent first."""
    desk = current_desk()
    if not desk.may(DECIDES):
        return see_other(url_for(".effects"))
    chosen = read_filter(request.args)
    found = desk_queries.queue_page(
        desk.mount,
        chosen,
        moderator=desk.moderator,
        now=desk.now,
        cursor=request.args.get("cursor") or None,
        limit=PAGE_SIZE,
    )
    return page(
        "queue.html",
        chosen=chosen,
        args=filter_args(chosen),
        filtered=lambda **changes: url_for(".queue", **filter_args(chosen, **changes)),
        found=found,
        counts=desk_queries.queue_counts(desk.mount, moderator=desk.moderator, now=desk.now),
        choices=_choices(desk, chosen),
        elsewhere=_elsewhere(chosen, empty=not found.rows),
        first_page=not request.args.get("cursor"),
    )


def take_next() -> ResponseReturnValue:
    """Claim the most urgent free case that the filter passed along lets through, and go there."""
    require(DECIDES)
    return go_next(Notice("claimed"))


def go_next(notice: Notice) -> Response:
    """Claim the next case and answer with the way to it, or to the queue where none is free."""
    desk = current_desk()
    chosen = replace(read_filter(request.args), state="open", claim=None, search=None)
    case_id = claims.claim_next(desk.mount, chosen, moderator=desk.moderator, now=desk.now)
    args = filter_args(chosen)
    if case_id is None:
        return leave(desk, see_other(url_for(".queue", **args)), notice.followed_by("none_free"))
    target = see_other(url_for(".case", case_id=case_id, **args))
    return leave(desk, target, notice) if notice.case_id else target


def found_by(wanted: QueueFilter) -> dict[str, QueuePage]:
    """Return the first page of each state in which there is anything that ``wanted`` asks for."""
    desk = current_desk()
    pages = {
        state: desk_queries.queue_page(
            desk.mount, replace(wanted, state=state), moderator=desk.moderator, now=desk.now, limit=PAGE_SIZE
        )
        for state in words.STATES
    }
    return {state: found for state, found in pages.items() if found.rows}


def _elsewhere(chosen: QueueFilter, *, empty: bool) -> list[tuple[str, int, bool, dict[str, Any]]]:
    """Return (state, how many cases, whether there are more, the filter) for what a search finds in other states.

    A search names a case exactly, so that what else is chosen does not count. Of an agency it is said only where the
    queue would show nothing at all.
    """
    wanted = QueueFilter(search=chosen.search, agency=None if chosen.search else chosen.agency)
    if not wanted.search and not (wanted.agency and empty):
        return []
    return [
        (state, len(found.rows), found.next_cursor is not None, filter_args(replace(wanted, state=state)))
        for state, found in found_by(wanted).items()
        if state != chosen.state or empty
    ]


def _choices(desk: Desk, chosen: QueueFilter) -> list[tuple[str, str, str, list[tuple[str, str]], str | None]]:
    """Return (name, label, what an empty choice says, options, what is chosen) of every list to choose from."""
    facets, texts = desk_queries.facets(desk.mount), desk.texts
    of = {name: [(one.value, texts.gettext(one.label)) for one in values] for name, values in facets.items()}
    of["kind"] = [(value, texts.gettext(words.KINDS.get(value, label))) for value, label in of.get("kind", [])]
    of["language"] = sorted(((value, texts.tongue(value)) for value, _ in of.get("language", [])), key=itemgetter(1))
    for name, table in (("claim", words.CLAIMS), ("due", words.DUES)):
        of[name] = [(value, texts.gettext(message)) for value, message in table.items()]
    found = []
    for name, (label, empty) in words.FILTERS.items():
        current, options = getattr(chosen, name), of.get(name, [])
        if current and current not in dict(options):
            options = [*options, (current, current)]
        found.append((name, label, empty, options, current))
    return found
