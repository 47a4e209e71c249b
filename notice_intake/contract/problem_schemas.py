"""The schema of a problem document (RFC 9457), of what explains one, and of the lines that answer a stream."""

from __future__ import annotations

from marshmallow import fields, validate

from .answers import Open, ReceiptSchema, count, identifier, said
from .fields import Code, Const, Flag, Shaped

TYPE_PATTERN = r"^([!-~]*)/v1/problems/[a-z0-9-]+$"


class FaultSchema(Open):
    """One fault in what was sent."""

    pointer = fields.String(
        **said("JSON Pointer (RFC 6901) to the fault, empty for the whole; a query parameter is `/` and its name.")
    )
    code = Shaped(r"^[a-z_]+$", error="Not a code.", **said("A stable word for what is wrong."))
    detail = fields.String(**said("What to change."))


class RefusalSchema(Open):
    """Why something was refused."""

    type = Shaped(
        TYPE_PATTERN, error="Not a type.", longest=2000, **said("Which problem it is; the address of its explanation.")
    )
    title = fields.String(**said("The problem in a few words, the same each time."))
    status = fields.Integer(validate=validate.Range(400, 599), strict=True, **said("The HTTP status."))
    detail = fields.String(**said("What happened, and what to do."))
    errors = fields.List(
        fields.Nested(FaultSchema), metadata={"description": "Each fault of an `invalid-document`, at most 100."}
    )
    referral = identifier("ref", "The referral that holds the reference: `reference-taken`.", required=False)
    sequence = count("Where the referral stands: `referral-changed`.", required=False)
    violated_policies = fields.List(
        Code(["agency", "address", "credentials"]),
        data_key="violated-policies",
        metadata={"description": "Which limit was passed: `quota-exceeded`."},
    )
    retry_after = count("How many seconds to wait: `quota-exceeded`.", required=False)


class ProblemSchema(RefusalSchema):
    """A problem document: RFC 9457."""

    example = {
        "type": "/notices/v1/problems/invalid-document",
        "title": "The document breaks the contract",
        "status": 422,
        "detail": "The document breaks the contract: each fault is listed with a pointer to it.",
        "errors": [{"pointer": "/language", "code": "required", "detail": "This field is missing. Add it."}],
        "instance": "req_01KM5W8TQ2S6F9X3B7N0C4ZJYE",
    }

    instance = identifier("req", "The id of the request, as in `X-Request-Id`: name it when you ask for help.")


class StoredLineSchema(Open):
    """A line of a stream that was stored."""

    line = count("The number of the line, from 1.", least=1)
    status = fields.Integer(validate=validate.Equal(201), strict=True, **said("201."))
    replayed = Flag(metadata={"description": "True where it had been stored before; else it is not there."})
    receipt = fields.Nested(ReceiptSchema, **said("The receipt."))


class RefusedLineSchema(Open):
    """A line of a stream that was refused."""

    line = count("The number of the line, from 1.", least=1)
    status = fields.Integer(validate=validate.Range(400, 599), strict=True, **said("What it would have been answered."))
    problem = fields.Nested(RefusalSchema, **said("Why."))


class ExplanationSchema(Open):
    """What a problem means."""

    title = fields.String(**said("The problem in a few words."))
    status = fields.Integer(validate=validate.Range(400, 599), strict=True, **said("The HTTP status."))
    detail = fields.String(**said("What happened."))
    advice = fields.String(**said("What to do."))


class HealthSchema(Open):
    """The process answers."""

    status = Const("ok", **said("Always `ok`."))


class ChecksSchema(Open):
    """What was looked at, each with `ok` or a word for what is wrong."""

    database = Code(
        ["ok", "unreachable", "cannot be written"], **said("Whether the database answers, and can be written.")
    )
    tables = Code(["ok", "not upgraded"], metadata={"description": "Whether its tables are those that are needed."})
    keys = Code(["ok", "one is missing"], metadata={"description": "Whether stored secrets can be read."})
    worker = Code(
        ["ok", "work is waiting", "none is running"], metadata={"description": "Whether work is done in time."}
    )
    limits = Code(
        ["ok", "counted in each process"],
        metadata={"description": "Whether the store that counts requests answers; only where there is one."},
    )


class ReadySchema(Open):
    """Whether it is ready."""

    checks = fields.Nested(ChecksSchema, **said("What was looked at."))


class KeySchema(Open):
    """A public key (RFC 7517)."""

    kty = Code(["OKP", "EC", "RSA"], **said("The kind of key."))
    kid = Shaped(r"^[A-Za-z0-9_-]{43}$", error="Not a thumbprint.", **said("Its thumbprint (RFC 7638)."))
    use = Const("sig", **said("It signs."))
    alg = fields.String(**said("The algorithm, as JOSE names it."))
    crv = fields.String(metadata={"description": "The curve."})
    x = fields.String(metadata={"description": "The public key, in base64url."})


class KeysSchema(Open):
    """A JWK Set (RFC 7517 section 5): the keys that answers are signed with; empty where nothing is signed."""

    keys = fields.List(fields.Nested(KeySchema), **said("The keys."))
