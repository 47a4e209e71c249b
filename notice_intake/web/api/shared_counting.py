"""Counting requests in a store that all processes share, and in this process while that store is away.

Counting is no reason to turn a referral away: a store that does not answer is left alone for a few seconds, the log
says so once, and once when it answers again.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from limits.errors import ConfigurationError
from limits.storage import Storage, storage_from_string

from ...errors import SettingsError
from .counting import Counters

log = logging.getLogger("notice_intake.api")
#: After the store failed, it is asked again so many seconds later.
PAUSE = 5.0
#: How long a request waits for the store, in seconds.
PATIENCE = 0.5
_WAITS = {"redis": {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}}
_WAITS["valkey"] = _WAITS["redis"]
_WAITS["memcached"] = {"timeout": PATIENCE, "connect_timeout": PATIENCE}


def opened(address: str) -> Storage:
    """Return the counters that ``rate_storage`` names. Raises ``SettingsError`` where it names none."""
    if address.partition("://")[0] == "memory":
        return Counters()
    return Shared(lambda: _made(address))


def _made(address: str) -> Storage:
    scheme = re.split(r"[+:]", address)[0].removesuffix("s")
    options: Any = _WAITS.get(scheme, {})
    found: Any = storage_from_string(address, **options)
    if not isinstance(found, Storage):
        raise ConfigurationError("an asynchronous store")
    return found


class Shared(Storage):
    """A store of the library ``limits``, or counters of this process while that is away."""

    STORAGE_SCHEME = ["notice-intake-shared"]

    def __init__(self, make: Callable[[], Storage]) -> None:
        super().__init__()
        self._make = make
        self._own = Counters()
        self._next = 0.0
        #: Whether the store failed when it was asked last.
        self.away = False
        self._store: Storage | None = None
        try:
            self._store = make()
        except (ConfigurationError, ValueError, ImportError, TypeError) as error:  # may quote the address: a password
            raise SettingsError(
                "NOTICE_INTAKE_RATE_STORAGE names no store that the library limits can reach. Write memory://, or an "
                f"address such as redis://host:6379, and install what it needs (limits[redis]). {type(error).__name__}."
            ) from None
        except Exception as error:  # one that connects at once, and is away
            self._failed(error)

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing of this kind fails."""
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count ``amount`` more."""
        return int(self._ask("incr", key, expiry, amount=amount))

    def get(self, key: str) -> int:
        """Return how many were counted in this window."""
        return int(self._ask("get", key))

    def get_expiry(self, key: str) -> float:
        """Return when the window ends."""
        return float(self._ask("get_expiry", key))

    def check(self) -> bool:
        """Whether the store answers."""
        return not self.away

    def reset(self) -> int | None:
        """Forget everything."""
        found: int | None = self._ask("reset")
        return found

    def clear(self, key: str) -> None:
        """Forget one counter."""
        self._ask("clear", key)

    def _ask(self, name: str, *arguments: Any, **named: Any) -> Any:
        if not self.away or time.monotonic() >= self._next:
            self._next = time.monotonic() + PAUSE  # nobody else waits for it meanwhile
            try:
                self._store = store = self._store or self._make()
                found = getattr(store, name)(*arguments, **named)
            except Exception as error:  # whatever store it is and whatever it raises
                self._failed(error)
            else:
                if self.away:
                    self.away = False
                    log.warning("the store of rate limits answers again")
                return found
        return getattr(self._own, name)(*arguments, **named)

    def _failed(self, error: Exception) -> None:
        self._next = time.monotonic() + PAUSE
        if not self.away:
            self.away = True
            log.warning(
                "the store of rate limits does not answer (%s): each process counts by itself", type(error).__name__
            )
