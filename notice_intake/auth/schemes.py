"""The schemes by which an agency can prove who it is. A scheme says itself whether a request is for it.

A scheme is a module of this package. Registering one is a line in ``SCHEMES``; ``docs/adding-an-auth-scheme.md`` says
what it has to bring, and ``tests/auth/test_schemes.py`` runs the same checks over every scheme that stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from itsdangerous import Signer

from ..errors import CredentialsRefused
from . import bearer, client_cert, signature
from .envelope import Claimed, Credential, Envelope, Proof
from .secrets import Secrets


class Scheme(Protocol):
    """What a scheme's module has to hold. Pure: no clock, no database, no framework."""

    #: Its name, stored with each key: a key is good under its own scheme only.
    SCHEME: str
    #: The purpose of its signer: nothing that was signed for one scheme opens another.
    PURPOSE: str
    #: The header fields by which a refused request is told of this scheme; may be empty.
    CHALLENGE: Mapping[str, str]

    def concerns(self, envelope: Envelope) -> bool:
        """Whether the request carries credentials of this scheme, good or bad. Cheap: asked for every request."""
        ...

    def read(self, envelope: Envelope, *, signer: Signer) -> Claimed:
        """Return what the request claims, without asking the database. Raises ``CredentialsRefused``."""
        ...

    def check(self, claimed: Claimed, credential: Credential | None, *, envelope: Envelope, now: float) -> Proof:
        """Return what the stored credential, None for no such key, proves; else ``CredentialsRefused``.

        Reads the body only where the scheme needs it, and only once everything else is right.
        """
        ...


#: In this order: the first that a request concerns decides, and no other is tried after it.
SCHEMES: tuple[Scheme, ...] = (signature, bearer, client_cert)


def claim(envelope: Envelope, *, secrets: Secrets) -> tuple[Scheme, Claimed]:
    """Return the scheme that the request is for, and what it claims under it.

    Raises ``CredentialsRefused`` for no scheme, an unknown one, and whatever the scheme itself refuses.
    """
    for scheme in SCHEMES:
        if scheme.concerns(envelope):
            return scheme, scheme.read(envelope, signer=secrets.signer(scheme.PURPOSE))
    raise CredentialsRefused("other scheme" if envelope.headers.get("authorization") else "missing")


def challenges() -> dict[str, str]:
    """Return what a 401 tells of the schemes: the same fields for whatever was wrong (RFC 9110 section 11.6.1)."""
    found: dict[str, str] = {}
    for scheme in SCHEMES:
        for name, value in scheme.CHALLENGE.items():
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found
