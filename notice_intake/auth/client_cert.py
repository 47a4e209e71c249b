"""Certificates that a proxy checked: ``Client-Cert`` (RFC 9440).

Only the fingerprint is compared; chain, dates and possession of the key were the proxy's to check. Whether the field
comes from that proxy is decided before: ``web.api.access`` takes it away from everybody else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import http_sf
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from itsdangerous import Signer

from ..errors import CredentialsRefused, KeyNotUsable
from .envelope import Claimed, Credential, Envelope, Proof

SCHEME = "client-cert"
PURPOSE = "client-cert"
#: TLS asks for certificates, not HTTP.
CHALLENGE: Mapping[str, str] = {}
_LONGEST = 16_384


def concerns(envelope: Envelope) -> bool:
    """Whether the proxy says that a certificate was shown."""
    return "client-cert" in envelope.headers


def read(envelope: Envelope, *, signer: Signer) -> Claimed:  # noqa: ARG001  nothing of ours was signed for this scheme
    """Return the fingerprint of the certificate. Raises ``CredentialsRefused`` for a field that holds none."""
    value = envelope.headers["client-cert"]
    try:
        if len(value) > _LONGEST:
            raise ValueError
        certificate = http_sf.parse(value.encode("ascii"), tltype="item")
    except ValueError:
        raise CredentialsRefused("malformed") from None
    if not isinstance(certificate, tuple) or not isinstance(certificate[0], bytes):
        raise CredentialsRefused("malformed")
    return Claimed(SCHEME, *identify(certificate[0]))


def check(claimed: Claimed, credential: Credential | None, *, envelope: Envelope, now: float) -> Proof:  # noqa: ARG001
    """Return the proof that the stored fingerprint gives."""
    stored = credential.digest if credential is not None else b"\0" * 32
    matches = hmac.compare_digest(stored, claimed.digest)
    if credential is None or not matches:
        raise CredentialsRefused("unknown")
    if credential.revoked:
        raise CredentialsRefused("revoked")
    if credential.expires_at is not None and credential.expires_at <= now:
        raise CredentialsRefused("expired")
    return Proof(credential)


def identify(certificate: bytes) -> tuple[str, bytes]:
    """Return the name and the digest under which a certificate, in DER, is stored."""
    digest = hashlib.sha256(certificate).digest()
    return f"crt_{digest.hex()}", digest


def from_pem(data: bytes) -> bytes:
    """Return the DER of a certificate in PEM. Raises ``KeyNotUsable``."""
    try:
        return x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
    except ValueError:
        raise KeyNotUsable("The file holds no certificate in PEM form (BEGIN CERTIFICATE).") from None
