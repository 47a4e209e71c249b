"""An agency looks after its own callback address: it names it, proves that it is there, tests it, takes it away."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.codes import EffectKind
from ..core.journal import Actor, Entry
from ..delivery.guard import CallbackPolicy, check_callback_url
from ..delivery.policy import CallbackRefused
from ..delivery.webhook import new_secret
from ..errors import Conflict, DocumentRefused, FieldError, NotFound
from ..ids import new_id
from ..store import agencies, deliveries, journal, outbox
from ..store.agencies import Agency, Endpoint
from ..store.outbox import VERIFICATION
from ..store.storage import Tx
from . import callback_keys, callback_secrets, once
from .callbacks import body
from .mount import Mount
from .waking import wake_after

TEST = "endpoint.test"
#: What another request under the same idempotency key must equal.
_TEST_PRINT = hashlib.sha256(b"endpoint.test").digest()


@dataclass(frozen=True, slots=True)
class Kept:
    """What a call answers: the document, and whether the endpoint is new or the answer an old one."""

    document: dict[str, Any]
    created: bool = False
    replayed: bool = False


def show(mount: Mount, *, agency: Agency) -> dict[str, Any]:
    """Return the endpoint as its agency sees it. Raises ``NotFound`` where it has none."""
    with mount.storage.read() as tx:
        endpoint = _present(tx, agency)
    return _view(mount, endpoint)


def check(mount: Mount, url: str) -> None:
    """Raise ``DocumentRefused`` for an address that callbacks may not reach, as far as its text shows."""
    try:
        check_callback_url(url, CallbackPolicy(networks=mount.settings.callback_networks))
    except CallbackRefused as refused:
        raise DocumentRefused([FieldError("/url", "not_allowed", refused.detail)]) from None


def put(mount: Mount, *, agency: Agency, url: str, rotate: bool, now: datetime, actor: Actor | None = None) -> Kept:
    """Name the address for callbacks. Nothing but its verification goes there before it has given the challenge back.

    The address before stays in use until then; ``actor`` where it is not the agency itself. Raises ``DocumentRefused``
    for one that callbacks may not reach, ``Conflict`` where its secret was changed too often within a day.
    """
    check(mount, url)
    with mount.storage.begin() as tx:
        agencies.lock(tx, agency.id)
        found = agencies.endpoints(tx, [agency.id]).get(agency.id)
        created = found is None or found.state == agencies.REMOVED
        if found is None or created:
            found = Endpoint(found.id if found else new_id("end"), agency.id, "", (), "unverified", 0, None)
            agencies.set_endpoint(tx, found, now=now)
        secret = _change(mount, tx, found, url=url, rotate=rotate, now=now)
        actor = actor or Actor("agency", agency.id, agency.name)
        journal.append(tx, [Entry(actor, "endpoint.set", found.id, now, {"agency": agency.id})])
        kept = _present(tx, agency)
        wake_after(tx, mount)
    shown = _view(mount, kept)
    return Kept({**shown, "secret": secret} if secret is not None else shown, created)


def _change(mount: Mount, tx: Tx, endpoint: Endpoint, *, url: str, rotate: bool, now: datetime) -> str | None:
    """Do what the new address asks for; return a secret that is to be shown, or None."""
    pending = endpoint.pending
    if endpoint.state == "active" and endpoint.url == url:
        if pending is not None:
            deliveries.cancel(tx, pending["message"], now=now)
            agencies.note_endpoint(tx, endpoint.id, pending=None)
        return _rotate(mount, tx, endpoint, now=now) if rotate else None
    secret, kept = None, None
    if pending is not None:
        deliveries.cancel(tx, pending["message"], now=now)
        kept = pending["secret"] if pending["url"] == url else None
    known = kept is not None or endpoint.url == url
    if rotate or not known:
        secret = new_secret()
        kept = mount.secrets.encrypt(secret)
        # Whether one more may sign beside the others is said now, not when the address has given the challenge back.
        callback_secrets.renewed(endpoint, kept, now=now, at_once=endpoint.url != url)
    message = _send(tx, endpoint, VERIFICATION, now=now, challenge=secrets.token_urlsafe(32))
    waiting = {"url": url, "secret": kept, "message": message, "since": now.isoformat()}
    agencies.note_endpoint(tx, endpoint.id, pending=waiting)
    return secret


def _rotate(mount: Mount, tx: Tx, endpoint: Endpoint, *, now: datetime) -> str:
    secret = new_secret()
    values = callback_secrets.renewed(endpoint, mount.secrets.encrypt(secret), now=now)
    agencies.note_endpoint(tx, endpoint.id, **values)
    return secret


def remove(mount: Mount, *, agency: Agency, now: datetime) -> None:
    """Take the endpoint away: what waits for it can be polled. Raises ``NotFound`` where there is none."""
    with mount.storage.begin() as tx:
        agencies.lock(tx, agency.id)
        endpoint = _present(tx, agency)
        gone: dict[str, Any] = {"state": agencies.REMOVED, "url": "", "secrets": [], "pending": None}
        agencies.note_endpoint(tx, endpoint.id, **gone)
        deliveries.leave_to_polling(tx, agency.id, now=now)
        actor = Actor("agency", agency.id, agency.name)
        journal.append(tx, [Entry(actor, "endpoint.removed", endpoint.id, now, {"agency": agency.id})])


def test(mount: Mount, *, agency: Agency, key: str | None, now: datetime) -> Kept:
    """Send a test event. Raises ``Conflict`` unless the endpoint is in use."""
    with mount.storage.begin() as tx:
        agencies.lock(tx, agency.id)
        old = once.before(tx, agency.id, key, fingerprint=_TEST_PRINT)
        if old is not None:
            return Kept(json.loads(old), replayed=True)
        endpoint = _in_use(tx, agency)
        message = _send(tx, endpoint, TEST, now=now)
        document = {"id": message, "type": TEST, "state": "due"}
        answer = json.dumps(document)
        once.keep(tx, agency.id, key, fingerprint=_TEST_PRINT, answer=answer, now=now)
        wake_after(tx, mount)
    return Kept(document)


def replay(mount: Mount, delivery_id: str, *, agency: Agency, key: str | None, now: datetime) -> Kept:
    """Send a callback once more, under its old id. Raises ``NotFound``, or ``Conflict`` where it cannot be."""
    fingerprint = hashlib.sha256(f"replay {delivery_id}".encode()).digest()
    with mount.storage.begin() as tx:
        agencies.lock(tx, agency.id)
        row = deliveries.find(tx, agency.id, delivery_id, lock=True)
        if row is None:
            raise NotFound
        old = once.before(tx, agency.id, key, fingerprint=fingerprint)
        if old is not None:
            return Kept(json.loads(old), replayed=True)
        _in_use(tx, agency)
        if row.body is None:
            raise Conflict("The retention period of this referral has ended: what the callback said is deleted.")
        if row.referral_id is None or row.state not in deliveries.REPLAYABLE:
            raise Conflict("Only a callback about a referral can be sent again, and only one that is not on its way.")
        deliveries.send_again(tx, delivery_id, now=now)
        document = delivery_view(deliveries.find(tx, agency.id, delivery_id))
        once.keep(tx, agency.id, key, fingerprint=fingerprint, answer=json.dumps(document), now=now)
        facts = {"effect": delivery_id, "kind": "callback"}
        actor = Actor("agency", agency.id, agency.name)
        journal.append(tx, [Entry(actor, "effect.replayed", row.referral_id, now, facts)])
        wake_after(tx, mount)
    return Kept(document)


def delivery_view(row: Any) -> dict[str, Any]:
    """A callback as its agency sees it."""
    due = row.state == "due"
    return {
        "id": row.id,
        "type": row.type,
        "referral": row.referral_id,
        "state": row.state,
        "attempts": row.attempts,
        "last_status": row.last_status,
        "last_error": row.last_error or None,
        "created_at": _time(row.created_at),
        "next_attempt_at": _time(row.due_at) if due else None,
        "delivered_at": _time(row.done_at) if row.state == "done" else None,
    }


def _send(tx: Tx, endpoint: Endpoint, kind: str, *, now: datetime, **data: str) -> str:
    message = new_id("msg")
    row = outbox.row(
        EffectKind.CALLBACK,
        id=message,
        lane=message,
        position=1,
        due_at=now,
        agency_id=endpoint.agency_id,
        type=kind,
        body=body(kind, at=now, data={"endpoint": endpoint.id, **data}),
    )
    outbox.enqueue(tx, [row])
    return message


def _present(tx: Tx, agency: Agency) -> Endpoint:
    endpoint = agencies.endpoints(tx, [agency.id]).get(agency.id)
    if endpoint is None or endpoint.state == agencies.REMOVED:
        raise NotFound("You have no endpoint. Name one with PUT.")
    return endpoint


def _in_use(tx: Tx, agency: Agency) -> Endpoint:
    endpoint = agencies.endpoints(tx, [agency.id]).get(agency.id)
    if endpoint is None or endpoint.state != "active":
        raise Conflict("You have no endpoint that is in use: name one with PUT, and give its challenge back.")
    return endpoint


def _view(mount: Mount, endpoint: Endpoint) -> dict[str, Any]:
    pending: Mapping[str, Any] | None = endpoint.pending
    return {
        "id": endpoint.id,
        "url": endpoint.url or None,
        "state": endpoint.state,
        "public_key": callback_keys.published(mount, endpoint.agency_id),
        "pending": {"url": pending["url"], "since": pending["since"]} if pending else None,
        "failures": endpoint.failures,
        "resting_until": _time(endpoint.not_before) if endpoint.not_before else None,
        "last_success_at": _time(endpoint.last_success_at) if endpoint.last_success_at else None,
        "created_at": _time(endpoint.created_at) if endpoint.created_at else None,
    }


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
