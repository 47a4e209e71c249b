"""``Content-Digest`` (RFC 9530), for ``sha-256`` and ``sha-512``."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import http_sf

_HASHES: dict[str, Callable[[bytes], Any]] = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def content_digest(body: bytes) -> str:
    """Return the field's value for a body."""
    return f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"


def matches(field: str, body: bytes) -> bool:
    """Whether a field names this body: every digest that we know agrees, and there is at least one.

    Other algorithms are ignored, as RFC 9530 section 2 lets a recipient do.
    """
    if field == content_digest(body):  # as nearly all come
        return True
    try:
        members: Any = http_sf.parse(field.encode("ascii"), tltype="dictionary", on_duplicate_key=_refuse)
    except ValueError:
        return False
    known = [(name, member[0]) for name, member in members.items() if name in _HASHES]
    return bool(known) and all(
        isinstance(value, bytes) and hmac.compare_digest(value, _HASHES[name](body).digest()) for name, value in known
    )


def _refuse(name: str, _context: str) -> None:
    raise ValueError(f"{name} stands twice")
