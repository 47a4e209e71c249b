"""Everything a template of the agency pages may call, and the one way to answer with a page."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from flask import current_app, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from ...core.catalogue import KEYWORDS, category_label
from .. import csrf
from ..desk import hostile
from ..desk import words as desk_words
from ..desk.presenting import asset
from ..desk.urgency import urgency
from ..texts import LANGUAGES, own_name
from . import words
from .fields import path_of
from .notices import MESSAGES, take
from .request import ENDPOINTS, READS, WRITES, Caller, caller

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # The address of a sign-in page is a secret until it is used: no other site may learn it. A host's CSRF check may
    # ask for a Referer, though.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}
#: What a template may ask for and a page need not give: a host's templates may be set up to fail over what is missing.
_OPTIONAL = (
    *("section", "problem", "fault", "faults", "typed", "secret", "secrets", "token", "tokens", "marks", "picks"),
    *("refused", "strange", "left"),
)


def page(template: str, *, status: int = 200, **values: object) -> ResponseReturnValue:
    """Answer with an agency page."""
    notice = take(caller())
    values = {**dict.fromkeys(_OPTIONAL, ""), **values}
    return make_response(render_template(f"notice_intake/agency/{template}", notice=notice, **values), status)


def template_values() -> dict[str, Any]:
    """Return what the blueprint's context processor supplies."""
    now = caller()
    texts = now.texts
    return {
        "_": texts.gettext,
        "_n": texts.ngettext,
        "_h": texts.html,
        "texts": texts,
        # The desk's macros call it so.
        "desk": now,
        "visit": now.visit,
        "words": desk_words,
        "own_words": words,
        "notices": MESSAGES,
        "may_read": now.may(READS),
        "may_write": now.may(WRITES),
        "may_endpoint": now.may(ENDPOINTS),
        "languages": [(language, own_name(language)) for language in LANGUAGES],
        "here": request.script_root + request.full_path.rstrip("?") if request.method == "GET" else url_for(".home"),
        "asset": asset,
        "csrf_fields": csrf_fields(now, form_owner(now)),
        "layout": now.mount.settings.page_layout,
        "platform_name": now.mount.settings.platform_name,
        "urgency": lambda at: urgency(at, now.now),
        "visible": hostile.visible,
        "exact": hostile.exact,
        "bdi": hostile.bdi,
        "is_link": hostile.is_link,
        "defanged": hostile.defanged,
        "ascii_host": hostile.ascii_host,
        "iso": lambda at: at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "label_of": category_label,
        "keyword_labels": KEYWORDS,
        "territory_names": lambda codes: [texts.territory(code) for code in codes],
        "word": lambda table, code: texts.gettext(table.get(code, code)),
        "label_at": lambda where: words.label_of(texts, path_of(where)),
        "moment_from": datetime.fromisoformat,
        # The word of the forms that can be sent once.
        "nonce": secrets.token_urlsafe(16),
        "label": lambda path: words.label_of(texts, path),
        "hint": lambda path: words.hint_of(texts, path),
        "option": lambda path, code: words.option_of(texts, path, code=code),
        "countries": lambda: words.countries(texts.language),
    }


def form_owner(now: Caller) -> str:
    """Return whom a form of this page belongs to: the agency, not the visit.

    A person whose time ran out signs in again beside the form that they had open, and loses nothing of what was typed.
    """
    return f"agency:{now.visit.agency.id}" if now.visit else ""


def csrf_fields(now: Caller, owner: str) -> Markup:
    """Return the hidden fields that prove a form to be ours; a host's own protection gets what it asks for."""
    fields = Markup('<input type="hidden" name="{}" value="{}">')
    ours = fields.format(csrf.FIELD, csrf.issue(now.mount.secrets, owner)) if owner else Markup()
    hosts = current_app.jinja_env.globals.get("csrf_token")
    return ours + fields.format("csrf_token", hosts()) if callable(hosts) and _guarded_by_host() else ours


def _guarded_by_host() -> bool:
    """Whether the host's protection watches over us: asking it for a token writes into the host's own session."""
    exempt = getattr(current_app.extensions.get("csrf"), "_exempt_blueprints", ())
    name = request.blueprint or ""
    # Flask-WTF keeps blueprints there, other protections of the same shape their names.
    return name not in exempt and current_app.blueprints.get(name) not in exempt
