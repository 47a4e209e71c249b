"""How long what a case holds is kept once it is closed, and what stops its deletion.

Deleted are personal data, texts and links: bodies, reasons, evidence, signatures, names. Ids, codes, times, counts and
the journal's entries stay for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from .codes import RESTRICTIVE, CaseState, ItemStatus, MessageKind, Outcome

_UNDECIDED = frozenset({ItemStatus.RECEIVED, ItemStatus.IN_REVIEW, ItemStatus.NEEDS_CLARIFICATION})
#: Six months are never shorter than the longest six that follow each other.
SIX_MONTHS = timedelta(days=184)
#: What stands in the way of a deletion is looked at again after so long.
AGAIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Retention:
    """What the law asks an instrument's cases to be kept for at least, from the last change of the case."""

    #: Where content was taken down.
    restricted: timedelta = timedelta(0)
    #: Where it was not.
    other: timedelta = timedelta(0)
    #: Where the periods come from.
    source: str = "no period in law"

    def least(self, outcome: Outcome | None) -> timedelta:
        """Return the period for a case that ended with ``outcome``."""
        return self.restricted if outcome in RESTRICTIVE else self.other


NO_PERIOD = Retention()
#: A complaint can be lodged for six months after the decision, whatever it was.
COMPLAINTS = Retention(SIX_MONTHS, SIX_MONTHS, "Art. 20(1) Reg. (EU) 2022/2065: complaints for six months")
#: What was removed, and data that belongs to it; for longer where an authority or a court asks, which is a hold.
PRESERVATION = Retention(SIX_MONTHS, SIX_MONTHS, "Art. 6 Reg. (EU) 2021/784: preserved for six months")


class Kept(StrEnum):
    """Why a case is not purged."""

    OPEN = "open"  # or an item of it waits for a decision, or its clock stands still
    CLAIMED = "claimed"
    UNDELIVERED = "undelivered"  # a callback or an effect is due, or was given up and waits for a person
    UNANSWERED = "unanswered"  # a question or a complaint
    HELD = "held"  # a legal hold
    PERIOD = "period"  # it is not over
    BUSY = "busy"  # somebody else works on it at this moment


@dataclass(frozen=True, slots=True)
class Closed:
    """What the rule needs to know of a case and of the referrals that name it."""

    state: CaseState
    outcome: Outcome | None
    #: Codes of the instruments of its items, or the case's own where it has none left.
    instruments: Collection[str]
    #: When anything of it changed last: case, items, decisions, messages, referrals.
    changed_at: datetime
    statuses: Collection[ItemStatus] = ()
    stopped: bool = False
    claimed: bool = False
    #: Effects and callbacks of the case and of its referrals that are due or were given up.
    undelivered: int = 0
    unanswered: Collection[MessageKind] = ()
    held: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a case is to be purged now."""

    #: None where it is.
    kept: Kept | None
    #: When to look again; None where it is purged.
    look_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Periods:
    """How long this house keeps what: its own period for all instruments, and others for some."""

    days: int
    of: Mapping[str, int] = field(default_factory=dict)

    def of_instrument(self, code: str, retention: Retention, *, outcome: Outcome | None) -> timedelta:
        """Return how long a case of an instrument is kept: never shorter than the law asks."""
        return max(timedelta(days=self.of.get(code, self.days)), retention.least(outcome))

    def shortest(self) -> timedelta:
        """Return what no case is kept shorter than."""
        return timedelta(days=min((self.days, *self.of.values())))


def judge(case: Closed, *, rules: Mapping[str, Retention], periods: Periods, now: datetime) -> Judged:
    """Say whether a case is to be purged; the longest period of its instruments counts.

    Nothing that is open, claimed, undelivered or unanswered is ever purged, nor what is under a legal hold, however
    long ago it changed.
    """
    waits = (
        (Kept.OPEN, case.state is not CaseState.CLOSED or case.stopped or not _UNDECIDED.isdisjoint(case.statuses)),
        (Kept.CLAIMED, case.claimed),
        (Kept.UNDELIVERED, case.undelivered > 0),
        (Kept.UNANSWERED, bool(case.unanswered)),
        (Kept.HELD, case.held),
    )
    ends = case.changed_at + max(
        periods.of_instrument(code, rules.get(code, NO_PERIOD), outcome=case.outcome) for code in case.instruments
    )
    for why, holds in waits:
        if holds:
            return Judged(why, max(ends, now + AGAIN))
    return Judged(Kept.PERIOD, ends) if ends > now else Judged(None)
