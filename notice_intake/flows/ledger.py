"""Deliveries for whoever looks after them: how each endpoint does, each callback, each attempt, and sending again."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ..core.codes import EffectState
from ..core.journal import Actor, Entry
from ..errors import Conflict, NotFound
from ..store import agencies, attempts, deliveries, journal
from ..store import ledger as store
from ..store.agencies import Endpoint
from ..store.ledger import COUNT_CAP
from ..store.outbox import VERIFICATION
from ..store.storage import Tx
from .desk_queries import read_cursor, write_cursor
from .endpoint_operations import turn
from .mount import Mount
from .waking import wake_after

__all__ = ["COUNT_CAP", "Chosen", "Delivery", "EndpointView", "Wish"]


#: Stands for the query of an address.
_HIDDEN = "?…"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which callbacks to show."""

    agency_id: str | None = None
    #: An ``EffectState``.
    state: str | None = None
    referral_id: str | None = None


EVERYTHING = Chosen()


@dataclass(frozen=True, slots=True)
class Wish:
    """What to send again: all that was given up, unless it says otherwise."""

    #: Only what was made from this time on.
    since: datetime | None = None
    #: Also what the agency has had.
    arrived: bool = False


GIVEN_UP = Wish()


@dataclass(frozen=True, slots=True)
class EndpointView:
    """How one agency's endpoint does."""

    id: str
    agency_id: str
    agency: str
    #: Without query: that is where people put tokens.
    url: str
    #: ``working``, ``failing``, ``resting``, ``disabled``, ``unverified``.
    state: str
    #: ``gone`` or ``failing``, where it is disabled.
    reason: str | None
    failures: int
    failing_since: datetime | None
    last_success_at: datetime | None
    resting_until: datetime | None
    #: Up to ``COUNT_CAP``.
    waiting: int
    dead: int
    #: Since when the oldest callback waits.
    oldest: datetime | None
    #: Whether somebody should do something: it is disabled or has failed for an hour, or callbacks were given up.
    needs_person: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """A callback with everything that was tried."""

    row: Any
    agency: str
    endpoint: EndpointView | None
    attempts: tuple[Any, ...]
    body: str
    #: A command that sends the same body, unsigned; empty where there is no address.
    curl: str


def endpoints(mount: Mount, *, now: datetime) -> tuple[EndpointView, ...]:
    """Return every endpoint, those first that need a person."""
    with mount.storage.read() as tx:
        found = [_view(tx, one, name, now=now) for one, name in agencies.all_endpoints(tx)]
    order = {"disabled": 0, "failing": 1, "resting": 2, "unverified": 3, "working": 4}
    return tuple(sorted(found, key=lambda one: (not one.needs_person, order[one.state], one.agency, one.id)))


def _view(tx: Tx, one: Endpoint, name: str, *, now: datetime) -> EndpointView:
    waits = store.backlog(tx, one.agency_id)
    state = _state(one, now)
    parts = urlsplit(one.url or (one.pending or {}).get("url", ""))
    return EndpointView(
        id=one.id,
        agency_id=one.agency_id,
        agency=name,
        url=f"{parts.scheme}://{parts.netloc}{parts.path}" + (_HIDDEN if parts.query else ""),
        state=state,
        reason=one.reason if state == "disabled" else None,
        failures=one.failures,
        failing_since=one.failing_since,
        last_success_at=one.last_success_at,
        resting_until=one.not_before if one.not_before is not None and one.not_before > now else None,
        waiting=waits.waiting,
        dead=waits.dead,
        oldest=waits.oldest,
        needs_person=state == "disabled" or one.warned > 0 or waits.dead > 0,
    )


def _state(one: Endpoint, now: datetime) -> str:
    if one.state != "active":
        return one.state
    if one.failures and one.openings:
        return "failing"
    return "resting" if one.not_before is not None and one.not_before > now else "working"


def page(
    mount: Mount, chosen: Chosen = EVERYTHING, *, cursor: str | None = None, limit: int = 50
) -> tuple[tuple[tuple[Any, str], ...], str | None]:
    """Return callbacks with the names of their agencies, the newest first, and where to go on."""
    place = read_cursor(mount, cursor, "ledger")
    before = place[0] if place else None
    with mount.storage.read() as tx:
        rows = store.page(tx, **asdict(chosen), before=before, limit=limit + 1)
        names = {one.id: one.name for one in agencies.everyone(tx)}
    more = write_cursor(mount, [rows[limit - 1].id], "ledger") if len(rows) > limit else None
    return tuple((row, names.get(row.agency_id, "")) for row in rows[:limit]), more


def delivery(mount: Mount, message_id: str, *, now: datetime) -> Delivery:
    """Return a callback with its attempts, the latest first. Raises ``NotFound``."""
    with mount.storage.read() as tx:
        row = store.find(tx, message_id)
        if row is None:
            raise NotFound
        agency = agencies.find(tx, row.agency_id)
        endpoint = agencies.endpoints(tx, [row.agency_id]).get(row.agency_id)
        name = agency.name if agency else ""
        present = endpoint is not None and endpoint.state != agencies.REMOVED
        view = _view(tx, endpoint, name, now=now) if endpoint is not None and present else None
        tried = tuple(attempts.of_message(tx, message_id))
    # The challenge is what proves whose an address is.
    body = row.body.decode() if row.type != VERIFICATION and row.body is not None else ""
    return Delivery(row, name, view, tried, body, _curl(view, row, body))


def _curl(endpoint: EndpointView | None, row: Any, body: str) -> str:
    if endpoint is None or not endpoint.url.startswith("http") or not body:
        return ""
    headers = {"content-type": "application/json", "webhook-id": row.id, "webhook-timestamp": "0"}
    parts = ["curl", "-i", "-X", "POST", shlex.quote(endpoint.url.removesuffix(_HIDDEN))]
    for name, value in {**headers, "webhook-signature": "v1,unsigned"}.items():
        parts += ["-H", shlex.quote(f"{name}: {value}")]
    return " ".join([*parts, "--data-binary", shlex.quote(body)])


def replay_one(mount: Mount, message_id: str, *, actor: Actor, now: datetime) -> None:
    """Send a callback again under its old id. Raises ``NotFound``, and ``Conflict`` where it cannot be."""
    with mount.storage.begin() as tx:
        row = store.find(tx, message_id)
        if row is None:
            raise NotFound
        if row.body is None or row.referral_id is None or row.state not in (EffectState.DEAD, EffectState.DONE):
            raise Conflict("Only a callback that was given up or has arrived can be sent again.")
        _listening(tx, row.agency_id)
        deliveries.send_again(tx, message_id, now=now)
        facts = {"effect": message_id, "kind": "callback"}
        journal.append(tx, [Entry(actor, "effect.replayed", row.referral_id, now, facts)])
        wake_after(tx, mount)


def replay_many(mount: Mount, agency_id: str, wish: Wish = GIVEN_UP, *, actor: Actor, now: datetime) -> int:
    """Send an agency's callbacks again, under their old ids and in their order; return how many.

    Raises ``Conflict`` where it has no endpoint.
    """
    total, after = 0, ""
    while True:
        with mount.storage.begin() as tx:
            _listening(tx, agency_id)
            ids = store.replay(tx, agency_id, since=wish.since, arrived=wish.arrived, after=after, now=now)
            if ids:
                facts = {"agency": agency_id, "count": str(len(ids)), "first": ids[0], "last": ids[-1]}
                journal.append(tx, [Entry(actor, "callbacks.replayed", agency_id, now, facts)])
                wake_after(tx, mount)
        total += len(ids)
        if len(ids) < store.SLICE:
            return total
        after = ids[-1]


def _listening(tx: Tx, agency_id: str) -> None:
    if agency_id not in agencies.has_endpoint(tx, [agency_id]):
        raise Conflict("This agency has no endpoint that callbacks could go to.")


def enable(mount: Mount, endpoint_id: str, *, actor: Actor, now: datetime) -> None:
    """Use a disabled endpoint again; what has waited leaves in order. Raises ``NotFound``, ``Conflict``."""
    with mount.storage.begin() as tx:
        endpoint = agencies.lock_endpoints(tx, [endpoint_id]).get(endpoint_id)
        if endpoint is None:
            raise NotFound
        resting = endpoint.state == "active" and (endpoint.openings or endpoint.not_before is not None)
        if endpoint.state != "disabled" and not resting:
            raise Conflict("This endpoint is in use already.")
        turn(mount, tx, endpoint, on=True, by=actor, now=now)
