"""The receiving side: is this callback from the platform?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import importlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from .errors import BadAnswer, CallbackRefused
from .results import Event, read_event

_PREFIX: Final = "whsec_"
_PUBLIC: Final = "whpk_"
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
    """Return the event in a callback that was signed with one of ``secrets`` (Standard Webhooks 1.0.0).

    A secret is ``whsec_…``, for ``v1``, or the public key ``whpk_…`` that your endpoint shows, for ``v1a``: that one
    need not be kept secret, and needs the package ``cryptography``.
    ``body`` is what came over the wire, not parsed and written anew. ``tolerance`` is how many seconds the callback's
    time may lie on either side of ``now``, which is the present unless it is given. The same event may come again
    under the same ``id``: do its work once. Raises ``CallbackRefused`` for everything that is wrong with the
    callback, and ``ValueError`` for secrets that are none.
    """
    keys = [_checker(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
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


#: Says whether a signature of a scheme fits the content.
_Check = Callable[[tuple[str, bytes], bytes], bool]


def _read(headers: Mapping[str, str]) -> tuple[str, str, list[tuple[str, bytes]]]:
    """Return id, timestamp and the signatures with their schemes."""
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
    entries = [one.partition(",") for one in found.get("webhook-signature", "").split(" ")]
    known = [(scheme, one.encode("utf-8", "replace")) for scheme, _, one in entries if scheme in ("v1", "v1a")]
    return message_id, timestamp, known[:_MOST_SIGNATURES]


def _signed(given: Sequence[tuple[str, bytes]], keys: Sequence[_Check], content: bytes) -> bool:
    """Compare every signature with every secret's: how long it takes says nothing about which one was near."""
    fits = False
    for check in keys:
        for one in given:
            fits |= check(one, content)
    return fits


def _checker(secret: str) -> _Check:
    if secret.startswith(_PUBLIC):
        return _asymmetric(secret)
    key = _key(secret)

    def check(given: tuple[str, bytes], content: bytes) -> bool:
        expected = base64.b64encode(hmac.digest(key, content, hashlib.sha256))
        return given[0] == "v1" and hmac.compare_digest(expected, given[1])

    return check


def _asymmetric(public: str) -> _Check:
    try:
        # The client installs without it: only those who check with a public key need it.
        ed25519: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
        invalid: Any = importlib.import_module("cryptography.exceptions").InvalidSignature
    except ImportError:
        raise ValueError("checking with a public key needs the package cryptography") from None
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix(_PUBLIC), validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("a public key is whpk_ and 32 bytes in base64") from None

    def check(given: tuple[str, bytes], content: bytes) -> bool:
        if given[0] != "v1a":
            return False
        try:
            key.verify(base64.b64decode(given[1], validate=True), content)
        except (binascii.Error, ValueError, invalid):
            return False
        return True

    return check


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    # The message must not quote the secret.
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("a callback secret is whsec_ and 24 to 64 bytes in base64")
    return key
