"""A JWK Set (RFC 7517 section 5) as an agency publishes it: which of its keys may be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import KeyNotUsable
from . import keys
from .keys import PublicKey

#: Keys of one set: enough for any rotation, few enough to look at.
MOST = 16
#: ``alg`` of a JWK (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864) or its name in RFC 9421, by our name.
_CALLED: Mapping[str, tuple[str, ...]] = {
    "ed25519": ("EdDSA", "Ed25519", "ed25519"),
    "ecdsa-p256-sha256": ("ES256", "ecdsa-p256-sha256"),
    "ecdsa-p384-sha384": ("ES384", "ecdsa-p384-sha384"),
    "rsa-pss-sha512": ("PS512", "rsa-pss-sha512"),
}


@dataclass(frozen=True, slots=True)
class SetKey:
    """A key of a set that may be used now."""

    key: PublicKey
    #: Seconds since the epoch after which it must not be used, or None: ``exp`` of a key directory.
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class KeySet:
    """What a set holds."""

    keys: tuple[SetKey, ...]
    #: Keys that are there and are not used: of another kind, for another purpose, before or after their time, private.
    unusable: int


def read(document: bytes, *, now: float) -> KeySet:
    """Read a set. Raises ``KeyNotUsable`` for what is none, and for one with more than ``MOST`` keys.

    A key that cannot be used is left out, so that a set may hold keys for others as well. ``kid`` counts for nothing:
    a key's name is its thumbprint.
    """
    try:
        members = json.loads(document)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise KeyNotUsable("What stands under the address is no JWK Set.") from None
    if not isinstance(members, list) or len(members) > MOST:
        raise KeyNotUsable(f"What stands under the address is no JWK Set of at most {MOST} keys.")
    found: dict[str, SetKey] = {}
    for member in members:
        one = _usable(member, now)
        if one is not None:
            found[one.key.thumbprint] = one
    return KeySet(tuple(found.values()), len(members) - len(found))


def _usable(member: Any, now: float) -> SetKey | None:
    if not isinstance(member, Mapping) or member.get("use", "sig") != "sig":
        return None
    if "key_ops" in member and member["key_ops"] != ["verify"]:
        return None
    try:
        key = keys.from_jwk(member)
    except KeyNotUsable:
        return None
    if member.get("alg", key.algorithm) not in _CALLED[key.algorithm]:
        return None
    begins, ends = member.get("nbf"), member.get("exp")
    if not all(one is None or type(one) in (int, float) for one in (begins, ends)):
        return None
    # Written so that NaN, which JSON readers take, is on neither side; nothing holds beyond the year 3000.
    if not (begins is None or begins <= now) or not (ends is None or now < ends < 32_503_680_000):
        return None
    return SetKey(key, None if ends is None else float(ends))
