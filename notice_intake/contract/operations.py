"""The calls of the API, as a table: what each takes, who may make it, and whatever it can be answered with.

A route and its line here come together: ``tests/contract/test_openapi.py`` compares this table with the blueprint.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Problems, by the end of their ``type``, that many calls share.
ANY = ("internal-error",)
STORED = (*ANY, "temporarily-unavailable")
#: Whoever has to say who it is: a signature covers a body, which is read whatever the method.
SCOPED = (
    *STORED,
    "signatures-unavailable",
    "bad-request",
    "credentials-refused",
    "scope-missing",
    "body-too-large",
    "quota-exceeded",
)
READS_QUERY = ("invalid-document",)
READS_BODY = ("malformed-body", "unsupported-media-type", "invalid-document")
KEYED = ("idempotency-key-invalid", "idempotency-key-reused")
CONDITIONAL = ("precondition-required", "if-match-invalid", "referral-changed")


@dataclass(frozen=True, slots=True)
class Answer:
    """One way in which a call ends well."""

    status: int
    says: str
    #: The schema of the body by its published name; None for no body.
    schema: str | None = None
    media: str = "application/json"
    #: Header fields beside those of every answer, by name (``parameters.HEADERS``); in brackets what may be absent.
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    #: The ``operationId``.
    name: str
    summary: str
    answers: tuple[Answer, ...]
    #: The scope that it asks for; None where it is public.
    scope: str | None = None
    about: str = ""
    #: The body by its published name, ``referral`` for one of any instrument, ``lines`` for a stream; None for none.
    sends: str | None = None
    #: By their names in ``parameters.PARAMETERS``.
    parameters: tuple[str, ...] = ()
    problems: tuple[str, ...] = ANY


_NOT_MODIFIED = Answer(304, "It stands as you know it.", headers=("ETag",))
_MESSAGE = Answer(201, "Taken in.", "answer", headers=("ETag", "(Idempotency-Replayed)"))


def _message(path: str, name: str, summary: str, sends: str) -> Operation:
    problems = (*SCOPED, *READS_BODY, *KEYED, *CONDITIONAL, "not-found", "conflict")
    parameters = ("referral_id", "Idempotency-Key", "If-Match")
    about = "Needs `If-Match` with the ETag of the referral as you know it, or `*`."
    return Operation(
        "POST",
        f"/v1/referrals/{{referral_id}}/{path}",
        name,
        summary,
        (_MESSAGE,),
        scope="referrals:write",
        about=about,
        sends=sends,
        parameters=parameters,
        problems=problems,
    )


def _public(path: str, name: str, summary: str, schema: str, parameters: tuple[str, ...] = ()) -> Operation:
    media = "application/schema+json" if schema == "schema" else "application/json"
    found = Answer(200, "Here it is.", schema, media, ("ETag",))
    problems = (*ANY, "not-found") if parameters else ANY
    known = (*parameters, "If-None-Match")
    return Operation("GET", path, name, summary, (found, _NOT_MODIFIED), parameters=known, problems=problems)


_REFERRALS = (
    Operation(
        "POST",
        "/v1/referrals",
        "refer",
        "Send a referral",
        (Answer(201, "Stored. Keep the receipt.", "receipt", headers=("Location", "(Idempotency-Replayed)")),),
        scope="referrals:write",
        about="With an `Idempotency-Key` the same body gets the same receipt, however often it is sent.",
        sends="referral",
        parameters=("Idempotency-Key",),
        problems=(*SCOPED, *READS_BODY, *KEYED, "instrument-not-allowed", "reference-taken"),
    ),
    Operation(
        "GET",
        "/v1/referrals",
        "list_referrals",
        "List your referrals by the time of their last change, oldest first",
        (Answer(200, "A page.", "referrals", headers=("(Link)",)),),
        scope="referrals:read",
        parameters=("updated_since", "cursor", "limit"),
        problems=(*SCOPED, *READS_QUERY),
    ),
    Operation(
        "POST",
        "/v1/referrals/bulk",
        "refer_many",
        "Send referrals as a stream, one a line",
        (Answer(200, "A line for each line, in order.", "lines", "application/x-ndjson", ("Content-Digest",)),),
        scope="referrals:write",
        about="A line that is refused fails alone. The answers come when the last line is in; blank lines get none.",
        sends="lines",
        problems=(*SCOPED, "unsupported-media-type"),
    ),
    Operation(
        "GET",
        "/v1/referrals/{referral_id}",
        "read_referral",
        "Read a referral as it stands",
        (Answer(200, "As it stands.", "referral_status", headers=("ETag",)), _NOT_MODIFIED),
        scope="referrals:read",
        parameters=("referral_id", "If-None-Match"),
        problems=(*SCOPED, "not-found"),
    ),
    _message("supplements", "supplement", "Add facts, or answer a question", "supplement"),
    _message("withdrawal", "withdraw", "Take a referral back, or some of its items", "withdrawal"),
    _message("complaints", "complain", "Ask to look at a decision again", "complaint"),
    Operation(
        "GET",
        "/v1/events",
        "list_events",
        "Read what the callbacks said",
        (Answer(200, "A page. Go on from `next`.", "events"),),
        scope="referrals:read",
        about="The same bodies under the same ids as the callbacks: you miss nothing and get nothing twice.",
        parameters=("after", "limit"),
        problems=(*SCOPED, *READS_QUERY),
    ),
)
_ENDPOINT = (
    Operation(
        "GET",
        "/v1/endpoint",
        "read_endpoint",
        "See how your callback address does",
        (Answer(200, "Your endpoint.", "endpoint_status"),),
        scope="endpoints:write",
        problems=(*SCOPED, "not-found"),
    ),
    Operation(
        "PUT",
        "/v1/endpoint",
        "set_endpoint",
        "Name your callback address",
        (
            Answer(200, "Changed.", "endpoint_status"),
            Answer(201, "Named; `secret` is shown this once.", "endpoint_status"),
        ),
        scope="endpoints:write",
        about="It is used once it has given back the challenge of an `endpoint.verification`.",
        sends="endpoint",
        problems=(*SCOPED, *READS_BODY, "conflict"),
    ),
    Operation(
        "DELETE",
        "/v1/endpoint",
        "remove_endpoint",
        "Take your callback address away",
        (Answer(204, "Gone. What waited for it can be polled."),),
        scope="endpoints:write",
        problems=(*SCOPED, "not-found"),
    ),
    Operation(
        "POST",
        "/v1/endpoint/test",
        "test_endpoint",
        "Have a test event sent",
        (Answer(202, "On its way.", "endpoint_test", headers=("(Idempotency-Replayed)",)),),
        scope="endpoints:write",
        parameters=("Idempotency-Key",),
        problems=(*SCOPED, *KEYED, "conflict"),
    ),
    Operation(
        "GET",
        "/v1/deliveries",
        "list_deliveries",
        "List what was sent to you, newest first",
        (Answer(200, "A page.", "deliveries", headers=("(Link)",)),),
        scope="endpoints:write",
        parameters=("state", "cursor", "limit"),
        problems=(*SCOPED, *READS_QUERY),
    ),
    Operation(
        "POST",
        "/v1/deliveries/{delivery_id}/replay",
        "replay_delivery",
        "Have a callback sent once more, under its old id",
        (Answer(202, "On its way.", "delivery", headers=("(Idempotency-Replayed)",)),),
        scope="endpoints:write",
        parameters=("delivery_id", "Idempotency-Key"),
        problems=(*SCOPED, *KEYED, "not-found", "conflict"),
    ),
)
_PUBLISHED = (
    Operation(
        "GET",
        "/v1/keys",
        "list_keys",
        "The keys that answers are signed with",
        (Answer(200, "A JWK Set.", "keys"),),
        problems=STORED,
    ),
    _public("/v1/openapi.json", "read_openapi", "This document", "openapi"),
    _public("/v1/schemas/{name}", "read_schema", "A JSON Schema of this contract", "schema", ("name",)),
    _public("/v1/problems/{slug}", "read_problem", "What a problem means", "explanation", ("slug",)),
    Operation("GET", "/healthz", "health", "Whether the process answers", (Answer(200, "It does.", "health"),)),
    Operation(
        "GET",
        "/readyz",
        "readiness",
        "Whether it is ready to take referrals",
        (Answer(200, "It is.", "readiness"), Answer(503, "It is not.", "readiness")),
    ),
)
OPERATIONS: tuple[Operation, ...] = (*_REFERRALS, *_ENDPOINT, *_PUBLISHED)
