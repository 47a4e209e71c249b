"""What an agency sends about a referral that is there already, and about its endpoint."""

from __future__ import annotations

from functools import cache

from marshmallow import fields, validate

from ..core.codes import MessageKind
from .compiled import Contract
from .fields import Flag, Line, Text
from .referrals import MAX_ITEMS, MAX_TEXT, MAX_URL, HashSchema, Strict


class SuppliedItemSchema(Strict):
    """Further facts about one item, by the agency's own reference."""

    reference = Line(longest=200, required=True)
    url = Text(longest=MAX_URL)
    hashes = fields.List(fields.Nested(HashSchema), validate=validate.Length(min=1, max=10))
    text = Text(longest=MAX_TEXT)


class SupplementSchema(Strict):
    """Further facts, or the answer to a question."""

    example = {
        "text": "It is the second post under this link.",
        "items": [{"reference": "31-1", "url": "https://platform.example/p31"}],
    }

    answers = Line(longest=40)
    text = Text(longest=MAX_TEXT, required=True)
    items = fields.List(fields.Nested(SuppliedItemSchema), validate=validate.Length(min=1, max=MAX_ITEMS))


class WithdrawalSchema(Strict):
    """Taking a referral back, or some of its items."""

    example = {"reason": "Sent in error.", "items": ["31-1"]}

    reason = Text(longest=2000, required=True)
    items = fields.List(Line(longest=200), validate=validate.Length(min=1, max=MAX_ITEMS))


class ComplaintSchema(Strict):
    """Asking to look again: Reg. (EU) 2022/2065 Art. 20, which is open to notifiers too."""

    example = {"items": ["31-1"], "text": "The decision overlooks the second half of the video."}

    items = fields.List(Line(longest=200), validate=validate.Length(min=1, max=MAX_ITEMS), required=True)
    text = Text(longest=MAX_TEXT, required=True)


class EndpointSchema(Strict):
    """Where callbacks shall go."""

    example = {"url": "https://unit.example/callbacks"}

    url = Text(longest=MAX_URL, required=True)
    rotate_secret = Flag()


@cache
def contract(kind: MessageKind) -> Contract:
    """Return the contract of what an agency sends about a referral."""
    schemas = {
        MessageKind.SUPPLEMENT: SupplementSchema,
        MessageKind.WITHDRAWAL: WithdrawalSchema,
        MessageKind.COMPLAINT: ComplaintSchema,
    }
    return Contract(schemas[kind], name=str(kind))


@cache
def endpoint_contract() -> Contract:
    """Return the contract of ``PUT /v1/endpoint``."""
    return Contract(EndpointSchema, name="endpoint")
