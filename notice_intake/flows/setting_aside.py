"""Taking back a decision of which nothing has left yet: what stood before it stands again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..core.cases import Case
from ..errors import Conflict
from ..store import decisions, messages, outbox
from ..store.storage import Tx


def set_aside(tx: Tx, case: Case, *, now: datetime) -> dict[str, Any]:
    """Take back the last decision of a case where nobody was told of it; one that was told stays until superseded.

    Returns the columns of the case that change; none where the decision stays.
    """
    try:
        return take_back(tx, case, now=now)
    except Conflict:
        return {}


def take_back(tx: Tx, case: Case, *, now: datetime) -> dict[str, Any]:
    """Do the same, for whoever has to know: raises ``Conflict`` where it is too late.

    What the decision had closed, questions and complaints, is open again.
    """
    decision = decisions.find(tx, case.decision_id) if case.decision_id else None
    if decision is None or case.announced:
        raise Conflict("There is nothing to undo: the decision has taken effect.")
    if not outbox.cancel(tx, decision.id, case_id=case.id, now=now):
        raise Conflict("It is too late to undo this: the decision is being carried out.")
    decisions.stamp(tx, decision.id, undone_at=now)
    messages.open_again(tx, decision.id)
    before = decisions.find(tx, decision.supersedes) if decision.supersedes else None
    return {
        "decision_id": before.id if before else None,
        "outcome": before.outcome if before else None,
        "announced": before is not None,
    }
