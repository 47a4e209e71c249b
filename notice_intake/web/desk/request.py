"""What every page of the desk knows about the request it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Response, g, make_response, redirect, request, url_for

from ...errors import NotPermitted
from ...flows.mount import Mount
from ...hooks import Moderator
from ..texts import Texts
from .filters import filter_args, read_filter

DECIDES = frozenset({"moderator", "lead"})
REPLAYS = frozenset({"engineer", "lead"})
SEES = DECIDES | REPLAYS
#: The pages that have forms which are about no case and no one agency; each has the name of its address.
_SECTIONS = ("agencies", "enter", "effects", "deliveries")


@dataclass(frozen=True, slots=True)
class Desk:
    """One request: the mounted instance, the person, the language and the time."""

    mount: Mount
    moderator: Moderator
    texts: Texts
    now: datetime
    #: ``auto``, ``light`` or ``dark``.
    theme: str = "auto"
    #: False where the person has switched single-key shortcuts off (WCAG 2.1.4).
    keys: bool = True

    def may(self, roles: frozenset[str]) -> bool:
        """Say whether the moderator has one of ``roles``."""
        return bool(self.moderator.roles & roles)


def current_desk() -> Desk:
    """Return what the gate found out about this request."""
    desk: Desk = g.notice_intake_desk
    return desk


def known_desk() -> Desk | None:
    """Return the same, or None where the gate did not get that far."""
    desk: Desk | None = g.get("notice_intake_desk")
    return desk


def local_path(wish: str | None) -> str:
    """Return ``wish`` if it is a page of this desk, else the queue: nobody is sent elsewhere."""
    home = url_for(".queue")
    path = (wish or "").partition("?")[0]
    safe = path.startswith(home) and "//" not in path and "\\" not in path and (wish or "").isprintable()
    return wish if wish and safe else home


def this_page() -> str:
    """Return the local path of the page that is shown, fit to come back to."""
    named = request.view_args or {}
    if request.method == "GET":
        return local_path(request.script_root + request.full_path.rstrip("?"))
    if "case_id" in named:
        return url_for(".case", case_id=named["case_id"], **filter_args(read_filter(request.args)))
    home = url_for(".queue")
    section = (request.script_root + request.path).removeprefix(home).partition("/")[0]
    if section == "agencies" and "agency_id" in named:
        return url_for(".agency", agency_id=named["agency_id"])
    return url_for(f".{section}") if section in _SECTIONS else home


def require(roles: frozenset[str]) -> None:
    """Raise ``NotPermitted`` where the moderator has none of ``roles``."""
    if not current_desk().may(roles):
        raise NotPermitted


def see_other(target: str) -> Response:
    """Answer a form with the way to the next page, so that going back or reloading sends nothing twice."""
    return make_response(redirect(target, 303))
