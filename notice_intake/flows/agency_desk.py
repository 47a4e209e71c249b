"""The agencies as the desk sees them, their keys, links and addresses; and what can be done about each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.journal import Actor, Entry
from ..errors import Conflict, DocumentRefused, FieldError, NotFound
from ..store import agencies, agency_activity, answered, journal, pages
from ..store.agencies import Agency, Endpoint
from ..store.pages import Link, Stay
from ..store.storage import Raced, Tx
from .entry_values import UNKNOWN_COUNTRY
from .mount import Mount


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is not revoked."""

    key_id: str
    scheme: str
    algorithm: str | None
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    #: To within some minutes; None where it never was.
    used_at: datetime | None

    def expired(self, now: datetime) -> bool:
        """Whether it has run out."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class KeyState:
    """An agency with everything that opens a door for it."""

    agency: Agency
    #: Oldest first.
    keys: tuple[Key, ...]
    links: tuple[Link, ...]
    visits: tuple[Stay, ...]
    endpoint: Endpoint | None
    #: How many callbacks wait for the endpoint.
    waiting: int
    last_referral_at: datetime | None
    #: Whether it ever had a key, or was closed out.
    once_open: bool

    @property
    def last_used_at(self) -> datetime | None:
        """When any of its keys was last used, to within some minutes."""
        return max((key.used_at for key in self.keys if key.used_at), default=None)

    @property
    def next_expiry(self) -> datetime | None:
        """When its newest key of those that run out does: what it signs with after a change-over."""
        running = [key.expires_at for key in self.keys if key.expires_at]
        return max(running, default=None)

    def reachable(self, now: datetime) -> bool:
        """Whether it can come in at all: by a key, or by a link or visit."""
        return any(not key.expired(now) for key in self.keys) or bool(self.links or self.visits)

    def standing(self, now: datetime) -> str:
        """How its door stands: ``open``, ``run_out``, ``closed_out``, or never opened: ``by_mail``, ``no_key``."""
        if self.reachable(now):
            return "open"
        if self.keys:
            return "run_out"
        if self.once_open:
            return "closed_out"
        return "by_mail" if self.last_referral_at else "no_key"

    @property
    def country(self) -> str:
        """Where it is, or ``""`` where nobody said."""
        return "" if self.agency.country == UNKNOWN_COUNTRY else self.agency.country


def everyone(mount: Mount, *, now: datetime) -> tuple[KeyState, ...]:
    """Return all agencies, by name."""
    with mount.storage.read() as tx:
        return _states(mount, tx, agencies.everyone(tx), now=now)


def own_keys(mount: Mount, agency_id: str, *, now: datetime) -> KeyState:
    """Return one agency. Raises ``NotFound``."""
    with mount.storage.read() as tx:
        return _states(mount, tx, [_agency(tx, agency_id)], now=now)[0]


def revoke_key(mount: Mount, agency_id: str, key_id: str, *, now: datetime, by: Actor) -> None:
    """End one key; it fails on the next request. Raises ``NotFound`` where it is not a live key of this agency."""
    with mount.storage.begin() as tx:
        _key(tx, agency_id, key_id)
        agencies.revoke(tx, key_id, now=now)
        journal.append(tx, [Entry(by, "agency.key_revoked", agency_id, now, {"key": key_id})])


def set_expiry(
    mount: Mount, agency_id: str, key_id: str, *, expires_at: datetime | None, now: datetime, by: Actor
) -> None:
    """Say until when a key is good; None for no end. Raises ``NotFound``, ``DocumentRefused`` for one past."""
    if expires_at is not None and expires_at <= now:
        raise DocumentRefused([FieldError("/expires", "past", "This day is over. To end a key now, revoke it.")])
    with mount.storage.begin() as tx:
        _key(tx, agency_id, key_id)
        agency_activity.set_expiry(tx, key_id, expires_at=expires_at)
        facts = {"key": key_id, "expires": expires_at.date().isoformat() if expires_at else "never"}
        journal.append(tx, [Entry(by, "agency.key_expiry_set", agency_id, now, facts)])


def once_only(mount: Mount, agency_id: str, key: str, *, now: datetime) -> None:
    """Take a form's word as used. Raises ``Conflict`` where it was used before: what it made is shown once."""
    digest = hashlib.sha256(key.encode()).digest()
    try:
        with mount.storage.begin() as tx:
            answered.keep(tx, _agency(tx, agency_id).id, key=key, fingerprint=digest, answer="{}", now=now)
    except Raced:
        raise Conflict("This form was sent before. Load the page again.") from None


def _states(mount: Mount, tx: Tx, chosen: Sequence[Agency], *, now: datetime) -> tuple[KeyState, ...]:
    ids = [one.id for one in chosen]
    keys = agency_activity.keys_of(tx, ids)
    links = pages.open_links(tx, ids, now=now)
    stays = pages.visits(tx, ids, now=now, seen_since=now - mount.settings.page_idle)
    endpoints = agencies.endpoints(tx, ids)
    waiting, last = agency_activity.waiting(tx, ids), agency_activity.last_referrals(tx, ids)
    once_open = agency_activity.once_open(tx, ids)
    return tuple(
        KeyState(
            one,
            tuple(_view(key) for key in keys if key.agency_id == one.id),
            tuple(link for link in links if link.agency_id == one.id),
            tuple(stay for stay in stays if stay.agency_id == one.id),
            _present(endpoints.get(one.id)),
            waiting.get(one.id, 0),
            last.get(one.id),
            one.id in once_open,
        )
        for one in chosen
    )


def _present(endpoint: Endpoint | None) -> Endpoint | None:
    return None if endpoint is None or endpoint.state == agencies.REMOVED else endpoint


def _view(row: Any) -> Key:
    times = (row.created_at, row.expires_at, row.used_at)
    return Key(row.key_id, row.scheme, row.algorithm, tuple(row.scopes), *times)


def _agency(tx: Tx, agency_id: str) -> Agency:
    found = agencies.find(tx, agency_id)
    if found is None:
        raise NotFound(f"There is no agency {agency_id}.")
    return found


def _key(tx: Tx, agency_id: str, key_id: str) -> None:
    if not any(key.key_id == key_id for key in agencies.live_keys(tx, agency_id)):
        raise NotFound("This agency has no such key.")
