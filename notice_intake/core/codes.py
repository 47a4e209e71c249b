"""The stored words. Text, never numbers; a word that is retired stays here with a comment."""

from __future__ import annotations

from enum import StrEnum


class TargetKind(StrEnum):
    """What an item names."""

    URL = "url"
    ACCOUNT = "account"
    CHANNEL = "channel"
    FILE = "file"  # named by its hashes alone


class ContentKind(StrEnum):
    """What the content is, as the agency describes it."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"
    POST = "post"
    COMMENT = "comment"
    ARTICLE = "article"
    FILE = "file"
    PROFILE = "profile"
    CHANNEL = "channel"
    LIVESTREAM = "livestream"
    OTHER = "other"


class Outcome(StrEnum):
    """What a moderator decided."""

    REMOVED = "removed"
    ACCESS_DISABLED = "access_disabled"
    VISIBILITY_RESTRICTED = "visibility_restricted"
    ACCOUNT_SUSPENDED = "account_suspended"
    ACCOUNT_TERMINATED = "account_terminated"
    NO_ACTION = "no_action"
    ALREADY_GONE = "already_gone"
    NOT_FOUND = "not_found"
    NOT_POSSIBLE = "not_possible"


#: Outcomes that the platform has to carry out, and has to be able to take back.
RESTRICTIVE = frozenset(
    {
        Outcome.REMOVED,
        Outcome.ACCESS_DISABLED,
        Outcome.VISIBILITY_RESTRICTED,
        Outcome.ACCOUNT_SUSPENDED,
        Outcome.ACCOUNT_TERMINATED,
    }
)


class ItemStatus(StrEnum):
    """Where an item stands, in the words that the agency is told."""

    RECEIVED = "received"
    IN_REVIEW = "in_review"
    NEEDS_CLARIFICATION = "needs_clarification"
    DECIDED = "decided"
    EFFECTED = "effected"
    NOT_POSSIBLE = "not_possible"
    RESTORED = "restored"
    WITHDRAWN = "withdrawn"


class CaseState(StrEnum):
    """Where a case stands on the desk."""

    OPEN = "open"  # waits for a decision, claimed or not
    DECIDED = "decided"  # decided; the platform has not confirmed yet
    CLOSED = "closed"  # decided, and carried out where there was something to carry out
    FAILED = "failed"  # decided, but the platform cannot carry it out: needs a person
    PURGED = "purged"  # its retention ended: ids, codes and times are left of it


class GroundKind(StrEnum):
    """What a reason rests on."""

    LAW = "law"
    TERMS = "terms"


class Impossibility(StrEnum):
    """Why an order cannot be carried out: Reg. (EU) 2021/784 Art. 3(7), 3(8), Annex III section B."""

    FORCE_MAJEURE = "force_majeure"
    MANIFEST_ERROR = "manifest_error"
    INSUFFICIENT_INFORMATION = "insufficient_information"


class QuestionReason(StrEnum):
    """Why a moderator asks the agency; Reg. (EU) 2021/784 Art. 3(8) knows manifest errors and missing information."""

    CONTENT_NOT_FOUND = "content_not_found"
    NOT_PRECISE = "not_precise"
    TRANSLATION_MISSING = "translation_missing"
    WRONG_ADDRESSEE = "wrong_addressee"
    MANIFEST_ERROR = "manifest_error"
    OTHER = "other"


class MessageKind(StrEnum):
    """What goes between agency and platform about a referral that is there already."""

    QUESTION = "question"  # a moderator asks
    SUPPLEMENT = "supplement"  # the agency adds facts, or answers a question
    WITHDRAWAL = "withdrawal"  # the agency takes back
    COMPLAINT = "complaint"  # the agency asks to look again


class Result(StrEnum):
    """What became of an item that a message names."""

    ANSWERED = "answered"  # of a question: the agency has answered
    DECIDED = "decided"  # of a question: the case was decided without an answer
    UPHELD = "upheld"  # of a complaint: the same outcome again
    REVERSED = "reversed"  # of a complaint: another outcome
    WITHDRAWN = "withdrawn"  # the agency took the item back


class Disclosure(StrEnum):
    """Whether the uploader may be told: Reg. (EU) 2021/784 Art. 11(3), Reg. (EU) 2022/2065 Art. 9(5)."""

    INFORM = "inform"
    WITHHOLD = "withhold"


class EffectKind(StrEnum):
    """A piece of work that follows from a change."""

    RESOLVE = "resolve"  # ask the platform again which content an item names
    ANNOUNCE = "announce"  # tell the agencies that it is decided
    ENFORCE = "enforce"  # have the platform carry the decision out
    REVERT = "revert"  # have the platform take an earlier decision back
    INFORM = "inform"  # hand the statement of reasons to the platform, for the uploader
    CALLBACK = "callback"  # tell an agency


class EffectState(StrEnum):
    """Where a piece of work stands."""

    DUE = "due"
    DONE = "done"
    DEAD = "dead"  # given up; a person can replay it
    FEED = "feed"  # a callback for an agency without an endpoint: to be read by polling only
    CANCELLED = "cancelled"  # its decision was undone before it left
