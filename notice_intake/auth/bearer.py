"""Bearer tokens: ``ni1_<key id>_<signed random>``. Only a SHA-256 of the secret part is stored.

The signature lets a forged token be refused without asking the database. Agency, scopes and expiry come from the row,
so that a change acts on the next request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from itsdangerous import BadSignature, Signer

from ..errors import CredentialsRefused
from .envelope import Claimed, Credential, Envelope, Proof

SCHEME = "bearer"
PURPOSE = "bearer-token"
CHALLENGE: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="notice_intake"'}
#: The scopes that exist.
SCOPES = ("referrals:write", "referrals:read", "endpoints:write")
_TOKEN = re.compile(r"ni1_([A-Za-z0-9]{10})_([A-Za-z0-9_.-]{40,200})", re.ASCII)
#: What genuine tokens claim, by a digest of each, for each signer: the same few come again and again.
_genuine: WeakKeyDictionary[Signer, dict[bytes, Claimed]] = WeakKeyDictionary()
_MOST = 1000
_KEY_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz23456789"


def mint(signer: Signer) -> tuple[str, str, bytes]:
    """Make a token: (the token, shown once; its public key id; the digest to store)."""
    key_id = "".join(_KEY_ALPHABET[byte % len(_KEY_ALPHABET)] for byte in os.urandom(10))
    secret = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    signed = signer.sign(f"{key_id}_{secret}").decode().removeprefix(key_id + "_")
    return f"ni1_{key_id}_{signed}", key_id, _digest(secret)


def concerns(envelope: Envelope) -> bool:
    """Whether ``Authorization`` names this scheme (RFC 9110 section 11.4)."""
    return envelope.headers.get("authorization", "").partition(" ")[0].lower() == SCHEME


def read(envelope: Envelope, *, signer: Signer) -> Claimed:
    """Return what the token in ``Authorization`` claims. Raises ``CredentialsRefused`` for none or a forged one."""
    token = envelope.headers.get("authorization", "").partition(" ")[2].strip()
    read, name = _genuine.setdefault(signer, {}), hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
    claimed = read.get(name)
    if claimed is None:
        claimed = _read(token, signer)
        if len(read) >= _MOST:
            read.clear()
        read[name] = claimed
    return claimed


def _read(token: str, signer: Signer) -> Claimed:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise CredentialsRefused("malformed")
    try:
        plain = signer.unsign(f"{match[1]}_{match[2]}").decode()
    except BadSignature:
        raise CredentialsRefused("forged") from None
    return Claimed(SCHEME, match[1], _digest(plain.removeprefix(match[1] + "_")))


def check(claimed: Claimed, credential: Credential | None, *, envelope: Envelope, now: float) -> Proof:  # noqa: ARG001
    """Return the proof that the stored credential gives. The sender never learns which check failed."""
    stored = credential.digest if credential is not None else b"\0" * 32
    matches = hmac.compare_digest(stored, claimed.digest)
    if credential is None or not matches:
        raise CredentialsRefused("unknown")
    if credential.revoked:
        raise CredentialsRefused("revoked")
    if credential.expires_at is not None and credential.expires_at <= now:
        raise CredentialsRefused("expired")
    return Proof(credential)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
