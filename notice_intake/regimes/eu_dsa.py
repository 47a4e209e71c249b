"""Notices under the Digital Services Act: Reg. (EU) 2022/2065 Art. 16 (anybody) and Art. 22 (trusted flaggers)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from ..contract.fields import Always, Const, Country, Line
from ..contract.referrals import MAX_ITEMS, ContactSchema, NotifierSchema, ReasonedItemSchema, ReferralSchema
from ..core.clocks import ClockKind, ClockRule
from ..core.codes import GroundKind, Outcome
from ..core.instruments import Country as Place
from ..core.instruments import Details, Instrument, Value, Word
from ..core.retention import COMPLAINTS
from .regime import Regime

#: Name and e-mail address may be missing only here: Art. 16(2)(c), offences in Dir. 2011/93/EU Arts. 3 to 7.
ANONYMOUS_KEYWORDS = ("KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL", "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE")


class NoticeSchema(ReferralSchema):
    """A notice: Art. 16(2)."""

    example = {
        "instrument": "eu.dsa.notice",
        "agency_reference": "EX-2025-0034",
        "language": "en",
        "category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        "grounds": [{"kind": "law", "reference": "Example Act, section 12"}],
        "items": [
            {
                "reference": "34-1",
                "target": {"kind": "url", "url": "https://platform.example/p34"},
                "reasons": "A sufficiently substantiated explanation why the content is illegal.",
            }
        ],
        "good_faith": True,
        "contact": {"name": "Example Office", "email": "notices@office.example"},
    }

    instrument = Const("eu.dsa.notice", required=True)
    good_faith = Always(required=True)
    items = fields.List(
        fields.Nested(ReasonedItemSchema), validate=validate.Length(min=1, max=MAX_ITEMS), required=True
    )
    contact = fields.Nested(ContactSchema)

    @validates_schema(skip_on_field_errors=True)
    def _is_signed(self, data: dict[str, Any], **_: Any) -> None:
        if set(ANONYMOUS_KEYWORDS) & set(data.get("keywords", ())):
            return
        detail = "Name the notifier and an e-mail address: Art. 16(2)(c) asks for both, but for child sexual abuse."
        if "contact" not in data:
            raise ValidationError({"contact": [detail]})
        missing = {"name", "email"} - data["contact"].keys()
        if missing:
            raise ValidationError({"contact": {name: [detail] for name in sorted(missing)}})

    @staticmethod
    def publish(schema: dict[str, Any]) -> None:
        """Say in JSON Schema what ``_is_signed`` says."""
        anonymous = {"contains": {"enum": list(ANONYMOUS_KEYWORDS)}}
        schema["anyOf"] = [
            {"required": ["keywords"], "properties": {"keywords": anonymous}},
            {"required": ["contact"], "properties": {"contact": {"required": ["name", "email"]}}},
        ]


class TrustedFlaggerNoticeSchema(ReferralSchema):
    """A notice by a trusted flagger, inside its area of expertise: Art. 22(1)."""

    example = {
        "instrument": "eu.dsa.trusted_flagger_notice",
        "agency_reference": "EX-2025-0032",
        "language": "en",
        "category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        "grounds": [
            {"kind": "law", "reference": "Example Act, section 12", "explanation": "Why the content breaks it."}
        ],
        "items": [
            {
                "reference": "32-1",
                "target": {"kind": "url", "url": "https://platform.example/p32"},
                "reasons": "A substantiated explanation why the content is illegal.",
            }
        ],
        "good_faith": True,
        "expertise": "Consumer protection",
        "awarded_by": "IE",
        "contact": {"name": "Example Flagger", "email": "notices@flagger.example"},
    }

    instrument = Const("eu.dsa.trusted_flagger_notice", required=True)
    good_faith = Always(required=True)
    items = fields.List(
        fields.Nested(ReasonedItemSchema), validate=validate.Length(min=1, max=MAX_ITEMS), required=True
    )
    contact = fields.Nested(NotifierSchema, required=True)
    expertise = Line(longest=200)
    awarded_by = Country()


def _notice_details(document: Mapping[str, Any]) -> Details:
    good_faith = Word("stated (Art. 16(2)(d))" if document.get("good_faith") else "not stated")
    rows: list[tuple[str, Value]] = [("Good faith", good_faith)]
    if document.get("expertise"):
        rows.append(("Area of expertise", str(document["expertise"])))
    if document.get("awarded_by"):
        rows.append(("Status awarded in", Place(str(document["awarded_by"]))))
    return tuple(rows)


NOTICE = Instrument(
    code="eu.dsa.notice",
    name="DSA notice",
    source="Reg. (EU) 2022/2065 Art. 16",
    binding=False,
    clock=ClockRule(
        ClockKind.HOUSE, timedelta(hours=72), "House target 72 hours; Art. 16(6) DSA asks for a timely decision"
    ),
    outcomes=(
        Outcome.REMOVED,
        Outcome.ACCESS_DISABLED,
        Outcome.VISIBILITY_RESTRICTED,
        Outcome.ACCOUNT_SUSPENDED,
        Outcome.ACCOUNT_TERMINATED,
        Outcome.NO_ACTION,
        Outcome.ALREADY_GONE,
        Outcome.NOT_FOUND,
        Outcome.NOT_POSSIBLE,
    ),
    ground=GroundKind.LAW,
    source_type="SOURCE_ARTICLE_16",
    retention=COMPLAINTS,
    details=_notice_details,
)

TRUSTED_FLAGGER_NOTICE = replace(
    NOTICE,
    code="eu.dsa.trusted_flagger_notice",
    name="Trusted flagger notice",
    source="Reg. (EU) 2022/2065 Art. 22",
    clock=ClockRule(
        ClockKind.HOUSE, timedelta(hours=24), "House target 24 hours; Art. 22(1) DSA gives trusted flaggers priority"
    ),
    source_type="SOURCE_TRUSTED_FLAGGER",
)

REGIME = Regime(
    code="eu.dsa",
    name="Digital Services Act",
    instruments=((NOTICE, NoticeSchema), (TRUSTED_FLAGGER_NOTICE, TrustedFlaggerNoticeSchema)),
)
