"""Keys that are read at an address which an operator has set for an agency: a JWK Set.

What was read is stored as ordinary keys, so that checking a signature asks nobody, and the last set stays good while
its address fails.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from ..auth import key_sets, signature
from ..auth.bearer import SCOPES
from ..auth.envelope import Credential
from ..auth.key_sets import KeySet, SetKey
from ..auth.keys import unb64u
from ..core.journal import SYSTEM, Actor, Entry
from ..delivery.fetch import Fetcher, FetchFailed
from ..delivery.guard import CallbackPolicy, check_callback_url
from ..delivery.policy import CallbackRefused
from ..errors import KeyNotUsable, NotFound
from ..forks import Lock
from ..ids import new_id
from ..store import agencies, journal
from ..store import key_sources as store
from ..store.storage import Raced, Tx
from .mount import Mount

log = logging.getLogger("notice_intake.flows")
#: How long a set holds: what its server says, within these; and where it says nothing.
SHORTEST, LONGEST, USUAL = timedelta(minutes=10), timedelta(hours=24), timedelta(hours=1)
#: After an attempt that failed.
AFTER_FAILURE = timedelta(minutes=10)
#: A signature under an unknown key has sources asked again at most so often, whoever sends how many of them.
AGAIN = timedelta(seconds=30)
#: How many sources one such signature has asked.
_AT_ONCE = 8

_fetchers: WeakKeyDictionary[Mount, Fetcher] = WeakKeyDictionary()
_looked: WeakKeyDictionary[Mount, datetime] = WeakKeyDictionary()
_turn = Lock()


@dataclass(frozen=True, slots=True)
class _Read:
    """A set, and until when it holds."""

    found: KeySet
    until: datetime


def add(mount: Mount, agency_id: str, *, url: str, now: datetime) -> Sequence[str]:
    """Read an agency's keys at an address from now on, in place of an earlier one; return the names of its keys.

    Raises ``NotFound`` for no such agency, ``KeyNotUsable`` where the address is not allowed, brings no set or a set
    without a key that may be used: nothing is stored then.
    """
    try:
        check_callback_url(url, _policy(mount))
    except CallbackRefused as refused:
        raise KeyNotUsable(refused.detail.replace("callback address", "address of the keys")) from None
    with mount.storage.read() as tx:
        if agencies.find(tx, agency_id) is None:
            raise NotFound(f"There is no agency {agency_id}.")
    try:
        read = _fetched(mount, url, now)
    except FetchFailed as failed:
        raise KeyNotUsable(f"The keys could not be read at this address: {failed.reason}.") from None
    if not read.found.keys:
        raise KeyNotUsable("The set under this address holds no key that can be used here.")
    try:
        with mount.storage.begin() as tx:
            agencies.lock(tx, agency_id)
            source_id = store.put(tx, new_id("src"), agency_id, url=url, now=now)
            journal.append(tx, [Entry(Actor("operator"), "agency.key_source_set", agency_id, now)])
            _apply(tx, source_id, agency_id, found=read.found, now=now)
            store.note(tx, source_id, tried_at=now, due_at=read.until)
            live = [one.key_id for one in agencies.live_keys(tx, agency_id) if one.source_id == source_id]
            if not live:
                raise KeyNotUsable("Every key of this set belongs to another agency, or was revoked.")
    except Raced:
        raise KeyNotUsable("Somebody else registered one of these keys at the same moment. Try again.") from None
    return live


def refresh_due(mount: Mount, *, now: datetime) -> int:
    """Read again the sets that have run out; return how many brought their keys."""
    with mount.storage.read() as tx:
        sources = store.due(tx, AGAIN, now=now)
    return sum(_refresh(mount, one, now=now) for one in sources)


def look_again(mount: Mount, *, now: datetime) -> bool:
    """Ask the sources for a key that nobody knows; True where some brought their keys, so that it may be known now.

    Bounded whatever is sent: each source is asked at most every 30 seconds by all processes together, one process asks
    at most that often at all, and who comes meanwhile is not made to wait.
    """
    with _turn:
        last = _looked.get(mount)
        if last is not None and abs(now - last) < AGAIN:
            return False
        _looked[mount] = now
    with mount.storage.read() as tx:
        sources = store.rested(tx, AGAIN, now=now, limit=_AT_ONCE)
    if not sources:
        return False
    with ThreadPoolExecutor(len(sources), thread_name_prefix="notice-intake-keys") as pool:
        return any(list(pool.map(lambda one: _refresh(mount, one, now=now), sources)))


def _refresh(mount: Mount, source: Any, *, now: datetime) -> bool:
    with mount.storage.begin() as tx:
        if not store.claim(tx, source, now=now):
            return False
    try:
        read = _fetched(mount, source.url, now)
        with mount.storage.begin() as tx:
            agencies.lock(tx, source.agency_id)
            if store.note(tx, source.id, tried_at=now, fetched_at=now, due_at=read.until, failure=""):
                _apply(tx, source.id, source.agency_id, found=read.found, now=now)
    except (FetchFailed, KeyNotUsable, Raced) as error:
        reason = error.reason if isinstance(error, FetchFailed) else "not a key set"
        log.warning("the keys of agency %s could not be read: %s; the last ones stay good", source.agency_id, reason)
        with mount.storage.begin() as tx:
            store.note(tx, source.id, tried_at=now, due_at=now + AFTER_FAILURE, failure=reason[:40])
        return False
    return True


def _fetched(mount: Mount, url: str, now: datetime) -> _Read:
    fetched = _fetcher(mount).get(url)
    held = USUAL if fetched.max_age is None else min(max(fetched.max_age, SHORTEST), LONGEST)
    return _Read(key_sets.read(fetched.body, now=now.timestamp()), now + held)


def _apply(tx: Tx, source_id: str, agency_id: str, *, found: KeySet, now: datetime) -> None:
    """Make the keys of a source those of the set. One that an operator has revoked does not come back by it."""
    known = store.keys_of(tx, source_id, [one.key.thumbprint for one in found.keys])
    entries = []
    for one in found.keys:
        row = known.pop(one.key.thumbprint, None)
        if row is None:
            _store(tx, source_id, agency_id, one=one, now=now)
            entries.append(_entry("agency.key_added", agency_id, one.key.thumbprint, now))
        elif row.source_id == source_id and row.expires_at != _time(one):
            store.set_expiry(tx, row.key_id, expires_at=_time(one))
        elif row.agency_id != agency_id:
            log.warning("the set of agency %s holds a key of another agency, which keeps it", agency_id)
    for row in known.values():
        if row.revoked_at is None:
            store.forget(tx, row.key_id)
            entries.append(_entry("agency.key_withdrawn", agency_id, row.key_id, now))
    journal.append(tx, entries)


def _store(tx: Tx, source_id: str, agency_id: str, *, one: SetKey, now: datetime) -> None:
    key = one.key
    stored = Credential(
        key.thumbprint,
        unb64u(key.thumbprint),
        agency_id,
        frozenset(SCOPES),
        one.expires_at,
        False,
        key.algorithm,
        key.jwk,
    )
    agencies.add_credential(tx, stored, scheme=signature.SCHEME, expires_at=_time(one), now=now)
    store.mark(tx, key.thumbprint, source_id=source_id)


def _time(one: SetKey) -> datetime | None:
    return None if one.expires_at is None else datetime.fromtimestamp(one.expires_at, UTC)


def _entry(action: str, agency_id: str, key_id: str, now: datetime) -> Entry:
    return Entry(SYSTEM, action, agency_id, now, {"scheme": signature.SCHEME, "key": key_id})


def _policy(mount: Mount) -> CallbackPolicy:
    return CallbackPolicy(networks=mount.settings.callback_networks, proxy=mount.settings.callback_proxy)


def _fetcher(mount: Mount) -> Fetcher:
    found = _fetchers.get(mount)
    if found is None:
        made = Fetcher(_policy(mount), ca_file=mount.settings.callback_ca_file or None)
        found = _fetchers.setdefault(mount, made)
    return found
