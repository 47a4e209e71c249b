"""What the platform answers, typed. Fields that this version does not know are ignored, and kept in ``raw``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import fields
from .errors import BadAnswer, Problem, read_problem
from .fields import Document


@dataclass(frozen=True, slots=True)
class ItemStatusView:
    """Where one item stands. Status and outcome are words; a later version may send ones that are not listed yet."""

    id: str
    #: Your own reference of the item.
    reference: str
    status: str
    outcome: str | None
    #: When its answer is due, while the clock runs.
    due_at: datetime | None
    updated_at: datetime | None
    raw: Document = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's acknowledgement of a referral."""

    id: str
    agency_reference: str
    instrument: str
    received_at: datetime
    #: When the answer is due, and by which rule; ``due_kind`` is ``legal`` or ``house``.
    due_at: datetime
    due_kind: str
    due_rule: str
    items: tuple[ItemStatusView, ...]
    #: True where the same referral was stored before and this is its old receipt.
    replayed: bool
    #: True where this is the platform's sandbox: nobody looks at the referral, and nothing will be done.
    sandbox: bool
    raw: Document = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Question:
    """What the moderators ask: the clock of these items stands still until it is answered."""

    id: str
    #: For example ``content_not_found`` or ``translation_missing``.
    reason_code: str
    text: str
    #: Your references of the items.
    items: tuple[str, ...]
    asked_at: datetime
    answered_at: datetime | None
    raw: Document = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ReferralStatus:
    """Where a referral of yours stands."""

    id: str
    agency_reference: str
    instrument: str
    received_at: datetime
    due_at: datetime | None
    updated_at: datetime
    #: The number of its last change: the callbacks of a referral count 1, 2, 3 …
    sequence: int
    items: tuple[ItemStatusView, ...]
    questions: tuple[Question, ...]
    raw: Document = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Event:
    """One change, as a callback or out of the feed: the same id means the same event."""

    id: str
    #: For example ``referral.received`` or ``item.effected``.
    type: str
    timestamp: datetime
    #: The members of ``data`` that most events have; None where this one has none.
    referral: str | None
    agency_reference: str | None
    item_reference: str | None
    status: str | None
    outcome: str | None
    sequence: int | None
    data: Document = field(repr=False)
    raw: Document = field(repr=False, compare=False)
    #: Out of the feed: where to go on once this event has been dealt with. A few may then come again, under their ids.
    place: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class BulkLine:
    """The answer to one line of a stream: a receipt, or the problem with it."""

    #: Counts from 1; blank lines are counted and not answered.
    line: int
    status: int
    receipt: Receipt | None
    problem: Problem | None
    raw: Document = field(repr=False, compare=False)

    @property
    def stored(self) -> bool:
        """Say whether the platform has this referral."""
        return self.receipt is not None


def read_receipt(document: Any, *, replayed: bool = False) -> Receipt:
    """Read a receipt. Raises ``BadAnswer`` for what is none, as all of these do."""
    fields.check_object(document)
    return Receipt(
        fields.text(document, "id"),
        fields.text(document, "agency_reference"),
        fields.text(document, "instrument"),
        fields.time(document, "received_at"),
        fields.time(document, "due_at"),
        fields.text(document, "due_kind"),
        fields.text(document, "due_rule"),
        read_items(document),
        replayed,
        document.get("sandbox") is True,
        document,
    )


def read_status(document: Any) -> ReferralStatus:
    """Read where a referral stands."""
    fields.check_object(document)
    return ReferralStatus(
        fields.text(document, "id"),
        fields.text(document, "agency_reference"),
        fields.text(document, "instrument"),
        fields.time(document, "received_at"),
        fields.maybe_time(document, "due_at"),
        fields.time(document, "updated_at"),
        fields.number(document, "sequence"),
        read_items(document),
        tuple(_question(one) for one in fields.objects(document, "questions")) if "questions" in document else (),
        document,
    )


def read_event(document: Any, *, id: str | None = None, place: str | None = None) -> Event:
    """Read an event; a callback's id stands in a header, not in its body."""
    fields.check_object(document)
    data = document.get("data")
    fields.check_object(data, "data")
    words = ("referral", "agency_reference", "item_reference", "status", "outcome")
    referral, agency_reference, item_reference, status, outcome = (fields.maybe_text(data, name) for name in words)
    return Event(
        id=id if id is not None else fields.text(document, "id"),
        type=fields.text(document, "type"),
        timestamp=fields.time(document, "timestamp"),
        referral=referral,
        agency_reference=agency_reference,
        item_reference=item_reference,
        status=status,
        outcome=outcome,
        sequence=fields.maybe_number(data, "sequence"),
        data=data,
        raw=document,
        place=place,
    )


def read_line(document: Any) -> BulkLine:
    """Read the answer to a line of a stream."""
    fields.check_object(document)
    line, status = fields.number(document, "line"), fields.number(document, "status")
    if "receipt" in document:
        receipt = read_receipt(document["receipt"], replayed=document.get("replayed") is True)
        return BulkLine(line, status, receipt, None, document)
    problem = read_problem(document.get("problem"), status)
    if problem is None:
        raise BadAnswer(f"The answer to line {line} holds neither a receipt nor a problem.")
    return BulkLine(line, status, None, problem, document)


def read_items(document: Document) -> tuple[ItemStatusView, ...]:
    """Read the items of a referral, a receipt or a message."""
    return tuple([_item(one) for one in fields.objects(document, "items")])


def _item(document: Document) -> ItemStatusView:
    return ItemStatusView(
        fields.text(document, "id"),
        fields.text(document, "reference"),
        fields.text(document, "status"),
        fields.maybe_text(document, "outcome"),
        fields.maybe_time(document, "due_at"),
        fields.maybe_time(document, "updated_at"),
        document,
    )


def _question(document: Document) -> Question:
    return Question(
        id=fields.text(document, "id"),
        reason_code=fields.text(document, "reason_code"),
        text=fields.text(document, "text"),
        items=fields.texts(document, "items"),
        asked_at=fields.time(document, "asked_at"),
        answered_at=fields.maybe_time(document, "answered_at"),
        raw=document,
    )
