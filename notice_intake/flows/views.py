"""What the desk shows: plain values, read in one go, with nothing left to fetch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..core.instruments import Details
from ..core.queue import QueueFilter
from ..core.targets import Content


@dataclass(frozen=True, slots=True)
class Claim:
    """Who works on a case, and until when."""

    moderator_id: str
    name: str
    until: datetime


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One case in the queue."""

    id: str
    version: int
    state: str
    #: The content's title as the platform gave it, or ``""``.
    title: str
    kind: str
    #: The link, handle or hash under which it was referred.
    locator: str
    due_at: datetime | None
    #: ``legal`` (a deadline in law) or ``house`` (this platform's own target).
    due_kind: str
    #: The rule that set it, in one line.
    due_rule: str
    #: Code and name of the strictest instrument.
    instrument: str
    instrument_name: str
    #: Short names of the agencies that referred it, without repetition.
    agencies: tuple[str, ...]
    language: str | None
    operation: str | None
    referrals: int
    claim: Claim | None
    #: Words such as ``threat_to_life``, ``graphic``, ``unresolved``, ``gone``, ``reopened``, ``withheld``.
    flags: tuple[str, ...]
    outcome: str | None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the queue, most urgent first."""

    rows: tuple[QueueRow, ...]
    #: Opaque; None on the last page.
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Facet:
    """One value that a filter can take."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How much there is. Counting stops at ``cap``; a number equal to it means "that many or more"."""

    cap: int
    open: int
    overdue: int
    #: Whether one of them is past a deadline in law, or very many come first.
    alarming: bool
    due_within_hour: int
    #: Orders, and what is said to endanger a life: they stand before everything else.
    first: int
    mine: int
    decided: int
    failed: int


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item of a referral, as the agency sent it."""

    id: str
    reference: str
    kind: str
    #: As the agency wrote it.
    locator: str
    link: str | None
    hashes: tuple[str, ...]
    reasons: str
    status: str
    outcome: str | None
    #: The agency's description: kind, languages, producer, published_at, graphic, also_at …
    content: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FileView:
    """A file that a referral was entered from."""

    digest: str
    name: str
    #: Octets; None where the bytes are purged.
    size: int | None
    #: The way by which it came: ``email``, ``portal`` …
    channel: str
    #: Who entered it, and when.
    entered_by: str
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class ReferralView:
    """One referral that names this case."""

    id: str
    agency: str
    agency_country: str
    agency_reference: str
    instrument: str
    instrument_name: str
    #: True for an order that must be obeyed, False for a request to check.
    binding: bool
    received_at: datetime
    issued_at: datetime | None
    due_at: datetime | None
    due_kind: str
    due_rule: str
    language: str
    operation: str | None
    category: str
    keywords: tuple[str, ...]
    #: (kind, reference, explanation)
    grounds: tuple[tuple[str, str, str], ...]
    threat_to_life: bool
    #: Why, in the agency's words.
    threat_explanation: str
    disclosure: str
    #: Of one that withholds: until when, where the agency says so.
    withheld_until: datetime | None
    contact: Mapping[str, str]
    #: What the regime adds, as label and value, ready to show.
    details: Details
    #: Only the items that name this case.
    items: tuple[ItemView, ...]
    #: ``api`` (or what the setting ``channel`` says), ``bulk``, ``page``, ``import``.
    channel: str
    #: Of one that somebody entered: what it was entered from.
    files: tuple[FileView, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A decision that was taken."""

    id: str
    outcome: str
    territories: tuple[str, ...]
    ground_kind: str | None
    ground_reference: str
    facts: str
    explanation: str
    category: str
    keywords: tuple[str, ...]
    impossibility: str | None
    moderator: str
    decided_at: datetime
    effective_at: datetime
    effected_at: datetime | None
    undone_at: datetime | None
    supersedes: str | None
    #: When the platform had taken it back, after a later one.
    reverted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MessageView:
    """A question, supplement, withdrawal or complaint that concerns a case."""

    id: str
    #: ``question``, ``supplement``, ``withdrawal``, ``complaint``.
    kind: str
    at: datetime
    agency: str
    agency_reference: str
    #: The moderator who asked, or ``""``.
    moderator: str
    reason_code: str | None
    text: str
    #: (the agency's item reference, what it says of it: a link, hashes, a text)
    items: tuple[tuple[str, Mapping[str, object]], ...]
    #: Of a question or complaint: what became of it; None while it is open.
    result: str | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of what happened to a case."""

    at: datetime
    actor: str
    #: A journal action such as ``case.opened``, ``case.claimed``, ``decision.recorded``.
    action: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EffectView:
    """A piece of work that follows from a decision."""

    id: str
    kind: str
    state: str
    due_at: datetime
    attempts: int
    last_error: str
    agency: str | None
    reference: str | None
    type: str | None
    created_at: datetime
    done_at: datetime | None
    case_id: str | None
    referral_id: str | None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything known about one case."""

    row: QueueRow
    opened_at: datetime
    content: Content | None
    referrals: tuple[ReferralView, ...]
    #: Newest first.
    decisions: tuple[DecisionView, ...]
    history: tuple[HistoryEntry, ...]
    effects: tuple[EffectView, ...]
    #: Outcomes that every instrument of this case allows, always in the same order.
    outcomes: tuple[str, ...]
    #: The decision that can still be undone, and until when.
    undo_until: datetime | None
    #: What the form starts with: category and keywords as referred, ground kind by the instrument.
    suggested: Mapping[str, object]
    #: Newest first.
    messages: tuple[MessageView, ...] = ()
    #: Ids of the referrals whose agencies can be asked now, and whether an order is among them.
    askable: tuple[str, ...] = ()
    askable_orders: bool = False
    #: True where a complaint waits that this moderator may not answer: it is about their own decision.
    answered_by_others: bool = False


@dataclass(frozen=True, slots=True)
class NamedIn:
    """A referral that named a case, as far as it is kept for ever."""

    id: str
    agency: str
    agency_reference: str
    instrument_name: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PurgedCase:
    """What is left of a case after its retention period: ids, codes, times, and the journal's entries."""

    id: str
    kind: str
    instrument_name: str
    category: str
    outcome: str | None
    opened_at: datetime
    purged_at: datetime
    referrals: tuple[NamedIn, ...]
    #: Newest first, without texts and names.
    decisions: tuple[DecisionView, ...]
    history: tuple[HistoryEntry, ...]


__all__ = [
    "CaseFile",
    "Claim",
    "DecisionView",
    "EffectView",
    "Facet",
    "FileView",
    "HistoryEntry",
    "ItemView",
    "MessageView",
    "NamedIn",
    "PurgedCase",
    "QueueCounts",
    "QueueFilter",
    "QueuePage",
    "QueueRow",
    "ReferralView",
]
