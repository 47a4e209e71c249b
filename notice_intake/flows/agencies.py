"""Agencies and their keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from ..auth import bearer, schemes
from ..auth.envelope import Claimed, Credential, Envelope, Signed
from ..auth.schemes import Scheme
from ..core.catalogue import country
from ..core.journal import Actor, Entry
from ..delivery.guard import CallbackPolicy, check_callback_url
from ..delivery.webhook import new_secret
from ..errors import (
    CredentialsRefused,
    DocumentRefused,
    FieldError,
    NotFound,
    NoticeIntakeError,
    ScopeMissing,
    SettingsError,
)
from ..ids import new_id
from ..store import agencies as store
from ..store import journal, key_sources, pages
from ..store.agencies import Agency, Endpoint
from ..store.known_keys import KnownKey, known_key, stands
from ..store.storage import Tx
from . import key_use, presuming
from .mount import Mount

#: How long a token lives.
TOKEN_LIFE = timedelta(days=365)
_COUNTRY = re.compile("[A-Z]{2}")
#: Who acts on the command line.
OPERATOR = Actor("operator")


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
    faults = faults_of(mount, name, place=place, instruments=instruments)
    if faults:
        raise SettingsError(faults[0].detail)
    if callback_url is not None:
        check_callback_url(callback_url, CallbackPolicy(networks=mount.settings.callback_networks))
    agency = Agency(new_id("agy"), name, country(place), frozenset(instruments), True)
    secret = new_secret() if callback_url is not None else None
    with mount.storage.begin() as tx:
        store.add(tx, agency, now=now)
        token, _ = _add_token(mount, tx, agency.id, now=now)
        if callback_url is not None and secret is not None:
            endpoint = Endpoint(
                new_id("end"), agency.id, callback_url, (mount.secrets.encrypt(secret),), "active", 0, None
            )
            store.set_endpoint(tx, endpoint, now=now)
        facts = {"country": agency.country, "instruments": ",".join(sorted(instruments))}
        journal.append(tx, [Entry(OPERATOR, "agency.added", agency.id, now, facts)])
    return Enrolled(agency.id, token, secret)


def faults_of(mount: Mount, name: str, *, place: str, instruments: Sequence[str]) -> list[FieldError]:
    """Return what is wrong with a new agency: pointers ``/name``, ``/country`` and ``/instruments``."""
    faults = []
    if not 0 < len(name.strip()) <= 200 or not name.isprintable():
        faults.append(FieldError("/name", "length", "The name of an agency has 1 to 200 characters."))
    if not _COUNTRY.fullmatch(country(place)):
        faults.append(FieldError("/country", "invalid", "Write the country as two letters, such as BE."))
    unknown = sorted(set(instruments) - mount.instruments.keys())
    if unknown or not instruments:
        known = ", ".join(sorted(mount.instruments))
        detail = f"Unknown instrument {', '.join(unknown) or '(none given)'}. Choose from: {known}."
        faults.append(FieldError("/instruments", "required", detail))
    return faults


def register(
    mount: Mount, name: str, *, place: str, instruments: Sequence[str], now: datetime, by: Actor = OPERATOR
) -> str:
    """Add an agency without any key and return its id: it gets its first key by an onboarding link.

    Raises ``DocumentRefused`` for a name, country or instrument that is none, and for an agency that is here already.
    """
    faults = faults_of(mount, name, place=place, instruments=instruments)
    if faults:
        raise DocumentRefused(faults)
    agency = Agency(new_id("agy"), name.strip(), country(place), frozenset(instruments), True)
    with mount.storage.begin() as tx:
        if any((one.name, one.country) == (agency.name, agency.country) for one in store.everyone(tx)):
            raise DocumentRefused([FieldError("/name", "taken", "An agency of this name and country is here already.")])
        store.add(tx, agency, now=now)
        facts = {"country": agency.country, "instruments": ",".join(sorted(instruments))}
        journal.append(tx, [Entry(by, "agency.added", agency.id, now, facts)])
    return agency.id


def rotate(
    mount: Mount, agency_id: str, *, now: datetime, by: Actor = OPERATOR, scopes: frozenset[str] | None = None
) -> Enrolled:
    """Give an agency a further token. The newest two stay alive, so that it can change over without a gap.

    Keys of other schemes are left as they are. ``scopes`` are those that it had before, unless they are given.
    """
    with mount.storage.begin() as tx:
        if store.find(tx, agency_id) is None:
            raise NotFound(f"There is no agency {agency_id}.")
        store.lock(tx, agency_id)
        before = [key for key in store.live_keys(tx, agency_id) if key.scheme == bearer.SCHEME]
        scopes = scopes_of(tx, agency_id) if scopes is None else scopes
        token, key_id = _add_token(mount, tx, agency_id, now=now, scopes=scopes)
        ended = before[:-1]
        for old in ended:
            store.revoke(tx, old.key_id, now=now)
        facts = {"scheme": bearer.SCHEME, "key": key_id, "ended": ",".join(one.key_id for one in ended)}
        journal.append(tx, [Entry(by, "agency.key_added", agency_id, now, facts)])
    return Enrolled(agency_id, token)


def scopes_of(tx: Tx, agency_id: str) -> frozenset[str]:
    """Return what an agency may do: what its newest token may, else its newest link; everything, where it has neither.

    A key that is made for an agency never opens more than it had.
    """
    tokens = [key for key in store.live_keys(tx, agency_id) if key.scheme == bearer.SCHEME]
    found = tokens[-1].scopes if tokens else pages.newest_scopes(tx, agency_id)
    return frozenset(bearer.SCOPES if found is None else found)


def revoke(mount: Mount, agency_id: str, *, now: datetime, by: Actor = OPERATOR) -> int:
    """End all keys of an agency, its one-time links and whoever is on its pages, and read no keys at its address.

    They fail on the next request. Returns how many keys there were.
    """
    with mount.storage.begin() as tx:
        if store.find(tx, agency_id) is None:
            raise NotFound(f"There is no agency {agency_id}.")
        keys = store.live_keys(tx, agency_id)
        for key in keys:
            store.revoke(tx, key.key_id, now=now)
        # Or the next look at it would bring keys back.
        key_sources.remove(tx, agency_id)
        ended = pages.end_all(tx, agency_id, now=now)
        facts = {"keys": str(len(keys)), "links_and_visits": str(ended)}
        journal.append(tx, [Entry(by, "agency.keys_revoked", agency_id, now, facts)])
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


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request was found to come from, and by which key."""

    key: KnownKey
    #: The signature, if it has one; its nonce is not spent yet.
    signed: Signed | None
    #: The key, where it was not looked up for this request: see ``presuming``.
    presumed: KnownKey | None = None

    @property
    def agency(self) -> Agency:
        """The agency whose key it is."""
        return self.key.agency


def authenticate(mount: Mount, envelope: Envelope, *, scope: str, now: datetime, presume: bool = False) -> Caller:
    """Return whose key this request carries, under whichever scheme.

    With ``presume`` the key may be one that was looked up a moment ago: only for who stores nothing, and says nothing,
    unless it still stands. Raises ``CredentialsRefused``, the same for every reason, or ``ScopeMissing``.
    """
    scheme, claimed = schemes.claim(envelope, secrets=mount.secrets)
    proved = partial(_proved, scheme, claimed, envelope=envelope, scope=scope, now=now)
    before = presuming.presumed(mount, claimed.key_id, scheme=claimed.scheme, now=now) if presume else None
    refused: NoticeIntakeError | None = None
    if before is not None:
        try:
            return Caller(before, proved(before), before)
        except (CredentialsRefused, ScopeMissing) as error:
            if isinstance(error, CredentialsRefused) and error.whatever_the_key:
                raise
            refused = error
    with mount.storage.straight() as tx:
        if refused is not None and before is not None and stands(tx, before):
            raise refused
        key = known_key(tx, claimed.key_id, scheme=claimed.scheme)
    if key is None:
        # What takes as long as for a key that is there.
        scheme.check(claimed, None, envelope=envelope, now=now.timestamp())
        raise CredentialsRefused("unknown")
    signed = proved(key)
    key_use.seen(mount, claimed.key_id, now=now)
    presuming.remember(mount, key, now=now)
    return Caller(key, signed)


def _proved(
    scheme: Scheme, claimed: Claimed, key: KnownKey, *, envelope: Envelope, scope: str, now: datetime
) -> Signed | None:
    proof = scheme.check(claimed, key.credential, envelope=envelope, now=now.timestamp())
    if key.agency.require_signature and proof.signed is None:
        raise CredentialsRefused("not signed")
    if scope not in key.credential.scopes:
        raise ScopeMissing(scope)
    return proof.signed


def _add_token(
    mount: Mount, tx: Tx, agency_id: str, *, now: datetime, scopes: frozenset[str] | None = None
) -> tuple[str, str]:
    """Return a new token and its public key id."""
    token, key_id, digest = bearer.mint(mount.secrets.signer(bearer.PURPOSE))
    expires_at = now + TOKEN_LIFE
    allowed = frozenset(bearer.SCOPES) if scopes is None else scopes
    credential = Credential(key_id, digest, agency_id, allowed, expires_at.timestamp(), False)
    store.add_credential(tx, credential, scheme=bearer.SCHEME, expires_at=expires_at, now=now)
    return token, key_id
