"""Putting work back for later."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from ..core.codes import EffectState
from ..core.retries import next_attempt
from ..store import outbox
from .mount import Mount

#: An effect of ours is tried again at least this often, for ever: what a moderator decided is never given up unseen.
LONGEST_WAIT = timedelta(minutes=15)
_dice = random.SystemRandom()


def fraction() -> float:
    """A throw of the dice, for spreading retries."""
    return _dice.random()


def put_back(mount: Mount, effect: Any, *, reason: str, now: datetime) -> None:
    """Try an effect again later, with the reason on the desk."""
    attempts = effect.attempts + 1
    planned = next_attempt(attempts, now=now, fraction=fraction())
    due_at = min(planned, now + LONGEST_WAIT) if planned is not None else now + LONGEST_WAIT
    values = {"due_at": due_at, "attempts": attempts, "last_error": reason[:1200]}
    with mount.storage.begin() as tx:
        outbox.finish(tx, effect, state=EffectState.DUE, now=now, **values)
