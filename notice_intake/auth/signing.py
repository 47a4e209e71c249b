"""HTTP message signatures (RFC 9421): the signing half, for an agency's requests and for a platform's answers."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from ..errors import KeyNotUsable
from . import keys
from .http_digest import content_digest
from .signature import OF_BODY, REQUIRED, TAG, WHERE_PRESENT

#: The label of our signatures. It is not signed, so nothing depends on it.
LABEL = "ni"


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs, with its public half."""

    public: keys.PublicKey
    sign: Callable[[bytes], bytes]

    @property
    def key_id(self) -> str:
        """What stands in ``keyid``."""
        return self.public.thumbprint


def new_ed25519() -> tuple[PrivateKey, str]:
    """Make a key; return it and its 32 secret bytes as base64url, to be kept encrypted."""
    key = ed25519.Ed25519PrivateKey.generate()
    return _private(key), keys.b64u(key.private_bytes_raw())


def from_seed(seed: str) -> PrivateKey:
    """Return the Ed25519 key of the secret bytes that ``new_ed25519`` gave."""
    return _private(ed25519.Ed25519PrivateKey.from_private_bytes(keys.unb64u(seed)))


def from_pem(data: bytes, *, password: bytes | None = None) -> PrivateKey:
    """Read a private key. Raises ``KeyNotUsable`` where it is none, or of a kind that the profile does not take."""
    try:
        return _private(serialization.load_pem_private_key(data, password))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyNotUsable("The file holds no private key in PEM form, or it wants a password.") from None


def sign_request(
    key: PrivateKey,
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    created: int,
) -> dict[str, str]:
    """Return the fields that sign a request: ``Content-Digest`` for a body, ``Signature-Input``, ``Signature``.

    ``url`` as it goes over the wire, with no fragment. ``headers`` as they will be sent: ``Content-Type``,
    ``Idempotency-Key`` and ``Authorization`` are signed where they are there. Each call has a nonce of its own.
    """
    sent = {name.lower(): value.strip(" \t") for name, value in headers.items()}
    found: dict[str, str] = {}
    values = dict(zip(REQUIRED, (method.upper(), url), strict=True))
    if body:
        found["Content-Digest"] = sent["content-digest"] = content_digest(body)
        values |= {name: sent[name] for name in OF_BODY}
    values |= {name: sent[name] for name in WHERE_PRESENT if name in sent}
    components = [(f'"{name}"', value) for name, value in values.items()]
    parameters: dict[str, int | str] = {"created": created, "nonce": secrets.token_urlsafe(18)}
    return found | sign(key, components, parameters=parameters)


def sign_answer(
    key: PrivateKey,
    *,
    status: int,
    headers: Mapping[str, str],
    request: Mapping[str, str],
    created: int,
) -> dict[str, str]:
    """Return the fields that sign an answer: what it says, and to which request.

    Of ``headers`` and ``request``, the values of ``@method``, ``@target-uri`` and ``content-digest``, those that there
    are. The signature covers the body through ``content-digest``.
    """
    components = [('"@status"', str(status))]
    components += [(f'"{name}"', headers[name]) for name in ("content-digest", "content-type") if name in headers]
    components += [
        (f'"{name}";req', request[name]) for name in ("@method", "@target-uri", "content-digest") if name in request
    ]
    return sign(key, components, parameters={"created": created})


def sign(
    key: PrivateKey, components: Sequence[tuple[str, str]], *, parameters: Mapping[str, int | str]
) -> dict[str, str]:
    """Sign components, given as (identifier, value). ``keyid``, ``alg`` and ``tag`` are added."""
    named = {**parameters, "keyid": key.key_id, "alg": key.public.algorithm, "tag": TAG}
    told = ";".join(f"{name}={json.dumps(value)}" for name, value in named.items())
    input_ = f"({' '.join(identifier for identifier, _ in components)});{told}"
    base = "".join(f"{identifier}: {value}\n" for identifier, value in components) + f'"@signature-params": {input_}'
    signature = b64encode(key.sign(base.encode("ascii"))).decode()
    return {"Signature-Input": f"{LABEL}={input_}", "Signature": f"{LABEL}=:{signature}:"}


def _private(key: Any) -> PrivateKey:
    public = keys.of(key.public_key())
    return PrivateKey(public, keys.ALGORITHMS[public.algorithm](private_key=key).sign)
