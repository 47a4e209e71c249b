"""The request as an auth scheme sees it, and what a scheme proves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request, free of any framework. Header names are lower case."""

    method: str
    #: The target as it stood on the wire, or ``""`` where the server does not tell.
    target: str
    headers: Mapping[str, str]
    #: Reads the body, whole and within its limit; a scheme that does not ask leaves it unread.
    body: Callable[[], bytes] = bytes
    #: What the outside writes before the target: scheme, host and any prefix that a proxy strips. Empty: not set.
    public_url: str = ""

    @property
    def target_uri(self) -> str:
        """The URI that the sender asked for (RFC 9421 section 2.2.2), or ``""`` where that cannot be known."""
        known = self.public_url and self.target.startswith("/")
        return self.public_url + self.target if known else ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the credentials say before the database is asked: which key, and what the scheme needs to check it."""

    scheme: str
    key_id: str
    #: The digest that the key's row must hold, where the scheme compares one.
    digest: bytes = b""
    #: What the scheme read and will check, in a form of its own.
    details: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """A key as it is stored."""

    key_id: str
    digest: bytes
    agency_id: str
    scopes: frozenset[str]
    #: Seconds since the epoch, or None.
    expires_at: float | None
    revoked: bool
    #: The one algorithm that a public key is good for, by its name in RFC 9421 section 6.2.2.
    algorithm: str | None = None
    #: A public key, as the text of a JWK.
    public_key: str | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that was checked: what has to be kept so that anybody can check it again."""

    key_id: str
    algorithm: str
    #: The public key as the text of a JWK: the key's own row may be gone one day.
    public_key: str
    #: The two fields as they were received.
    signature_input: str
    signature: str
    #: The signature base (RFC 9421 section 2.5).
    base: str
    nonce: str
    #: Until when the nonce must not be seen again, in seconds since the epoch.
    until: float


@dataclass(frozen=True, slots=True)
class Proof:
    """What a scheme has proved: whose key it was and, for one that leaves evidence, the evidence."""

    credential: Credential
    signed: Signed | None = None
