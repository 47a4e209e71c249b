"""Problem documents (RFC 9457): the one table from errors to HTTP statuses."""

from __future__ import annotations

from typing import Any

from ..errors import (
    BodyTooLarge,
    ClaimHeld,
    Conflict,
    CredentialsRefused,
    DocumentRefused,
    InstrumentNotAllowed,
    KeyRefused,
    KeyReused,
    LinkRefused,
    MalformedBody,
    NotFound,
    NoticeIntakeError,
    NotPermitted,
    PreconditionMissing,
    PreconditionRefused,
    ReferenceTaken,
    ReferralChanged,
    ScopeMissing,
    SignaturesUnavailable,
    StaleVersion,
    TemporarilyUnavailable,
    TooManyRequests,
    UnsupportedMediaType,
)

#: Error class, HTTP status, title. The first line that fits.
TABLE: tuple[tuple[type[NoticeIntakeError], int, str], ...] = (
    (MalformedBody, 400, "The body cannot be read"),
    (KeyRefused, 400, "The idempotency key cannot be used"),
    (PreconditionRefused, 400, "If-Match cannot be read"),
    (SignaturesUnavailable, 400, "Signatures cannot be checked here"),
    (CredentialsRefused, 401, "Credentials are missing or not accepted"),
    (ScopeMissing, 403, "The credentials do not open this call"),
    (InstrumentNotAllowed, 403, "The instrument is not open to you here"),
    (NotPermitted, 403, "Not permitted"),
    (NotFound, 404, "Not found"),
    (StaleVersion, 412, "The version is not the current one"),
    (ReferralChanged, 412, "The referral has changed"),
    (ReferenceTaken, 409, "The reference is taken"),
    (ClaimHeld, 409, "The case is held"),
    (Conflict, 409, "The state does not allow this"),
    (BodyTooLarge, 413, "The body is too large"),
    (UnsupportedMediaType, 415, "The content type is not supported"),
    (DocumentRefused, 422, "The document breaks the contract"),
    (KeyReused, 422, "The idempotency key was used with another request"),
    (LinkRefused, 422, "The link cannot be read"),
    (PreconditionMissing, 428, "If-Match is missing"),
    (TooManyRequests, 429, "Too many requests"),
    (TemporarilyUnavailable, 503, "Temporarily unavailable"),
)
#: So many faults of a document are listed.
_MOST_FAULTS = 100
#: What only moderators meet, on pages.
OF_THE_DESK = (NotPermitted, StaleVersion, ClaimHeld, LinkRefused)
#: What whoever meets a problem should do; the same words stand in ``docs/refer-to-us.md``.
ADVICE = {
    "malformed-body": "Send JSON in UTF-8. A field that stands twice, `NaN` and the like are refused too",
    "bad-request": "Send the request again, whole: it broke off, or cannot be read as HTTP",
    "idempotency-key-invalid": "Use 16 to 128 of `A-Z a-z 0-9 . _ : ~ -`",
    "if-match-invalid": "Send `*`, or the `ETag` as it was given to you, with its quotes",
    "signatures-unavailable": ("Send the request without a signature, or ask the platform to set its public address"),
    "credentials-refused": ("Check the token. The answer is the same whatever is wrong with it: ask the platform"),
    "instrument-not-allowed": "Ask the platform to open this instrument to you",
    "scope-missing": "Ask for a token for this call",
    "not-found": "There is nothing under this address that is yours",
    "method-not-allowed": "See the `Allow` header",
    "conflict": "What you ask does not fit how things stand; `detail` says why",
    "reference-taken": "You have sent this `agency_reference` before; `Location` and `referral` name it",
    "referral-changed": (
        "The referral moved on since you read it: read it again, then decide what to send. `ETag` says where it stands"
    ),
    "body-too-large": (
        "Send fewer items in one referral: 1 MiB is the limit, or 256 KiB for a line of a bulk stream, "
        "unless the platform says otherwise"
    ),
    "unsupported-media-type": "Send `application/json` (bulk: `application/x-ndjson`), UTF-8, uncompressed",
    "invalid-document": "Mend what `errors` names, and send it again",
    "idempotency-key-reused": "This key belongs to another request, by its body or its address: use a new one",
    "precondition-required": "Send `If-Match` with the `ETag` of the referral as you know it",
    "quota-exceeded": "Wait as many seconds as `Retry-After` says",
    "internal-error": "Send it again later under the same key; tell the platform if it stays",
    "temporarily-unavailable": "Send it again after `Retry-After` seconds, under the same key",
}
FALLBACK = (500, "Something went wrong here")
#: What is not an error class of ours, by HTTP status.
PLAIN = {
    400: ("bad-request", "The request cannot be understood"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "The method is not allowed here"),
    500: ("internal-error", "Something went wrong here"),
}


def status_and_title(error: NoticeIntakeError) -> tuple[int, str]:
    """Return the HTTP status and title of an error."""
    for kind, status, title in TABLE:
        if isinstance(error, kind):
            return status, title
    return FALLBACK


def problem_of(error: NoticeIntakeError) -> dict[str, Any]:
    """Return the problem document of an error: type, title, status, detail, and what the error knows."""
    status, title = status_and_title(error)
    document: dict[str, Any] = {"type": type_of(error.code), "title": title, "status": status, "detail": error.detail}
    if isinstance(error, DocumentRefused):
        document["errors"] = [
            {"pointer": one.pointer, "code": one.code, "detail": one.detail} for one in error.errors[:_MOST_FAULTS]
        ]
        if len(error.errors) > _MOST_FAULTS:
            document["detail"] = (
                f"The document breaks the contract in {len(error.errors)} places: the first {_MOST_FAULTS} are listed, "
                "each with a pointer to it."
            )
    if isinstance(error, ReferenceTaken):
        document["referral"] = error.referral_id
    if isinstance(error, ReferralChanged):
        document["sequence"] = error.sequence
    if isinstance(error, TooManyRequests):
        document |= {"violated-policies": [error.policy], "retry_after": error.retry_after}
    return document


def type_of(slug: str) -> str:
    """The ``type`` of a problem: a path under the API's root, where its explanation stands."""
    return f"/v1/problems/{slug}"


def explanations() -> dict[str, dict[str, Any]]:
    """Return every problem that this API answers with, by slug."""
    found = {
        kind.code: {"title": title, "status": status, "detail": (kind.__doc__ or "").split("\n")[0]}
        for kind, status, title in TABLE
        if kind not in OF_THE_DESK
    }
    for status, (slug, title) in PLAIN.items():
        found.setdefault(slug, {"title": title, "status": status, "detail": title + "."})
    return {slug: {**one, "advice": ADVICE[slug]} for slug, one in found.items()}
