"""Counting requests in this process, without the thread that the library's own memory storage would start."""

from __future__ import annotations

import time
from typing import Any

from limits.storage import Storage

from ...forks import Lock

#: How many counters are kept before those that have run out are looked for.
_MANY = 10_000


class Counters(Storage):
    """Counters that run out, in memory."""

    STORAGE_SCHEME = ["notice-intake-memory"]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._turn = Lock()
        #: key: (how many, until when)
        self._counters: dict[str, tuple[int, float]] = {}
        self._looked_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing of this kind fails."""
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count ``amount`` more; the first of a window sets when it ends."""
        now = time.time()
        with self._turn:
            count, until = self._counters.get(key, (0, 0.0))
            if until <= now:
                count, until = 0, now + expiry
            self._counters[key] = (count + amount, until)
            if len(self._counters) > _MANY and now > self._looked_at + 1:
                self._looked_at = now
                self._counters = {name: one for name, one in self._counters.items() if one[1] > now}
        return count + amount

    def get(self, key: str) -> int:
        """Return how many were counted in this window."""
        count, until = self._counters.get(key, (0, 0.0))
        return count if until > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window ends."""
        now = time.time()
        _, until = self._counters.get(key, (0, now))
        return max(until, now)

    def check(self) -> bool:
        """It is always there."""
        return True

    def reset(self) -> int | None:
        """Forget everything."""
        with self._turn:
            forgotten = len(self._counters)
            self._counters.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forget one counter."""
        with self._turn:
            self._counters.pop(key, None)
