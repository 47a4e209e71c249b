"""Delivering callbacks: sign, post, and record what the answer means."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from .. import signals
from ..auth.secrets import Secrets
from ..core.codes import EffectState
from ..core.journal import SYSTEM, Entry
from ..delivery.answers import Answer
from ..delivery.sender import Sender
from ..delivery.verdicts import Again, Delivered, Disabled, GivenUp, Verdict, judge
from ..delivery.webhook import sign, signer
from ..errors import SettingsError, TemporarilyUnavailable
from ..store import attempts, journal, outbox
from ..store.agencies import Endpoint
from ..store.leases import Leased
from ..store.outbox import VERIFICATION
from ..store.storage import Tx
from . import callback_keys, callback_secrets, checkpoints, verification
from .endpoint_health import Seen, after_attempts
from .mount import Mount
from .retrying import fraction

log = logging.getLogger("notice_intake.delivery")
_ERROR = 1200


@dataclass(frozen=True, slots=True)
class Attempted:
    """A callback, where it went, and what came back."""

    leased: Leased
    endpoint: Endpoint | None
    verdict: Verdict
    at: datetime
    #: None where nothing was sent.
    answer: Answer | None = None
    signed_by: str = ""

    @property
    def callback(self) -> Any:
        """The row of the message."""
        return self.leased.row

    @property
    def about_the_endpoint(self) -> bool:
        """Whether it says something about the address that is in use: a verification goes to another."""
        return self.endpoint is not None and self.answer is not None and self.callback.type != VERIFICATION

    @property
    def arrived(self) -> bool:
        """Whether the receiver has it."""
        return isinstance(self.verdict, Delivered)


def attempt(mount: Mount, sender: Sender, leased: Leased, *, endpoint: Endpoint | None, now: datetime) -> Attempted:
    """Post a callback once. Whatever comes of it, a fault of ours too, is what an attempt came to.

    Raises only ``TemporarilyUnavailable``: nothing was sent, and nothing counts.
    """
    try:
        return _attempt(mount, sender, leased, endpoint=endpoint, now=now)
    except TemporarilyUnavailable:
        raise
    except Exception:  # left to its lease it would leave again for ever: no attempt would be used up, no breaker open
        log.exception("callback %s: a fault in the middle of the attempt", leased.row.id)
        answer = Answer(None, "fault", excerpt="", retry_after=None, milliseconds=0)
        return _judged(mount, leased, endpoint, answer=answer, now=now)


def _attempt(mount: Mount, sender: Sender, leased: Leased, *, endpoint: Endpoint | None, now: datetime) -> Attempted:
    callback = leased.row
    if endpoint is None:
        return Attempted(leased, None, GivenUp("no endpoint"), now)
    verifying = callback.type == VERIFICATION
    in_use = endpoint.url, callback_secrets.signing(endpoint, now=now)
    url, encrypted = verification.target(endpoint, callback) if verifying else in_use
    if not url:
        return Attempted(leased, endpoint, GivenUp("another address has taken its place"), now)
    try:
        secrets = [_decrypted(mount, one) for one in encrypted]
        secrets.append(callback_keys.of_agency(mount, endpoint.agency_id))
        headers = sign(callback.body, message_id=callback.id, at=now, secrets=secrets)
    except SettingsError as error:
        return Attempted(leased, endpoint, GivenUp(error.detail), now)
    except ValueError as error:
        return Attempted(leased, endpoint, GivenUp(f"the callback secret is malformed: {error}"), now)
    headers |= checkpoints.headers(mount, now=now)
    if mount.sandbox:
        headers["notice-intake-sandbox"] = "?1"
    answer = sender.post(url, headers=headers, body=callback.body)
    if verifying:
        answer = verification.checked(answer, callback.body)
    signed_by = " ".join(signer(one).name for one in secrets)
    return _judged(mount, leased, endpoint, answer=answer, now=now, signed_by=signed_by)


def _judged(
    mount: Mount, leased: Leased, endpoint: Endpoint | None, *, answer: Answer, now: datetime, signed_by: str = ""
) -> Attempted:
    # A probe uses nothing up.
    used = leased.row.attempts + (0 if leased.probe else 1)
    schedule = mount.settings.schedule
    verdict = judge(answer, attempts=used, now=mount.clock(), fraction=fraction(), schedule=schedule)
    return Attempted(leased, endpoint, verdict, now, answer, signed_by)


_read: WeakKeyDictionary[Secrets, dict[str, str]] = WeakKeyDictionary()


def _decrypted(mount: Mount, encrypted: str) -> str:
    """Return a secret; reading it costs more than signing with it, so it is read once."""
    known = _read.setdefault(mount.secrets, {})
    if encrypted not in known:
        if len(known) > 4096:
            known.clear()
        known[encrypted] = mount.secrets.decrypt(encrypted)
    return known[encrypted]


def record(mount: Mount, tx: Tx, results: Sequence[Attempted], *, now: datetime) -> None:
    """Write down what came of callbacks: messages, attempts and endpoints."""
    seen = [
        Seen(one.endpoint, one.verdict, probe=one.leased.probe, status=one.answer.status)
        for one in results
        if one.about_the_endpoint and one.endpoint is not None and one.answer is not None
    ]
    # Endpoints first: whoever changes one takes its messages afterwards.
    for one in results:
        if one.arrived and one.endpoint is not None and one.callback.type == VERIFICATION:
            verification.settle(tx, one.endpoint, one.callback, now=now)
    rests = after_attempts(mount, tx, seen, now=now)
    values = []
    by_status: dict[int | None, list[tuple[str, str]]] = defaultdict(list)
    for one in results:
        if one.arrived and one.answer is not None and not one.leased.probe:
            by_status[one.answer.status].append((one.callback.id, one.callback.lease_token))
        elif isinstance(one.verdict, GivenUp) or (isinstance(one.verdict, Disabled) and not one.about_the_endpoint):
            _give_up(mount, tx, one, now=now)
        else:
            rest = rests.get(one.endpoint.id) if one.endpoint is not None else None
            values.append(_settled(one, now=now, rest_until=rest))
    if values:
        outbox.settle(tx, values)
    for status, leased in by_status.items():
        outbox.arrived(tx, leased, now=now, status=status)
    attempts.add(tx, [_logged(one, one.answer) for one in results if one.answer is not None])


def _settled(one: Attempted, *, now: datetime, rest_until: datetime | None) -> dict[str, Any]:
    callback, verdict = one.callback, one.verdict
    values = {
        "id": callback.id,
        "token": callback.lease_token,
        "state": EffectState.DUE,
        "due_at": callback.due_at,
        "attempts": callback.attempts + (0 if one.leased.probe else 1),
        "done_at": None,
        "error": "",
        "status": one.answer.status if one.answer is not None else None,
    }
    if isinstance(verdict, Delivered):
        return values | {"state": EffectState.DONE, "done_at": now}
    log.info("callback %s to agency %s: %s", callback.id, callback.agency_id, verdict.reason)
    values["error"] = verdict.reason[:_ERROR]
    if isinstance(verdict, Again):
        values["due_at"] = verdict.at
        if one.leased.probe and rest_until is not None:
            # The next probe is made with another message: this one may be what the receiver cannot take.
            values["due_at"] = max(verdict.at, rest_until + timedelta(seconds=1))
    return values


def _give_up(mount: Mount, tx: Tx, one: Attempted, *, now: datetime) -> None:
    callback, verdict = one.callback, one.verdict
    assert isinstance(verdict, GivenUp | Disabled)
    log.info("callback %s to agency %s: %s", callback.id, callback.agency_id, verdict.reason)
    values: dict[str, Any] = {"attempts": callback.attempts + 1, "last_error": verdict.reason[:_ERROR]}
    values["last_status"] = one.answer.status if one.answer is not None else None
    if not outbox.finish(tx, callback, state=EffectState.DEAD, now=now, **values):
        return
    about = callback.referral_id or callback.agency_id
    journal.append(tx, [Entry(SYSTEM, "effect.given_up", about, now, {"effect": callback.id, "kind": "callback"})])
    told = {"effect_id": callback.id, "kind": "callback", "reason": verdict.reason}
    tx.after_commit.append(lambda: signals.send(signals.effect_given_up, mount, **told))


def _logged(one: Attempted, answer: Answer) -> dict[str, Any]:
    callback = one.callback
    return {
        "message_id": callback.id,
        "agency_id": callback.agency_id,
        "number": callback.tries,
        "cause": "probe" if one.leased.probe else callback.cause or "schedule",
        "at": one.at,
        "milliseconds": answer.milliseconds,
        "status": answer.status,
        "failure": answer.failure or "",
        "address": answer.address[:45],
        "signed_by": one.signed_by[:120],
        "excerpt": answer.excerpt,
    }


def note_lost(tx: Tx, leased: Sequence[Leased], *, now: datetime) -> None:
    """Write down the attempts of which nobody will ever know what came: their worker died."""
    lost = [
        {
            "message_id": one.row.id,
            "agency_id": one.row.agency_id,
            "number": one.row.tries - 1,
            "cause": "schedule",
            "at": now,
            "milliseconds": 0,
            "status": None,
            "failure": "lost",
            "address": "",
            "signed_by": "",
            "excerpt": "",
        }
        for one in leased
        if one.lost
    ]
    attempts.add(tx, lost)
