"""The receiving side: is this callback from the platform?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from .errors import BadAnswer, CallbackRefused
from .results import Event, read_event

_PREFIX: Final = "whsec_"
_ID: Final = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,128}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
#: Each secret is tried on each signature: nobody may make that expensive.
_MOST_SIGNATURES: Final = 24
_MOST_BYTES: Final = 1_048_576


def verify_callback(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Sequence[str],
    *,
    now: datetime | None = None,
    tolerance: float = 300,
) -> Event:
    """Return the event in a callback that was signed with one of ``secrets`` (Standard Webhooks 1.0.0, ``v1``).

    ``body`` is what came over the wire, not parsed and written anew. ``tolerance`` is how many seconds the callback's
    time may lie on either side of ``now``, which is the present unless it is given. The same event may come again
    under the same ``id``: do its work once. Raises ``CallbackRefused`` for everything that is wrong with the
    callback, and ``ValueError`` for secrets that are none.
    """
    keys = [_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    if not keys:
        raise ValueError("verifying needs a secret")
    message_id, timestamp, given = _read(headers)
    at = now or datetime.now(UTC)
    if len(body) > _MOST_BYTES or not _signed(given, keys, f"{message_id}.{timestamp}.".encode("ascii") + body):
        raise CallbackRefused("No signature of this callback fits a secret of yours.")
    if abs(at.timestamp() - int(timestamp)) > tolerance:
        raise CallbackRefused(
            "The callback was signed too long ago, or ahead of time: a repeat, or a clock that is off."
        )
    try:
        return read_event(json.loads(body.decode("utf-8")), id=message_id)
    except (ValueError, RecursionError, BadAnswer):
        raise CallbackRefused("The callback is signed, but its body is not an event.") from None


def _read(headers: Mapping[str, str]) -> tuple[str, str, list[bytes]]:
    """Return id, timestamp and the ``v1`` signatures."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower.startswith("webhook-"):
            if lower in found or not isinstance(value, str):
                raise CallbackRefused("A header of the callback stands there twice.")
            found[lower] = value
    message_id, timestamp = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    if _ID.fullmatch(message_id) is None or _TIMESTAMP.fullmatch(timestamp) is None:
        raise CallbackRefused("The headers webhook-id and webhook-timestamp are missing or malformed.")
    signatures = [one.removeprefix("v1,") for one in found.get("webhook-signature", "").split(" ") if one[:3] == "v1,"]
    return message_id, timestamp, [one.encode("utf-8", "replace") for one in signatures[:_MOST_SIGNATURES]]


def _signed(given: Sequence[bytes], keys: Sequence[bytes], content: bytes) -> bool:
    """Compare every signature with every secret's: how long it takes says nothing about which one was near."""
    fits = False
    for key in keys:
        expected = base64.b64encode(hmac.digest(key, content, hashlib.sha256))
        for one in given:
            fits |= hmac.compare_digest(expected, one)
    return fits


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    # The message must not quote the secret.
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("a callback secret is whsec_ and 24 to 64 bytes in base64")
    return key
