"""The desk as one blueprint: who may come in, which language they read, which headers every page carries."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, g, make_response, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound, default_exceptions

from ... import errors
from ...flows.mount import Mount
from ...hooks import Moderator
from .. import csrf
from ..texts import N_, choose_language, texts_in
from ..unstorable import keep_out
from . import agencies, cases, decisions, deliveries, effects, entering, questions, queue
from .held import allow_large
from .notices import clear_spent, cookie_options
from .presenting import HEADERS, STATIC, TEMPLATES, page, template_values
from .request import SEES, Desk, current_desk, known_desk, local_path, see_other, this_page

THEMES = ("auto", "light", "dark")
_YEAR = 365 * 24 * 3600
_COOKIES = {"lang": "notice_intake_lang", "theme": "notice_intake_theme", "keys": "notice_intake_keys"}

#: status: (heading, what to do)
PAGES = {
    400: (
        N_("This form could not be accepted"),
        N_(
            "It was opened too long ago, by somebody else, or elsewhere. "
            "Go back: what you typed is still there. Then load the page again."
        ),
    ),
    403: (N_("This is not open to you"), N_("Your role does not allow this. Ask whoever looks after the desk.")),
    404: (N_("There is nothing here"), N_("The address is wrong, or what it named is gone.")),
    405: (N_("That is not how this page is used"), N_("Go to the queue and start from there.")),
    413: (
        N_("This is too large"),
        N_("Send fewer or smaller files, or have them entered on the command line. Nothing was stored."),
    ),
    409: (N_("Things have moved on"), N_("What you wanted to do is no longer possible. Look again at how it stands.")),
    500: (N_("Something broke"), N_("It has been logged. Nothing was half done: try again.")),
    503: (N_("The desk cannot answer now"), N_("Nothing was lost and nothing was stored. Try again in a moment.")),
}
#: The views that take files. They check our own token and the origin, as every view of the desk does.
LARGE = (entering.preview, entering.confirm)
_STATUS: dict[type[errors.NoticeIntakeError], int] = {
    errors.NotFound: 404,
    errors.NotPermitted: 403,
    errors.Conflict: 409,
    errors.TemporarilyUnavailable: 503,
    errors.DocumentRefused: 404,
    errors.NoticeIntakeError: 400,
}


def desk_blueprint(mount_of: Callable[[], Mount], *, name: str) -> Blueprint:
    """Return a fresh desk; ``mount_of`` is asked at every request, so that one factory serves several mounts."""
    blueprint = Blueprint(
        name, __name__, static_folder=str(STATIC), static_url_path="/assets", template_folder=str(TEMPLATES)
    )
    blueprint.before_request(lambda: _gate(mount_of))
    blueprint.context_processor(lambda: template_values() if known_desk() else {})
    blueprint.after_request(_finish)
    for part in (queue, cases, decisions, questions, effects, entering, agencies, deliveries):
        part.add_routes(blueprint)
    blueprint.add_url_rule("/preferences", "preferences", preferences, methods=["POST"])
    blueprint.add_url_rule("/<path:rest>", "elsewhere", elsewhere, methods=["GET", "POST"])
    # Flask asks for a handler of the exact code on the app before any general one here, so each code gets its own.
    for code in default_exceptions:
        blueprint.register_error_handler(code, _http_error)
    blueprint.register_error_handler(413, lambda error: _too_large(mount_of, error))
    blueprint.register_error_handler(HTTPException, _http_error)
    for kind in _STATUS:
        blueprint.register_error_handler(kind, _own_error)
    return blueprint


def preferences() -> ResponseReturnValue:
    """Keep the person's choice of language, theme and shortcuts, and go back to where they were."""
    response = see_other(local_path(request.form.get("here")))
    for field, cookie in _COOKIES.items():
        value = request.form.get(field)
        if value is not None:
            response.set_cookie(cookie, value[:16], max_age=_YEAR, **cookie_options())
    return response


def elsewhere(**_: str) -> ResponseReturnValue:
    """Answer what no page of the desk answers."""
    raise NotFound


def _gate(mount_of: Callable[[], Mount]) -> ResponseReturnValue | None:
    if request.endpoint and request.endpoint.endswith(".static"):
        return None
    mount = mount_of()
    moderator = mount.moderators.current()
    if request.endpoint and request.endpoint.endswith((".preview_entry", ".confirm_entry", ".change_entry")):
        allow_large(request, limit=mount.settings.max_entry_bytes)
    if moderator is None:
        return redirect(mount.moderators.login_url(this_page()), 303)
    g.notice_intake_desk = _desk(mount, moderator)
    if not moderator.roles & SEES:
        raise Forbidden
    keep_out(request)
    if request.method == "POST" and not _trusted(mount, moderator):
        raise BadRequest
    return None


def _desk(mount: Mount, moderator: Moderator) -> Desk:
    wishes = (request.args.get("lang"), request.cookies.get(_COOKIES["lang"]), moderator.locale)
    theme = request.cookies.get(_COOKIES["theme"], "auto")
    return Desk(
        mount=mount,
        moderator=moderator,
        texts=texts_in(choose_language(wishes, list(request.accept_languages.values()))),
        now=mount.clock(),
        theme=theme if theme in THEMES else "auto",
        keys=request.cookies.get(_COOKIES["keys"]) != "off",
    )


def _trusted(mount: Mount, moderator: Moderator) -> bool:
    return csrf.same_origin(request.headers, request.host) and csrf.holds(
        mount.secrets, request.form.get(csrf.FIELD), moderator_id=moderator.id
    )


def _finish(response: Response) -> Response:
    own = response.headers.get("Content-Security-Policy", HEADERS["Content-Security-Policy"])
    response.headers.update({**HEADERS, "Content-Security-Policy": own})
    if request.endpoint and request.endpoint.endswith(".static"):
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if "v" in request.args else "no-cache"
        return response
    clear_spent(response)
    lang = request.args.get("lang")
    if lang and known_desk() and current_desk().texts.language == lang:
        response.set_cookie(_COOKIES["lang"], lang, max_age=_YEAR, **cookie_options())
    return response


def _http_error(error: HTTPException) -> ResponseReturnValue:
    return _error_page(error.code or 500) if error.response is None else error.response


def _too_large(mount_of: Callable[[], Mount], error: HTTPException) -> ResponseReturnValue:
    """Say so with a page too where a hook of the host read the form, before anybody asked who is there."""
    if known_desk() is None:
        mount = mount_of()
        moderator = mount.moderators.current()
        if moderator is not None:
            g.notice_intake_desk = _desk(mount, moderator)
    return _http_error(error)


def _own_error(error: errors.NoticeIntakeError) -> ResponseReturnValue:
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    return _error_page(status)


def _error_page(status: int) -> ResponseReturnValue:
    if known_desk() is None:
        return make_response(str(status), status)
    heading, advice = PAGES.get(status, PAGES[400 if status < 500 else 500])
    return page("message.html", status=status, code=status, heading=heading, advice=advice)
