"""JSON answers."""

from __future__ import annotations

import json
from typing import Any

from flask import Response


def json_response(document: Any, status: int = 200, *, headers: dict[str, str] | None = None) -> Response:
    """Return a document as compact JSON."""
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    response = Response(text, status, content_type="application/json")
    response.headers.update(headers or {})
    return response
