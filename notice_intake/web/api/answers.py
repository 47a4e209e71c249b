"""JSON answers."""

from __future__ import annotations

import json
from typing import Any

from flask import Response
from werkzeug.datastructures import Headers


def json_response(document: Any, status: int = 200, *, headers: dict[str, str] | None = None) -> Response:
    """Return a document as compact JSON."""
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    response = Response(text, status, content_type="application/json")
    response.headers.update(headers or {})
    return response


class Created(Response):
    """A 201 with a receipt, whose headers are complete and plain: the server has nothing to work out."""

    def __init__(self, receipt: str, *, location: str, headers: dict[str, str]) -> None:
        body = receipt.encode()
        given = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Location": location, **headers}
        super().__init__([body], 201, Headers(list(given.items())))

    def get_wsgi_headers(self, environ: object) -> Headers:  # noqa: ARG002  what the server says changes nothing
        """Return the headers as they are."""
        return self.headers
