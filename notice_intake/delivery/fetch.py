"""Getting a small document from an address that an operator has set: through the same guard as the callbacks."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import requests
import urllib3.exceptions

from ..errors import NoticeIntakeError
from .guard import CallbackPolicy, Deadlines, GuardedAdapter, check_callback_url
from .sender import FAILURES, failure_of

#: Of one document, in bytes; the guard stops at 64 KiB with the head.
LARGEST: Final = 61_440
_HEADERS: Final = {"User-Agent": "notice_intake", "Accept": "application/json", "Accept-Encoding": "identity"}
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})", re.IGNORECASE)


class FetchFailed(NoticeIntakeError):
    """The document could not be fetched."""

    code = "fetch-failed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The document could not be fetched ({reason}).")
        #: A class such as ``dns`` or ``status 404``; never an address of ours.
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, whole."""

    body: bytes
    #: For how long its server says that it holds (RFC 9111 section 5.2.2.1); None where it says nothing.
    max_age: timedelta | None


class Fetcher:
    """Gets documents. Safe to share between threads.

    As with callbacks: the text of the address and every address that its name has must pass the policy, the connection
    goes to one of those, TLS keeps the name, no redirect is followed, nothing is taken from the environment, and the
    total deadline holds however slowly an answer drips in.
    """

    def __init__(self, policy: CallbackPolicy, *, total_timeout: float = 8.0, ca_file: str | None = None) -> None:
        self._policy = policy
        deadlines = Deadlines(connect=min(3.0, total_timeout), read=total_timeout, total=total_timeout)
        self._adapter = GuardedAdapter(policy, deadlines=deadlines, pool_size=2, ca_file=ca_file)

    def get(self, url: str) -> Fetched:
        """Return the document under an address. Raises ``FetchFailed`` for everything else than a whole 200."""
        try:
            check_callback_url(url, self._policy)
            request = requests.Request("GET", url, headers=_HEADERS).prepare()
            with closing(self._adapter.send(request, stream=True)) as response:
                return _read(response)
        except urllib3.exceptions.TimeoutError:
            raise FetchFailed("timeout") from None
        except tuple(kind for kind, _ in FAILURES) as error:
            raise FetchFailed(failure_of(error)) from None


def _read(response: requests.Response) -> Fetched:
    if response.status_code != 200:
        raise FetchFailed(f"status {response.status_code}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchFailed("compressed")
    body: bytes = response.raw.read(LARGEST + 1, decode_content=False)
    if len(body) > LARGEST:
        raise FetchFailed("too large")
    told = _MAX_AGE.search(response.headers.get("Cache-Control", ""))
    return Fetched(body, timedelta(seconds=int(told[1])) if told else None)
