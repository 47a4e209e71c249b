"""What a request asks to be true before it counts: its idempotency key, the state that it was written for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Request

from ...contract.parameters import KEY_PATTERN, TAGS_PATTERN
from ...errors import KeyRefused, PreconditionMissing, PreconditionRefused

_KEY = re.compile(KEY_PATTERN)
_TAGS = re.compile(TAGS_PATTERN)
_TAG = re.compile(r'(W/)?"([^"]*)"')
_SEQUENCE = re.compile(r"r([0-9]{1,9})(?:-purged)?", re.ASCII)


def idempotency_key(request: Request) -> str | None:
    """Return the idempotency key, or None. Clients send it quoted, as the draft says, or bare; both are taken."""
    value: str | None = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if value is None:
        return None
    if _KEY.fullmatch(value) is None:
        raise KeyRefused
    return value.strip('"')


def expected_sequences(request: Request) -> frozenset[int] | None:
    """Return the sequences that ``If-Match`` names, or None for ``*``: RFC 9110 section 13.1.1.

    Raises ``PreconditionMissing`` without one, ``PreconditionRefused`` for what cannot be read. A weak or foreign tag
    matches nothing.
    """
    value = request.environ.get("HTTP_IF_MATCH")
    if value is None:
        raise PreconditionMissing
    if _TAGS.fullmatch(value) is None:
        raise PreconditionRefused
    if value == "*":
        return None
    found = (_SEQUENCE.fullmatch(tag) for weak, tag in _TAG.findall(value) if not weak)
    return frozenset(int(match[1]) for match in found if match is not None)


def etag(sequence: int) -> str:
    """Return the strong tag of a referral that stands at a sequence."""
    return f'"r{sequence}"'


def etag_of(document: Mapping[str, Any]) -> str:
    """Return the strong tag of a referral as it is shown: deleting it changes what is shown, and no sequence."""
    return f'"r{document["sequence"]}-purged"' if document["purged_at"] else etag(document["sequence"])
