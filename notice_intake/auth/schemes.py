"""The schemes by which an agency can prove who it is, each under the word that its ``Authorization`` begins with.

A scheme is a module of this package. Registering one is a line in ``SCHEMES``; ``docs/adding-an-auth-scheme.md`` says
what it has to bring, and ``tests/auth/test_schemes.py`` runs the same checks over every scheme that stands here.
"""

from __future__ import annotations

from typing import Protocol

from itsdangerous import Signer

from ..errors import CredentialsRefused
from . import bearer
from .envelope import Claimed, Credential, Envelope
from .secrets import Secrets


class Scheme(Protocol):
    """What a scheme's module has to hold. Pure: no clock, no database, no framework."""

    #: The word that ``Authorization`` begins with (RFC 9110 section 11.4), in lower case; stored with each key.
    SCHEME: str
    #: The purpose of its signer: nothing that was signed for one scheme opens another.
    PURPOSE: str

    def read(self, envelope: Envelope, *, signer: Signer) -> Claimed:
        """Return what the request claims, without asking the database. Raises ``CredentialsRefused``."""
        ...

    def check(self, claimed: Claimed, credential: Credential | None, *, now: float) -> Credential:
        """Return the stored credential, None for no such key, if it proves the claim; else ``CredentialsRefused``."""
        ...


SCHEMES: tuple[Scheme, ...] = (bearer,)


def claim(envelope: Envelope, *, secrets: Secrets) -> tuple[Scheme, Claimed]:
    """Return the scheme that ``Authorization`` names, and what the request claims under it.

    Raises ``CredentialsRefused`` for no scheme, an unknown one, and whatever the scheme itself refuses.
    """
    value = envelope.headers.get("authorization", "")
    word = value.partition(" ")[0].lower()
    for scheme in SCHEMES:
        if word == scheme.SCHEME:
            return scheme, scheme.read(envelope, signer=secrets.signer(scheme.PURPOSE))
    raise CredentialsRefused("other scheme" if value else "missing")


def challenge() -> str:
    """Return the value of ``WWW-Authenticate`` for a 401: every scheme, in order (RFC 9110 section 11.6.1)."""
    return ", ".join(f'{scheme.SCHEME.title()} realm="notice_intake"' for scheme in SCHEMES)
