"""Posting a signed callback, and reducing whatever happens to one ``Answer``."""

from __future__ import annotations

import builtins
import re
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import requests
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError, SSLError, TimeoutError

from .answers import Answer, Failure
from .exchange import NotHttp, Reply
from .guard import CallbackPolicy, CallbackRefused, Deadlines, GuardedAdapter, LookupFailed

__all__ = ["Answer", "Sender"]

_FIXED_HEADERS: Final = {
    "User-Agent": "notice_intake",
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
}
#: The newest checkpoint of the journal, its text in base64.
CHECKPOINT_HEADER: Final = "notice-intake-checkpoint"
#: What a callback may carry: its signature, that it comes from a sandbox, and that checkpoint.
_CALLBACK_HEADERS: Final = frozenset(
    {"webhook-id", "webhook-timestamp", "webhook-signature", "notice-intake-sandbox", CHECKPOINT_HEADER}
)
_HEADER_VALUE: Final = re.compile(r"[ -~]+")
_KEPT: Final = 1024
_SECONDS: Final = re.compile(r"[0-9]{1,9}")

#: The first line that fits: most of them are ``HTTPError`` too, hence the order.
FAILURES: Final[tuple[tuple[type[Exception], Failure], ...]] = (
    (CallbackRefused, "blocked"),
    (LocationParseError, "blocked"),
    (requests.exceptions.InvalidURL, "blocked"),
    (LookupFailed, "dns"),
    (requests.Timeout, "timeout"),
    (NewConnectionError, "connect"),
    (TimeoutError, "timeout"),
    (builtins.TimeoutError, "timeout"),
    (SSLError, "tls"),
    (ssl.SSLError, "tls"),
    (ssl.CertificateError, "tls"),
    (requests.exceptions.SSLError, "tls"),
    (requests.RequestException, "connect"),
    (NotHttp, "connect"),
    (HTTPError, "connect"),
    (OSError, "connect"),
)
_CAUGHT: Final = tuple(kind for kind, _ in FAILURES)


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
        called: list[str] = [""]
        try:
            reply = self._adapter.post(url, headers=sent, body=body, called=called.append)
            return Answer(
                reply.status,
                None if 200 <= reply.status < 300 else "status",
                excerpt=_excerpt(reply),
                retry_after=_retry_after(reply.headers),
                milliseconds=_since(started),
                address=called[-1],
            )
        except _CAUGHT as error:
            failure = failure_of(error)
            return Answer(None, failure, excerpt="", retry_after=None, milliseconds=_since(started), address=called[-1])


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


def _excerpt(reply: Reply) -> str:
    if not reply.body or reply.headers.get("content-encoding", "identity") != "identity":
        return ""
    printable = "".join(c if c.isprintable() else " " for c in reply.body.decode("utf-8", "replace"))
    return " ".join(printable.split()).encode()[:_KEPT].decode("utf-8", "ignore")


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """RFC 9110 section 10.2.3: seconds, or a date, which counts from the receiver's own Date: its clock may be off."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if _SECONDS.fullmatch(value):
        return timedelta(seconds=int(value))
    until, sent = _date(value), _date(headers.get("date", "")) or datetime.now(UTC)
    return None if until is None else max(until - sent, timedelta(0))


def _date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the second for an offset of millions of hours
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
