"""Being refused for asking too much: the one rule that uses a limit up, so it is tried last, and in a sandbox only."""

from __future__ import annotations

import json
import re
import time
from typing import Final

from . import expect
from .door import LINES, Door, Reply
from .expect import that
from .rules import NotTried, rule

#: A larger limit is not used up just to see what comes then.
MOST: Final = 2000
_LEFT: Final = re.compile(r'"([^"]+)";r=(\d+);t=(\d+)')
_TRIES: Final = 3


@rule(
    "answers.too-many",
    "Past what is allowed each line and request is a 429 that stores nothing, until Retry-After is over",
    "refer-to-us.md#how-much-at-once",
)
def _too_many(door: Door) -> None:
    if not door.sandbox:
        raise NotTried("tried in a sandbox only: it uses up what the agency may ask for")
    window = _window(door)
    if door.until - time.monotonic() < window + 5:
        raise NotTried(f"the time limit leaves no time to wait for {window} seconds")
    _use_up(door)
    document = door.document()
    refused = door.refer(document, wait=False)
    expect.problem(refused, 429, "quota-exceeded")
    wait = refused.headers.get("Retry-After", "")
    that(wait.isdecimal() and 1 <= int(wait) <= window, f"Retry-After from 1 to {window}", wait or "no Retry-After")
    left = _LEFT.search(refused.headers.get("RateLimit", ""))
    that(left is not None and left[2] == "0", "RateLimit with r=0", refused.headers.get("RateLimit", "none"))
    door.rest(int(wait))
    expect.document(door.refer(document, wait=False), 201)


def _window(door: Door) -> int:
    """Return how many seconds the agency's limit is for. Raises ``NotTried`` where it is large, or is not told."""
    reply = door.get("/v1/referrals?limit=1")
    left = _LEFT.search(reply.headers.get("RateLimit", ""))
    name = re.escape(left[1]) if left else ""
    told = re.search(rf'"{name}";q=(\d+);w=(\d+)', reply.headers.get("RateLimit-Policy", ""))
    if left is None or told is None:
        raise NotTried("the answers do not say what is allowed")
    most, window = int(told[1]), int(told[2])
    if most > MOST:
        raise NotTried(f"the limit of {most} in {window} seconds is too large to be used up: at most {MOST} are sent")
    return window


def _use_up(door: Door) -> None:
    """Send a stream with more lines than are left; they say nothing, so that none is stored."""
    for _ in range(_TRIES):
        left = _LEFT.search(door.get("/v1/referrals?limit=1").headers.get("RateLimit", ""))
        lines = (int(left[2]) if left else 0) + 5
        statuses = _statuses(door.send("POST", "/v1/referrals/bulk", body=b"{}\n" * lines, Content_Type=LINES))
        if statuses and statuses[-1] == 429:
            that(set(statuses) <= {422, 429}, "422 for each line within the limit and 429 for those past it", statuses)
            return
        # A new window began meanwhile.
    that(False, f"429 for the last of more lines than RateLimit says are left, {_TRIES} times over", statuses[-5:])


def _statuses(reply: Reply) -> list[int]:
    expect.status(reply, 200)
    return [json.loads(line).get("status") for line in reply.body.splitlines()]
