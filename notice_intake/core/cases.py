"""The case: one piece of content under review, and what happens when another item names it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from .clocks import ClockKind, Due
from .codes import RESTRICTIVE, CaseState, ItemStatus, Outcome
from .in_effect import Enacted
from .instruments import Instrument


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a case, and until when."""

    moderator_id: str
    name: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """One item of a case, as far as the rules need it."""

    item_id: str
    referral_id: str
    agency_id: str
    instrument: str
    status: ItemStatus
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules need to know about a case."""

    id: str
    key: str
    version: int
    state: CaseState
    due: Due
    priority: int
    #: Code of the instrument whose clock is the strictest.
    instrument: str
    category: str
    holder: Holder | None = None
    #: The decision in force, if any, and its outcome.
    decision_id: str | None = None
    outcome: Outcome | None = None
    #: Whether the agencies have been told of that decision.
    announced: bool = False
    flags: tuple[str, ...] = ()
    #: What was left of the deadline when the clock stopped; None while it runs.
    left: timedelta | None = None
    #: The decisions that the platform has carried out, or may have; looked up only where another is taken.
    in_effect: tuple[Enacted, ...] = ()

    def held_by(self, moderator_id: str, now: datetime) -> bool:
        """Say whether this moderator holds a claim that has not run out."""
        return self.holder is not None and self.holder.moderator_id == moderator_id and self.holder.until > now

    def held_against(self, moderator_id: str, now: datetime) -> Holder | None:
        """Return the other moderator who holds the case now, or None."""
        if self.holder is None or self.holder.moderator_id == moderator_id or self.holder.until <= now:
            return None
        return self.holder


@dataclass(frozen=True, slots=True)
class Joined:
    """What happens to a case when a further item names its content."""

    #: The state after: unchanged, or open again.
    state: CaseState
    due: Due
    priority: int
    instrument: str
    #: The status that the new item starts with.
    status: ItemStatus
    #: The outcome that answers the new item at once, or None where it waits for a decision.
    answered: Outcome | None
    #: Flags to add for the moderator's eye.
    flags: tuple[str, ...]


def join(case: Case, *, instrument: Instrument, due: Due, priority: int, category: str) -> Joined:
    """Say what a new item under ``instrument`` does to ``case``.

    An open case takes the strictest clock. A decided case answers at once where its decision also answers the new
    instrument: content that is down needs no second decision, and a refusal to act stands against another request of
    the same weight for the same reason. Anything else opens the case again: an order after "no action", or the same
    content for another reason.
    """
    tightened = _tightens(case, due=due, priority=priority)
    strict = (due, priority, instrument.code) if tightened else (case.due, case.priority, case.instrument)
    if case.state is CaseState.OPEN:
        flags = ("clock_tightened",) if tightened else ()
        return Joined(CaseState.OPEN, *strict, ItemStatus.RECEIVED, None, flags)
    if _answers(case, instrument=instrument, category=category):
        flags = ("order_after_decision",) if priority < case.priority else ()
        kept = (case.due, case.priority, case.instrument)
        if not case.announced:
            # Nothing leaves before the undo window ends: the announcement that waits will cover this item too.
            return Joined(case.state, *kept, ItemStatus.RECEIVED, None, flags)
        status = ItemStatus.EFFECTED if _carried_out(case) else ItemStatus.DECIDED
        return Joined(case.state, *kept, status, case.outcome, flags)
    return Joined(CaseState.OPEN, due, priority, instrument.code, ItemStatus.RECEIVED, None, ("reopened",))


def _tightens(case: Case, *, due: Due, priority: int) -> bool:
    if priority != case.priority:
        return priority < case.priority
    if due.at != case.due.at:
        return due.at < case.due.at
    return due.kind is ClockKind.LEGAL and case.due.kind is not ClockKind.LEGAL


def _answers(case: Case, *, instrument: Instrument, category: str) -> bool:
    if case.outcome is None or case.state is CaseState.FAILED or case.outcome not in instrument.outcomes:
        return False
    if case.outcome is Outcome.NOT_POSSIBLE:
        return False  # what was in the way then, or was missing from that request, need not be now
    if case.outcome is Outcome.ACCESS_DISABLED and instrument.covers:
        return False  # access may end in fewer countries than the order names: a person has to look
    if case.outcome in RESTRICTIVE or case.outcome in (Outcome.ALREADY_GONE, Outcome.NOT_FOUND):
        return case.outcome in RESTRICTIVE or not instrument.binding
    return not instrument.binding and category == case.category


def _carried_out(case: Case) -> bool:
    return case.state is CaseState.CLOSED and case.outcome in RESTRICTIVE
