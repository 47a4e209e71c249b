"""Everything a template of the desk may call, and the one way to answer with a page."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any

from flask import current_app, make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from ...core.catalogue import KEYWORDS, category_label
from ...formats.received import NOTES
from .. import csrf
from ..fault_words import told
from ..texts import LANGUAGES, own_name
from . import hostile, words
from .notices import MESSAGES, take
from .request import DECIDES, REPLAYS, Desk, current_desk, this_page
from .urgency import levels_attribute, urgency

STATIC = Path(__file__).resolve().parents[2] / "static"
TEMPLATES = Path(__file__).resolve().parents[2] / "templates"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # No other site learns which page a link stood on; a host's CSRF check that asks for a Referer gets one.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page(template: str, *, status: int = 200, **values: object) -> ResponseReturnValue:
    """Answer with a page of the desk."""
    notice = take(current_desk())
    return make_response(render_template(f"notice_intake/{template}", notice=notice, **values), status)


def template_values() -> dict[str, Any]:
    """Return what the blueprint's context processor supplies."""
    desk = current_desk()
    texts = desk.texts
    return {
        "_": texts.gettext,
        "_n": texts.ngettext,
        "_h": texts.html,
        "texts": texts,
        "desk": desk,
        # What was typed stays in the browser's tab, and comes back only to whoever typed it.
        "who": hashlib.sha256(desk.moderator.id.encode()).hexdigest()[:16],
        "words": words,
        "notices": MESSAGES,
        "can_decide": desk.may(DECIDES),
        "can_replay": desk.may(REPLAYS),
        "can_keep": desk.may(REPLAYS),
        "is_lead": "lead" in desk.moderator.roles,
        "languages": [(language, own_name(language)) for language in LANGUAGES],
        "here": this_page(),
        "asset": asset,
        "csrf_fields": Markup(_csrf_fields(desk)),  # noqa: S704 - built from escaped parts
        "layout": desk.mount.settings.desk_layout,
        "platform_name": desk.mount.settings.platform_name,
        "shapes": json.dumps(texts.shapes()),
        "levels": levels_attribute(),
        "urgency": lambda at: urgency(at, desk.now),
        "visible": hostile.visible,
        "exact": hostile.exact,
        "bdi": hostile.bdi,
        "is_link": hostile.is_link,
        "defanged": hostile.defanged,
        "ascii_host": hostile.ascii_host,
        "iso": lambda at: at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "label_of": category_label,
        "keyword_labels": KEYWORDS,
        "notes_of": NOTES,
        "territory_names": lambda codes: [texts.territory(code) for code in codes],
        "told": lambda detail: told(texts, detail),
        "word": lambda table, code: texts.gettext(table.get(code, code)),
    }


def asset(filename: str) -> str:
    """Return the address of a file of ours, with its fingerprint, so that browsers may keep it for ever."""
    return url_for(".static", filename=filename, v=_fingerprint(filename))


def _csrf_fields(desk: Desk) -> Markup:
    fields = Markup('<input type="hidden" name="{}" value="{}">')
    ours = fields.format(csrf.FIELD, csrf.issue(desk.mount.secrets, desk.moderator.id))
    hosts = current_app.jinja_env.globals.get("csrf_token")
    return ours + fields.format("csrf_token", hosts()) if callable(hosts) else ours


@cache
def _fingerprint(filename: str) -> str:
    return hashlib.sha256((STATIC / filename).read_bytes()).hexdigest()[:12]
