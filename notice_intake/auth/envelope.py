"""The request as an auth scheme sees it, and what a scheme proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request, free of any framework. Header names are lower case."""

    method: str
    #: The target as it stood on the wire, or ``""`` where the server does not tell.
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the credentials say before the database is asked: which key, and the digest that its row must hold."""

    scheme: str
    key_id: str
    digest: bytes


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
