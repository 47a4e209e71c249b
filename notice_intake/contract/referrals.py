"""The referral, version 1: the fields that every instrument shares.

This is the one definition. The published JSON Schema is generated from it, and the fast path that accepts referrals
is compiled from that schema (``contract.compiled``).
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from ..core.catalogue import KEYWORDS, NOTICE_CATEGORIES
from ..core.codes import ContentKind, Disclosure, GroundKind
from .fields import (
    EMAIL_PATTERN,
    Code,
    Codes,
    Flag,
    Language,
    Line,
    OneOfKind,
    Shaped,
    Text,
    Timestamp,
)

MAX_ITEMS = 100
MAX_URL = 2048
MAX_TEXT = 20_000

#: Digests that agencies use, with the length of their hexadecimal form.
HASHES = {"md5": 32, "sha-1": 40, "sha-256": 64, "sha-384": 96, "sha-512": 128, "pdq": 64, "tmk": 64, "photodna": 288}


class Strict(Schema):
    """A schema that refuses fields it does not know."""

    class Meta:
        unknown = RAISE


class OperationSchema(Strict):
    """A coordinated action that several referrals belong to."""

    code = Shaped(r"^[A-Za-z0-9._-]+$", error="Use letters, digits, dot, dash, underscore.", longest=64, required=True)
    name = Line(longest=200)


class GroundSchema(Strict):
    """Why the agency holds that the content should not stay: a provision of law, or a clause of the terms."""

    kind = Code(GroundKind, required=True)
    reference = Line(longest=500)
    explanation = Text(longest=MAX_TEXT)


class HashSchema(Strict):
    """A digest of the file."""

    algorithm = Code(HASHES, required=True)
    value = Shaped(r"^[0-9A-Fa-f]+$", error="Write the digest in hexadecimal.", longest=288, required=True)

    @validates_schema(skip_on_field_errors=True)
    def _length_fits(self, data: dict[str, Any], **_: Any) -> None:
        wanted = HASHES[data["algorithm"]]
        if len(data["value"]) != wanted:
            raise ValidationError(f"A {data['algorithm']} digest has {wanted} hexadecimal digits.", "value")

    @staticmethod
    def publish(schema: dict[str, Any]) -> None:
        """Say in JSON Schema what ``_length_fits`` says."""
        schema["oneOf"] = [
            {"properties": {"algorithm": {"const": name}, "value": {"minLength": size, "maxLength": size}}}
            for name, size in HASHES.items()
        ]


def _hashes(**options: Any) -> fields.List[Any]:
    return fields.List(fields.Nested(HashSchema), validate=validate.Length(min=1, max=10), **options)


class UrlTarget(Strict):
    """Content under a link. Defanged notation (``hxxps``, ``[.]``) is understood."""

    kind = Code(["url"], required=True)
    url = Text(longest=MAX_URL, required=True)
    hashes = _hashes()


class FileTarget(Strict):
    """A file, wherever it is on the platform, by its digests."""

    kind = Code(["file"], required=True)
    hashes = _hashes(required=True)


class NamedTarget(Strict):
    """Something with a name of its own: at least one of ``url``, ``id`` and ``handle``."""

    url = Text(longest=MAX_URL)
    id = Line(longest=200)
    handle = Shaped(
        r"^@?[^@\x00-\x20\x7f]+$",
        error="Write the handle as @name: at most one @, a name behind it, and no blanks.",
        longest=200,
    )

    @validates_schema(skip_on_field_errors=True)
    def _has_a_name(self, data: dict[str, Any], **_: Any) -> None:
        if not data.keys() & {"url", "id", "handle"}:
            raise ValidationError("Give at least one of url, id and handle.", "_schema")

    @staticmethod
    def publish(schema: dict[str, Any]) -> None:
        """Say in JSON Schema what ``_has_a_name`` says."""
        schema["anyOf"] = [{"required": [name]} for name in ("url", "id", "handle")]


class AccountTarget(NamedTarget):
    """An account of the platform."""

    kind = Code(["account"], required=True)


class ChannelTarget(NamedTarget):
    """A channel, group or page of the platform."""

    kind = Code(["channel"], required=True)


TARGETS = {"url": UrlTarget, "account": AccountTarget, "channel": ChannelTarget, "file": FileTarget}


class ContentSchema(Strict):
    """What the agency knows about the content."""

    kind = Code(ContentKind)
    languages = fields.List(Language(), validate=validate.Length(max=10))
    producer = Line(longest=200)
    published_at = Timestamp()
    graphic = Flag()
    title = Line(longest=500)
    also_at = fields.List(Text(longest=MAX_URL), validate=validate.Length(max=50))


class ItemSchema(Strict):
    """One target, with the agency's own reference for it."""

    reference = Line(longest=200, required=True)
    target = OneOfKind(TARGETS, required=True)
    content = fields.Nested(ContentSchema)
    reasons = Text(longest=MAX_TEXT)


class ReasonedItemSchema(ItemSchema):
    """An item that says why: Reg. (EU) 2022/2065 Art. 16(2)(a), Reg. (EU) 2021/784 Art. 3(4)(b)."""

    reasons = Text(longest=MAX_TEXT, required=True)


class UrgencySchema(Strict):
    """Whether somebody's life or safety is in danger."""

    threat_to_life = Flag()
    explanation = Text(longest=2000)


class DisclosureSchema(Strict):
    """Whether the uploader may be told, and if not, until when."""

    uploader = Code(Disclosure, required=True)
    until = Timestamp()


class ContactSchema(Strict):
    """Whom the platform's moderators can ask."""

    name = Line(longest=200)
    email = Shaped(EMAIL_PATTERN, error="Write an e-mail address.")
    phone = Line(longest=50)


class NotifierSchema(ContactSchema):
    """Name and e-mail address of the notifier: Reg. (EU) 2022/2065 Art. 16(2)(c)."""

    name = Line(longest=200, required=True)
    email = Shaped(EMAIL_PATTERN, error="Write an e-mail address.", required=True)


class ReferralSchema(Strict):
    """What every referral holds; each regime adds to it."""

    instrument: fields.String = Line(longest=100, required=True)
    agency_reference = Line(longest=200, required=True)
    issued_at = Timestamp()
    language = Language(required=True)
    operation = fields.Nested(OperationSchema)
    category = Code(NOTICE_CATEGORIES, required=True)
    keywords = Codes(KEYWORDS, most=20)
    grounds = fields.List(fields.Nested(GroundSchema), validate=validate.Length(min=1, max=10), required=True)
    items = fields.List(fields.Nested(ItemSchema), validate=validate.Length(min=1, max=MAX_ITEMS), required=True)
    urgency = fields.Nested(UrgencySchema)
    disclosure = fields.Nested(DisclosureSchema)
    contact = fields.Nested(ContactSchema)
