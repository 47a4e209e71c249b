"""Questions, supplements, withdrawals, complaints: which items they may name, and what becomes of a case. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..errors import Conflict, DocumentRefused, FieldError, NotPermitted
from .cases import Case, Member
from .clocks import ClockKind, ClockRule
from .codes import RESTRICTIVE, CaseState, ItemStatus, Outcome, QuestionReason, Result
from .instruments import Instruments

QUESTION_LIMIT = 2000
#: Statuses from which an item still waits for a decision.
UNDECIDED = frozenset({ItemStatus.RECEIVED, ItemStatus.IN_REVIEW, ItemStatus.NEEDS_CLARIFICATION})
#: Statuses of an item that a decision has answered.
ANSWERED = frozenset({ItemStatus.DECIDED, ItemStatus.EFFECTED, ItemStatus.RESTORED, ItemStatus.NOT_POSSIBLE})
#: At least six months, whichever they are: Reg. (EU) 2022/2065 Art. 20(1).
COMPLAINT_WINDOW = timedelta(days=184)
#: What a moderator needs to answer a complaint about a decision of their own.
LEAD = "lead"
LOOK_AGAIN = ClockRule(
    ClockKind.HOUSE,
    timedelta(hours=72),
    "House target: look again within 72 hours; Art. 20(4) DSA asks for a timely answer",
)
LOOK_AT_WITHDRAWN = ClockRule(
    ClockKind.HOUSE, timedelta(hours=24), "House target: look within 24 hours at what an agency no longer asks for"
)


@dataclass(frozen=True, slots=True)
class Named:
    """One item of a referral, as far as these rules need it."""

    item_id: str
    reference: str
    status: ItemStatus
    case_id: str


def named(items: Sequence[Named], references: Sequence[str], *, pointers: Sequence[str]) -> list[Named]:
    """Return the items that go by ``references``. Raises ``DocumentRefused`` for one that is unknown or repeated."""
    by_reference = {one.reference: one for one in items}
    faults = []
    for index, reference in enumerate(references):
        if reference not in by_reference:
            faults.append(FieldError(pointers[index], "unknown", "No item of this referral has this reference."))
        elif reference in references[:index]:
            faults.append(FieldError(pointers[index], "repeated", "This reference stands here twice."))
    if faults:
        raise DocumentRefused(faults)
    return [by_reference[reference] for reference in references]


def check_supplement(items: Sequence[Named]) -> None:
    """Raise ``Conflict`` where an item takes no further facts."""
    if not items:
        raise Conflict("Nothing of this referral waits for a decision. To have a decision looked at again, complain.")
    for one in items:
        if one.status is ItemStatus.WITHDRAWN:
            raise Conflict(f"You have withdrawn item {one.reference}.")
        if one.status not in UNDECIDED and one.status is not ItemStatus.NOT_POSSIBLE:
            raise Conflict(f"Item {one.reference} is decided. To have it looked at again, complain.")


def check_withdrawal(items: Sequence[Named]) -> None:
    """Raise ``Conflict`` where there is nothing to take back."""
    if not items:
        raise Conflict("You have withdrawn this referral already.")
    for one in items:
        if one.status is ItemStatus.WITHDRAWN:
            raise Conflict(f"You have withdrawn item {one.reference} already.")


def check_complaint(one: Named, *, decided_at: datetime | None, pending: bool, now: datetime) -> None:
    """Raise ``Conflict`` where an item cannot be complained about: Reg. (EU) 2022/2065 Art. 20(1)."""
    if one.status not in ANSWERED or decided_at is None:
        raise Conflict(f"Item {one.reference} is not decided: there is nothing to complain about yet.")
    if pending:
        raise Conflict(f"A complaint about item {one.reference} is open already.")
    if now > decided_at + COMPLAINT_WINDOW:
        raise Conflict(f"Item {one.reference} was decided more than {COMPLAINT_WINDOW.days} days ago.")


def check_question(reason: str, text: str) -> list[FieldError]:
    """Return what is wrong with a question."""
    faults = []
    if reason not in tuple(QuestionReason):
        faults.append(FieldError("/question_reason", "required", "Choose why you ask."))
    if not text.strip():
        faults.append(FieldError("/question", "required", "Write what you need to know."))
    if len(text) > QUESTION_LIMIT:
        faults.append(FieldError("/question", "too_long", f"Use at most {QUESTION_LIMIT} characters."))
    if "\x00" in text:
        faults.append(FieldError("/question", "bad_character", "Take the NUL character out."))
    return faults


def asked(
    members: Sequence[Member], *, referral_ids: frozenset[str], every_order: bool, instruments: Instruments
) -> list[Member]:
    """Return the items that a question goes to: those of the referrals chosen, or of every order, that wait."""
    waiting = [one for one in members if one.status in UNDECIDED]
    if every_order:
        return [one for one in waiting if one.instrument in instruments and instruments[one.instrument].binding]
    return [one for one in waiting if one.referral_id in referral_ids]


def stops(instrument: str, instruments: Instruments) -> bool:
    """Say whether a question stops the clock of an item: Reg. (EU) 2021/784 Art. 3(8)."""
    return instrument in instruments and instruments[instrument].stops_for_questions


class Consequence(StrEnum):
    """What a withdrawal does to a case."""

    STAYS = "stays"
    CLOSES = "closes"  # nothing is left to decide
    UNDOES = "undoes"  # a decision that nobody has heard of yet is taken back, and the case closes
    REOPENS = "reopens"  # what was carried out stands without a request: a person looks


def withdraw(case: Case, members: Sequence[Member], *, complained: bool) -> Consequence:
    """Say what becomes of a case once items are withdrawn; ``members`` are its items as they stand then."""
    live = [one for one in members if one.status is not ItemStatus.WITHDRAWN]
    if case.state is CaseState.OPEN:
        waits = complained or WITHDRAWN_FLAG in case.flags or any(one.status in UNDECIDED for one in live)
        return Consequence.STAYS if waits else Consequence.CLOSES
    if case.state is CaseState.DECIDED and not case.announced:
        return Consequence.STAYS if live else Consequence.UNDOES
    return Consequence.REOPENS if case.outcome in RESTRICTIVE else Consequence.STAYS


def result_of(before: Outcome | None, after: Outcome) -> Result:
    """Say what a further decision makes of a complaint."""
    return Result.UPHELD if before is after else Result.REVERSED


def may_answer(moderator_id: str, roles: frozenset[str], *, decided_by: str) -> None:
    """Raise ``NotPermitted`` where a moderator would answer a complaint about their own decision.

    A lead may: a desk with one person must be able to answer too.
    """
    if moderator_id == decided_by and LEAD not in roles:
        raise NotPermitted("You took the decision that this complaint is about. Another moderator must answer it.")


WITHDRAWN_FLAG = "withdrawn_after_decision"
#: Flags that say why a case is open, and go once it is decided.
PASSING_FLAGS = frozenset({"complaint", WITHDRAWN_FLAG, "needs_clarification", "supplemented"})
