"""Reading a body: once, counted, as raw bytes."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from flask import Request
from werkzeug.exceptions import ClientDisconnected, HTTPException

from ..errors import BodyTooLarge, UnsupportedMediaType

#: Read at once. Servers keep up to a megabyte before us, and some copy what is left of it each time.
_CHUNK = 262_144
#: Where a body stays that had to be read before its time.
_HELD = "notice_intake.body"


def require(request: Request, *types: str) -> None:
    """Raise ``UnsupportedMediaType`` unless the body is one of ``types``, in UTF-8 and not compressed."""
    if request.environ.get("CONTENT_TYPE") in types and "HTTP_CONTENT_ENCODING" not in request.environ:
        return
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
    length = request.content_length
    if length is not None and length > limit:
        raise BodyTooLarge(limit)
    found, size = [], 0
    for chunk in _chunks(request, up_to=limit + 1):
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        found.append(chunk)
    return b"".join(found)


def held(request: Request, *, limit: int) -> bytes:
    """Return the body and keep it, so that ``whole`` and ``lines`` find it again. Raises ``BodyTooLarge``."""
    if _HELD not in request.environ:
        request.environ[_HELD] = whole(request, limit=limit)
    found: bytes = request.environ[_HELD]
    return found


def lines(request: Request, *, limit: int) -> Iterator[bytes | BodyTooLarge]:
    """Yield the lines of a body as they arrive: a blank one as ``b""``, one past ``limit`` as the error to answer.

    A line feed ends a line; what follows the last one is a line too, unless it is empty.
    """
    rest, skipping = b"", False
    for chunk in _chunks(request):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _line(line, limit, skipping)
            skipping = False
        if len(rest) > limit:
            rest, skipping = b"", True
    if rest or skipping:
        yield _line(rest, limit, skipping)


def _line(line: bytes, limit: int, skipping: bool) -> bytes | BodyTooLarge:
    if skipping or len(line) > limit:
        return BodyTooLarge(limit, what="line")
    return line if line.strip() else b""


def _chunks(request: Request, *, up_to: int = sys.maxsize) -> Iterator[bytes]:
    """Yield the body as it arrives, at most ``up_to`` bytes of it. Raises ``ClientDisconnected`` where it breaks off.

    gunicorn hands a body that broke off to Werkzeug as if it had ended: only its length tells.
    """
    if _HELD in request.environ:
        yield request.environ[_HELD][:up_to]
        return
    # None would bring back the host's MAX_CONTENT_LENGTH, which is made for the host's own forms.
    request.max_content_length = sys.maxsize
    length, size = request.content_length, 0
    while size != length and (chunk := _read(request, min(_CHUNK, up_to - size))):
        size += len(chunk)
        yield chunk
    if size < min(length or 0, up_to):
        raise ClientDisconnected


def _read(request: Request, size: int) -> bytes:
    try:
        return request.stream.read(size)
    except HTTPException:
        raise
    except Exception as broken:  # each server has errors of its own for chunks that are none
        raise ClientDisconnected from broken
