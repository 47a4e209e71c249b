"""Removal orders against terrorist content: Reg. (EU) 2021/784 Art. 3 and Annex I. One hour from receipt.

The sections named below are those of the Annex I form. Where the text of the Annex could not be read in the Official
Journal, fields are optional rather than guessed to be mandatory; what Art. 3(4) lists is mandatory.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from marshmallow import fields, validate

from ..contract.fields import EMAIL_PATTERN, Code, Codes, Const, Country, Flag, Line, Shaped, Text, Timestamp
from ..contract.referrals import MAX_ITEMS, GroundSchema, ReasonedItemSchema, ReferralSchema, Strict
from ..core.catalogue import EU, ORDER_CATEGORIES
from ..core.clocks import ClockKind, ClockRule
from ..core.codes import GroundKind, Outcome
from ..core.instruments import Country as Place
from ..core.instruments import Details, Instrument, Value, Word
from ..core.retention import PRESERVATION
from .regime import Regime

#: Art. 2(7)(a) to (e).
CONTENT_TYPES = {
    "incitement": "incites to terrorist offences, for instance by glorifying them (Art. 2(7)(a))",
    "solicitation_to_commit": "solicits to commit or contribute to terrorist offences (Art. 2(7)(b))",
    "solicitation_to_participate": "solicits to take part in a terrorist group (Art. 2(7)(c))",
    "instruction": "instructs on explosives, weapons or other methods (Art. 2(7)(d))",
    "threat": "threatens to commit a terrorist offence (Art. 2(7)(e))",
}
AUTHORITY_TYPES = {
    "judge": "Judge",
    "court": "Court",
    "investigating_judge": "Investigating judge",
    "law_enforcement": "Law enforcement authority",
    "other": "Another authority",
}


class RepresentativeSchema(Strict):
    """Who signs for the issuing authority (section E)."""

    name = Line(longest=200, required=True)
    post = Line(longest=200)


class IssuingAuthoritySchema(Strict):
    """The issuing authority (section E)."""

    type = Code(AUTHORITY_TYPES, required=True)
    name = Line(longest=300, required=True)
    member_state = Country(required=True)
    representative = fields.Nested(RepresentativeSchema)
    file_number = Line(longest=200)
    address = Text(longest=500)
    phone = Line(longest=50)
    email = Shaped(EMAIL_PATTERN, error="Write an e-mail address.")


class AddresseeSchema(Strict):
    """The hosting service provider and its legal representative (section A)."""

    name = Line(longest=300, required=True)
    legal_representative = Line(longest=300)
    member_state = Country()
    contact_point = Shaped(EMAIL_PATTERN, error="Write an e-mail address.")


class SignatureSchema(Strict):
    """Date, time stamp and electronic signature: Art. 3(4)(e)."""

    signed_at = Timestamp(required=True)
    signatory = Line(longest=200, required=True)
    #: The detached signature as it came, in base64, where there is one.
    value = Shaped(r"^[A-Za-z0-9+/=]+$", error="Write the signature in base64.", longest=16_384)


class RedressSchema(Strict):
    """Where and until when the order can be challenged (section G): Art. 3(4)(f)."""

    body = Line(longest=300, required=True)
    deadline = Line(longest=200, required=True)
    procedure = Text(longest=2000)
    law = Text(longest=500)


class HomeAuthoritySchema(Strict):
    """The authority of the provider's own Member State (sections D and F): Art. 4(1)."""

    name = Line(longest=300)
    email = Shaped(EMAIL_PATTERN, error="Write an e-mail address.")
    copied = Flag(required=True)


class OrderSchema(Strict):
    """What Annex I adds to a referral."""

    issuing_authority = fields.Nested(IssuingAuthoritySchema, required=True)
    addressee = fields.Nested(AddresseeSchema, required=True)
    main_establishment = Country()
    terrorist_content_types = Codes(CONTENT_TYPES, most=5, least=1, required=True)
    signature = fields.Nested(SignatureSchema, required=True)
    redress = fields.List(fields.Nested(RedressSchema), validate=validate.Length(min=1, max=10), required=True)
    home_authority = fields.Nested(HomeAuthoritySchema)
    follow_up = Text(longest=1000)


class RemovalOrderSchema(ReferralSchema):
    """A removal order: Art. 3(4) and Annex I."""

    example = {
        "instrument": "eu.tco.removal_order",
        "agency_reference": "EX-2025-0033",
        "issued_at": "2025-03-02T09:30:00+01:00",
        "language": "en",
        "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
        "keywords": ["KEYWORD_TERRORIST_CONTENT"],
        "grounds": [{"kind": "law", "reference": "Reg. (EU) 2021/784 Art. 3"}],
        "items": [
            {
                "reference": "33-1",
                "target": {"kind": "url", "url": "https://platform.example/p33"},
                "reasons": "A sufficiently detailed statement of reasons.",
            }
        ],
        "disclosure": {"uploader": "withhold"},
        "removal_order": {
            "issuing_authority": {
                "type": "law_enforcement",
                "name": "Example Authority",
                "member_state": "BE",
                "representative": {"name": "Officer A", "post": "Duty officer"},
                "file_number": "EX/33",
                "phone": "+32 2 000 00 00",
                "email": "orders@authority.example",
            },
            "addressee": {"name": "Example Platform", "member_state": "IE"},
            "main_establishment": "IE",
            "terrorist_content_types": ["incitement"],
            "signature": {"signed_at": "2025-03-02T09:30:00+01:00", "signatory": "Officer A"},
            "redress": [{"body": "Example Court", "deadline": "30 days from notification"}],
            "home_authority": {"name": "Example Home Authority", "copied": True},
        },
    }

    instrument = Const("eu.tco.removal_order", required=True)
    issued_at = Timestamp(required=True)
    category = Code(ORDER_CATEGORIES, required=True)
    grounds = fields.List(fields.Nested(GroundSchema), validate=validate.Length(min=1, max=10))
    items = fields.List(
        fields.Nested(ReasonedItemSchema), validate=validate.Length(min=1, max=MAX_ITEMS), required=True
    )
    removal_order = fields.Nested(OrderSchema, required=True)


def _order_details(document: Mapping[str, Any]) -> Details:
    order = document.get("removal_order", {})
    authority, addressee = order.get("issuing_authority", {}), order.get("addressee", {})
    person = authority.get("representative", {})
    signature = order.get("signature", {})
    rows: list[tuple[str, Value | tuple[Value, ...]]] = [
        ("Issuing authority", authority.get("name", "")),
        ("Member State", _place(authority.get("member_state"))),
        ("Kind of authority", _word(AUTHORITY_TYPES, authority.get("type", ""))),
        ("Signed for it by", ", ".join(filter(None, (person.get("name"), person.get("post"))))),
        ("File number", authority.get("file_number", "")),
        ("Telephone", authority.get("phone", "")),
        ("E-mail", authority.get("email", "")),
        ("Addressee", addressee.get("name", "")),
        ("Legal representative", addressee.get("legal_representative", "")),
        ("Main establishment", _place(order.get("main_establishment"))),
        ("The content", tuple(_word(CONTENT_TYPES, one) for one in order.get("terrorist_content_types", ()))),
        ("Signature", signature.get("signatory", "")),
        ("Signed", datetime.fromisoformat(signature["signed_at"]) if "signed_at" in signature else ""),
        ("Follow-up", order.get("follow_up", "")),
    ]
    rows += [("Redress", f"{one['body']}, {one['deadline']}") for one in order.get("redress", ())]
    return tuple((label, value) for label, value in rows if value)


def _place(code: str | None) -> Value:
    return Place(code) if code else ""


def _word(words: Mapping[str, str], code: str) -> Value:
    return Word(words[code]) if code in words else code


REMOVAL_ORDER = Instrument(
    code="eu.tco.removal_order",
    name="TCO removal order",
    source="Reg. (EU) 2021/784 Art. 3",
    binding=True,
    clock=ClockRule(ClockKind.LEGAL, timedelta(hours=1), "Art. 3(3) Reg. (EU) 2021/784: one hour from receipt"),
    outcomes=(Outcome.REMOVED, Outcome.ACCESS_DISABLED, Outcome.ALREADY_GONE, Outcome.NOT_POSSIBLE),
    ground=GroundKind.LAW,
    undoable=False,
    covers=EU,
    stops_for_questions=True,  # Art. 3(8)
    past_times=(("removal_order", "signature", "signed_at"),),
    retention=PRESERVATION,
    details=_order_details,
)

REGIME = Regime(code="eu.tco", name="Terrorist content online", instruments=((REMOVAL_ORDER, RemovalOrderSchema),))
