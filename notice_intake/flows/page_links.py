"""One-time links to the agency pages, and the visits that begin with them.

A link lets one person in, once, for its agency only. Nothing is spent by looking at it: mail scanners follow links.
Of links and visits only a SHA-256 of the secret is stored, so that whoever reads the tables cannot come in.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.journal import Actor, Entry
from ..errors import Conflict, CredentialsRefused, NotFound, SettingsError, TemporarilyUnavailable
from ..ids import new_id
from ..store import agencies, journal, pages
from ..store.agencies import Agency
from ..store.pages import Link, Stay
from ..store.storage import Tx
from .agencies import OPERATOR, scopes_of
from .mount import Mount

log = logging.getLogger("notice_intake.flows")
#: purpose: how many minutes its links are good for, unless the maker says otherwise.
PURPOSES = {"sign-in": 60, "onboard": 24 * 60}
#: A link that lies about for longer is a password.
MOST_MINUTES = 7 * 24 * 60
#: How often it is written down that a visit goes on.
_NOTE_EVERY = timedelta(minutes=1)
#: How long what ran out is kept, to tell a late caller that it ran out.
_KEPT = timedelta(days=30)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Made:
    """A new link: its secret is shown once and never again."""

    id: str
    secret: str
    purpose: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    """What a link offers to whoever holds it, before anything is spent."""

    agency: str
    purpose: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """A person on the pages of an agency."""

    id: str
    link_id: str
    agency: Agency
    scopes: frozenset[str]
    expires_at: datetime

    @property
    def actor(self) -> Actor:
        """Who stands in the journal: the agency. Which person held the link, the agency knows."""
        return Actor("agency", self.agency.id, self.agency.name)

    @property
    def came_by(self) -> dict[str, str]:
        """By which link and in which visit something came, as facts of a journal entry."""
        return {"link": self.link_id, "visit": self.id}

    @property
    def origin(self) -> dict[str, str]:
        """How something came, as facts of a journal entry that does not name the channel itself."""
        return {"channel": CHANNEL, **self.came_by}


#: The channel of what comes by the agency pages.
CHANNEL = "page"


@dataclass(frozen=True, slots=True)
class Entered:
    """A visit that has just begun, with the secret for its cookie."""

    secret: str
    purpose: str
    agency: Agency


def make(
    mount: Mount,
    agency_id: str,
    *,
    purpose: str,
    now: datetime,
    minutes: int | None = None,
    by: Actor = OPERATOR,
    scopes: frozenset[str] | None = None,
) -> Made:
    """Make a one-time link for an agency. It opens what the agency may do, unless ``scopes`` are given.

    Raises ``NotFound`` for no such agency, ``Conflict`` for one that is closed, ``SettingsError`` for an unknown
    purpose or a time that is none.
    """
    if purpose not in PURPOSES:
        raise SettingsError(f"A link is for one of: {', '.join(PURPOSES)}.")
    minutes = PURPOSES[purpose] if minutes is None else minutes
    if not 1 <= minutes <= MOST_MINUTES:
        raise SettingsError(f"A link is good for 1 to {MOST_MINUTES} minutes.")
    secret = secrets.token_urlsafe(32)
    with mount.storage.begin() as tx:
        agency = agencies.find(tx, agency_id)
        if agency is None:
            raise NotFound(f"There is no agency {agency_id}.")
        if not agency.active:
            raise Conflict("This agency is closed. Nobody can sign in for it.")
        pages.purge(tx, before=now - _KEPT)
        until = now + timedelta(minutes=minutes)
        link = Link(
            new_id("lnk"), agency_id, purpose, scopes_of(tx, agency_id) if scopes is None else scopes, now, until
        )
        pages.add_link(tx, link, digest=digest_of(secret))
        facts = {"link": link.id, "purpose": purpose, "minutes": str(minutes)}
        journal.append(tx, [Entry(by, "link.made", agency_id, now, facts)])
    return Made(link.id, secret, purpose, until)


def look(mount: Mount, secret: str, *, now: datetime) -> Offer:
    """Return what a link offers; nothing is spent. Raises ``CredentialsRefused``, the same whatever is wrong."""
    if _SECRET.fullmatch(secret) is None:
        raise CredentialsRefused("malformed link")
    with mount.storage.read() as tx:
        link = pages.find_link(tx, digest_of(secret))
        agency = agencies.find(tx, link.agency_id) if link else None
    if link is None or agency is None:
        raise CredentialsRefused("unknown link")
    if not agency.active or not link.open_at(now):
        raise CredentialsRefused("link used, revoked or expired")
    return Offer(agency.name, link.purpose, link.expires_at)


def enter(mount: Mount, secret: str, *, now: datetime, before: str | None = None) -> Entered:
    """Use a link up and begin a visit; one that this browser still had, by its secret ``before``, ends.

    Raises ``CredentialsRefused``, the same for a link that is none, used, revoked or expired.
    """
    if _SECRET.fullmatch(secret) is None:
        raise CredentialsRefused("malformed link")
    fresh = secrets.token_urlsafe(32)
    with mount.storage.begin() as tx:
        link = pages.use_link(tx, digest_of(secret), now=now)
        agency = agencies.find(tx, link.agency_id) if link else None
        if link is None or agency is None or not agency.active:
            raise CredentialsRefused("link unknown, used, revoked or expired")
        if before:
            _end(tx, before, now=now)
        until = now + mount.settings.page_visit
        stay = Stay(new_id("vis"), link.id, agency.id, link.scopes, now, now, until)
        pages.add_visit(tx, stay, digest=digest_of(fresh))
        entry = Entry(
            Actor("agency", agency.id, agency.name), "link.used", agency.id, now, {"link": link.id, "visit": stay.id}
        )
        journal.append(tx, [entry])
    return Entered(fresh, link.purpose, agency)


def visit_of(mount: Mount, secret: str | None, *, now: datetime) -> Visit | None:
    """Return the visit that a cookie belongs to; None for none, or one that has ended, run out or stood idle."""
    if not secret or _SECRET.fullmatch(secret) is None:
        return None
    since = now - mount.settings.page_idle
    with mount.storage.read() as tx:
        stay = pages.find_visit(tx, digest_of(secret), now=now, seen_since=since)
        agency = agencies.find(tx, stay.agency_id) if stay else None
    if stay is None or agency is None or not agency.active:
        return None
    if now - stay.seen_at >= _NOTE_EVERY:
        with mount.storage.begin() as tx:
            pages.note_visit(tx, stay.id, seen_at=now)
    return Visit(stay.id, stay.link_id, agency, stay.scopes, stay.expires_at)


def leave(mount: Mount, visit: Visit, *, now: datetime) -> None:
    """End a visit: its cookie opens nothing from now on."""
    with mount.storage.begin() as tx:
        pages.note_visit(tx, visit.id, ended_at=now)
        journal.append(tx, [Entry(visit.actor, "visit.ended", visit.agency.id, now, visit.origin)])


def end_all(mount: Mount, agency_id: str, *, now: datetime, by: Actor = OPERATOR) -> int:
    """End all visits of an agency and its open links. Raises ``NotFound``; returns how many there were."""
    with mount.storage.begin() as tx:
        if agencies.find(tx, agency_id) is None:
            raise NotFound(f"There is no agency {agency_id}.")
        ended = pages.end_all(tx, agency_id, now=now)
        journal.append(tx, [Entry(by, "visit.all_ended", agency_id, now, {"links_and_visits": str(ended)})])
    return ended


def note(mount: Mount, visit: Visit, did: str, *, object: str, now: datetime) -> None:
    """Write into the journal that something was done by the pages, and by which link.

    What was done is stored already: a database that goes away just now must not have it reported as not done.
    """
    try:
        with mount.storage.begin() as tx:
            journal.append(tx, [Entry(visit.actor, "page.used", object, now, {"did": did, **visit.origin})])
    except TemporarilyUnavailable:
        log.warning("the journal lacks that %s was done by link %s", did, visit.link_id)


def digest_of(secret: str) -> bytes:
    """Return what is stored of the secret of a link or a visit."""
    return hashlib.sha256(b"notice-intake:page:1\n" + secret.encode()).digest()


def _end(tx: Tx, secret: str, *, now: datetime) -> None:
    stay = pages.find_visit(tx, digest_of(secret), now=now, seen_since=now - timedelta(days=3650))
    if stay is not None:
        pages.note_visit(tx, stay.id, ended_at=now)
