"""Agencies and their keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..auth import bearer, schemes
from ..auth.envelope import Credential, Envelope, Signed
from ..core.catalogue import country
from ..core.journal import Actor, Entry
from ..delivery.guard import CallbackPolicy, check_callback_url
from ..delivery.webhook import new_secret
from ..errors import CredentialsRefused, NotFound, ScopeMissing, SettingsError
from ..ids import new_id
from ..store import agencies as store
from ..store import journal, key_sources
from ..store.agencies import Agency, Endpoint
from ..store.direct import Straight
from ..store.storage import Tx
from .mount import Mount

#: How long a token lives.
TOKEN_LIFE = timedelta(days=365)
_COUNTRY = re.compile("[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A new agency, or a new key: what is shown once and never again."""

    agency_id: str
    token: str
    webhook_secret: str | None = None


def enrol(
    mount: Mount, name: str, *, place: str, instruments: Sequence[str], callback_url: str | None, now: datetime
) -> Enrolled:
    """Add an agency with a token, and a callback address where one is given.

    Raises ``SettingsError`` for a name, country or instrument that is none, ``CallbackRefused`` for an address that is
    not allowed.
    """
    if not 0 < len(name.strip()) <= 200:
        raise SettingsError("The name of an agency has 1 to 200 characters.")
    if not _COUNTRY.fullmatch(country(place)):
        raise SettingsError("Write the country as two letters, such as BE.")
    unknown = sorted(set(instruments) - mount.instruments.keys())
    if unknown or not instruments:
        known = ", ".join(sorted(mount.instruments))
        raise SettingsError(f"Unknown instrument {', '.join(unknown) or '(none given)'}. Choose from: {known}.")
    if callback_url is not None:
        check_callback_url(callback_url, CallbackPolicy(networks=mount.settings.callback_networks))
    agency = Agency(new_id("agy"), name, country(place), frozenset(instruments), True)
    secret = new_secret() if callback_url is not None else None
    with mount.storage.begin() as tx:
        store.add(tx, agency, now=now)
        token = _add_token(mount, tx, agency.id, now=now)
        if callback_url is not None and secret is not None:
            endpoint = Endpoint(
                new_id("end"), agency.id, callback_url, (mount.secrets.encrypt(secret),), "active", 0, None
            )
            store.set_endpoint(tx, endpoint, now=now)
        facts = {"country": agency.country, "instruments": ",".join(sorted(instruments))}
        journal.append(tx, [Entry(Actor("operator"), "agency.added", agency.id, now, facts)])
    return Enrolled(agency.id, token, secret)


def rotate(mount: Mount, agency_id: str, *, now: datetime) -> Enrolled:
    """Give an agency a further token. The newest two stay alive, so that it can change over without a gap.

    Keys of other schemes are left as they are.
    """
    with mount.storage.begin() as tx:
        if store.find(tx, agency_id) is None:
            raise NotFound(f"There is no agency {agency_id}.")
        token = _add_token(mount, tx, agency_id, now=now)
        for old in [key for key in store.live_keys(tx, agency_id) if key.scheme == bearer.SCHEME][:-2]:
            store.revoke(tx, old.key_id, now=now)
        journal.append(tx, [Entry(Actor("operator"), "agency.key_added", agency_id, now)])
    return Enrolled(agency_id, token)


def revoke(mount: Mount, agency_id: str, *, now: datetime) -> int:
    """End all keys of an agency, and read none at its address any more; they fail on the next request.

    Returns how many there were.
    """
    with mount.storage.begin() as tx:
        if store.find(tx, agency_id) is None:
            raise NotFound(f"There is no agency {agency_id}.")
        keys = store.live_keys(tx, agency_id)
        for key in keys:
            store.revoke(tx, key.key_id, now=now)
        # Or the next look at it would bring keys back.
        key_sources.remove(tx, agency_id)
        journal.append(tx, [Entry(Actor("operator"), "agency.keys_revoked", agency_id, now)])
    return len(keys)


def named(mount: Mount, text: str) -> Agency:
    """Return the agency with this id or, where only one has it, this name. Raises ``NotFound``."""
    with mount.storage.read() as tx:
        everyone = store.everyone(tx)
    found = [one for one in everyone if one.id == text] or [one for one in everyone if one.name == text]
    if len(found) > 1:
        raise NotFound(f"{len(found)} agencies are called {text}. Give the id: {', '.join(one.id for one in found)}.")
    if not found:
        raise NotFound(f"There is no agency {text}.")
    return found[0]


def authenticate(
    mount: Mount, tx: Straight | Tx, envelope: Envelope, *, scope: str, now: datetime
) -> tuple[Agency, Signed | None]:
    """Return the agency whose key this request carries, under whichever scheme, and the signature if it has one.

    The signature's nonce is not spent yet. Raises ``CredentialsRefused``, the same for every reason, or
    ``ScopeMissing``.
    """
    scheme, claimed = schemes.claim(envelope, secrets=mount.secrets)
    found = store.credential_and_agency(tx, claimed.key_id, scheme=claimed.scheme)
    proof = scheme.check(claimed, found[0] if found else None, envelope=envelope, now=now.timestamp())
    if found is None:
        raise CredentialsRefused("unknown")
    if found[1].require_signature and proof.signed is None:
        raise CredentialsRefused("not signed")
    if scope not in proof.credential.scopes:
        raise ScopeMissing(scope)
    return found[1], proof.signed


def _add_token(mount: Mount, tx: Tx, agency_id: str, *, now: datetime) -> str:
    token, key_id, digest = bearer.mint(mount.secrets.signer(bearer.PURPOSE))
    expires_at = now + TOKEN_LIFE
    credential = Credential(key_id, digest, agency_id, frozenset(bearer.SCOPES), expires_at.timestamp(), False)
    store.add_credential(tx, credential, scheme=bearer.SCHEME, expires_at=expires_at, now=now)
    return token
