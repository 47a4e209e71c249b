"""The secrets that sign an agency's callbacks: the newest, and each that was replaced for a day after that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..errors import Conflict
from ..store import agencies
from ..store.agencies import Endpoint

#: How long a secret that was replaced still signs beside the newer ones.
OVERLAP = timedelta(hours=24)
#: So many may sign at once: each is a signature in the header of every callback.
MOST = 10


def signing(endpoint: Endpoint, *, now: datetime) -> tuple[str, ...]:
    """Return what signs callbacks to the address in use, encrypted, newest first."""
    return (*endpoint.secrets[:1], *(secret for secret, _ in _replaced(endpoint, now)))


def renewed(endpoint: Endpoint, secret: str, *, now: datetime, at_once: bool = False) -> dict[str, Any]:
    """Return the values of an endpoint that gets a new secret; with ``at_once`` no other signs any more.

    Raises ``Conflict`` where as many sign already as may: leaving out one of them would break what was promised for it.
    """
    older = [] if at_once else [(one, now) for one in endpoint.secrets[:1]] + _replaced(endpoint, now)
    if len(older) + 1 > MOST:
        raise Conflict("The secret was changed too often within a day. The earlier ones still sign for 24 hours each.")
    secrets, times = [secret, *(one for one, _ in older)], [at for _, at in older]
    return {"secrets": agencies.written(secrets, replaced_at=times), "rotated_at": now}


def _replaced(endpoint: Endpoint, now: datetime) -> list[tuple[str, datetime]]:
    pairs = zip(endpoint.secrets[1:], endpoint.replaced_at, strict=True)
    return [(secret, at) for secret, at in pairs if now <= at + OVERLAP]
