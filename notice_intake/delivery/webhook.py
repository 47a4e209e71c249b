"""Signing callbacks: Standard Webhooks 1.0.0, scheme ``v1`` (HMAC-SHA256)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Sequence
from datetime import datetime
from typing import Final

_PREFIX: Final = "whsec_"
#: A full stop would let the id run into the timestamp in the signed content; a space or CR LF into the header.
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


def new_secret() -> str:
    """Return a new symmetric secret: ``whsec_`` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(randomness.token_bytes(32)).decode("ascii")


def sign(body: bytes, *, message_id: str, at: datetime, secrets: Sequence[str]) -> dict[str, str]:
    """Return the three headers that make ``body`` verifiable: one signature for each secret, in the order given.

    Give the newest secret first and every old one that has not expired, so that a receiver can change over in its
    own time. The id stays the same over all attempts; ``at`` is this attempt's, since receivers refuse a timestamp
    that is more than five minutes off.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a message id consists of letters, digits, _ and -")
    if at.tzinfo is None:
        raise ValueError("the time of signing must carry its time zone")
    if not secrets:
        raise ValueError("signing needs a secret")
    timestamp = str(int(at.timestamp()))
    content = f"{message_id}.{timestamp}.".encode("ascii") + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join("v1," + _signature(secret, content) for secret in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    return base64.b64encode(hmac.digest(_key(secret), content, hashlib.sha256)).decode("ascii")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    # Standard Webhooks 1.0.0, "Signature scheme": 24 to 64 bytes. The message must not quote the secret.
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("a secret is whsec_ and 24 to 64 bytes in base64")
    return key
