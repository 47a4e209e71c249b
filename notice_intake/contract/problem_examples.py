"""An example of every problem, and of every code in ``errors``: a request, and what it is answered.

``tests/contract/test_examples.py`` sends each of these requests and gets each of these answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import (
    BodyTooLarge,
    Conflict,
    CredentialsRefused,
    DocumentRefused,
    FieldError,
    InstrumentNotAllowed,
    KeyRefused,
    KeyReused,
    MalformedBody,
    NotFound,
    NoticeIntakeError,
    PreconditionMissing,
    PreconditionRefused,
    ReferenceTaken,
    ReferralChanged,
    ScopeMissing,
    SignaturesUnavailable,
    TemporarilyUnavailable,
    TooManyRequests,
    UnsupportedMediaType,
)
from .problems import PLAIN, problem_of, type_of

ROOT = "/notices"
REFERRAL = "ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN"
REQUEST = "req_01KM5W8TQ2S6F9X3B7N0C4ZJYE"
#: The smallest referral.
DOCUMENT: Mapping[str, Any] = {
    "instrument": "eu.iru.referral",
    "agency_reference": "EX-2025-0031",
    "language": "en",
    "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "grounds": [{"kind": "terms", "reference": "Terms of service, 4.2"}],
    "items": [{"reference": "31-1", "target": {"kind": "url", "url": "https://platform.example/p31"}}],
}
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent; a body is text as it goes over the wire, or what is sent as JSON."""

    method: str = "POST"
    path: str = "/v1/referrals"
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """One request that meets a problem."""

    #: The slug of the problem, and after a dot what is special here.
    name: str
    summary: str
    sent: Sent
    document: Mapping[str, Any]

    @property
    def slug(self) -> str:
        """Which problem it is."""
        return self.name.partition(".")[0]

    @property
    def answer(self) -> dict[str, Any]:
        """What it is answered."""
        body = {**self.document, "type": ROOT + self.document["type"], "instance": REQUEST}
        return {"status": self.document["status"], "content-type": "application/problem+json", "body": body}

    @property
    def published(self) -> dict[str, Any]:
        """The example as its file holds it."""
        sent, body = self.sent, self.sent.body
        headers = {"Authorization": "Bearer ni1_…", **({"Content-Type": _JSON} if body is not None else {})}
        request = {"method": sent.method, "path": ROOT + sent.path, "headers": {**headers, **sent.headers}}
        if body is not None:
            request["body"] = body
        return {"summary": self.summary, "request": request, "answer": self.answer}


def _of(name: str, summary: str, sent: Sent, error: NoticeIntakeError) -> Example:
    return Example(name, summary, sent, problem_of(error))


def _plain(status: int, summary: str, sent: Sent, detail: str) -> Example:
    slug, title = PLAIN[status]
    document = {"type": type_of(slug), "title": title, "status": status, "detail": detail}
    return Example(slug, summary, sent, document)


def _refused(name: str, pointer: str, detail: str, body: Any, says: str | None = None) -> Example:
    """Return an example of a fault in a referral."""
    code = name.split(".")[0]
    faults = [FieldError(pointer, code, detail)]
    return _of(f"invalid-document.{name}", says or detail, Sent(body=body), DocumentRefused(faults))


def _with(**changes: Any) -> dict[str, Any]:
    return {**DOCUMENT, **changes}


def _item(**changes: Any) -> dict[str, Any]:
    (item,) = DOCUMENT["items"]
    return _with(items=[{**item, **changes}])


_WITHOUT = {name: value for name, value in DOCUMENT.items() if name != "language"}
_SUPPLEMENT = {"text": "It is the second post under this link."}
_TWICE = [dict(DOCUMENT["items"][0])] * 2
_KEY = '"example-unit:EX-2025-0031"'
_OF_REFERRAL = f"/v1/referrals/{REFERRAL}"

FAULTS: tuple[Example, ...] = (
    _refused("required", "/language", "This field is missing. Add it.", _WITHOUT, "A field is missing"),
    _refused(
        "null",
        "/operation",
        "Leave the field out instead of sending null.",
        _with(operation=None),
        "A field is null",
    ),
    _refused(
        "unknown_field",
        "/langauge",
        "This field is not known here. Take it out, or check its spelling.",
        _with(langauge="en"),
        "A field is not known",
    ),
    _refused("wrong_type", "/agency_reference", "Not a valid string.", _with(agency_reference=31), "Another type"),
    _refused("length", "/items", "Length must be between 1 and 100.", _with(items=[]), "Too few"),
    _refused(
        "invalid", "/language", "Write a language tag such as fr or sr-Latn.", _with(language="?"), "No such form"
    ),
    _refused(
        "not_listed",
        "/grounds/0/kind",
        "Must be one of: law, terms.",
        _with(grounds=[{"kind": "other"}]),
        "No such code",
    ),
    _refused(
        "unknown_instrument",
        "/instrument",
        "Choose one of: eu.dsa.notice, eu.dsa.trusted_flagger_notice, eu.iru.referral, eu.tco.removal_order.",
        _with(instrument="eu.iru.order"),
        "The instrument is none of this platform's",
    ),
    _refused("not_an_object", "", "Send one JSON object.", [DOCUMENT], "Not one object"),
)

FAULTS = (
    *FAULTS,
    _refused(
        "bad_link",
        "/items/0/target/url",
        "This looks like an e-mail address or a handle. Send a link, or name the account as such.",
        _item(target={"kind": "url", "url": "desk@unit.example"}),
        "The link cannot be read",
    ),
    _refused(
        "future_time",
        "/issued_at",
        "This lies in the future; it is 2026-03-02T09:00:00+00:00 here. Check the clock and offset.",
        _with(issued_at="2026-03-02T19:00:00+01:00"),
        "A time has not come yet",
    ),
    _refused(
        "repeated",
        "/items/1/reference",
        "Another item of this referral has the same reference.",
        _with(items=_TWICE),
        "One reference for two items",
    ),
    _of(
        "invalid-document.unknown",
        "No such item",
        Sent(
            path=f"{_OF_REFERRAL}/supplements",
            body={**_SUPPLEMENT, "items": [{"reference": "31-9"}]},
            headers={"If-Match": "*"},
        ),
        DocumentRefused([FieldError("/items/0/reference", "unknown", "No item of this referral has this reference.")]),
    ),
    _of(
        "invalid-document.not_allowed",
        "An address that callbacks may not reach",
        Sent("PUT", "/v1/endpoint", {"url": "http://unit.example/callbacks"}),
        DocumentRefused([FieldError("/url", "not_allowed", "The callback address must use https.")]),
    ),
    _of(
        "invalid-document.query",
        "A parameter of the query string",
        Sent("GET", "/v1/referrals?limit=500"),
        DocumentRefused(
            [
                FieldError(
                    "/limit",
                    "invalid",
                    "Must be greater than or equal to 1 and less than or equal to 200.",
                )
            ],
            "The query string breaks the contract.",
        ),
    ),
)
EXAMPLES: tuple[Example, ...] = (
    *FAULTS,
    _of(
        "malformed-body",
        "Not JSON",
        Sent(body='{"instrument": "eu.iru.referral",}'),
        MalformedBody("The body is not JSON: Expecting property name enclosed in double quotes at line 1, column 34."),
    ),
    _of(
        "malformed-body.twice",
        "A field twice: two readers could read two things",
        Sent(body='{"instrument": "eu.iru.referral", "instrument": "eu.dsa.notice"}'),
        MalformedBody("The field 'instrument' stands twice in one object. Keep one."),
    ),
    _plain(
        400,
        "The body broke off",
        Sent(body='{"instrument": "eu.i', headers={"Content-Length": "500"}),
        "The browser (or proxy) sent a request that this server could not understand.",
    ),
    _of(
        "idempotency-key-invalid",
        "The key is too short",
        Sent(body=DOCUMENT, headers={"Idempotency-Key": '"31"'}),
        KeyRefused(),
    ),
    _of(
        "signatures-unavailable",
        "The platform has set no public address",
        Sent(body=DOCUMENT, headers={"Signature-Input": 'sig=("@method" "@target-uri");tag="notice-intake-v1"'}),
        SignaturesUnavailable(),
    ),
    _of(
        "credentials-refused",
        "Whatever is wrong with them",
        Sent("GET", headers={"Authorization": "Bearer ni1_none"}),
        CredentialsRefused(),
    ),
    _of("scope-missing", "A token for reading only", Sent(body=DOCUMENT), ScopeMissing("referrals:write")),
    _of(
        "instrument-not-allowed",
        "An agency that may not issue orders",
        Sent(body=_with(instrument="eu.tco.removal_order")),
        InstrumentNotAllowed("These credentials may not use the instrument eu.tco.removal_order. Ask the platform."),
    ),
    _of("not-found", "Another agency's referral, or none", Sent("GET", _OF_REFERRAL), NotFound()),
    _plain(405, "No such method", Sent("PATCH", _OF_REFERRAL), "The method is not allowed for the requested URL."),
    _of(
        "conflict",
        "Nothing is decided yet",
        Sent(
            path=f"{_OF_REFERRAL}/complaints",
            body={"items": ["31-1"], "text": "Look again."},
            headers={"If-Match": '"r1"'},
        ),
        Conflict("Item 31-1 is not decided: there is nothing to complain about yet."),
    ),
    _of(
        "reference-taken",
        "The reference names another referral",
        Sent(body=_with(language="fr")),
        ReferenceTaken(REFERRAL),
    ),
    _of(
        "referral-changed",
        "A moderator has begun meanwhile",
        Sent(path=f"{_OF_REFERRAL}/withdrawal", body={"reason": "Sent in error."}, headers={"If-Match": '"r1"'}),
        ReferralChanged(2),
    ),
    _of(
        "body-too-large",
        "Too large: a body of 1,048,577 bytes",
        Sent(headers={"Content-Type": _JSON, "Content-Length": "1048577"}),
        BodyTooLarge(1_048_576),
    ),
    _of(
        "unsupported-media-type",
        "Not JSON by its type",
        Sent(body=DOCUMENT, headers={"Content-Type": "text/plain"}),
        UnsupportedMediaType("Send Content-Type: application/json."),
    ),
    _of(
        "idempotency-key-reused",
        "The same key with another body",
        Sent(body=_with(language="fr"), headers={"Idempotency-Key": _KEY}),
        KeyReused(),
    ),
    _of(
        "precondition-required",
        "No If-Match",
        Sent(path=f"{_OF_REFERRAL}/supplements", body=_SUPPLEMENT),
        PreconditionMissing(),
    ),
    _of(
        "if-match-invalid",
        "A tag without its quotes",
        Sent(path=f"{_OF_REFERRAL}/supplements", body=_SUPPLEMENT, headers={"If-Match": "r1"}),
        PreconditionRefused(),
    ),
    _of("quota-exceeded", "Too many in this minute", Sent("GET"), TooManyRequests("agency", retry_after=42)),
    _plain(
        500,
        "A fault of the platform's",
        Sent(body=DOCUMENT),
        f"Send the same again: no referral is stored twice. If it stays, name {REQUEST}.",
    ),
    _of("temporarily-unavailable", "The database does not answer", Sent(body=DOCUMENT), TemporarilyUnavailable()),
)
