"""The agency's side of the contract."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import requests
from requests.auth import AuthBase

from . import bulk, fields
from .errors import BadAnswer, Unsendable
from .messages import Delivery, Endpoint, Message, read_delivery, read_endpoint, read_message
from .results import BulkLine, Event, Receipt, ReferralStatus, read_event, read_receipt, read_status
from .transport import Answer, Call, Retries, Transport

if TYPE_CHECKING:
    from .answers import AnswerKeys

_PAGE: Final = "200"


class IntakeClient:
    """One platform, and you.

    ``base_url`` is the address that the platform gave you, up to but without ``/v1``; it must be ``https``, except on
    this machine or with ``allow_http``. ``auth`` is a ``BearerAuth``, or anything that ``requests`` takes as ``auth``.
    Proxies and certificates are ``requests``' own business: its environment variables hold, and so does what is set on
    ``session``. ``timeout`` is for the connection and for the longest silence, in seconds.

    Reading, and sending under an idempotency key, is tried again as ``retries`` says; nothing else is. Every method
    raises an ``IntakeError``; an ``Unsendable``, which is a ``ValueError`` too, where nothing could be sent. Use a
    client from one thread at a time.
    """

    def __init__(
        self,
        base_url: str,
        auth: AuthBase,
        *,
        session: requests.Session | None = None,
        timeout: tuple[float, float] = (3, 10),
        retries: Retries | None = None,
        allow_http: bool = False,
    ) -> None:
        self._session = session or requests.Session()
        base = checked_address(base_url, allow_http=allow_http)
        self._transport = Transport(base, auth, session=self._session, timeout=timeout, retries=retries or Retries())

    def pin(self, answers: AnswerKeys) -> IntakeClient:
        """Believe only what one of the platform's keys signed, from now on; return the client itself.

        Everything else raises ``AnswerRefused``, but for the refusal of somebody who is not known yet, which comes
        unsigned. A stream is proved at its end.
        """
        self._transport.answers = answers
        return self

    def __enter__(self) -> IntakeClient:
        """Use it in a ``with`` block, which closes its connections."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._session.close()

    def submit(self, document: Mapping[str, Any] | bytes, *, key: str | None = None) -> Receipt:
        """Send a referral; return its receipt.

        It is stored once, however often the network makes this try again. ``key`` is the idempotency key: without one
        a new key is made for this call, and stands on the error as ``key`` if all tries failed. The key belongs to the
        exact bytes: give bytes to have them sent as they are.
        """
        answer = self._transport.call(Call("POST", "/v1/referrals", _body(document), key=_key(key)))
        return read_receipt(answer.json(), replayed=_replayed(answer))

    def bulk(self, lines: Iterable[bulk.Line]) -> Iterator[BulkLine]:
        """Send referrals as one stream, a line each; return the answers, in order.

        Everything is sent when this is called and the answers are read as you ask for them; neither is kept in memory.
        A file opened in binary mode will do as ``lines``. A bad line fails alone. The iterator ends only when every
        line has been answered, and raises ``Unreachable`` if the stream broke off: then send all of it again, as what
        was stored is answered with its old receipt. Nothing is sent again by itself.
        """
        return bulk.send(self._transport, lines)

    def status(self, referral_id: str) -> ReferralStatus:
        """Return where a referral of yours stands. Raises ``NotFound``."""
        return read_status(self._get(_referral(referral_id)))

    def referrals(self, updated_since: datetime | None = None) -> Iterator[ReferralStatus]:
        """Yield your referrals by time of their last change, oldest first; ask for further pages as they are needed."""
        if updated_since is None:
            query = {}
        elif updated_since.tzinfo is None:
            raise ValueError("updated_since must carry its time zone")
        else:
            query = {"updated_since": updated_since.isoformat(timespec="milliseconds")}
        return map(read_status, self._pages("/v1/referrals", "referrals", query=query))

    def events(self, after: str | None = None) -> Iterator[Event]:
        """Yield what has happened since ``after``, the ``place`` of the last event that you dealt with, up to now.

        The same events under the same ids as the callbacks. Leave ``after`` out to begin at the beginning.
        """
        while True:
            found, place = fields.page(self._get("/v1/events", {"after": after} if after else {}), "events")
            # Only the end of a page is a place to go on from: the events before it carry that before them all.
            yield from (read_event(one, place=after) for one in found[:-1])
            yield from (read_event(one, place=place) for one in found[-1:])
            if not found or place is None:
                return
            if place == after:
                raise BadAnswer("The events go round in a circle.")
            after = place

    def watch(
        self, after: str | None = None, *, interval: float = 30, stop: threading.Event | None = None
    ) -> Iterator[Event]:
        """Yield what has happened since ``after`` and what will, asking every ``interval`` seconds, until ``stop``.

        Raises as the others do where the platform cannot be reached: begin again from the last event's ``place``.
        """
        stopped = stop or threading.Event()
        while not stopped.is_set():
            for event in self.events(after):
                yield event
                after = event.place
                if stopped.is_set():
                    return
            stopped.wait(interval)

    def supplement(
        self,
        referral_id: str,
        *,
        text: str,
        answers: str | None = None,
        items: Sequence[Mapping[str, Any]] | None = None,
        sequence: int | None = None,
        key: str | None = None,
    ) -> Message:
        """Add facts to a referral, or answer the question whose id ``answers`` is.

        With ``sequence``, that of the status or event that you have seen last, it is refused with a ``Conflict`` if
        the referral has changed since, here and in the two calls below.
        """
        document = {"text": text, "answers": answers, "items": items}
        return self._say(_referral(referral_id) + "/supplements", document, sequence=sequence, key=key)

    def withdraw(
        self,
        referral_id: str,
        *,
        reason: str,
        items: Sequence[str] | None = None,
        sequence: int | None = None,
        key: str | None = None,
    ) -> Message:
        """Take back a referral, or the items with these references of yours."""
        document = {"reason": reason, "items": items}
        return self._say(_referral(referral_id) + "/withdrawal", document, sequence=sequence, key=key)

    def complain(
        self,
        referral_id: str,
        *,
        text: str,
        items: Sequence[str],
        sequence: int | None = None,
        key: str | None = None,
    ) -> Message:
        """Ask to look again at what was decided on the items with these references of yours."""
        document = {"text": text, "items": items}
        return self._say(_referral(referral_id) + "/complaints", document, sequence=sequence, key=key)

    def endpoint(self) -> Endpoint:
        """Return your address for callbacks. Raises ``NotFound`` where there is none."""
        return read_endpoint(self._get("/v1/endpoint"))

    def set_endpoint(self, url: str, *, rotate_secret: bool = False) -> Endpoint:
        """Set your address for callbacks: it is used once it has answered the verification.

        A new ``secret`` stands in the answer, this once. Not tried again: after ``Unreachable``, look at ``endpoint``.
        """
        document = {"url": url, **({"rotate_secret": True} if rotate_secret else {})}
        return read_endpoint(self._transport.call(Call("PUT", "/v1/endpoint", _body(document))).json())

    def delete_endpoint(self) -> None:
        """Have no more callbacks sent; everything stays in the feed of events."""
        self._transport.call(Call("DELETE", "/v1/endpoint"))

    def test_endpoint(self) -> str:
        """Have a callback of the type ``endpoint.test`` sent to you; return its ``webhook-id``."""
        document = self._transport.call(Call("POST", "/v1/endpoint/test", key=new_key())).json()
        fields.check_object(document)
        return fields.text(document, "id")

    def deliveries(self, state: str | None = None) -> Iterator[Delivery]:
        """Yield the callbacks to you, newest first; all, or those in a ``state`` such as ``due`` or ``dead``."""
        query = {"state": state} if state is not None else {}
        return map(read_delivery, self._pages("/v1/deliveries", "deliveries", query=query))

    def replay(self, delivery_id: str) -> Delivery:
        """Have a callback sent again, under the same id."""
        path = f"/v1/deliveries/{_part(delivery_id)}/replay"
        return read_delivery(self._transport.call(Call("POST", path)).json())

    def keys(self) -> tuple[Mapping[str, Any], ...]:
        """Return the platform's public keys (RFC 7517). Raises ``NotFound`` where it publishes none."""
        return tuple(fields.page(self._transport.call(Call("GET", "/v1/keys")).json(), "keys")[0])

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        limit = {"limit": _PAGE} if query is not None else {}
        return self._transport.call(Call("GET", path, query={**limit, **(query or {})})).json()

    def _pages(self, path: str, name: str, *, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            asked = cursor
            found, cursor = fields.page(self._get(path, {**query, **({"cursor": asked} if asked else {})}), name)
            yield from found
            if cursor is None:
                return
            if cursor == asked or not found:
                raise BadAnswer("The list goes round in a circle.")

    def _say(self, path: str, document: Mapping[str, Any], *, sequence: int | None, key: str | None) -> Message:
        body = _body({name: value for name, value in document.items() if value is not None})
        # Without a condition the platform answers 428: whoever names no version means whichever there is.
        match = {"If-Match": "*" if sequence is None else f'"r{sequence}"'}
        answer = self._transport.call(Call("POST", path, body, headers=match, key=_key(key)))
        return read_message(answer.json(), replayed=_replayed(answer))


def new_key() -> str:
    """Return an idempotency key that was never used before."""
    return uuid.uuid4().hex


def _key(given: str | None) -> str:
    """Return an idempotency key as it can stand in a header; whether it is long enough the platform says."""
    if given and not (given.isascii() and given.isprintable()):
        raise Unsendable("an idempotency key has 16 to 128 characters of A-Z a-z 0-9 . _ : ~ -")
    return given or new_key()


def _replayed(answer: Answer) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


def _body(document: Mapping[str, Any] | bytes) -> bytes:
    if isinstance(document, bytes):
        return document
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _referral(referral_id: str) -> str:
    return f"/v1/referrals/{_part(referral_id)}"


def _part(value: str) -> str:
    """Return a part of a path, whatever it holds. Raises ``Unsendable`` where a path would lose it."""
    if value.strip(".") == "":
        raise Unsendable(f"{value!r} is not the id of anything")
    return quote(value, safe="")


def checked_address(base_url: str, *, allow_http: bool) -> str:
    """Return a platform's address without a slash at its end. Raises ``ValueError`` for one that must not be used."""
    parts = urlsplit(base_url)
    # Such a host has no address anywhere, and what is below requests says so in an error of its own.
    labels = (parts.hostname or "").removesuffix(".").split(".")
    if parts.port == 0 or not all(0 < len(label) < 64 or ":" in label for label in labels):
        raise ValueError("the address must look like https://platform.example/notices")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("the address must look like https://platform.example/notices")
    if parts.username is not None:
        raise ValueError("the address must not hold a name or password")
    if parts.scheme == "http" and not allow_http and not _local(parts.hostname):
        raise ValueError("the address must begin with https: over http anybody on the way reads the token")
    return base_url.rstrip("/")


def _local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
