"""What the callbacks say (Standard Webhooks): one schema for each type, the same bodies in ``GET /v1/events``."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from ..core.codes import ItemStatus, Outcome, QuestionReason, Result
from .answers import Open, count, identifier, said
from .fields import Code, Const, Line, Shaped, Timestamp

PATH_PATTERN = r"^/v1/referrals/ref_[0-9A-HJKMNP-TV-Z]{26}$"
#: Statuses that an item's change is told of; ``received`` too, when it waits again after an answer.
TOLD = tuple(ItemStatus)


class ReferralDataSchema(Open):
    """What every event about a referral holds: ids and codes, never content, never personal data."""

    referral = identifier("ref", "The platform's id of the referral.")
    agency_reference = fields.String(**said("The agency's own reference of the referral."))
    sequence = count("Counts the events of a referral, from 1.", least=1)
    path = Shaped(PATH_PATTERN, error="Not a path.", **said("Where its state is read, from the root of the API."))


class ReceivedDataSchema(ReferralDataSchema):
    """A referral was received."""

    instrument = fields.String(**said("The legal kind of the referral."))
    items = count("How many items it has.", least=1)
    status = Code([ItemStatus.RECEIVED], **said("Where they stand."))
    due_at = Timestamp(**said("Until when it is to be decided."))


class ItemDataSchema(ReferralDataSchema):
    """An item moved on."""

    item = identifier("itm", "The platform's id of the item.")
    item_reference = fields.String(**said("The agency's own reference of the item."))
    status = Code(TOLD, **said("Where it stands now."))
    outcome = Code(Outcome, **said("What was decided.", allow_none=True))


class AskedDataSchema(ItemDataSchema):
    """A moderator asks about an item."""

    question = identifier("qst", "The question: its text stands in the referral.")
    reason_code = Code(QuestionReason, **said("Why it is asked."))


class SupplementedDataSchema(ReferralDataSchema):
    """A supplement was received."""

    supplement = identifier("sup", "The id of the supplement.")
    question = fields.String(**said("The question that it named.", allow_none=True))


class ComplainedDataSchema(ReferralDataSchema):
    """A complaint was received."""

    complaint = identifier("cpl", "The id of the complaint.")


class AnsweredDataSchema(ReferralDataSchema):
    """A complaint was answered for one item."""

    complaint = identifier("cpl", "The id of the complaint.")
    item = identifier("itm", "The platform's id of the item.")
    item_reference = fields.String(**said("The agency's own reference of the item."))
    result = Code([Result.UPHELD, Result.REVERSED], **said("Whether the decision stands."))
    outcome = Code(Outcome, **said("What was decided now."))


class TestDataSchema(Open):
    """Nothing but that it arrives."""

    endpoint = identifier("end", "The endpoint that is tested.")


class ChallengeDataSchema(TestDataSchema):
    """Give ``challenge`` back at the top level of your answer: ``{"challenge": "..."}``."""

    challenge = Line(longest=200, **said("What to give back."))


class KeyExpiringDataSchema(Open):
    """A token or key of yours runs out: ask for a new one, and change over while both are good."""

    key = fields.String(**said("Which key: of a token, its part between the first two underscores."))
    scheme = fields.String(**said("How it proves who calls, such as `bearer`."))
    expires_at = Timestamp(**said("When it runs out."))
    days = count("How many days that is from now.")


_DATA: dict[str, type[Schema]] = {
    "referral.received": ReceivedDataSchema,
    **{f"item.{status}": ItemDataSchema for status in TOLD},
    "item.needs_clarification": AskedDataSchema,
    "referral.supplemented": SupplementedDataSchema,
    "complaint.received": ComplainedDataSchema,
    "complaint.decided": AnsweredDataSchema,
    "endpoint.verification": ChallengeDataSchema,
    "endpoint.test": TestDataSchema,
    "key.expiring": KeyExpiringDataSchema,
}


_REFERRAL = "ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN"
_ITEM = {"item": "itm_01KM5W6Q1BM2V6D8K5X0E7JQSA", "item_reference": "31-1"}
_COMPLAINT = {"complaint": "cpl_01KM6A1V9S3D7F2G8H4J5K6M0N"}
_KEY = {"key": "Q7XK2M9TRA", "scheme": "bearer", "expires_at": "2025-03-16T08:00:00+00:00", "days": 14}
_ENDPOINT = {"endpoint": "end_01KM5W4N2Q8R6T1V9X3Y7Z5B0C"}
#: What is special in the example of each type, and its sequence; an item's outcome is null unless it stands here.
_EXAMPLES: dict[str, tuple[int, dict[str, Any]]] = {
    "referral.received": (
        1,
        {"instrument": "eu.iru.referral", "items": 2, "status": "received", "due_at": "2025-03-03T08:12:04+00:00"},
    ),
    "item.received": (4, _ITEM),
    "item.in_review": (2, _ITEM),
    "item.needs_clarification": (
        3,
        {**_ITEM, "question": "qst_01KM5X0A4B8C2D6E1F9G3H7J5K", "reason_code": "not_precise"},
    ),
    "item.decided": (5, {**_ITEM, "outcome": "removed"}),
    "item.effected": (6, {**_ITEM, "outcome": "removed"}),
    "item.not_possible": (6, {**_ITEM, "outcome": "not_possible"}),
    "item.restored": (9, {**_ITEM, "outcome": "no_action"}),
    "item.withdrawn": (3, _ITEM),
    "referral.supplemented": (4, {"supplement": "sup_01KM5Y2B6C0D4E8F3G7H1J5K9M", "question": None}),
    "complaint.received": (7, _COMPLAINT),
    "complaint.decided": (8, {**_COMPLAINT, **_ITEM, "result": "reversed", "outcome": "no_action"}),
}


def example_of(kind: str) -> dict[str, Any]:
    """Return an example of the body of one type of event."""
    data: dict[str, Any]
    if kind.startswith("endpoint."):
        data = {**_ENDPOINT, **({"challenge": "x7Jq2…"} if kind.endswith("verification") else {})}
    elif kind == "key.expiring":
        data = _KEY
    else:
        sequence, special = _EXAMPLES[kind]
        data = {"referral": _REFERRAL, "agency_reference": "EX-2025-0031", **special}
        if kind.startswith("item."):
            data |= {"status": kind.removeprefix("item."), "outcome": special.get("outcome")}
        data |= {"sequence": sequence, "path": f"/v1/referrals/{_REFERRAL}"}
    return {"type": kind, "timestamp": "2025-03-02T10:02:31.870+00:00", "data": data}


def _schema_of(kind: str, data: type[Schema]) -> type[Schema]:
    """Make the schema of one type of event."""
    words = "".join(part.capitalize() for part in kind.replace(".", "_").split("_"))
    wanted = {"status": Const(kind.removeprefix("item."), **said("Where it stands now."))}
    own = data
    if kind.startswith("item."):
        own = type(f"{words}DataSchema", (data,), {**wanted, "__doc__": data.__doc__})
    members = {
        "type": Const(kind, **said("What happened.")),
        "timestamp": Timestamp(**said("When it happened.")),
        "data": fields.Nested(own, **said("What happened to what.")),
        "__doc__": data.__doc__,
        "example": example_of(kind),
    }
    return type(f"{words}EventSchema", (Open,), members)


#: The schema of every event, by its type.
EVENTS: dict[str, type[Schema]] = {kind: _schema_of(kind, data) for kind, data in _DATA.items()}


class AnyDataSchema(Open):
    """What happened: ids and codes."""


class EventsPageSchema(Open):
    """A page of the feed: each event as it was called back, with its ``webhook-id`` as ``id``."""

    events = fields.List(
        fields.Nested(lambda: ListedEventSchema()), **said("The events, in the order in which they were committed.")
    )
    next = Line(longest=40, **said("The `after` of the next call."))


class ListedEventSchema(Open):
    """One event of the feed: `data` goes by its `type`. Types may be added: pass over those that you do not know."""

    id = identifier("msg", "The `webhook-id`: the same however often it comes.")
    type = fields.String(**said("What happened."))
    timestamp = Timestamp(**said("When it happened."))
    data = fields.Nested(AnyDataSchema, **said("What happened to what."))


def listed() -> dict[str, type[Schema]]:
    """Return the schema of ``data`` for each type that the feed lists: tests of an address are called back only."""
    schemas = {kind: event().fields["data"] for kind, event in EVENTS.items() if not kind.startswith("endpoint.")}
    return {kind: type(nested.schema) for kind, nested in schemas.items() if isinstance(nested, fields.Nested)}
