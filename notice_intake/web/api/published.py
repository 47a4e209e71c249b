"""The contract itself, for everybody: OpenAPI, JSON Schemas, and what each problem means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from flask import Response, request
from markupsafe import Markup

from ...contract import openapi as document
from ...contract.problems import explanations
from ...contract.published import schemas
from ...errors import NotFound
from ...flows.mount import Mount
from ..problems import root

View = Callable[..., Response]
MountOf = Callable[[], Mount]
#: It changes with a new version of the platform's software only.
_KEPT = "public, max-age=3600"
#: Stands in the kept text where the address of the API's root is to stand.
_SERVER = "notice-intake:server"
_HTML = Markup(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"></head>\n'
    "<body><main><h1>{title}</h1>\n<p>HTTP status {status}, <code>{slug}</code></p>\n<p>{detail}</p>\n"
    "<h2>What to do</h2>\n<p>{advice}.</p></main></body></html>\n"
)
_texts: WeakKeyDictionary[Mount, Mapping[str, str]] = WeakKeyDictionary()


def openapi(mount_of: MountOf) -> View:
    """``GET /v1/openapi.json``: the whole API, with its own address."""

    def view() -> Response:
        mount = mount_of()
        server = (mount.settings.public_url + root()) or "/"
        text = _text_of(mount)["openapi"].replace(_SERVER, server)
        return _published(text, "application/json")

    return view


def schema(mount_of: MountOf) -> View:
    """``GET /v1/schemas/{name}``: one JSON Schema."""

    def view(name: str) -> Response:
        found = _text_of(mount_of()).get(name) if name.endswith(".json") else None
        if found is None:
            raise NotFound
        return _published(found, "application/schema+json")

    return view


def problem() -> View:
    """``GET /v1/problems/{slug}``: what a problem means; as a page where a browser asks."""

    def view(slug: str) -> Response:
        found = explanations().get(slug)
        if found is None:
            raise NotFound
        wanted = request.accept_mimetypes.best_match(("application/json", "text/html"))
        if wanted == "text/html":
            response = _published(_page(slug), "text/html; charset=utf-8")
            response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        else:
            response = _published(json.dumps(found, separators=(",", ":")), "application/json")
        response.headers["Vary"] = "Accept"
        return response

    return view


@lru_cache(maxsize=64)
def _page(slug: str) -> str:
    parts = {"slug": slug, **explanations()[slug]}
    return str(_HTML.format(**{name: _words(value) for name, value in parts.items()}))


def _words(value: Any) -> Any:
    """Return text as HTML; what stands in backticks as code."""
    if not isinstance(value, str):
        return value
    parts = value.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(one) if n % 2 else one for n, one in enumerate(parts))


def _published(text: str, kind: str) -> Response:
    response = Response(text, content_type=kind)
    response.set_etag(hashlib.sha256(text.encode()).hexdigest()[:32])
    response.headers["Cache-Control"] = _KEPT
    return response.make_conditional(request)  # type: ignore[return-value]


def _text_of(mount: Mount) -> Mapping[str, str]:
    """Return every file as text, made once for a mount: its regimes decide what there is."""
    found = _texts.get(mount)
    if found is None:
        known = schemas(mount.rulebook.contracts)
        texts = {f"{name}.json": json.dumps(one, ensure_ascii=False) for name, one in known.items()}
        texts["openapi"] = json.dumps(document.document(known, server=_SERVER), ensure_ascii=False)
        found = _texts.setdefault(mount, texts)
    return found
