"""Everything that the client raises on purpose, in one tree; each error carries what the platform answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ..errors import NoticeIntakeError


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in what was sent."""

    #: JSON Pointer (RFC 6901) into the document as sent.
    pointer: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document (RFC 9457). What it lacks is empty; what else it holds is in ``document``."""

    status: int
    type: str = ""
    title: str = ""
    detail: str = ""
    #: The id of the request: name it when you ask the platform for help.
    instance: str = ""
    errors: tuple[Fault, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def slug(self) -> str:
        """The last part of ``type``, for example ``invalid-document``."""
        return self.type.rpartition("/")[2]

    def __str__(self) -> str:
        """Say it in a line. The detail often repeats the title."""
        if self.title.lower() in self.detail.lower():
            return self.detail or f"The platform answered {self.status}."
        return f"{self.title}. {self.detail}".rstrip()


class IntakeError(NoticeIntakeError):
    """A call to the platform did not succeed."""

    code = "intake"

    def __init__(
        self,
        detail: str | None = None,
        *,
        problem: Problem | None = None,
        status: int | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(detail or (str(problem) if problem is not None else None))
        #: What the platform said, or None where it said nothing in that form.
        self.problem = problem
        #: The HTTP status, or None where no answer came.
        self.status = problem.status if problem is not None else status
        #: How long the platform asked to wait.
        self.retry_after = retry_after
        #: The idempotency key of the call, where it had one: send the same body again under it, at any time.
        self.key: str | None = None


class Refused(IntakeError):
    """The platform refuses this as it stands: mend it before it is sent again."""

    code = "refused"


class Unsendable(IntakeError, ValueError):
    """What was given cannot be sent to any platform: an id, an idempotency key or an address that is none."""

    code = "unsendable"


class NotAuthorized(IntakeError):
    """The credentials are not accepted, or do not open this call or this instrument."""

    code = "not-authorized"


class NotFound(IntakeError):
    """There is nothing under this address that is yours."""

    code = "not-found"


class Conflict(IntakeError):
    """The state does not allow this: the referral has moved on, or your reference was used before."""

    code = "conflict"

    @property
    def referral(self) -> str | None:
        """The referral that holds the agency's reference already, where that is the conflict."""
        found = self.problem.document.get("referral") if self.problem is not None else None
        return found if isinstance(found, str) else None

    @property
    def sequence(self) -> int | None:
        """The number of the referral's last change, where it has changed since you looked."""
        found = self.problem.document.get("sequence") if self.problem is not None else None
        return found if type(found) is int else None


class RateLimited(IntakeError):
    """Too many calls: wait as long as ``retry_after`` says."""

    code = "rate-limited"


class Unavailable(IntakeError):
    """The platform cannot answer now. Try again later."""

    code = "unavailable"


class Unreachable(IntakeError):
    """No connection, or it broke off before the answer was whole. What was sent may have arrived."""

    code = "unreachable"


class BadAnswer(IntakeError):
    """The answer is not one that the contract knows. Is the address right?"""

    code = "bad-answer"


class CallbackRefused(IntakeError):
    """This callback does not come from the platform, not now, or not for this secret: do nothing that it says."""

    code = "callback-refused"


class ProofRefused(IntakeError):
    """This does not show what it should: keep it, and the receipt, and ask the platform why."""

    code = "proof-refused"


class AnswerRefused(IntakeError):
    """This answer is not the platform's, or not to what was asked. What was sent may have arrived."""

    code = "answer-refused"


def read_problem(document: Any, status: int) -> Problem | None:
    """Return the problem that an answer holds; None for anything that is none. Members of a wrong type are left out."""
    if not isinstance(document, dict) or not isinstance(document.get("type", document.get("title")), str):
        return None
    texts = {name: _text(document, name) for name in ("type", "title", "detail", "instance")}
    listed = document.get("errors")
    faults = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    errors = tuple(Fault(_text(one, "pointer"), _text(one, "code"), _text(one, "detail")) for one in faults)
    return Problem(status, **texts, errors=errors, document=document)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""
