"""Proving who calls, with a signature over the request (RFC 9421, profile ``notice-intake-v1``).

Needs ``cryptography``, ``http-message-signatures`` and ``itsdangerous`` beside ``requests``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urldefrag, urlsplit

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from requests.auth import AuthBase

from ..auth import keys
from ..auth.signing import PrivateKey, from_pem, new_ed25519, sign_request

#: A platform takes signed streams of up to 32 times a single body, which is 1 MiB unless it says otherwise.
MOST_BYTES: Final = 32 * 1_048_576
_SIGNED: Final = ("Signature", "Signature-Input", "Content-Digest")


class SignatureAuth(AuthBase):
    """Signs each request with a private key: Ed25519, ECDSA on P-256 or P-384, or RSA-PSS with 3,072 bits or more.

    ``key`` is the PEM. ``key_id`` is what the platform knows the key by; unless it is given, the key's thumbprint (RFC
    7638), as a platform of this package wants it. Every request has a nonce of its own: whoever sends one again has to
    have it signed again, as ``IntakeClient`` does, and leave ``max_retries`` of a ``requests`` adapter at 0. A body
    that comes in pieces is read whole before it is sent, up to 32 MiB. Where a redirect is followed, nothing
    that was signed for one address goes to another; on the same host a 401 is answered with a new signature.

    Raises ``notice_intake.errors.KeyNotUsable`` for a key that the profile does not take.
    """

    def __init__(
        self,
        key: bytes | PrivateKey,
        *,
        key_id: str | None = None,
        password: bytes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._key = from_pem(key, password=password) if isinstance(key, bytes) else key
        self.key_id = key_id or self._key.key_id
        self._clock = clock

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request. Raises ``ValueError`` for a body that is too large to be signed."""
        _hold(request)
        self._sign(request)
        hook = partial(self._answered, origin=_origin(request))
        request.register_hook("response", hook)  # type: ignore[no-untyped-call]
        return request

    def at(self, seconds: float) -> SignatureAuth:
        """Return what signs with the same key by a clock that is ahead by so many seconds: to try a platform with."""
        return SignatureAuth(self._key, key_id=self.key_id, clock=lambda: self._clock() + seconds)

    def stranger(self) -> SignatureAuth:
        """Return what signs with a key that nobody knows, under this key's name: to try a platform with."""
        return SignatureAuth(new_ed25519()[0], key_id=self.key_id, clock=self._clock)

    def __repr__(self) -> str:
        """Say which key, and nothing that signs."""
        return f"SignatureAuth({self.key_id})"

    def _sign(self, request: requests.PreparedRequest) -> None:
        headers = {name: _text(value) for name, value in request.headers.items() if name not in _SIGNED}
        body = request.body if isinstance(request.body, bytes) else None
        url, method = urldefrag(request.url or "")[0], request.method or ""
        key = self._key if self.key_id == self._key.key_id else _Named(self._key.public, self._key.sign, self.key_id)
        fields = sign_request(key, method=method, url=url, headers=headers, body=body, created=int(self._clock()))
        for name in _SIGNED:
            request.headers.pop(name, None)
        request.headers.update(fields)

    def _answered(self, response: requests.Response, *, origin: str, **options: Any) -> requests.Response:
        sent = response.request
        if response.is_redirect:
            # What requests sends next is made from this request, and its signature would be good for nothing there.
            for name in _SIGNED:
                sent.headers.pop(name, None)
            return response
        if response.status_code != 401 or "Signature" in sent.headers or _origin(sent) != origin:
            return response
        response.content  # noqa: B018  read to its end, so that the connection can be used again
        response.close()
        again = sent.copy()
        self._sign(again)
        connection: Any = response.connection
        answer: requests.Response = connection.send(again, **options)
        answer.history.append(response)
        answer.request = again
        return answer


class _Named(PrivateKey):
    """A key that the platform knows by another name than its thumbprint."""

    __slots__ = ("_name",)

    def __init__(self, public: keys.PublicKey, sign: Callable[[bytes], bytes], name: str) -> None:
        super().__init__(public, sign)
        object.__setattr__(self, "_name", name)

    @property
    def key_id(self) -> str:
        """What stands in ``keyid``."""
        name: str = object.__getattribute__(self, "_name")
        return name


def new_key(file: Path) -> PrivateKey:
    """Make an Ed25519 key and write it to a file that only its owner can read; return it.

    Raises ``FileExistsError`` rather than write over a key.
    """
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(pem)
    return from_pem(pem)


def public_pem(key: PrivateKey) -> str:
    """Return the public half in PEM, as a platform takes it."""
    loaded = keys.load(key.public.jwk)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return loaded.public_bytes(serialization.Encoding.PEM, form).decode()


def _hold(request: requests.PreparedRequest) -> None:
    """Have the body be bytes: a digest is over all of it, and stands before it."""
    body: Any = request.body
    if body is None:
        return
    # A signature is over the type as well, and requests gives bytes none.
    request.headers.setdefault("Content-Type", "application/octet-stream")
    if isinstance(body, bytes):
        return
    if isinstance(body, str):
        held = body.encode()
    else:
        pieces, size = [], 0
        source = iter(partial(body.read, 65_536), b"") if hasattr(body, "read") else iter(body)
        for piece in source:
            size += len(piece)
            if size > MOST_BYTES:
                raise ValueError(f"a body of more than {MOST_BYTES} bytes cannot be signed: send it in parts")
            pieces.append(piece)
        held = b"".join(pieces)
    request.body = held
    request.headers.pop("Transfer-Encoding", None)
    request.headers["Content-Length"] = str(len(held))


def _origin(request: requests.PreparedRequest) -> str:
    parts = urlsplit(request.url or "")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
