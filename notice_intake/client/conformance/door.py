"""The deployment that is tried, and the requests that are made of it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import ssl
import time
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict

from .listener import Listener
from .rules import Broken, NotTried

JSON, LINES, PROBLEM = "application/json", "application/x-ndjson", "application/problem+json"
_LONGEST: Final = 20.0
_PATIENT: Final = 61.0


class OutOfTime(Exception):
    """The time that was given for all of it is over."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The media type, without its parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Parse the body. Raises ``Broken``."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Broken("a JSON document", f"{self.status} with {self.body[:80]!r}") from None

    def object(self) -> dict[str, Any]:
        """Parse the body, which must be a JSON object. Raises ``Broken``."""
        found = self.json()
        if not isinstance(found, dict):
            raise Broken("a JSON object", repr(found)[:80])
        return found


@dataclass(frozen=True, slots=True)
class Referred:
    """A referral that was taken, to try things on."""

    document: dict[str, Any]
    body: bytes
    receipt: dict[str, Any]
    reply: Reply

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.receipt["id"])

    @property
    def path(self) -> str:
        """Where it can be read."""
        return f"/v1/referrals/{self.id}"


@dataclass(slots=True)
class Door:
    """A deployment, by its address up to but without ``/v1``, and an agency's credentials for it."""

    base: str
    auth: AuthBase | None
    #: Signs requests; None where no key was given.
    signer: AuthBase | None = None
    #: The credentials of another agency.
    other: AuthBase | None = None
    listener: Listener | None = None
    instrument: str = "eu.iru.referral"
    #: The most bytes that a single referral may have, by the platform's word.
    largest: int = 1_048_576
    #: How long a change is waited for that a worker has to make, in seconds.
    patience: float = 30.0
    #: When all has to be over, by ``time.monotonic``.
    until: float = float("inf")
    #: Whether answers say that this is a sandbox.
    sandbox: bool = False
    #: Told apart from every other run, so that references and links are new.
    run: str = field(default_factory=lambda: secrets.token_hex(6))
    session: requests.Session = field(default_factory=requests.Session)
    count: int = 0
    kept: Referred | None = None
    #: The place in the events behind which all of this run stands.
    place: str = ""

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        auth: AuthBase | str | None = "own",
        wait: bool = True,
        **headers: str,
    ) -> Reply:
        """Send a request; return its answer. Header names are written with underscores.

        Where it says 429 it is waited as long as it says and asked once more, unless that is what is being tried.
        """
        sent = {"Accept": JSON, "Accept-Encoding": "identity"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent.setdefault("Content-Type", JSON)
        who = self.auth if isinstance(auth, str) else auth
        reply = self._once(method, path, body, sent, who)
        seconds = reply.headers.get("Retry-After", "")
        if wait and reply.status == 429 and seconds.isdigit() and int(seconds) <= _PATIENT:
            self.rest(int(seconds))
            reply = self._once(method, path, body, sent, who)
        return reply

    def get(self, path: str, **headers: Any) -> Reply:
        """Read something."""
        return self.send("GET", path, **headers)

    def post(self, path: str, document: Any, **headers: Any) -> Reply:
        """Send a document; bytes are sent as they are."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.send("POST", path, body=body, **headers)

    def refer(self, document: Any, **headers: Any) -> Reply:
        """Send a referral."""
        return self.post("/v1/referrals", document, **headers)

    def document(self, *references: str, **changes: Any) -> dict[str, Any]:
        """Return a referral that the contract accepts, new in all that must be new; a change to None leaves one out."""
        self.count += 1
        number = f"{self.run}-{self.count}"
        items = [
            {
                "reference": reference,
                "target": {"kind": "url", "url": f"https://conformance.example/{number}/{index}"},
                "reasons": "Placeholder reason.",
            }
            for index, reference in enumerate(references or ("1",), 1)
        ]
        document = {"instrument": self.instrument, "agency_reference": f"CONFORMANCE-{number}", "items": items}
        document |= deepcopy(_COMMON) | (deepcopy(_NOTICE) if self.instrument.startswith("eu.dsa.") else {}) | changes
        return {name: value for name, value in document.items() if value is not None}

    def referred(self, *references: str, **changes: Any) -> Referred:
        """Send a referral that is good. Raises ``NotTried`` where it is not taken: another rule says so."""
        document = self.document(*references, **changes)
        body = json.dumps(document).encode()
        reply = self.refer(body)
        try:
            receipt = reply.object()
        except Broken:
            receipt = {}
        if reply.status != 201 or not isinstance(receipt.get("id"), str):
            raise NotTried(f"no referral could be sent: {reply.status} {_slug(receipt)}")
        return Referred(document, body, receipt, reply)

    def one(self) -> Referred:
        """Return a referral that several rules look at, and that none changes."""
        if self.kept is None:
            self.kept = self.referred("1", "2")
        return self.kept

    def oversized(self, *, chunked: bool) -> Reply:
        """Send a good referral with more blanks behind it than a body may have; return the answer.

        It may come, and the connection be closed, before everything is sent.
        """
        body = json.dumps(self.document()).encode().ljust(self.largest + 1)
        parts = urlsplit(self.base)
        wire = _connect(parts.scheme, parts.netloc, timeout=self._left())
        prepared = requests.Request("POST", self.base + "/v1/referrals", auth=self.auth).prepare()
        wire.putrequest("POST", parts.path + "/v1/referrals")
        framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))
        for name, value in (("Content-Type", JSON), framing, *prepared.headers.items()):
            if name.lower() != "content-length" or (name, value) == framing:
                wire.putheader(name, value)
        try:
            wire.endheaders()
            for piece in _pieces(body, chunked=chunked):
                wire.send(piece)
        except OSError:
            pass
        try:
            answer = wire.getresponse()
            return Reply(answer.status, CaseInsensitiveDict(answer.getheaders()), answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise Broken("an answer", f"the connection broke off ({type(error).__name__})") from None
        finally:
            wire.close()

    def rest(self, seconds: float) -> None:
        """Wait. Raises ``OutOfTime``."""
        time.sleep(min(seconds, self._left()))
        self._left()

    def _once(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], auth: AuthBase | None
    ) -> Reply:
        url = path if path.startswith("http") else self.base + path
        self.session.cookies.clear()
        options: dict[str, Any] = {"timeout": min(_LONGEST, self._left()), "allow_redirects": False}
        try:
            answer = self.session.request(method, url, data=body, headers=headers, auth=auth or _nobody, **options)
        except requests.RequestException as error:
            self._left()
            raise Broken("an answer", f"none to {method} {path} ({type(error).__name__})") from None
        return Reply(answer.status_code, answer.headers, answer.content)

    def _left(self) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise OutOfTime
        return min(left, 3600.0)


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add no credentials: without this requests would look for some in a file of the person who runs it."""
    return request


def _pieces(body: bytes, *, chunked: bool) -> Iterable[bytes]:
    for start in range(0, len(body), 65_536):
        piece = body[start : start + 65_536]
        yield b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    if chunked:
        yield b"0\r\n\r\n"


def _connect(scheme: str, netloc: str, *, timeout: float) -> http.client.HTTPConnection:
    limit = min(timeout, _LONGEST)
    if scheme == "http":
        return http.client.HTTPConnection(netloc, timeout=limit)
    context = ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE"))
    return http.client.HTTPSConnection(netloc, timeout=limit, context=context)


def _slug(document: dict[str, Any]) -> str:
    return str(document.get("type", "")).rpartition("/")[2]


_COMMON: Final[dict[str, Any]] = {
    "language": "en",
    "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "grounds": [{"kind": "terms", "reference": "Terms, 4.2"}],
    "contact": {"name": "Conformance check", "email": "check@unit.example"},
}
_NOTICE: Final[dict[str, Any]] = {"good_faith": True}
