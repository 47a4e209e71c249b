"""Posting a signed callback, and reducing whatever happens to one ``Answer``."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import requests
from urllib3.exceptions import HTTPError

from .answers import Answer, Failure
from .guard import CallbackPolicy, CallbackRefused, Deadlines, GuardedAdapter, LookupFailed, check_callback_url

__all__ = ["Answer", "Sender"]

_FIXED_HEADERS: Final = {
    "User-Agent": "notice_intake",
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
}
#: What a callback may carry: its signature, and that it comes from a sandbox.
_CALLBACK_HEADERS: Final = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature", "notice-intake-sandbox"})
_HEADER_VALUE: Final = re.compile(r"[ -~]+")
_READ: Final = 4096
_KEPT: Final = 1024
_SECONDS: Final = re.compile(r"[0-9]{1,9}")

#: The first line that fits. ``SSLError`` and ``ConnectTimeout`` are connection errors too, hence the order.
FAILURES: Final[tuple[tuple[type[Exception], Failure], ...]] = (
    (CallbackRefused, "blocked"),
    (requests.exceptions.InvalidURL, "blocked"),
    (LookupFailed, "dns"),
    (requests.Timeout, "timeout"),
    (requests.exceptions.SSLError, "tls"),
    (requests.RequestException, "connect"),
    (HTTPError, "connect"),
    (OSError, "connect"),
)


class Sender:
    """Posts callbacks through the guard. One for a process: safe to share between threads, keeps connections alive.

    Nothing is taken from the environment (proxies, ``.netrc``, certificate bundles), no cookie is kept and no redirect
    followed. ``ca_file`` adds authorities to the public ones, for closed networks with their own.
    """

    def __init__(
        self,
        policy: CallbackPolicy,
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 15.0,
        total_timeout: float = 20.0,
        pool_size: int = 32,
        ca_file: str | None = None,
    ) -> None:
        self._policy = policy
        self._adapter = GuardedAdapter(
            policy,
            deadlines=Deadlines(connect=connect_timeout, read=read_timeout, total=total_timeout),
            pool_size=pool_size,
            ca_file=ca_file,
        )

    def close(self) -> None:
        """Close all idle connections."""
        self._adapter.close()

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post ``body`` with the headers that ``webhook.sign`` made, and return within the total deadline.

        Whatever the receiver, its name or the network does becomes an ``Answer``. Headers other than those three, or
        with anything but printable ASCII in them, raise ``ValueError`` before anything is sent.
        """
        sent = _FIXED_HEADERS | _checked(headers)
        started = time.monotonic()
        try:
            return self._attempt(url, sent, body, started)
        except tuple(kind for kind, _ in FAILURES) as error:
            return Answer(None, failure_of(error), excerpt="", retry_after=None, milliseconds=_since(started))

    def _attempt(self, url: str, headers: dict[str, str], body: bytes, started: float) -> Answer:
        # The raw string, because requests repairs a URL while it prepares one.
        check_callback_url(url, self._policy)
        request = requests.Request("POST", url, headers=headers, data=body).prepare()
        with closing(self._adapter.send(request, stream=True)) as response:
            return Answer(
                response.status_code,
                None if 200 <= response.status_code < 300 else "status",
                excerpt=_excerpt(response),
                retry_after=_retry_after(response.headers),
                milliseconds=_since(started),
            )


def failure_of(error: Exception) -> Failure:
    """Return the class of what went wrong: an error of one of the ``FAILURES``."""
    return next(failure for kind, failure in FAILURES if isinstance(error, kind))


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name not in _CALLBACK_HEADERS or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"not a header of a callback: {name!r}")
    return dict(headers)


def _excerpt(response: requests.Response) -> str:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return ""
    try:
        read: bytes = response.raw.read(_READ, decode_content=False)
    except (HTTPError, OSError):
        # The status has arrived and stands: a receiver that said 200 has the callback, even if it dies in mid-sentence.
        return ""
    printable = "".join(c if c.isprintable() else " " for c in read.decode("utf-8", "replace"))
    return " ".join(printable.split()).encode()[:_KEPT].decode("utf-8", "ignore")


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """RFC 9110 section 10.2.3: seconds, or a date, which counts from the receiver's own Date: its clock may be off."""
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return timedelta(seconds=int(value))
    until, sent = _date(value), _date(headers.get("Date", "")) or datetime.now(UTC)
    return None if until is None else max(until - sent, timedelta(0))


def _date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
