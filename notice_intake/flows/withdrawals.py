"""An agency takes its referral back, or some of its items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..core.cases import Case
from ..core.codes import RESTRICTIVE, CaseState, ItemStatus, MessageKind, Result
from ..core.messages import (
    LOOK_AT_WITHDRAWN,
    UNDECIDED,
    WITHDRAWN_FLAG,
    Consequence,
    check_withdrawal,
    named,
    withdraw,
)
from ..store import cases, messages
from ..store.storage import Tx
from .clocks import clock_columns, house_clock
from .messages import Exchange
from .setting_aside import set_aside


def apply(tx: Tx, exchange: Exchange) -> None:
    """Withdraw items. They no longer bind, and no longer set the clock of their cases."""
    every, references = exchange.named, exchange.document.get("items")
    if references is None:
        chosen = [one for one in every if one.status is not ItemStatus.WITHDRAWN]
    else:
        chosen = named(every, references, pointers=[f"/items/{index}" for index in range(len(references))])
    check_withdrawal(chosen)
    rows = exchange.rows(chosen)
    ids = [row.id for row in rows]
    exchange.facts = dict.fromkeys(ids)
    _close(tx, ids, now=exchange.now)
    cases.set_items(tx, ids, status=ItemStatus.WITHDRAWN, outcome=None, now=exchange.now)
    for row in rows:
        exchange.moved(row, ItemStatus.WITHDRAWN, outcome=row.outcome)
    for case_id in exchange.case_ids(rows):
        exchange.changes[case_id] = _case(tx, exchange, exchange.cases[case_id])


def _close(tx: Tx, item_ids: Sequence[str], *, now: datetime) -> None:
    """Close the questions and complaints about items that are withdrawn."""
    for kind in (MessageKind.QUESTION, MessageKind.COMPLAINT):
        waiting = messages.unclosed_of(tx, kind, item_ids=item_ids)
        messages.close(tx, waiting, result=Result.WITHDRAWN, now=now)


def _case(tx: Tx, exchange: Exchange, case: Case) -> dict[str, Any]:
    members = cases.members(tx, case.id)
    complained = bool(messages.unclosed(tx, MessageKind.COMPLAINT, case_id=case.id))
    what = withdraw(case, members, complained=complained)
    values: dict[str, Any] = {}
    if what is Consequence.UNDOES:
        what, values = _undo(tx, exchange, case)
    if what is Consequence.CLOSES:
        return {**values, "state": CaseState.CLOSED, "clock_left": None, **cases.UNCLAIMED}
    if what is Consequence.REOPENS:
        flags = list(dict.fromkeys((*case.flags, WITHDRAWN_FLAG)))
        clock = house_clock(LOOK_AT_WITHDRAWN, exchange.now)
        return {**values, "state": CaseState.OPEN, "flags": flags, **clock, **cases.UNCLAIMED}
    if all(one.status is ItemStatus.WITHDRAWN for one in members):
        values["clock_left"] = None
    if case.state is not CaseState.OPEN:
        return values
    asked = messages.unclosed(tx, MessageKind.QUESTION, case_id=case.id)
    values["flags"] = [flag for flag in case.flags if flag != "needs_clarification" or asked]
    if any(one.status in UNDECIDED for one in members):
        return {**values, **clock_columns(exchange.mount, tx, case.id)}
    return values


def _undo(tx: Tx, exchange: Exchange, case: Case) -> tuple[Consequence, dict[str, Any]]:
    """Take back a decision that only the withdrawn items asked for, while nothing of it has left."""
    values = set_aside(tx, case, now=exchange.now)
    if not values:
        return (Consequence.REOPENS if case.outcome in RESTRICTIVE else Consequence.STAYS), {}
    # What the decision had answered is open again; nobody waits for an answer about what is withdrawn.
    _close(tx, list(exchange.facts), now=exchange.now)
    return (Consequence.REOPENS if values["outcome"] in RESTRICTIVE else Consequence.CLOSES), values
