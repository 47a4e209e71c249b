"""Reading a body: once, counted, as raw bytes."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from flask import Request

from ..errors import BodyTooLarge, UnsupportedMediaType

_CHUNK = 65_536


def require(request: Request, *types: str) -> None:
    """Raise ``UnsupportedMediaType`` unless the body is one of ``types``, in UTF-8 and not compressed."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body without compression (Content-Encoding).")
    if request.mimetype not in types:
        raise UnsupportedMediaType(f"Send Content-Type: {types[0]}.")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("Send the body in UTF-8.")


def whole(request: Request, *, limit: int) -> bytes:
    """Return the body. Raises ``BodyTooLarge`` past ``limit``, also for a chunked one.

    Werkzeug's own limit cuts a chunked body short under some servers and accepts the rest as if it were all.
    """
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge(limit)
    _uncut(request)
    found, size = [], 0
    while chunk := request.stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        found.append(chunk)
    return b"".join(found)


def lines(request: Request, *, limit: int) -> Iterator[bytes | BodyTooLarge]:
    """Yield the lines of a body as they arrive, blank ones left out; a line past ``limit`` as the error to answer."""
    _uncut(request)
    rest, skipping = b"", False
    while chunk := request.stream.read(_CHUNK):
        first, *more = (rest + chunk).split(b"\n")
        for index, line in enumerate([first, *more[:-1]] if more else []):
            if skipping and index == 0:
                skipping = False
                yield BodyTooLarge(limit)
            elif line.strip():
                yield BodyTooLarge(limit) if len(line) > limit else line
        rest = more[-1] if more else first
        if len(rest) > limit:
            rest, skipping = b"", True
    if skipping:
        yield BodyTooLarge(limit)
    elif rest.strip():
        yield rest


def _uncut(request: Request) -> None:
    # None would bring back the host's MAX_CONTENT_LENGTH, which is made for the host's own forms.
    request.max_content_length = sys.maxsize
