"""HTTP message signatures (RFC 9421), profile ``notice-intake-v1``: the verifying half.

What the profile asks for stands in ``docs/signing.md``. The key's row decides which algorithm is used, never the
message (RFC 9421 section 7.3.6); what was checked is kept, so that it can be checked again without us.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import http_sf
from cryptography.exceptions import InvalidSignature
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from itsdangerous import Signer

from ..errors import CredentialsRefused, SignaturesUnavailable
from . import http_digest, keys
from .envelope import Claimed, Credential, Envelope, Proof, Signed
from .plain_signature import Plain, base_of, signature_of
from .plain_signature import read as read_plain

SCHEME = "signature"
PURPOSE = "signature"
TAG = "notice-intake-v1"
#: The reason, for the log, where nobody has the key: it may have come into its agency's set since that was read.
UNKNOWN = "unknown signing key"
#: How far ``created`` may lie in the past and in the future, and how long a signature may live, in seconds.
PAST, FUTURE, LIFE = 300, 60, 300
REQUIRED = ("@method", "@target-uri")
OF_BODY = ("content-type", "content-digest")
WHERE_PRESENT = ("idempotency-key", "authorization")
#: What a refused request is told (RFC 9421 section 5.1).
CHALLENGE: Mapping[str, str] = {
    "Accept-Signature": f'sig=("@method" "@target-uri" "content-type" "content-digest");created;keyid;nonce;tag="{TAG}"'
}
#: Parsing takes time that grows with these.
_LONGEST, _MOST_COMPONENTS = 8190, 32
_NONCE = re.compile(r"[A-Za-z0-9_-]{22,128}={0,2}", re.ASCII)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_PARAMETERS = frozenset({"created", "expires", "nonce", "keyid", "alg", "tag"})


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the library wants it."""

    method: str
    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of the one signature with our tag, of the right types and shapes."""

    created: int
    #: Of its own choice, or as long as a signature may live.
    expires: int
    nonce: str
    key_id: str
    alg: str | None
    #: The field, where it came in the form that is read quickly.
    plain: Plain | None


def concerns(envelope: Envelope) -> bool:
    """Whether a signature with our tag is there; others are none of our business (RFC 9421 section 7.2.7)."""
    return f'tag="{TAG}"' in envelope.headers.get("signature-input", "")


def read(envelope: Envelope, *, signer: Signer) -> Claimed:  # noqa: ARG001  nothing of ours was signed for this scheme
    """Read what is claimed. Raises ``CredentialsRefused``, or ``SignaturesUnavailable`` where we know no URI."""
    if not envelope.target_uri:
        raise SignaturesUnavailable
    field, signature = envelope.headers["signature-input"], envelope.headers.get("signature", "")
    if len(field) > _LONGEST or len(signature) > _LONGEST:
        raise CredentialsRefused("signature fields too long")
    components, parameters = _member(field)
    _require(components, envelope)
    return Claimed(SCHEME, parameters.key_id, details=parameters)


def check(claimed: Claimed, credential: Credential | None, *, envelope: Envelope, now: float) -> Proof:
    """Return the proof that the holder of the key signed this request, body included. The nonce is the caller's."""
    if credential is None or credential.algorithm is None or credential.public_key is None:
        raise CredentialsRefused(UNKNOWN)
    if credential.revoked:
        raise CredentialsRefused("revoked")
    if credential.expires_at is not None and credential.expires_at <= now:
        raise CredentialsRefused("expired")
    parameters: Parameters = claimed.details
    if not now - PAST <= parameters.created <= now + FUTURE or parameters.expires < now:
        raise CredentialsRefused("outside the time window", whatever_the_key=True)
    if parameters.alg not in (None, credential.algorithm):
        raise CredentialsRefused("not the algorithm of the key", whatever_the_key=True)
    base = _verified(parameters.plain, envelope, algorithm=credential.algorithm, public_key=credential.public_key)
    digest = envelope.headers.get("content-digest")
    if (digest is not None or _has_body(envelope)) and not http_digest.matches(digest or "", envelope.body()):
        raise CredentialsRefused("the body is not the one that was signed", whatever_the_key=True)
    signed = Signed(
        credential.key_id,
        credential.algorithm,
        credential.public_key,
        envelope.headers["signature-input"],
        envelope.headers["signature"],
        base,
        parameters.nonce,
        parameters.created + PAST + FUTURE,
    )
    return Proof(credential, signed)


def verified_base(message: Any, *, algorithm: str, public_key: str, tag: str | None = TAG) -> str:
    """Return the signature base of a message whose signature the key made.

    Raises ``InvalidSignature``, a ``HTTPMessageSignaturesException``, where it did not. Looks at no time and no nonce.
    """
    verifier = _Verifier(signature_algorithm=keys.ALGORITHMS[algorithm], key_resolver=_OneKey(public_key))
    (result,) = verifier.verify(message, max_age=None, expect_tag=tag)
    return "\n".join(f"{name}: {value}" for name, value in result.covered_components.items())


def _verified(plain: Plain | None, envelope: Envelope, *, algorithm: str, public_key: str) -> str:
    """Return the signature base of a request that the key signed. Raises ``CredentialsRefused``."""
    uri, headers = envelope.target_uri, envelope.headers
    base = base_of(plain, method=envelope.method, uri=uri, headers=headers) if plain is not None else None
    signature = signature_of(plain, headers.get("signature", "")) if plain is not None else None
    try:
        if base is None or signature is None:
            return verified_base(Message(envelope.method, uri, headers), algorithm=algorithm, public_key=public_key)
        verifier = keys.ALGORITHMS[algorithm](public_key=keys.load(public_key))
        verifier.verify(signature=signature, message=base.encode("ascii"))
    except (HTTPMessageSignaturesException, InvalidSignature):
        raise CredentialsRefused("bad signature", whatever_the_key=True) from None
    return base


class _OneKey(HTTPSignatureKeyResolver):
    """The key is looked up before: by now there is one."""

    def __init__(self, public_key: str) -> None:
        self._public_key = public_key

    def resolve_public_key(self, key_id: str) -> keys.Loaded:  # noqa: ARG002
        return keys.load(self._public_key)


class _Verifier(HTTPMessageVerifier):
    """The library's checks, but for the time: that is checked by the mount's own clock."""

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Leave the time to ``check``."""


def _member(field: str) -> tuple[list[str], Parameters]:
    """Return the components and parameters of the signature with our tag; a component with parameters is left out."""
    plain = read_plain(field)
    if plain is not None:
        if plain.parameters.get("tag") != TAG or len(plain.components) > _MOST_COMPONENTS:
            raise CredentialsRefused("not one signature with our tag")
        if not plain.parameters.keys() <= _PARAMETERS:
            raise CredentialsRefused("malformed")
        return list(plain.components), _parameters(plain.parameters, plain)
    try:
        members: Any = http_sf.parse(field.encode("ascii"), tltype="dictionary", on_duplicate_key=_refuse)
    except ValueError:
        raise CredentialsRefused("malformed") from None
    ours = [one for one in members.values() if isinstance(one[0], list) and one[1].get("tag") == TAG]
    if len(ours) != 1:
        raise CredentialsRefused("not one signature with our tag")
    components, found = ours[0]
    if len(components) > _MOST_COMPONENTS or not found.keys() <= _PARAMETERS:
        raise CredentialsRefused("malformed")
    return [name for name, parameters in components if not parameters], _parameters(found, None)


def _refuse(name: str, _context: str) -> None:
    raise ValueError(f"{name} stands twice")


def _parameters(found: Mapping[str, Any], plain: Plain | None) -> Parameters:
    created, expires = found.get("created"), found.get("expires")
    nonce, key_id, alg = found.get("nonce"), found.get("keyid"), found.get("alg")
    if type(created) is not int or not (isinstance(nonce, str) and _NONCE.fullmatch(nonce)):
        raise CredentialsRefused("no time or no nonce")
    if not (isinstance(key_id, str) and _KEY_ID.fullmatch(key_id)) or not isinstance(alg, str | None):
        raise CredentialsRefused("no key")
    expires = created + LIFE if expires is None else expires
    if type(expires) is not int or not created <= expires <= created + LIFE:
        raise CredentialsRefused("lives too long")
    return Parameters(created, expires, nonce, key_id, alg, plain)


def _require(components: Sequence[str], envelope: Envelope) -> None:
    wanted = [*REQUIRED, *(OF_BODY if _has_body(envelope) else ())]
    wanted += [name for name in WHERE_PRESENT if name in envelope.headers]
    if "content-digest" in envelope.headers:
        wanted.append("content-digest")
    if not set(wanted) <= set(components):
        raise CredentialsRefused("does not cover all that it must")


def _has_body(envelope: Envelope) -> bool:
    return envelope.headers.get("content-length", "0") != "0" or "transfer-encoding" in envelope.headers
