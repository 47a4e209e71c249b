"""Public keys: read from PEM or JWK, bound to one algorithm, named by their thumbprint."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from http_message_signatures import HTTPSignatureAlgorithm
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ECDSA_P384_SHA384, ED25519, RSA_PSS_SHA512

from ..errors import KeyNotUsable

#: The algorithms of the profile, by their names in RFC 9421 section 6.2.2. No RSA PKCS#1 v1.5 and no shared secret:
#: whoever holds one of those can have signed, which proves nothing to a third party.
ALGORITHMS: Mapping[str, type[HTTPSignatureAlgorithm]] = {
    one.algorithm_id: one for one in (ED25519, ECDSA_P256_SHA256, ECDSA_P384_SHA384, RSA_PSS_SHA512)
}
#: NIST SP 800-57 part 1: 128 bits of strength.
MIN_RSA_BITS, MAX_RSA_BITS = 3072, 8192
_LONGEST = 16_384
_CURVES: Mapping[str, tuple[type[ec.EllipticCurve], str, int]] = {
    "P-256": (ec.SECP256R1, "ecdsa-p256-sha256", 32),
    "P-384": (ec.SECP384R1, "ecdsa-p384-sha384", 48),
}
#: RFC 7638 section 3.2 and RFC 8037 section 2: the members that the thumbprint is made of.
_MEMBERS = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
Loaded = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that may be used, and the one algorithm that it is good for."""

    algorithm: str
    #: The text of its JWK with only the members that make the key, sorted.
    jwk: str

    @property
    def thumbprint(self) -> str:
        """The key's name: its SHA-256 thumbprint (RFC 7638)."""
        return thumbprint(self.jwk)


def thumbprint(jwk: str) -> str:
    """Return the thumbprint of a JWK that was written by ``PublicKey``."""
    return b64u(hashlib.sha256(jwk.encode()).digest())


def from_pem(data: bytes) -> PublicKey:
    """Read a public key, or the one of a certificate-less ``BEGIN PUBLIC KEY`` block. Raises ``KeyNotUsable``."""
    if b"PRIVATE KEY" in data:
        raise KeyNotUsable("That is a private key. Keep it to yourself and send the public one.")
    try:
        return of(serialization.load_pem_public_key(data[:_LONGEST]))
    except (ValueError, UnsupportedAlgorithm):
        raise KeyNotUsable("The file holds no public key in PEM form (BEGIN PUBLIC KEY).") from None


def from_jwk(document: str | bytes | Mapping[str, Any]) -> PublicKey:
    """Read a public key from a JWK (RFC 7517), or its text. Raises ``KeyNotUsable``."""
    try:
        jwk = json.loads(document[:_LONGEST]) if isinstance(document, str | bytes) else document
        if not isinstance(jwk, Mapping):
            raise TypeError
        if any(part in jwk for part in ("d", "p", "q", "k")):
            raise KeyNotUsable("That is a private or secret key. Keep it to yourself and send the public one.")
        return of(_from_members(jwk))
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm, RecursionError):
        raise KeyNotUsable("The JWK holds no public key of a kind that is accepted here.") from None


def of(key: object) -> PublicKey:
    """Bind a key to its algorithm. Raises ``KeyNotUsable`` for one that is too short or of another kind."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return PublicKey("ed25519", _text({"kty": "OKP", "crv": "Ed25519", "x": b64u(raw)}))
    if isinstance(key, ec.EllipticCurvePublicKey):
        for crv, (curve, algorithm, size) in _CURVES.items():
            if isinstance(key.curve, curve):
                point = key.public_numbers()
                x, y = (b64u(one.to_bytes(size, "big")) for one in (point.x, point.y))
                return PublicKey(algorithm, _text({"kty": "EC", "crv": crv, "x": x, "y": y}))
    if isinstance(key, rsa.RSAPublicKey):
        if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            raise KeyNotUsable(f"An RSA key has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits here, not {key.key_size}.")
        numbers = key.public_numbers()
        e, n = (b64u(one.to_bytes((one.bit_length() + 7) // 8, "big")) for one in (numbers.e, numbers.n))
        return PublicKey("rsa-pss-sha512", _text({"kty": "RSA", "n": n, "e": e}))
    raise KeyNotUsable("Send an Ed25519 key, an ECDSA key on P-256 or P-384, or an RSA key.")


@lru_cache(maxsize=1024)
def load(jwk: str) -> Loaded:
    """Return a stored key, ready for use. Raises ``ValueError`` or ``KeyError`` where the text is not what we wrote."""
    return _from_members(json.loads(jwk))


def b64u(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    """Read base64url without padding. Raises ``ValueError``."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _from_members(jwk: Mapping[str, Any]) -> Loaded:
    kty, crv = jwk["kty"], str(jwk.get("crv"))
    if kty == "OKP" and crv == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(unb64u(jwk["x"]))
    if kty == "EC" and crv in _CURVES:
        x, y = (int.from_bytes(unb64u(jwk[part]), "big") for part in ("x", "y"))
        return ec.EllipticCurvePublicNumbers(x, y, _CURVES[crv][0]()).public_key()
    if kty == "RSA":
        n, e = (int.from_bytes(unb64u(jwk[part]), "big") for part in ("n", "e"))
        return rsa.RSAPublicNumbers(e, n).public_key()
    raise KeyNotUsable("Send an Ed25519 key, an ECDSA key on P-256 or P-384, or an RSA key.")


def _text(members: dict[str, str]) -> str:
    kept = {name: members[name] for name in _MEMBERS[members["kty"]]}
    return json.dumps(kept, separators=(",", ":"), sort_keys=True)
