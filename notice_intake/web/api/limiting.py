"""How much one agency, and one address before it is known who calls, may ask for.

Counted in this process unless ``rate_storage`` names a store that all processes share. The address is the one that the
host's server sees: behind a proxy the host has to set it (Werkzeug's ``ProxyFix``).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network
from weakref import WeakKeyDictionary

from flask import Request
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter
from werkzeug.datastructures import Headers

from ...errors import NoticeIntakeError, TooManyRequests
from ...flows.allowance import Allowance
from ...flows.mount import Mount
from ...forks import Lock
from ..problems import this_request
from .shared_counting import Shared, opened

_WINDOW = 60
#: Where a request keeps what its answer tells of limits.
KNOWN = "notice_intake.limits"


class _PerMinute(RateLimitItemPerMinute):
    """A limit whose keys are made once, not for each look at a counter: a request has five."""

    def key_for(self, *identifiers: bytes | str | float) -> str:
        """Return the name of a counter."""
        return _key(self, *identifiers)


@lru_cache(maxsize=4096)
def _key(item: _PerMinute, *identifiers: bytes | str | float) -> str:
    return RateLimitItemPerMinute.key_for(item, *identifiers)


@dataclass(frozen=True, slots=True)
class Policy:
    """So many in a minute, for each of those who are told apart by a key."""

    name: str
    item: RateLimitItemPerMinute


class Limits:
    """The limits of one mount."""

    def __init__(self, mount: Mount) -> None:
        settings = mount.settings
        self._limiter = FixedWindowRateLimiter(opened(settings.rate_storage))
        self._space = f"notice-intake:{mount.name}"
        wanted = (
            ("agency", settings.rate_agency),
            ("address", settings.rate_address),
            ("credentials", settings.rate_failures),
        )
        self.policies = {name: Policy(name, _PerMinute(most)) for name, most in wanted if most}
        #: ``RateLimit-Policy``, which guesses at credentials do not stand in.
        self.shown = ", ".join(f'"{name}";q={most};w={_WINDOW}' for name, most in wanted[:2] if most)

    def spend(self, name: str, key: str, *, cost: int = 1) -> None:
        """Count; raises ``TooManyRequests`` once the limit is passed."""
        policy = self.policies.get(name)
        if policy is not None and not self._limiter.hit(policy.item, self._space, name, key, cost=cost):
            raise TooManyRequests(name, retry_after=self._wait(policy, key))

    def note(self, name: str, key: str, *, cost: int = 1) -> None:
        """Count, and let it pass."""
        policy = self.policies.get(name)
        if policy is not None:
            self._limiter.hit(policy.item, self._space, name, key, cost=cost)

    def give_back(self, name: str, key: str, *, cost: int) -> None:
        """Take back what was counted, but never more than there is."""
        policy = self.policies.get(name)
        if policy is not None:
            counted = policy.item.amount - self._limiter.get_window_stats(policy.item, self._space, name, key).remaining
            if least := min(cost, counted):
                self.note(name, key, cost=-least)

    def has(self, name: str, key: str, *, cost: int) -> bool:
        """Whether so many are left; counts nothing."""
        policy = self.policies.get(name)
        return policy is None or self._limiter.test(policy.item, self._space, name, key, cost=cost)

    def check(self, name: str, key: str) -> None:
        """Raise ``TooManyRequests`` where nothing is left; counts nothing."""
        policy = self.policies.get(name)
        if policy is not None and not self._limiter.test(policy.item, self._space, name, key):
            raise TooManyRequests(name, retry_after=self._wait(policy, key))

    def left(self, name: str, key: str) -> tuple[int, int] | None:
        """Return how many are left, and for how many seconds; None where there is no limit."""
        policy = self.policies.get(name)
        if policy is None:
            return None
        stats = self._limiter.get_window_stats(policy.item, self._space, name, key)
        return max(stats.remaining, 0), _seconds(stats.reset_time)

    @property
    def state(self) -> str | None:
        """``ok``, or what is wrong with the store that all processes share; None where there is none."""
        storage = self._limiter.storage
        if not isinstance(storage, Shared):
            return None
        return "counted in each process" if storage.away else "ok"

    def _wait(self, policy: Policy, key: str) -> int:
        stats = self._limiter.get_window_stats(policy.item, self._space, policy.name, key)
        return _seconds(stats.reset_time)


def _seconds(until: float) -> int:
    return min(max(math.ceil(until - time.time()), 1), _WINDOW)


_of_mount: WeakKeyDictionary[Mount, Limits] = WeakKeyDictionary()
_making = Lock()


def limits_of(mount: Mount) -> Limits:
    """Return the limits of a mount in this process."""
    found = _of_mount.get(mount)
    if found is None:
        with _making:
            found = _of_mount.get(mount) or _of_mount.setdefault(mount, Limits(mount))
    return found


def admit(mount: Mount, request: Request) -> None:
    """Count a request for its address, before anybody asks who it is."""
    limits, address = limits_of(mount), _caller(request)
    try:
        limits.check("credentials", address)
        limits.spend("address", address)
    except TooManyRequests:
        # Only who is refused, or has proved who it is, hears of limits: each 401 is like every other.
        request.environ[KNOWN] = (limits, "address", address)
        raise


def failed(mount: Mount, request: Request) -> None:
    """Count credentials that were refused."""
    limits_of(mount).note("credentials", _caller(request))


def _caller(request: Request) -> str:
    """Return the address that is counted: of IPv6 the network: whoever has one address there has its whole /64."""
    address = request.remote_addr or ""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    return str(found.ipv4_mapped or IPv6Network((int(found), 64), strict=False))


def admit_agency(mount: Mount, request: Request, *, agency_id: str) -> None:
    """Count a request for the agency that it proved to be."""
    limits = limits_of(mount)
    request.environ[KNOWN] = (limits, "agency", agency_id)
    limits.spend("agency", agency_id)


class Spending(Allowance):
    """Counts the lines of streams of one agency."""

    def __init__(self, mount: Mount, agency_id: str) -> None:
        self._limits, self._agency_id = limits_of(mount), agency_id

    def take(self, lines: int) -> bool:
        """Count so many, where all of them pass; else none."""
        passes = self._limits.has("agency", self._agency_id, cost=lines)
        if passes:
            self._limits.note("agency", self._agency_id, cost=lines)
        return passes

    def take_some(self, lines: int) -> tuple[int, NoticeIntakeError | None]:
        """Count as many as pass; return how many, and what the rest is answered with."""
        for passed in range(lines):
            try:
                self._limits.spend("agency", self._agency_id)
            except TooManyRequests as refused:
                self.give_back(1)
                return passed, refused
        return lines, None

    def give_back(self, lines: int) -> None:
        """Take back what was counted, but never more than stands in this minute: the last one may have counted it."""
        self._limits.give_back("agency", self._agency_id, cost=lines)


def tell(headers: Headers) -> None:
    """Say in an answer what is allowed and what is left (draft-ietf-httpapi-ratelimit-headers)."""
    known: tuple[Limits, str, str] | None = this_request().environ.get(KNOWN)
    if known is None:
        return
    limits, name, key = known
    if limits.shown:
        headers.add("RateLimit-Policy", limits.shown)
    left = limits.left(name, key)
    if left is not None:
        headers.add("RateLimit", f'"{name}";r={left[0]};t={left[1]}')
