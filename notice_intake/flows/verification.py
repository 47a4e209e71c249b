"""Whether a callback address belongs to who named it: it has to give a challenge back."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..core.journal import SYSTEM, Entry
from ..delivery.answers import Answer
from ..errors import Conflict
from ..store import agencies, journal
from ..store.agencies import Endpoint
from ..store.storage import Tx
from .callback_secrets import renewed


def target(endpoint: Endpoint, callback: Any) -> tuple[str, Sequence[str]]:
    """Return where a verification goes and what signs it; nothing where another one has taken its place."""
    pending = endpoint.pending
    if pending is None or pending["message"] != callback.id:
        return "", ()
    return pending["url"], (pending["secret"],) if pending["secret"] else endpoint.secrets[:1]


def checked(answer: Answer, body: bytes) -> Answer:
    """Return the answer as a failure unless it gives the challenge back: ``{"challenge": "..."}`` at the top level.

    A server that only repeats what it gets does not pass: there the challenge stands further inside.
    """
    if answer.failure is not None:
        return answer
    wanted = json.loads(body)["data"]["challenge"]
    try:
        said = json.loads(answer.excerpt)
    except (ValueError, RecursionError):  # the second for brackets in brackets in brackets
        said = None
    given = said.get("challenge") if isinstance(said, dict) else None
    same = isinstance(given, str) and hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
    return answer if same else replace(answer, failure="challenge")


def settle(tx: Tx, endpoint: Endpoint, callback: Any, *, now: datetime) -> None:
    """Use an address that has given its challenge back, unless its agency has named another one meanwhile."""
    agencies.lock(tx, endpoint.agency_id)
    current = agencies.endpoints(tx, [endpoint.agency_id]).get(endpoint.agency_id)
    if current is None or current.pending is None or current.pending["message"] != callback.id:
        return
    values: dict[str, Any] = {"url": current.pending["url"], "state": "active", "pending": None}
    values |= {**agencies.FRESH, "last_success_at": now}
    if current.pending["secret"]:
        values |= _renewed(current, current.pending, now=now)
    agencies.note_endpoint(tx, current.id, **values)
    journal.append(tx, [Entry(SYSTEM, "endpoint.verified", current.id, now, {"agency": current.agency_id})])


def _renewed(endpoint: Endpoint, pending: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return the values of the new secret: at the same address the earlier ones still sign, another never knew them."""
    secret = pending["secret"]
    try:
        return renewed(endpoint, secret, now=now, at_once=pending["url"] != endpoint.url)
    except Conflict:  # an operator changed it ten times while the address was asked
        return renewed(endpoint, secret, now=now, at_once=True)
