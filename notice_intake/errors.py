"""Every error the package raises on purpose, in one tree.

Each class has a stable ``code`` and carries evidence as attributes; the HTTP status of each stands in one table,
``notice_intake.web.problems``. The first line of a class docstring is its default message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault in a submitted document."""

    #: JSON Pointer (RFC 6901) into the document as sent; empty for the document itself.
    pointer: str
    #: Stable machine word, for example ``required`` or ``future_time``.
    code: str
    #: What the sender must change.
    detail: str


class NoticeIntakeError(Exception):
    """Something in notice_intake went wrong."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or (type(self).__doc__ or "").split("\n")[0]
        super().__init__(self.detail)


class SettingsError(NoticeIntakeError):
    """A setting is missing, unknown or unsafe."""

    code = "settings"


class LinkRefused(NoticeIntakeError, ValueError):
    """The link cannot be read as the address of content."""

    code = "bad_link"


class MalformedBody(NoticeIntakeError):
    """The body is not the JSON that this call takes."""

    code = "malformed-body"


class BodyTooLarge(NoticeIntakeError):
    """The body is larger than this call takes."""

    code = "body-too-large"

    def __init__(self, limit: int, *, what: str = "body") -> None:
        advice = "Send fewer items in it." if what == "line" else "Send fewer items, or use the bulk call."
        super().__init__(f"The {what} is larger than {limit} bytes. {advice}")
        self.limit = limit


class UnsupportedMediaType(NoticeIntakeError):
    """The content type or encoding is not one that this call takes."""

    code = "unsupported-media-type"


class DocumentRefused(NoticeIntakeError):
    """The document breaks the contract: each fault is listed with a pointer to it."""

    code = "invalid-document"

    def __init__(self, errors: Sequence[FieldError], detail: str | None = None) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class InstrumentNotAllowed(NoticeIntakeError):
    """This agency may not use this instrument here."""

    code = "instrument-not-allowed"


class ReferenceTaken(NoticeIntakeError):
    """A referral with this agency reference exists already."""

    code = "reference-taken"

    def __init__(self, referral_id: str) -> None:
        super().__init__(
            "You have already sent a referral with this agency_reference. "
            f"Read it as {referral_id}; use a new reference for a new referral."
        )
        self.referral_id = referral_id


class PreconditionMissing(NoticeIntakeError):
    """Send If-Match with the ETag of the referral as you know it."""

    code = "precondition-required"


class PreconditionRefused(NoticeIntakeError):
    """If-Match must be * or ETags in quotes, as they were given to you."""

    code = "if-match-invalid"


class ReferralChanged(NoticeIntakeError):
    """The referral has changed since you read it."""

    code = "referral-changed"

    def __init__(self, sequence: int) -> None:
        super().__init__(f'The referral stands at "r{sequence}". Read it again, then decide what to send.')
        self.sequence = sequence


class TooManyRequests(NoticeIntakeError):
    """Too many requests; wait as long as Retry-After says."""

    code = "quota-exceeded"

    def __init__(self, policy: str, *, retry_after: int) -> None:
        super().__init__(f"Too many requests: wait {retry_after} seconds.")
        #: ``agency``, ``address`` or ``credentials``.
        self.policy = policy
        self.retry_after = retry_after


class KeyReused(NoticeIntakeError):
    """This Idempotency-Key was used before with another request: another body, or another address."""

    code = "idempotency-key-reused"


class KeyRefused(NoticeIntakeError):
    """The Idempotency-Key must be 16 to 128 characters of A-Z a-z 0-9 . _ : ~ -."""

    code = "idempotency-key-invalid"


class CredentialsRefused(NoticeIntakeError):
    """The credentials are missing or not accepted."""

    code = "credentials-refused"

    def __init__(self, reason: str = "missing", *, whatever_the_key: bool = False) -> None:
        super().__init__()
        #: For the log only, never for the sender: telling which check failed helps whoever tries keys.
        self.reason = reason
        #: Whether nothing that may be changed of the key would let this request in.
        self.whatever_the_key = whatever_the_key


class SignaturesUnavailable(NoticeIntakeError):
    """Signatures cannot be checked at this address. Send none, or ask the platform to set its public address."""

    code = "signatures-unavailable"


class KeyNotUsable(NoticeIntakeError):
    """The key cannot be used here."""

    code = "key-not-usable"


class ScopeMissing(NoticeIntakeError):
    """The credentials are good, but do not open this call."""

    code = "scope-missing"

    def __init__(self, scope: str) -> None:
        super().__init__(f"These credentials lack the scope {scope!r}.")
        self.scope = scope


class NotFound(NoticeIntakeError):
    """There is nothing under this address that these credentials may see."""

    code = "not-found"


class Conflict(NoticeIntakeError):
    """The state of the thing does not allow this."""

    code = "conflict"


class StaleVersion(Conflict):
    """The case has changed since the page was opened."""

    code = "stale-version"

    def __init__(self, *, seen: int, current: int) -> None:
        super().__init__()
        self.seen = seen
        self.current = current


class ClaimHeld(Conflict):
    """Another moderator holds this case."""

    code = "claim-held"

    def __init__(self, holder: str) -> None:
        super().__init__(f"{holder} holds this case.")
        self.holder = holder


class NotPermitted(NoticeIntakeError):
    """Your role does not allow this."""

    code = "not-permitted"


class TemporarilyUnavailable(NoticeIntakeError):
    """The service cannot answer now; nothing was stored. Try again."""

    code = "temporarily-unavailable"


class JournalBroken(NoticeIntakeError):
    """The journal is not as it was sealed."""

    code = "journal-broken"


class PlatformRefused(NoticeIntakeError):
    """The platform says that this action can never be carried out as asked.

    A ``Platform`` hook raises this to stop the retries: the case then waits on the desk for a person.
    """

    code = "platform-refused"
