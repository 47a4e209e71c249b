"""How endpoints do, kept with what their callbacks met: the breaker, and when people are told."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from .. import signals
from ..core import breakers
from ..core.breakers import Health
from ..core.journal import SYSTEM, Entry
from ..delivery.verdicts import Delivered, Disabled, Verdict
from ..store import agencies, journal
from ..store.agencies import Endpoint
from ..store.storage import Tx
from .mount import Mount

log = logging.getLogger("notice_intake.delivery")
#: The last success is written down no more often than this: every callback would write the same row.
_SUCCESS_EVERY = timedelta(seconds=10)
#: What a receiver says about one message, and not about itself.
_OF_THE_MESSAGE = frozenset({400, 409, 413, 414, 415, 422})
GONE, FAILING = "gone", "failing"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one attempt says about the endpoint that it went to."""

    endpoint: Endpoint
    verdict: Verdict
    probe: bool
    status: int | None


def health_of(endpoint: Endpoint) -> Health:
    """Return what is known of an endpoint's last attempts."""
    counts = endpoint.failures, endpoint.openings
    return Health(*counts, endpoint.not_before, endpoint.failing_since, endpoint.warned)


def after_attempts(mount: Mount, tx: Tx, seen: Sequence[Seen], *, now: datetime) -> dict[str, datetime | None]:
    """Write down what attempts say about their endpoints; return until when those rest that something failed at."""
    by_endpoint: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        if not isinstance(one.verdict, Delivered) or _worth_noting(one.endpoint, now):
            by_endpoint[one.endpoint.id].append(one)
    rests: dict[str, datetime | None] = {}
    current = agencies.lock_endpoints(tx, sorted(by_endpoint)) if by_endpoint else {}
    for endpoint_id, found in by_endpoint.items():
        endpoint = current.get(endpoint_id)
        if endpoint is not None and endpoint.state != agencies.REMOVED:
            rests[endpoint_id] = _after(mount, tx, endpoint, found, now=now)
    return rests


def _worth_noting(endpoint: Endpoint, now: datetime) -> bool:
    last = endpoint.last_success_at
    ailing = endpoint.state == "disabled" or not health_of(endpoint).well
    return ailing or last is None or now - last >= _SUCCESS_EVERY


def _after(mount: Mount, tx: Tx, endpoint: Endpoint, found: Sequence[Seen], *, now: datetime) -> datetime | None:
    health, values, gone = health_of(endpoint), dict[str, Any](), False
    for one in found:
        if isinstance(one.verdict, Delivered):
            if health.warned or endpoint.state == "disabled":
                _recovered(mount, tx, endpoint, now=now)
            health, values = Health(), {"last_success_at": now, "state": "active", "reason": None}
        elif isinstance(one.verdict, Disabled):
            gone = True
        elif one.status not in _OF_THE_MESSAGE:
            rest_until = one.verdict.not_before
            health = breakers.after_failure(health, now=now, rest_until=rest_until, probe=one.probe)
        elif one.probe:
            # It answered, and about the message: that is an endpoint which works.
            health = Health()
    if gone:
        values = {"state": "disabled", "reason": GONE}
        health = Health(failures=health.failures + 1, failing_since=health.failing_since or now, warned=health.warned)
    elif breakers.worn_out(health, now=now, days=mount.settings.endpoint_disable_days):
        values |= {"state": "disabled", "reason": FAILING}
        health = Health(
            health.failures, max(health.openings, 1), now + breakers.DISABLED_REST, health.failing_since, health.warned
        )
    if values.get("state") == "disabled" and endpoint.state != "disabled":
        _disabled(mount, tx, endpoint, str(values["reason"]), now=now)
    agencies.note_endpoint(tx, endpoint.id, **asdict(health), **values)
    return health.not_before


def _disabled(mount: Mount, tx: Tx, endpoint: Endpoint, reason: str, *, now: datetime) -> None:
    log.warning("the endpoint of agency %s is disabled (%s): its callbacks wait", endpoint.agency_id, reason)
    facts = {"agency": endpoint.agency_id, "reason": reason}
    journal.append(tx, [Entry(SYSTEM, "endpoint.disabled", endpoint.id, now, facts)])
    told = {"agency_id": endpoint.agency_id, "endpoint_id": endpoint.id, "reason": reason}
    tx.after_commit.append(lambda: signals.send(signals.endpoint_disabled, mount, **told))


def _recovered(mount: Mount, tx: Tx, endpoint: Endpoint, *, now: datetime) -> None:
    journal.append(tx, [Entry(SYSTEM, "endpoint.recovered", endpoint.id, now, {"agency": endpoint.agency_id})])
    told = {"agency_id": endpoint.agency_id, "endpoint_id": endpoint.id}
    tx.after_commit.append(lambda: signals.send(signals.endpoint_recovered, mount, **told))


def raise_alarms(mount: Mount, *, now: datetime) -> int:
    """Tell people of endpoints that have failed for an hour, and for a day; each once. Return how many were told of."""
    with mount.storage.read() as tx:
        late = [one.id for one, _ in agencies.all_endpoints(tx) if _late(one, now)]
    if not late:
        return 0
    with mount.storage.begin() as tx:
        found = [one for one in agencies.lock_endpoints(tx, sorted(late)).values() if _late(one, now)]
        for one in found:
            _alarm(mount, tx, one, now=now)
    return len(found)


def _late(endpoint: Endpoint, now: datetime) -> bool:
    in_use = endpoint.state in agencies.LISTENING
    return in_use and breakers.alarms_due(health_of(endpoint), now=now) > endpoint.warned


def _alarm(mount: Mount, tx: Tx, endpoint: Endpoint, *, now: datetime) -> None:
    level = breakers.alarms_due(health_of(endpoint), now=now)
    hours = int(breakers.ALARMS[level - 1].total_seconds() // 3600)
    agencies.note_endpoint(tx, endpoint.id, warned=level)
    log.warning("the endpoint of agency %s has failed for %s h", endpoint.agency_id, hours)
    facts = {"agency": endpoint.agency_id, "hours": str(hours)}
    journal.append(tx, [Entry(SYSTEM, "endpoint.ailing", endpoint.id, now, facts)])
    about = {"agency_id": endpoint.agency_id, "endpoint_id": endpoint.id}
    told = {**about, "since": endpoint.failing_since, "hours": hours}
    tx.after_commit.append(lambda: signals.send(signals.endpoint_ailing, mount, **told))
