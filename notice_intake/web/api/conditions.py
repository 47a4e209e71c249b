"""What a request asks to be true before it counts: its idempotency key, the state that it was written for."""

from __future__ import annotations

import re

from flask import Request

from ...errors import KeyRefused, PreconditionMissing

_KEY = re.compile(r'(")?([A-Za-z0-9._:~-]{16,128})(?(1)")')
_SEQUENCE = re.compile(r"r([0-9]{1,9})", re.ASCII)


def idempotency_key(request: Request) -> str | None:
    """Return the idempotency key, or None. Clients send it quoted, as the draft says, or bare; both are taken."""
    value = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if value is None:
        return None
    match = _KEY.fullmatch(value)
    if match is None:
        raise KeyRefused
    return match[2]


def expected_sequences(request: Request) -> frozenset[int] | None:
    """Return the sequences that ``If-Match`` names, or None for ``*``: RFC 9110 section 13.1.1.

    Raises ``PreconditionMissing`` without one. A weak or foreign tag matches nothing.
    """
    if "If-Match" not in request.headers:
        raise PreconditionMissing
    if request.if_match.star_tag:
        return None
    found = (_SEQUENCE.fullmatch(tag) for tag in request.if_match.as_set())
    return frozenset(int(match[1]) for match in found if match is not None)


def etag(sequence: int) -> str:
    """Return the strong tag of a referral that stands at a sequence."""
    return f'"r{sequence}"'
