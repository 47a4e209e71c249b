"""What an agency says after the referral, and its own callback address: the results of those calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import fields
from .fields import Document
from .results import ItemStatusView, read_items


@dataclass(frozen=True, slots=True)
class Message:
    """The acknowledgement of a supplement, a withdrawal or a complaint."""

    id: str
    #: ``supplement``, ``withdrawal`` or ``complaint``.
    kind: str
    referral: str
    #: The number of the referral's last change, this one included.
    sequence: int
    received_at: datetime
    #: The items that it concerns, as they stand now.
    items: tuple[ItemStatusView, ...]
    #: True where the same message was stored before and this is its old answer.
    replayed: bool
    raw: Document = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Your address for callbacks."""

    id: str
    #: The address in use; None while the first one waits to be verified.
    url: str | None
    #: ``unverified``, ``active`` or ``disabled``.
    state: str
    #: The address that waits to be verified.
    pending_url: str | None
    #: Failures in a row.
    failures: int
    #: A new callback secret, shown this once.
    secret: str | None = field(repr=False)
    raw: Document = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A callback on its way to you, delivered, or given up."""

    #: The ``webhook-id`` of the callback.
    id: str
    type: str
    referral: str | None
    #: ``due``, ``done``, ``dead``, ``feed`` or ``cancelled``.
    state: str
    attempts: int | None
    last_status: int | None
    last_error: str | None
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    raw: Document = field(repr=False, compare=False)


def read_message(document: Any, *, replayed: bool) -> Message:
    """Read the acknowledgement of a message. Raises ``BadAnswer``, as the others do."""
    fields.check_object(document)
    return Message(
        id=fields.text(document, "id"),
        kind=fields.text(document, "kind"),
        referral=fields.text(document, "referral"),
        sequence=fields.number(document, "sequence"),
        received_at=fields.time(document, "received_at"),
        items=read_items(document),
        replayed=replayed,
        raw=document,
    )


def read_endpoint(document: Any) -> Endpoint:
    """Read an endpoint."""
    fields.check_object(document)
    pending = document.get("pending")
    if pending is not None:
        fields.check_object(pending, "pending")
    return Endpoint(
        id=fields.text(document, "id"),
        url=fields.maybe_text(document, "url"),
        state=fields.text(document, "state"),
        pending_url=None if pending is None else fields.text(pending, "url"),
        failures=fields.maybe_number(document, "failures") or 0,
        secret=fields.maybe_text(document, "secret"),
        raw=document,
    )


def read_delivery(document: Any) -> Delivery:
    """Read a delivery."""
    fields.check_object(document)
    return Delivery(
        id=fields.text(document, "id"),
        type=fields.text(document, "type"),
        referral=fields.maybe_text(document, "referral"),
        state=fields.text(document, "state"),
        attempts=fields.maybe_number(document, "attempts"),
        last_status=fields.maybe_number(document, "last_status"),
        last_error=fields.maybe_text(document, "last_error"),
        next_attempt_at=fields.maybe_time(document, "next_attempt_at"),
        delivered_at=fields.maybe_time(document, "delivered_at"),
        raw=document,
    )
