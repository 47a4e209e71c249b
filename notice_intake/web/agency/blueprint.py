"""The agency pages as one blueprint: who may come in, which headers every page carries, how errors look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, Response, g, make_response, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, Unauthorized, default_exceptions

from ... import errors
from ...flows.mount import Mount
from ...flows.page_links import Visit, visit_of
from .. import csrf
from ..api import limiting
from ..desk.presenting import STATIC, TEMPLATES
from ..texts import N_, choose_language, texts_in
from ..unstorable import keep_out
from . import account, keys, messages, refer, referrals, sign_in
from .notices import clear_spent
from .presenting import HEADERS, form_owner, page, template_values
from .request import COOKIE, Caller, caller, cookie_options, known_caller, see_other

THEMES = ("auto", "light", "dark")
_YEAR = 365 * 24 * 3600
_COOKIES = {"lang": "notice_intake_agency_lang", "theme": "notice_intake_agency_theme"}
#: What is open to whoever has not signed in.
_OPEN = frozenset({"door", "offer", "enter"})

#: status: (heading, what to do)
PAGES = {
    400: (
        N_("This form could not be accepted"),
        N_(
            "It was opened too long ago, by somebody else, or elsewhere. "
            "Go back: what you typed is still there. Then load the page again."
        ),
    ),
    401: (
        N_("You are signed out"),
        N_(
            "Nothing was sent. Keep this page: ask the platform for a new link, open it in another window, "
            "then come back here, go back one step and send what you typed."
        ),
    ),
    403: (N_("This is not open to you"), N_("The platform has not opened this to your agency. Ask it.")),
    404: (N_("There is nothing here"), N_("The address is wrong, or what it named is not yours.")),
    405: (N_("That is not how this page is used"), N_("Go to your referrals and start from there.")),
    409: (N_("Things have moved on"), N_("What you wanted to do is no longer possible. Look again at how it stands.")),
    413: (N_("This is too much at once"), N_("Go back and send it in several referrals.")),
    429: (N_("Too many requests"), N_("Wait a minute, then try again.")),
    500: (N_("Something broke"), N_("It has been logged. Nothing was half done: try again.")),
    503: (N_("The platform cannot answer now"), N_("Nothing was lost and nothing was stored. Try again in a moment.")),
}
_STATUS: dict[type[errors.NoticeIntakeError], int] = {
    errors.NotFound: 404,
    errors.ScopeMissing: 403,
    errors.InstrumentNotAllowed: 403,
    errors.Conflict: 409,
    errors.TooManyRequests: 429,
    errors.TemporarilyUnavailable: 503,
    errors.DocumentRefused: 404,
    errors.NoticeIntakeError: 400,
}


def agency_blueprint(mount_of: Callable[[], Mount], *, name: str) -> Blueprint:
    """Return fresh agency pages; ``mount_of`` is asked at every request, so that one factory serves several mounts."""
    blueprint = Blueprint(
        name, __name__, static_folder=str(STATIC), static_url_path="/assets", template_folder=str(TEMPLATES)
    )
    blueprint.before_request(lambda: _gate(mount_of))
    blueprint.context_processor(lambda: template_values() if known_caller() else {})
    blueprint.after_request(_finish)
    for part in (sign_in, referrals, refer, messages, account, keys):
        part.add_routes(blueprint)
    blueprint.add_url_rule("/preferences", "preferences", preferences, methods=["POST"])
    blueprint.add_url_rule("/<path:rest>", "elsewhere", elsewhere, methods=["GET", "POST"])
    # Flask asks for a handler of the exact code on the app before any general one here, so each code gets its own.
    for code in default_exceptions:
        blueprint.register_error_handler(code, _http_error)
    blueprint.register_error_handler(HTTPException, _http_error)
    for kind in _STATUS:
        blueprint.register_error_handler(kind, _own_error)
    return blueprint


def preferences() -> ResponseReturnValue:
    """Keep the person's choice of language and theme, and go back to where they were."""
    wish = request.form.get("here", "")
    home = url_for(".home")
    path = wish.partition("?")[0]
    local = path.startswith(home) and "//" not in path and "\\" not in path and wish.isprintable()
    response = see_other(wish if local else home)
    for field, cookie in _COOKIES.items():
        value = request.form.get(field)
        if value is not None:
            response.set_cookie(cookie, value[:16], max_age=_YEAR, **cookie_options(caller().mount))
    return response


def elsewhere(**_: str) -> ResponseReturnValue:
    """Answer what none of these pages answers."""
    raise NotFound


def _gate(mount_of: Callable[[], Mount]) -> ResponseReturnValue | None:
    endpoint = (request.endpoint or "").rpartition(".")[2]
    if endpoint == "static":
        return None
    mount = mount_of()
    now = mount.clock()
    g.notice_intake_caller = _caller(mount, None, now)
    limiting.admit(mount, request)
    visit = visit_of(mount, request.cookies.get(COOKIE), now=now)
    g.notice_intake_caller = _caller(mount, visit, now)
    if endpoint in _OPEN:
        return None
    if visit is None:
        if request.method == "POST":
            raise Unauthorized
        return see_other(url_for(".door"))
    limiting.admit_agency(mount, request, agency_id=visit.agency.id)
    keep_out(request)
    if request.method == "POST" and not _trusted(mount):
        raise BadRequest
    return None


def _caller(mount: Mount, visit: Visit | None, now: datetime) -> Caller:
    wishes = (request.args.get("lang"), request.cookies.get(_COOKIES["lang"]))
    theme = request.cookies.get(_COOKIES["theme"], "auto")
    return Caller(
        mount=mount,
        visit=visit,
        texts=texts_in(choose_language(wishes, list(request.accept_languages.values()))),
        now=now,
        theme=theme if theme in THEMES else "auto",
    )


def _trusted(mount: Mount) -> bool:
    return csrf.same_origin(request.headers, request.host) and csrf.holds(
        mount.secrets, request.form.get(csrf.FIELD), moderator_id=form_owner(caller())
    )


def _finish(response: Response) -> Response:
    response.headers.update(HEADERS)
    if (request.endpoint or "").endswith(".static"):
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if "v" in request.args else "no-cache"
        return response
    clear_spent(response)
    lang, now = request.args.get("lang"), known_caller()
    if lang and now and now.texts.language == lang:
        response.set_cookie(_COOKIES["lang"], lang, max_age=_YEAR, **cookie_options(now.mount))
    return response


def _http_error(error: HTTPException) -> ResponseReturnValue:
    return _error_page(error.code or 500) if error.response is None else error.response


def _own_error(error: errors.NoticeIntakeError) -> ResponseReturnValue:
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    answer = make_response(_error_page(status))
    if isinstance(error, errors.TooManyRequests):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _error_page(status: int) -> ResponseReturnValue:
    if known_caller() is None:
        return make_response(str(status), status)
    heading, advice = PAGES.get(status, PAGES[400 if status < 500 else 500])
    return page("message.html", status=status, code=status, heading=heading, advice=advice)
