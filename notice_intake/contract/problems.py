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
    (KeyReused, 422, "The idempotency key was used with another body"),
    (LinkRefused, 422, "The link cannot be read"),
    (PreconditionMissing, 428, "If-Match is missing"),
    (TooManyRequests, 429, "Too many requests"),
    (TemporarilyUnavailable, 503, "Temporarily unavailable"),
)
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
            {"pointer": one.pointer, "code": one.code, "detail": one.detail} for one in error.errors[:100]
        ]
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
    }
    for status, (slug, title) in PLAIN.items():
        found.setdefault(slug, {"title": title, "status": status, "detail": title + "."})
    return found
