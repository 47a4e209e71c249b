"""What the API answers. Objects are open: a later version may add fields, and whoever reads must ignore those."""

from __future__ import annotations

from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from ..core.catalogue import CATEGORIES, ORDER_CATEGORIES, TERRITORIES
from ..core.clocks import ClockKind
from ..core.codes import (
    EffectState,
    GroundKind,
    Impossibility,
    ItemStatus,
    MessageKind,
    Outcome,
    QuestionReason,
    Result,
)
from .fields import Always, Code, Codes, Flag, Shaped, Timestamp

_HEX = r"^[0-9a-f]{64}$"
_SALT = r"^[0-9a-f]{32}$"


class Open(Schema):
    """A schema of what we send."""

    class Meta:
        unknown = INCLUDE


def said(text: str, **more: Any) -> dict[str, Any]:
    """Return the options of a field that is always there, with what it says."""
    return {"required": True, "metadata": {"description": text}, **more}


def identifier(word: str, text: str, **more: Any) -> Shaped:
    """Return a field that holds an id of ours."""
    options = said(text, **more)
    return Shaped(f"^{word}_[0-9A-HJKMNP-TV-Z]{{26}}$", error="Not an id.", longest=40, **options)


def count(text: str, **more: Any) -> fields.Integer:
    """Return a field that counts from nought."""
    return fields.Integer(validate=validate.Range(min=more.pop("least", 0)), strict=True, **said(text, **more))


def sandboxed() -> Always:
    """Return the field of what a sandbox took in."""
    says = "Stands in what a sandbox took in: nobody looks at it, and nothing will be done."
    return Always(metadata={"description": says})


class JournalSchema(Open):
    """Where the platform's journal holds this."""

    leaf = Shaped(_HEX, error="Not a digest.", **said("The RFC 6962 leaf hash of the journal's entry, in hexadecimal."))
    salt = Shaped(_SALT, error="Not a salt.", **said("Opens the entry's commitment to the body that was sent."))
    checkpoint = fields.String(
        **said(
            "The newest signed checkpoint of the journal (C2SP tlog-checkpoint); null before the first.",
            allow_none=True,
        )
    )


class ItemStateSchema(Open):
    """One item of a referral, as it stands."""

    id = identifier("itm", "The platform's id of the item.")
    reference = fields.String(**said("The agency's own reference of the item."))
    status = Code(ItemStatus, **said("Where the item stands."))
    outcome = Code(Outcome, **said("What was decided, once the agency may know.", allow_none=True))


class ReceiptSchema(Open):
    """The receipt of a referral."""

    example = {
        "id": "ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN",
        "agency_reference": "EX-2025-0031",
        "instrument": "eu.iru.referral",
        "received_at": "2025-03-02T08:12:04.311+00:00",
        "due_at": "2025-03-03T08:12:04.311+00:00",
        "due_kind": "house",
        "due_rule": "House target: answer referrals within 24 hours",
        "binding": False,
        "status_path": "/v1/referrals/ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN",
        "items": [
            {"id": "itm_01KM5W6Q1BM2V6D8K5X0E7JQSA", "reference": "31-1", "status": "received", "outcome": None},
            {"id": "itm_01KM5W6Q1C9N4G1P3W7V6YB5RT", "reference": "31-2", "status": "received", "outcome": None},
        ],
        "journal": {"leaf": "6f0c" * 16, "salt": "a1d4" * 8, "checkpoint": None},
    }

    id = identifier("ref", "The platform's id of the referral. Keep it.")
    agency_reference = fields.String(**said("The agency's own reference."))
    instrument = fields.String(**said("The legal kind of the referral."))
    received_at = Timestamp(**said("When it was received: the clock begins here."))
    due_at = Timestamp(**said("Until when it is to be decided, or carried out where it is binding."))
    due_kind = Code(ClockKind, **said("`legal` for a deadline in law, `house` for the platform's own target."))
    due_rule = fields.String(**said("The rule that set `due_at`."))
    binding = Flag(**said("Whether it must be obeyed."))
    status_path = fields.String(**said("Where its state is read, from the root of the API."))
    items = fields.List(fields.Nested(ItemStateSchema), **said("The items, in the order as sent."))
    journal = fields.Nested(JournalSchema, **said("The proof that it was received."))
    sandbox = sandboxed()


class DecisionSchema(Open):
    """A decision that has taken effect, in codes: what moderators wrote is for the uploader, and may name others."""

    example = {
        "id": "dec_01KM5Z3B8X6T1W9R4E7C0H5NQJ",
        "outcome": "access_disabled",
        "territories": ["AT", "BE"],
        "ground": "law",
        "category": "STATEMENT_CATEGORY_VIOLENCE",
        "impossibility": None,
        "automated": False,
        "decided_at": "2025-03-02T10:01:58.002+00:00",
        "effective_at": "2025-03-02T10:02:28.002+00:00",
    }

    id = identifier("dec", "The platform's id of the decision.")
    outcome = Code(Outcome, **said("What was decided."))
    territories = Codes(TERRITORIES, most=len(TERRITORIES), **said("Where access ends, for `access_disabled`."))
    ground = Code(GroundKind, **said("What it rests on: the law, or the platform's terms.", allow_none=True))
    category = Code(
        [*dict.fromkeys((*CATEGORIES, *ORDER_CATEGORIES))],
        **said("The Commission's code of what was found.", allow_none=True),
    )
    impossibility = Code(
        Impossibility, **said("Why it cannot be carried out: Reg. (EU) 2021/784 Art. 3(7) and (8).", allow_none=True)
    )
    automated = Flag(**said("Whether automated means decided: Reg. (EU) 2022/2065 Art. 16(6). Here a person does."))
    decided_at = Timestamp(**said("When the moderator decided."))
    effective_at = Timestamp(**said("When the decision left its undo window."))


class ItemStatusSchema(ItemStateSchema):
    """One item of a referral, with its clock and the decision that answers it."""

    due_at = Timestamp(**said("Until when it waits; null where its clock stands or nothing waits.", allow_none=True))
    updated_at = Timestamp(**said("When it last moved."))
    decision = fields.Nested(DecisionSchema, **said("The decision that answers it.", allow_none=True))


class QuestionSchema(Open):
    """What a moderator asked."""

    example = {
        "id": "qst_01KM5X0A4B8C2D6E1F9G3H7J5K",
        "reason_code": "not_precise",
        "text": "Which of the two posts under this link do you mean?",
        "items": ["31-1"],
        "asked_at": "2025-03-02T09:01:12.440+00:00",
        "answered_at": None,
    }

    id = identifier("qst", "The id of the question, for `answers` in a supplement.")
    reason_code = Code(QuestionReason, **said("Why it is asked."))
    text = fields.String(**said("What is asked."))
    items = fields.List(fields.String(), **said("The agency's references of the items it is about."))
    asked_at = Timestamp(**said("When it was asked."))
    answered_at = Timestamp(**said("When the agency answered.", allow_none=True))


class SupplementViewSchema(Open):
    """A supplement that was received."""

    id = identifier("sup", "The id of the supplement.")
    answers = fields.String(**said("The question that it answers.", allow_none=True))
    received_at = Timestamp(**said("When it was received."))
    items = fields.List(fields.String(), **said("The agency's references of the items it is about."))


class ComplaintItemSchema(Open):
    """An item that was complained about."""

    reference = fields.String(**said("The agency's own reference of the item."))
    result = Code(Result, **said("What became of the complaint.", allow_none=True))


class ComplaintViewSchema(Open):
    """A complaint that was received."""

    id = identifier("cpl", "The id of the complaint.")
    received_at = Timestamp(**said("When it was received."))
    items = fields.List(fields.Nested(ComplaintItemSchema), **said("The items, each with its result."))


class ReferralStatusSchema(Open):
    """A referral as it stands."""

    id = identifier("ref", "The platform's id of the referral.")
    agency_reference = fields.String(**said("The agency's own reference."))
    instrument = fields.String(**said("The legal kind of the referral."))
    received_at = Timestamp(**said("When it was received."))
    due_at = Timestamp(**said("Until when it was to be decided when it came."))
    due_kind = Code(ClockKind, **said("`legal` for a deadline in law, `house` for the platform's own target."))
    due_rule = fields.String(**said("The rule that set `due_at`."))
    updated_at = Timestamp(**said("When it last changed."))
    sequence = count(
        'How many changes there were. `"r` and this and `"` is the ETag; once deleted `"r`, this, `-purged"`.',
        least=1,
    )
    status_path = fields.String(**said("Its own path, from the root of the API."))
    purged_at = Timestamp(**said("Since when its content is deleted; null while it is kept.", allow_none=True))
    items = fields.List(fields.Nested(ItemStatusSchema), **said("The items, in the order as sent."))
    questions = fields.List(fields.Nested(QuestionSchema), **said("What moderators asked."))
    supplements = fields.List(fields.Nested(SupplementViewSchema), **said("What the agency added."))
    complaints = fields.List(fields.Nested(ComplaintViewSchema), **said("What the agency complained about."))
    sandbox = sandboxed()


class ReferralsPageSchema(Open):
    """A page of the agency's own referrals, by the time of their last change."""

    referrals = fields.List(fields.Nested(ReferralStatusSchema), **said("The referrals, oldest change first."))
    next = fields.String(**said("The `cursor` of the next page; null at the end.", allow_none=True))


class MessageAcceptedSchema(Open):
    """The answer to a supplement, a withdrawal or a complaint."""

    example = {
        "id": "sup_01KM5Y2B6C0D4E8F3G7H1J5K9M",
        "kind": "supplement",
        "referral": "ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN",
        "sequence": 4,
        "received_at": "2025-03-02T09:30:00.000+00:00",
        "items": [{"id": "itm_01KM5W6Q1BM2V6D8K5X0E7JQSA", "reference": "31-1", "status": "received", "outcome": None}],
    }

    id = fields.String(**said("The platform's id of the message."))
    kind = Code([MessageKind.SUPPLEMENT, MessageKind.WITHDRAWAL, MessageKind.COMPLAINT], **said("What it is."))
    referral = identifier("ref", "The referral that it is about.")
    sequence = count("Where the referral stands now.", least=1)
    received_at = Timestamp(**said("When it was received."))
    items = fields.List(fields.Nested(ItemStateSchema), **said("The items that it names, as they stand now."))


class PendingSchema(Open):
    """An address that has not given its challenge back yet."""

    url = fields.String(**said("The address."))
    since = Timestamp(**said("When it was named."))


class EndpointViewSchema(Open):
    """The agency's callback address, and how it does."""

    example = {
        "id": "end_01KM5W4N2Q8R6T1V9X3Y7Z5B0C",
        "url": None,
        "state": "unverified",
        "public_key": "whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "pending": {"url": "https://unit.example/callbacks", "since": "2025-03-02T08:00:00+00:00"},
        "failures": 0,
        "resting_until": None,
        "last_success_at": None,
        "created_at": "2025-03-02T08:00:00.000+00:00",
        "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    }

    id = identifier("end", "The id of the endpoint.")
    url = fields.String(**said("Where callbacks go; null until an address was verified.", allow_none=True))
    state = Code(
        ["unverified", "active", "disabled"],
        **said("`disabled` after the address answered 410, or nothing arrived for days."),
    )
    public_key = fields.String(
        **said("Checks the `v1a` signatures of your callbacks (Ed25519): `whpk_` and base64."),
        validate=validate.Length(min=40),
    )
    pending = fields.Nested(PendingSchema, **said("The address that waits to be verified.", allow_none=True))
    failures = count("Failures since the last success.")
    resting_until = Timestamp(**said("Until when the address is left in peace.", allow_none=True))
    last_success_at = Timestamp(**said("When a callback last arrived.", allow_none=True))
    created_at = Timestamp(**said("When an address was first named.", allow_none=True))
    secret = fields.String(
        metadata={"description": "What callbacks are signed with: shown here once, when it is new."},
        validate=validate.Length(min=40),
    )


class DeliverySchema(Open):
    """A callback, as it was sent or is to be sent."""

    example = {
        "id": "msg_01KM5Z3C7Q4M8D2V6J1S9YXKAW",
        "type": "item.effected",
        "referral": "ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN",
        "state": "due",
        "attempts": 2,
        "last_status": 503,
        "last_error": "status 503",
        "created_at": "2025-03-02T10:02:31.870+00:00",
        "next_attempt_at": "2025-03-02T10:03:41.000+00:00",
        "delivered_at": None,
    }

    id = identifier("msg", "The `webhook-id`.")
    type = fields.String(**said("The type of the event."))
    referral = identifier("ref", "The referral that it is about.", allow_none=True)
    state = Code(EffectState, **said("`dead`: given up. `feed`: to be polled, there was no address."))
    attempts = count("How often it was tried.")
    last_status = fields.Integer(**said("The HTTP status of the last answer.", allow_none=True))
    last_error = fields.String(**said("What went wrong last.", allow_none=True))
    created_at = Timestamp(**said("When it was written."))
    next_attempt_at = Timestamp(**said("When it is tried next.", allow_none=True))
    delivered_at = Timestamp(**said("When it arrived.", allow_none=True))


class DeliveriesPageSchema(Open):
    """A page of callbacks, newest first."""

    deliveries = fields.List(fields.Nested(DeliverySchema), **said("The callbacks."))
    next = fields.String(**said("The `cursor` of the next page; null at the end.", allow_none=True))


class TestSentSchema(Open):
    """The test event that was written."""

    id = identifier("msg", "Its `webhook-id`.")
    type = Code(["endpoint.test"], **said("Its type."))
    state = Code(["due"], **said("It is on its way."))
