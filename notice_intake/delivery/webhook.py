"""Signing callbacks: Standard Webhooks 1.0.0, schemes ``v1`` (HMAC-SHA256) and ``v1a`` (Ed25519)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PREFIX: Final = "whsec_"
_PRIVATE: Final = "whsk_"
_PUBLIC: Final = "whpk_"
#: A full stop would let the id run into the timestamp in the signed content; a space or CR LF into the header.
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class Signer:
    """A secret that is ready to sign."""

    #: Tells secrets apart in a log without giving anything of them away: eight characters of a digest.
    name: str
    scheme: str
    make: Callable[[bytes], bytes]


def new_secret() -> str:
    """Return a new symmetric secret: ``whsec_`` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(randomness.token_bytes(32)).decode("ascii")


def private_key(seed: bytes, *, of: str) -> str:
    """Return the asymmetric key that signs for one receiver: ``whsk_`` and 64 bytes, seed and public key, in base64.

    It is derived from the platform's 32 secret bytes (HKDF, RFC 5869) and ``of``, the receiver's id: a callback says
    nothing of whom it is for, so with one key for all a receiver could pass it on to another as if it came from us.
    """
    own = HKDF(hashes.SHA256(), 32, salt=None, info=b"notice-intake:callback-v1a:1\n" + of.encode()).derive(seed)
    key = Ed25519PrivateKey.from_private_bytes(own)
    return _PRIVATE + base64.b64encode(own + key.public_key().public_bytes_raw()).decode("ascii")


def public_key(private: str) -> str:
    """Return what the receiver checks the signatures of a private key with: ``whpk_`` and 32 bytes in base64."""
    return _PUBLIC + base64.b64encode(_bytes(private, _PRIVATE)[32:]).decode("ascii")


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
    signers = [signer(one) for one in secrets]
    signatures = [f"{one.scheme},{base64.b64encode(one.make(content)).decode('ascii')}" for one in signers]
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


@lru_cache(maxsize=4096)
def signer(secret: str) -> Signer:
    """Return what signs with a secret or private key. Raises ``ValueError`` where it is neither, without quoting it."""
    name = hashlib.sha256(secret.encode()).hexdigest()[:8]
    if secret.startswith(_PRIVATE):
        return Signer(name, "v1a", Ed25519PrivateKey.from_private_bytes(_bytes(secret, _PRIVATE)[:32]).sign)
    key = _bytes(secret, _PREFIX)
    return Signer(name, "v1", lambda content: hmac.digest(key, content, hashlib.sha256))


def _bytes(text: str, prefix: str) -> bytes:
    try:
        found = base64.b64decode(text.removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    # Standard Webhooks 1.0.0, "Signature scheme": 24 to 64 bytes. The message must not quote the secret.
    wanted = (64, 64) if prefix == _PRIVATE else (24, 64)
    if not text.startswith(prefix) or not wanted[0] <= len(found) <= wanted[1]:
        raise ValueError(f"a secret is {prefix} and {wanted[0]} to {wanted[1]} bytes in base64")
    return found
