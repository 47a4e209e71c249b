"""Sending one call: with time limits, bounded answers, and again only where a second time changes nothing."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import LocationValueError

from .errors import (
    AnswerRefused,
    BadAnswer,
    Conflict,
    IntakeError,
    NotAuthorized,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    Unreachable,
    Unsendable,
    read_problem,
)

if TYPE_CHECKING:
    from .answers import AnswerKeys

T = TypeVar("T")
#: What a platform tells everybody, and does not sign.
PUBLIC: Final = ("/v1/keys",)
#: A page of 200 referrals with 100 items each is about 4 MB.
MOST_BYTES: Final = 32 * 1_048_576
#: How long an answer may take from its first byte to its last.
_LONGEST_ANSWER: Final = 120.0
_CHUNK: Final = 65_536
_BY_STATUS: Final[Mapping[int, type[IntakeError]]] = {
    401: NotAuthorized,
    403: NotAuthorized,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    428: Conflict,
    429: RateLimited,
}
_REASONS: Final[tuple[tuple[type[requests.RequestException], str], ...]] = (
    (requests.exceptions.SSLError, "no trusted connection: its certificate is not accepted"),
    (requests.exceptions.ProxyError, "the proxy does not let this through"),
    (requests.exceptions.ConnectTimeout, "no connection in time"),
    (requests.exceptions.ReadTimeout, "no answer in time"),
    (requests.exceptions.ConnectionError, "no connection, or it broke off"),
)
#: What fails before anything goes out.
_NOT_SENT: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is tried that may be repeated, and how long a pause may be.

    A platform that asks for a longer pause than ``longest`` is not asked again: the error says how long.
    """

    tries: int = 4
    first: float = 0.5
    longest: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what would never end, or never begin."""
        if not (1 <= self.tries <= 100 and 0 <= self.first <= self.longest):
            raise ValueError("retries need 1 to 100 tries, and a first pause no longer than the longest")

    def pause(self, attempt: int, asked: timedelta | None) -> float:
        """Return the seconds to wait after the failed ``attempt``, 1 for the first."""
        grown = min(self.first * 2.0 ** (attempt - 1), self.longest)
        # Jitter, so that clients that failed together do not come back together.
        grown *= 0.5 + secrets.randbelow(500) / 1000
        return grown if asked is None else max(grown, asked.total_seconds())


@dataclass(frozen=True, slots=True)
class Call:
    """A request before it is signed."""

    method: str
    path: str
    body: bytes | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    #: The idempotency key: with it the platform does this once, however often it is sent.
    key: str | None = None

    @property
    def repeatable(self) -> bool:
        """Say whether a second time changes nothing: reading (RFC 9110 section 9.2.1), or under a key."""
        return self.method == "GET" or self.key is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Parse the body. Raises ``BadAnswer``."""
        return parse(self.body)


class Transport:
    """One platform, as one agency sees it."""

    def __init__(
        self,
        base_url: str,
        auth: AuthBase,
        *,
        session: requests.Session,
        timeout: tuple[float, float],
        retries: Retries,
    ) -> None:
        self.base_url = base_url
        #: The keys that have to have signed what is answered, or None.
        self.answers: AnswerKeys | None = None
        self._auth, self._session, self._timeout, self._retries = auth, session, timeout, retries

    def call(self, call: Call) -> Answer:
        """Send a call until it is answered; return its 2xx answer. Raises an ``IntakeError`` for every other one."""
        tries = self._retries.tries if call.repeatable else 1
        attempt = 1
        while True:
            try:
                return self._once(call)
            except IntakeError as error:
                error.key = call.key
                pause = self._retries.pause(attempt, error.retry_after)
                if attempt >= tries or not _passing(error) or pause > self._retries.longest:
                    raise
            time.sleep(pause)
            attempt += 1

    def stream(self, path: str, *, body: Iterable[bytes], kind: str, patience: float) -> requests.Response:
        """Send a body as it comes, once; return the 2xx answer unread. ``patience`` is the longest silence."""
        headers = {"Content-Type": kind}
        timeout = (self._timeout[0], max(self._timeout[1], patience))
        response = self._send("POST", path, headers=headers, data=body, timeout=timeout)
        if response.status_code // 100 != 2:
            with closing(response):
                raise self._refusal(response, read(response))
        return response

    def chunks(self, response: requests.Response, size: int) -> Iterator[bytes]:
        """Yield the body of a ``stream`` answer; ``AnswerRefused`` at its end where it is not as it was signed."""
        found: Iterator[bytes] = response.iter_content(size)
        if self.answers is None:
            return found
        from .answers import through

        return through(found, self.answers.check_head(_answered(response))[1])

    def _once(self, call: Call) -> Answer:
        headers = dict(call.headers)
        if call.body is not None:
            headers.setdefault("Content-Type", "application/json")
        if call.key is not None:
            headers["Idempotency-Key"] = call.key
        data, query = call.body, dict(call.query) or None
        response = self._send(call.method, call.path, headers=headers, data=data, params=query, timeout=self._timeout)
        with closing(response):
            body = read(response)
        if response.status_code // 100 != 2:
            raise self._refusal(response, body)
        if self.answers is not None and call.path not in PUBLIC:
            self.answers.check(_answered(response), body)
        return Answer(response.status_code, response.headers, body)

    def _refusal(self, response: requests.Response, body: bytes) -> IntakeError:
        """Return what a refusal stands for. Who is not known yet gets it unsigned; where it is signed it has to fit."""
        if self.answers is not None and "Signature" in response.headers:
            try:
                self.answers.check(_answered(response), body)
            except AnswerRefused as refused:
                return refused
        return refusal(response, body)

    def _send(self, method: str, path: str, *, headers: dict[str, str], **options: Any) -> requests.Response:
        # Identity: a small answer that unpacks to a large one is refused by never being asked for.
        headers |= {"Accept": "application/json", "Accept-Encoding": "identity"}
        url = self.base_url + path
        # A redirect would turn a POST into a GET and carry the document to an address that nobody chose.
        fixed: dict[str, Any] = {"auth": self._auth, "stream": True, "allow_redirects": False}
        return _reaching(url, lambda: self._session.request(method, url, headers=headers, **options, **fixed))


def _answered(response: requests.Response) -> Any:
    from .answers import Answered

    sent = response.request
    digest = sent.headers.get("Content-Digest")
    return Answered(response.status_code, response.headers, sent.method or "", sent.url or "", digest)


def read(response: requests.Response) -> bytes:
    """Read a bounded answer in bounded time. Raises ``BadAnswer`` or ``Unreachable``."""
    found, size = [], 0
    end = time.monotonic() + _LONGEST_ANSWER
    chunks = response.iter_content(_CHUNK)
    while chunk := _reaching(response.url, lambda: next(chunks, b"")):
        size += len(chunk)
        if size > MOST_BYTES:
            raise BadAnswer(f"The answer is larger than {MOST_BYTES} bytes.", status=response.status_code)
        if time.monotonic() > end:
            raise Unreachable(f"{_place(response.url)}: the answer does not come to its end")
        found.append(chunk)
    return b"".join(found)


def parse(body: bytes | bytearray) -> Any:
    """Parse JSON. Raises ``BadAnswer`` for everything that is none."""
    try:
        return json.loads(str(body, "utf-8"))
    except (ValueError, RecursionError):
        raise BadAnswer("The answer is not JSON. Is the address right?") from None


def refusal(response: requests.Response, body: bytes) -> IntakeError:
    """Return the error that an answer other than 2xx stands for."""
    status, headers = response.status_code, response.headers
    if status < 400:
        where = f" to {headers['Location'][:200]}" if "Location" in headers else ""
        return BadAnswer(f"The platform answers {status}{where}. Is the address right?", status=status)
    try:
        problem = read_problem(parse(body), status)
    except BadAnswer:
        problem = None
    kind = _BY_STATUS.get(status) or (Unavailable if status >= 500 else Refused)
    said = None if problem is not None else f"The answer is {status}, without a problem document. Is the address right?"
    return kind(said, problem=problem, status=status, retry_after=_retry_after(headers.get("Retry-After")))


def _passing(error: IntakeError) -> bool:
    """Say whether the trouble may pass by itself. A 409 that names a time is a first try that still runs."""
    if isinstance(error.__cause__, requests.exceptions.SSLError):
        return False
    return isinstance(error, (RateLimited, Unavailable, Unreachable)) or (
        isinstance(error, Conflict) and error.retry_after is not None
    )


def _reaching(url: str, call: Callable[[], T]) -> T:
    """Have what goes wrong on the way be said in words of ours."""
    try:
        return call()
    except (*_NOT_SENT, LocationValueError, UnicodeError) as error:
        raise Unsendable(f"{_place(url)}: this cannot be asked for: {error}") from error
    except requests.RequestException as error:
        reason = next((said for kind, said in _REASONS if isinstance(error, kind)), type(error).__name__)
        raise Unreachable(f"{_place(url)}: {reason}") from error


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _retry_after(value: str | None) -> timedelta | None:
    """Read seconds or a date (RFC 9110 section 10.2.3); None for neither."""
    if value is None:
        return None
    if value.isascii() and value.isdigit() and len(value) < 10:
        return timedelta(seconds=int(value))
    try:
        at = parsedate_to_datetime(value)
        return max(at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC), timedelta())
    except (ValueError, OverflowError):
        return None
