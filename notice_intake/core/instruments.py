"""What an instrument is: the rules of one legal kind of referral, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .clocks import ClockRule
from .codes import GroundKind, Outcome
from .retention import NO_PERIOD, Retention


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the regime's own: shown in the reader's language where the catalogue has it."""

    text: str


@dataclass(frozen=True, slots=True)
class Country:
    """A country by its code, shown by its name."""

    code: str


#: Text as the agency wrote it, or something that the desk knows how to write.
Value = str | Word | Country | datetime
Details = tuple[tuple[str, Value | tuple[Value, ...]], ...]


def _no_details(_document: Mapping[str, object]) -> Details:
    return ()


@dataclass(frozen=True, slots=True)
class Instrument:
    """One legal kind of referral. Defined in ``regimes/``, read everywhere."""

    #: Dotted and stable, for example ``eu.tco.removal_order``.
    code: str
    #: For people.
    name: str
    #: Where it comes from: the regulation and article, or the house rule.
    source: str
    #: True for an order that must be obeyed; False for a request to check.
    binding: bool
    clock: ClockRule
    #: Outcomes that answer this instrument.
    outcomes: tuple[Outcome, ...]
    #: What a decision under it usually rests on.
    ground: GroundKind
    #: The role that a moderator needs to decide it.
    role: str = "moderator"
    #: True where a decision may rest in the undo window before it takes effect; never for an order.
    undoable: bool = True
    #: Countries that disabling access must cover, or empty: an order may say "in all Member States".
    covers: tuple[str, ...] = ()
    #: True where a question to the agency stops the clock until it is answered.
    stops_for_questions: bool = False
    #: Further times of the document that must have passed, each as the names that lead to it.
    past_times: tuple[tuple[str, ...], ...] = ()
    #: The transparency database's word for the source of this kind of notice.
    source_type: str = "SOURCE_TYPE_OTHER_NOTIFICATION"
    #: How long the law wants its cases kept at least once they are closed.
    retention: Retention = NO_PERIOD
    #: Turns what the regime adds to the document into labels and values for the desk.
    details: Callable[[Mapping[str, object]], Details] = field(default=_no_details)

    @property
    def priority(self) -> int:
        """0 for what has a deadline in law, 1 for the rest: an overdue house target never hides an order."""
        return 0 if self.clock.kind == "legal" else 1


Instruments = Mapping[str, Instrument]


def common_outcomes(instruments: list[Instrument]) -> tuple[Outcome, ...]:
    """Return the outcomes that every one of ``instruments`` allows.

    A binding instrument limits what may be decided for a voluntary one on the same content, never the reverse: what
    an order allows is kept even where a referral's own list does not name it.
    """
    binding = [one for one in instruments if one.binding] or instruments
    first = binding[0]
    return tuple(outcome for outcome in first.outcomes if all(outcome in one.outcomes for one in binding[1:]))
