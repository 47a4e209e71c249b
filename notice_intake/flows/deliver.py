"""Delivering callbacks: sign, post, and record what the answer means."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .. import signals
from ..core.codes import EffectState
from ..core.journal import SYSTEM, Entry
from ..delivery.sender import Sender
from ..delivery.verdicts import Again, Delivered, Disabled, GivenUp, Verdict, judge
from ..delivery.webhook import sign
from ..errors import SettingsError
from ..store import agencies, journal, outbox
from ..store.agencies import Endpoint
from ..store.outbox import VERIFICATION
from ..store.storage import Tx
from . import verification
from .mount import Mount
from .retrying import fraction

log = logging.getLogger("notice_intake.delivery")
#: How long a secret that was replaced still signs beside the new one.
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Attempted:
    """A callback, where it went, and what came back."""

    callback: Any
    endpoint: Endpoint | None
    verdict: Verdict
    status: int | None = None


def attempt(mount: Mount, sender: Sender, callback: Any, *, endpoint: Endpoint | None, now: datetime) -> Attempted:
    """Post a callback once. Never raises for what the receiver or the network does."""
    if endpoint is None:
        return Attempted(callback, None, GivenUp("no endpoint"))
    verifying = callback.type == VERIFICATION
    url, encrypted = verification.target(endpoint, callback) if verifying else _target(endpoint, now)
    if not url:
        return Attempted(callback, endpoint, GivenUp("another address has taken its place"))
    try:
        secrets = [mount.secrets.decrypt(one) for one in encrypted]
    except SettingsError as error:
        return Attempted(callback, endpoint, GivenUp(error.detail))
    try:
        headers = sign(callback.body, message_id=callback.id, at=now, secrets=secrets)
    except ValueError as error:
        return Attempted(callback, endpoint, GivenUp(f"the callback secret is malformed: {error}"))
    if mount.sandbox:
        headers["notice-intake-sandbox"] = "?1"
    answer = sender.post(url, headers=headers, body=callback.body)
    if verifying:
        answer = verification.checked(answer, callback.body)
    verdict = judge(answer, attempts=callback.attempts + 1, now=mount.clock(), fraction=fraction())
    return Attempted(callback, endpoint, verdict, answer.status)


def _target(endpoint: Endpoint, now: datetime) -> tuple[str, Sequence[str]]:
    """Return where callbacks go, and what signs them: an old secret for a day after it was replaced."""
    old = endpoint.rotated_at is not None and now > endpoint.rotated_at + OVERLAP
    return endpoint.url, endpoint.secrets[:1] if old else endpoint.secrets


def record(mount: Mount, results: Sequence[Attempted], *, now: datetime) -> None:
    """Write down what came of callbacks, all in one transaction."""
    if not results:
        return
    with mount.storage.begin() as tx:
        arrived = [one for one in results if isinstance(one.verdict, Delivered)]
        for one in arrived:
            if one.endpoint is not None and one.callback.type == VERIFICATION:
                verification.settle(tx, one.endpoint, one.callback, now=now)
        for status in dict.fromkeys(one.status for one in arrived):
            outbox.delivered(tx, [one.callback for one in arrived if one.status == status], now=now, status=status)
        common = [one.endpoint for one in arrived if one.endpoint and one.callback.type != VERIFICATION]
        for endpoint in {one.id: one for one in common}.values():
            if endpoint.failures or endpoint.not_before or endpoint.last_success_at is None:
                agencies.note_endpoint(tx, endpoint.id, failures=0, not_before=None, last_success_at=now)
        for one in results:
            if not isinstance(one.verdict, Delivered):
                _record_failure(mount, tx, one, now=now)


def _record_failure(mount: Mount, tx: Tx, one: Attempted, *, now: datetime) -> None:
    callback, verdict = one.callback, one.verdict
    assert not isinstance(verdict, Delivered)
    attempts = callback.attempts + 1
    log.info("callback %s to agency %s: %s", callback.id, callback.agency_id, verdict.reason)
    values: dict[str, Any] = {"attempts": attempts, "last_error": verdict.reason[:1200]}
    values["last_status"] = one.status
    about_itself = callback.type == VERIFICATION
    if isinstance(verdict, Again):
        outbox.finish(tx, callback, state=EffectState.DUE, now=now, due_at=verdict.at, **values)
    elif isinstance(verdict, Disabled) and not about_itself:
        outbox.finish(tx, callback, state=EffectState.DUE, now=now, **values)
    else:
        outbox.finish(tx, callback, state=EffectState.DEAD, now=now, **values)
        about = callback.referral_id or callback.agency_id
        entry = Entry(SYSTEM, "effect.given_up", about, now, {"effect": callback.id, "kind": "callback"})
        journal.append(tx, [entry])
        told = {"effect_id": callback.id, "kind": "callback", "reason": verdict.reason}
        tx.after_commit.append(lambda: signals.send(signals.effect_given_up, mount, **told))
    # How a new address answers says nothing about the one that is in use.
    if one.endpoint is not None and not about_itself:
        _note_endpoint(tx, one.endpoint, verdict, now)


def _note_endpoint(tx: Tx, endpoint: Endpoint, verdict: Again | GivenUp | Disabled, now: datetime) -> None:
    values: dict[str, Any] = {"failures": endpoint.failures + 1}
    if isinstance(verdict, Disabled):
        values["state"] = "disabled"
        journal.append(tx, [Entry(SYSTEM, "endpoint.disabled", endpoint.id, now, {"agency": endpoint.agency_id})])
    elif verdict.not_before is not None:
        values["not_before"] = verdict.not_before
    agencies.note_endpoint(tx, endpoint.id, **values)
