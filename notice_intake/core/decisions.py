"""Deciding, superseding and undoing, as rules without side effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..errors import Conflict, DocumentRefused, FieldError, NotPermitted
from .cases import Case, Member
from .catalogue import ALL_CATEGORIES, KEYWORDS, TERRITORIES
from .clocks import ClockKind
from .codes import RESTRICTIVE, CaseState, EffectKind, GroundKind, Impossibility, ItemStatus, Outcome
from .in_effect import contrary
from .instruments import Instrument, Instruments, common_outcomes

FACTS_LIMIT = 5000
EXPLANATION_LIMIT = 2000
REFERENCE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Draft:
    """What a moderator filled in, unchecked."""

    outcome: str = ""
    territories: tuple[str, ...] = ()
    ground_kind: str = ""
    ground_reference: str = ""
    facts: str = ""
    explanation: str = ""
    category: str = ""
    keywords: tuple[str, ...] = ()
    impossibility: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it is recorded. Append-only; a later one may supersede it."""

    outcome: Outcome
    territories: tuple[str, ...]
    ground_kind: GroundKind | None
    ground_reference: str
    facts: str
    explanation: str
    category: str
    keywords: tuple[str, ...]
    impossibility: Impossibility | None
    decided_at: datetime
    #: When it leaves the undo window and takes effect; equal to ``decided_at`` for an order.
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """An effect to be enqueued with the decision, in this order."""

    kind: EffectKind
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a decision changes."""

    decision: Decision
    state: CaseState
    effects: tuple[Planned, ...]


def allowed_outcomes(members: Sequence[Member], instruments: Instruments) -> tuple[Outcome, ...]:
    """Return the outcomes that answer every item of a case, always in the same order: a hand learns where each is."""
    codes = dict.fromkeys(member.instrument for member in members if member.status is not ItemStatus.WITHDRAWN)
    known = [instruments[code] for code in codes if code in instruments]
    allowed = common_outcomes(known) if known else tuple(Outcome)
    return tuple(one for one in Outcome if one in allowed)


def decide(
    case: Case,
    draft: Draft,
    *,
    members: Sequence[Member],
    instruments: Instruments,
    undo: timedelta,
    now: datetime,
) -> Verdict:
    """Check a draft against the rules of every instrument of the case, and say what follows from it.

    Raises ``DocumentRefused`` with a pointer for each fault, ``Conflict`` where nothing is left to decide.
    """
    if case.state not in (CaseState.OPEN, CaseState.CLOSED, CaseState.FAILED):
        raise Conflict("A decision on this case is being carried out. Undo it, or wait until it has taken effect.")
    faults = _faults(draft, allowed_outcomes(members, instruments)) + _scope_faults(draft, members, instruments)
    if faults:
        raise DocumentRefused(faults)
    effective_at = now + undo_window(case, members=members, instruments=instruments, longest=undo, now=now)
    decision = _decision(draft, now=now, effective_at=effective_at)
    effects = _effects(case, decision)
    closes = not any(effect.kind in (EffectKind.ENFORCE, EffectKind.REVERT) for effect in effects)
    state = CaseState.CLOSED if closes and effective_at == now else CaseState.DECIDED
    return Verdict(decision=decision, state=state, effects=effects)


def undo_window(
    case: Case, *, members: Sequence[Member], instruments: Instruments, longest: timedelta, now: datetime
) -> timedelta:
    """Return how long a decision rests before it takes effect: never for an order, never past the deadline."""
    live = [m.instrument for m in members if m.status is not ItemStatus.WITHDRAWN and m.instrument in instruments]
    at_once = any(not instruments[code].undoable for code in live)
    if at_once or case.due.kind is ClockKind.LEGAL or case.priority == 0:
        return timedelta(0)
    return max(min(longest, case.due.at - now), timedelta(0)) if case.due.at > now else longest


def may_decide(roles: frozenset[str], instruments: Sequence[Instrument]) -> None:
    """Raise ``NotPermitted`` where an instrument asks for a role that the moderator lacks."""
    held = roles | {"moderator"} if "lead" in roles else roles
    missing = sorted({one.role for one in instruments} - held)
    if missing:
        raise NotPermitted(f"Deciding this case needs the role {', '.join(missing)}.")


def _decision(draft: Draft, *, now: datetime, effective_at: datetime) -> Decision:
    outcome = Outcome(draft.outcome)
    return Decision(
        outcome=outcome,
        territories=tuple(sorted(set(draft.territories))) if outcome is Outcome.ACCESS_DISABLED else (),
        ground_kind=GroundKind(draft.ground_kind) if draft.ground_kind else None,
        ground_reference=draft.ground_reference.strip(),
        facts=draft.facts.strip(),
        explanation=draft.explanation.strip(),
        category=draft.category,
        keywords=tuple(dict.fromkeys(draft.keywords)),
        impossibility=Impossibility(draft.impossibility) if outcome is Outcome.NOT_POSSIBLE else None,
        decided_at=now,
        effective_at=effective_at,
    )


def _effects(case: Case, decision: Decision) -> tuple[Planned, ...]:
    at = decision.effective_at
    effects = [Planned(EffectKind.ANNOUNCE, at)]
    if contrary(case.in_effect, decision.outcome):
        effects.append(Planned(EffectKind.REVERT, at))
    if decision.outcome in RESTRICTIVE:
        effects.append(Planned(EffectKind.ENFORCE, at))
    return tuple(effects)


def _faults(draft: Draft, allowed: tuple[Outcome, ...]) -> list[FieldError]:
    if draft.outcome not in tuple(Outcome):
        return [FieldError("/outcome", "required", "Choose an outcome.")]
    outcome = Outcome(draft.outcome)
    faults: list[FieldError] = []
    if outcome not in allowed:
        detail = "An instrument of this case does not allow this outcome."
        faults.append(FieldError("/outcome", "not_allowed", detail))
    faults += _text_faults(draft)
    faults += _code_faults(draft)
    if outcome in RESTRICTIVE:
        faults += _reason_faults(draft)
    if outcome is Outcome.ACCESS_DISABLED and not draft.territories:
        faults.append(FieldError("/territories", "required", "Say in which countries access ends."))
    if outcome is Outcome.NOT_POSSIBLE and draft.impossibility not in tuple(Impossibility):
        faults.append(FieldError("/impossibility", "required", "Say why it cannot be carried out."))
    return faults


def _scope_faults(draft: Draft, members: Sequence[Member], instruments: Instruments) -> list[FieldError]:
    """An order that must be obeyed in all Member States is not obeyed in some: Reg. (EU) 2021/784 Art. 3(3)."""
    if draft.outcome != Outcome.ACCESS_DISABLED or not draft.territories:
        return []
    live = (m.instrument for m in members if m.status is not ItemStatus.WITHDRAWN and m.instrument in instruments)
    needed = {country for code in live for country in instruments[code].covers}
    missing = sorted(needed - set(draft.territories))
    if not missing:
        return []
    detail = f"An instrument of this case asks for all of its countries: {', '.join(missing)} missing."
    return [FieldError("/territories", "too_narrow", detail)]


def _text_faults(draft: Draft) -> list[FieldError]:
    faults = []
    if not draft.facts.strip():
        faults.append(FieldError("/facts", "required", "Say what you saw and relied on."))
    limits = (("facts", FACTS_LIMIT), ("explanation", EXPLANATION_LIMIT), ("ground_reference", REFERENCE_LIMIT))
    for name, limit in limits:
        if len(getattr(draft, name)) > limit:
            faults.append(FieldError(f"/{name}", "too_long", f"Use at most {limit} characters."))
        if "\x00" in getattr(draft, name):
            faults.append(FieldError(f"/{name}", "bad_character", "Take the NUL character out."))
    return faults


def _code_faults(draft: Draft) -> list[FieldError]:
    faults = []
    if draft.category and draft.category not in ALL_CATEGORIES:
        faults.append(FieldError("/category", "unknown", "Choose a category from the list."))
    if any(keyword not in KEYWORDS for keyword in draft.keywords):
        faults.append(FieldError("/keywords", "unknown", "Choose keywords from the list."))
    if any(code not in TERRITORIES for code in draft.territories):
        faults.append(FieldError("/territories", "unknown", "Choose countries from the list."))
    if draft.ground_kind and draft.ground_kind not in tuple(GroundKind):
        faults.append(FieldError("/ground_kind", "unknown", "Choose law or terms."))
    return faults


def _reason_faults(draft: Draft) -> list[FieldError]:
    wanted = (
        ("ground_kind", "Say whether the law or your terms ground this."),
        ("ground_reference", "Name the provision or the clause."),
        ("explanation", "Say why the content falls under it."),
        ("category", "Choose a category."),
    )
    return [FieldError(f"/{name}", "required", detail) for name, detail in wanted if not getattr(draft, name).strip()]
