"""The referrer asks to look again: Reg. (EU) 2022/2065 Art. 20, which is open to notifiers too."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..core.cases import Case
from ..core.codes import CaseState, MessageKind, Outcome, Result
from ..core.messages import LOOK_AGAIN, check_complaint, may_answer, named, result_of
from ..errors import Conflict
from ..hooks import Moderator
from ..store import cases, decisions, messages
from ..store.storage import Tx
from .callbacks import Event
from .clocks import house_clock
from .messages import Exchange


def apply(tx: Tx, exchange: Exchange) -> None:
    """Open the cases again. The decision stands until a further one answers the complaint."""
    references = exchange.document["items"]
    pointers = [f"/items/{index}" for index in range(len(references))]
    chosen = named(exchange.named, references, pointers=pointers)
    rows = exchange.rows(chosen)
    waiting = messages.unclosed_of(tx, MessageKind.COMPLAINT, item_ids=[row.id for row in rows])
    pending = {row.item_id for row in waiting}
    told_at = {row.id: row.updated_at for row in rows}
    for one in chosen:
        decided_at = _decided_at(tx, exchange.cases[one.case_id])
        if decided_at is not None:
            # An item that an older decision answered was told of it when it came.
            decided_at = max(decided_at, told_at[one.item_id])
        check_complaint(one, decided_at=decided_at, pending=one.item_id in pending, now=exchange.now)
    exchange.facts = dict.fromkeys(row.id for row in rows)
    exchange.event("complaint.received", complaint=exchange.id)
    for case_id in exchange.case_ids(rows):
        exchange.changes[case_id] = _case(exchange, exchange.cases[case_id])


def _decided_at(tx: Tx, case: Case) -> datetime | None:
    decision = decisions.find(tx, case.decision_id) if case.decision_id else None
    return decision.effective_at if decision is not None else None


def _case(exchange: Exchange, case: Case) -> dict[str, Any]:
    if case.state is CaseState.DECIDED and not case.announced:
        raise Conflict("A further decision is on its way. Wait for it.")
    flags = list(dict.fromkeys((*case.flags, "complaint")))
    if case.state is CaseState.OPEN:
        return {"flags": flags}
    return {"state": CaseState.OPEN, "flags": flags, **house_clock(LOOK_AGAIN, exchange.now), **cases.UNCLAIMED}


def check_moderator(tx: Tx, case: Case, moderator: Moderator) -> None:
    """Raise ``NotPermitted`` where a complaint is open about a decision of this moderator's own."""
    decision = decisions.find(tx, case.decision_id) if case.decision_id else None
    if decision is not None and messages.unclosed(tx, MessageKind.COMPLAINT, case_id=case.id):
        may_answer(moderator.id, moderator.roles, decided_by=decision.moderator_id)


def answer(tx: Tx, case: Case, outcome: Outcome, *, decision_id: str, now: datetime) -> None:
    """Close what is open on a case with the decision that answers it."""
    complaints = messages.unclosed(tx, MessageKind.COMPLAINT, case_id=case.id)
    result = result_of(case.outcome, outcome)
    messages.close(tx, complaints, result=result, now=now, decision_id=decision_id)
    questions = messages.unclosed(tx, MessageKind.QUESTION, case_id=case.id)
    messages.close(tx, questions, result=Result.DECIDED, now=now, decision_id=decision_id)


def answered(tx: Tx, decision: Any) -> list[Event]:
    """Return what each referrer is told of its complaint once a decision takes effect."""
    return [_told(row, decision) for row in messages.of_decision(tx, decision.id, MessageKind.COMPLAINT)]


def _told(row: Any, decision: Any) -> Event:
    data = {"complaint": row.id, "item": row.item_id, "item_reference": row.reference}
    return Event(
        row.referral_id,
        "complaint.decided",
        {**data, "result": row.result, "outcome": decision.outcome},
        row.case_id,
    )
