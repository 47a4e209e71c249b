"""Is this answer the platform's? Answers are signed (RFC 9421), and so are receipts, which are answers.

Needs ``cryptography``, ``http-message-signatures`` and ``itsdangerous`` beside ``requests``.
"""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import http_sf
from cryptography.exceptions import InvalidSignature
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from ..auth import keys
from ..auth.signature import FUTURE, PAST, TAG, Message, verified_base
from ..errors import KeyNotUsable
from .errors import AnswerRefused

_WITHOUT_BODY: Final = (204, 304)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and what it answers, as far as a signature can cover it. Header names in any case."""

    status: int
    headers: Mapping[str, str]
    method: str
    #: The address as it was asked for, letter for letter, without a fragment.
    url: str
    #: The ``Content-Digest`` of the request, where it had one.
    digest: str | None = None


class AnswerKeys:
    """The platform's keys, pinned: nothing that another key signed counts.

    ``jwks`` is a JWK Set (RFC 7517), or its ``keys``, as ``IntakeClient.keys()`` and ``notice-intake keys --json`` give
    them: get it once, compare its thumbprints with the platform's engineer, and keep it. Keys that cannot be used here
    are left out. Raises ``ValueError`` where none is left.
    """

    def __init__(
        self, jwks: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, clock: Callable[[], float] = time.time
    ) -> None:
        listed = jwks.get("keys", ()) if isinstance(jwks, Mapping) else jwks
        self._keys = dict(_usable(listed))
        self._clock = clock
        if not self._keys:
            raise ValueError("there is no key among them that could have signed an answer")

    @property
    def thumbprints(self) -> tuple[str, ...]:
        """The names of the keys: their SHA-256 thumbprints (RFC 7638)."""
        return tuple(self._keys)

    def check(self, answered: Answered, body: bytes) -> str:
        """Return the signature base of an answer with its whole body. Raises ``AnswerRefused``."""
        base, expected = self.check_head(answered, empty=not body)
        if expected is not None and expected != digest_of(body):
            raise AnswerRefused("The body of the answer is not the one that was signed.", status=answered.status)
        return base

    def check_head(self, answered: Answered, *, empty: bool = False) -> tuple[str, str | None]:
        """Check all but the body; return the signature base and the digest that the body must have.

        Raises ``AnswerRefused`` where there is no signature, or one by another key, over less than the status and the
        request, for another request, or made more than five minutes ago or ahead of time.
        """
        headers = {name.lower(): value for name, value in answered.headers.items()}
        key, created = self._signer(headers.get("signature-input", ""), answered)
        try:
            base = verified_base(_Whole(answered, headers), algorithm=key.algorithm, public_key=key.jwk)
        except (HTTPMessageSignaturesException, InvalidSignature, ValueError):
            raise _refused("The answer is not as the platform signed it", answered) from None
        if not -FUTURE <= self._clock() - created <= PAST:
            raise _refused("The answer was signed too long ago, or ahead of time", answered)
        missing = [line for line in _wanted(answered, headers, empty=empty) if line not in base.split("\n")]
        if missing:
            raise _refused(f"The signature of the answer does not cover {missing[0].partition(':')[0]}", answered)
        bodiless = empty or answered.status in _WITHOUT_BODY
        return base, None if bodiless else headers["content-digest"]

    def _signer(self, field: str, answered: Answered) -> tuple[keys.PublicKey, int]:
        try:
            members: Any = http_sf.parse(field.encode("ascii"), tltype="dictionary")
        except ValueError:
            members = {}
        ours = [one[1] for one in members.values() if isinstance(one[0], list) and one[1].get("tag") == TAG]
        if len(ours) != 1:
            raise _refused("The answer is not signed", answered)
        key, created, alg = self._keys.get(ours[0].get("keyid")), ours[0].get("created"), ours[0].get("alg")
        if key is None:
            raise _refused("The answer is signed with a key that is not among those known", answered)
        if type(created) is not int or alg not in (None, key.algorithm):
            raise _refused("The signature of the answer has no time, or another algorithm than its key", answered)
        return key, created


def digest_of(body: bytes) -> str:
    """Return the ``Content-Digest`` that answers carry: SHA-256."""
    return _field(hashlib.sha256(body))


def through(chunks: Iterable[bytes], expected: str | None) -> Iterator[bytes]:
    """Yield a body on, and raise ``AnswerRefused`` at its end where it is not the one that was signed."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if expected is not None and _field(digest) != expected:
        raise AnswerRefused("The answers are not those that were signed: believe none of them, and ask again.")


def _field(digest: Any) -> str:
    return f"sha-256=:{b64encode(digest.digest()).decode()}:"


class _Whole:
    """An answer as the library wants it."""

    def __init__(self, answered: Answered, headers: Mapping[str, str]) -> None:
        sent = {"content-digest": answered.digest} if answered.digest is not None else {}
        self.status_code, self.headers = answered.status, headers
        self.request = Message(answered.method, answered.url, sent)


def _wanted(answered: Answered, headers: Mapping[str, str], *, empty: bool) -> Iterator[str]:
    yield f'"@status": {answered.status}'
    yield f'"@method";req: {answered.method}'
    yield f'"@target-uri";req: {answered.url}'
    if answered.digest is not None:
        yield f'"content-digest";req: {answered.digest}'
    if not empty and answered.status not in _WITHOUT_BODY:
        yield f'"content-digest": {headers.get("content-digest", "")}'
        yield f'"content-type": {headers.get("content-type", "")}'


def _usable(listed: Any) -> Iterator[tuple[str, keys.PublicKey]]:
    for one in listed:
        try:
            key = keys.from_jwk(json.dumps(one))
        except (KeyNotUsable, TypeError):
            continue
        yield str(one.get("kid") or key.thumbprint), key


def _refused(what: str, answered: Answered) -> AnswerRefused:
    return AnswerRefused(f"{what}: believe nothing that it says.", status=answered.status)
