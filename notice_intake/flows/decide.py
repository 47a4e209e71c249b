"""Deciding a case, and undoing that while nothing has left yet."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime

from .. import signals
from ..core.cases import Case
from ..core.codes import CaseState, EffectKind, ItemStatus, Outcome
from ..core.decisions import Decision, Draft, Verdict, may_decide
from ..core.decisions import decide as judge
from ..core.in_effect import in_effect
from ..core.journal import Entry
from ..core.messages import stops
from ..errors import ClaimHeld, Conflict, NotFound, StaleVersion
from ..hooks import Moderator
from ..ids import new_id
from ..store import cases, decisions, journal, outbox
from ..store.storage import Tx
from . import complaints
from .claims import actor_of
from .clocks import clock_columns
from .mount import Mount
from .setting_aside import take_back
from .waking import wake_after


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision."""

    decision_id: str
    outcome: str
    #: Until when it can be undone; None where it took effect at once.
    undo_until: datetime | None


def decide(mount: Mount, case_id: str, draft: Draft, *, moderator: Moderator, version: int, now: datetime) -> Decided:
    """Record a decision on the case as the moderator saw it, and everything that follows from it, in one transaction.

    Raises ``StaleVersion`` where the case changed since, ``ClaimHeld`` where somebody else holds it,
    ``DocumentRefused`` with a pointer for each fault, ``NotPermitted`` for a missing role.
    """
    with mount.storage.begin() as tx:
        case = cases.find(tx, case_id, lock=True)
        if case is None:
            raise NotFound
        against = case.held_against(moderator.id, now)
        if against is not None:
            raise ClaimHeld(against.name)
        if case.version != version:
            raise StaleVersion(seen=version, current=case.version)
        members = cases.members(tx, case_id)
        live = [m.instrument for m in members if m.status is not ItemStatus.WITHDRAWN]
        may_decide(moderator.roles, [mount.instruments[code] for code in live if code in mount.instruments])
        complaints.check_moderator(tx, case, moderator)
        _make_way(tx, case, now=now)
        verdict = judge(
            replace(case, in_effect=in_effect(decisions.enacted(tx, case_id))),
            draft,
            members=members,
            instruments=mount.instruments,
            undo=mount.settings.undo,
            now=now,
        )
        decision_id = new_id("dec")
        decisions.append(tx, decision_id, verdict.decision, case=case, moderator=moderator, supersedes=case.decision_id)
        complaints.answer(tx, case, verdict.decision.outcome, decision_id=decision_id, now=now)
        stops_clock = any(stops(code, mount.instruments) for code in live)
        _settle(tx, case, verdict, decision_id, stops_clock=stops_clock)
        _enqueue(tx, case, verdict, decision_id)
        journal.append(tx, [_entry(case, verdict, decision_id, moderator)])
        outcome = verdict.decision.outcome
        facts = {"case_id": case_id, "decision_id": decision_id, "outcome": str(outcome)}
        tx.after_commit.append(lambda: signals.send(signals.decision_recorded, mount, **facts))
        wake_after(tx, mount)
    effective_at = verdict.decision.effective_at
    return Decided(decision_id, str(outcome), effective_at if effective_at > now else None)


def undo(mount: Mount, case_id: str, *, moderator: Moderator, now: datetime, decision_id: str | None = None) -> None:
    """Take the last decision back while nothing has left; the case is open again and held by this moderator.

    With ``decision_id`` that one and no later one. Raises ``StaleVersion`` where another stands, ``Conflict`` where it
    is too late.
    """
    with mount.storage.begin() as tx:
        case = cases.find(tx, case_id, lock=True)
        if case is None:
            raise NotFound
        decision = decisions.find(tx, case.decision_id) if case.decision_id else None
        if decision is None or case.state not in (CaseState.DECIDED, CaseState.CLOSED):
            raise Conflict("There is nothing to undo: the decision has taken effect.")
        if decision_id not in (None, decision.id):
            raise StaleVersion(seen=case.version - 1, current=case.version)
        if decision.effective_at <= now:
            raise Conflict("It is too late to undo this: the decision is being carried out.")
        values = {
            **take_back(tx, case, now=now),
            "state": CaseState.OPEN,
            "claimed_by": moderator.id,
            "claimed_name": moderator.name,
            "claimed_until": now + mount.settings.claim,
            "updated_at": now,
            "clock_left": None,
            **clock_columns(mount, tx, case_id),
        }
        if not cases.change(tx, case_id, version=case.version, values=values):
            raise StaleVersion(seen=case.version, current=case.version + 1)
        facts = {"decision": decision.id}
        journal.append(tx, [Entry(actor_of(moderator), "decision.undone", case_id, now, facts)])


def _make_way(tx: Tx, case: Case, *, now: datetime) -> None:
    """Cancel what of the decision before waits for a retry: an order must not queue behind it."""
    if case.decision_id is None or case.state is CaseState.DECIDED:
        return
    if not outbox.cancel_waiting(tx, case.decision_id, case_id=case.id, now=now):
        raise Conflict("The decision before this one is being carried out right now. Try again in a moment.")


def _settle(tx: Tx, case: Case, verdict: Verdict, decision_id: str, *, stops_clock: bool) -> None:
    decision = verdict.decision
    values = {
        "state": verdict.state,
        "decision_id": decision_id,
        "outcome": decision.outcome,
        "category": decision.category or case.category,
        "announced": False,
        # An order that cannot be carried out stops its clock (Reg. (EU) 2021/784 Art. 3(7), 3(8)).
        "clock_left": _left(case, decision) if stops_clock else None,
        "updated_at": decision.decided_at,
        **cases.UNCLAIMED,
    }
    if not cases.change(tx, case.id, version=case.version, values=values):
        raise StaleVersion(seen=case.version, current=case.version + 1)


def _left(case: Case, decision: Decision) -> int | None:
    if decision.outcome is not Outcome.NOT_POSSIBLE:
        return None
    left = case.left if case.left is not None else case.due.stop(decision.decided_at)
    return int(left.total_seconds())


def _enqueue(tx: Tx, case: Case, verdict: Verdict, decision_id: str) -> None:
    first = cases.take_positions(tx, case.id, len(verdict.effects))
    rows = []
    for step, effect in enumerate(verdict.effects):
        rows.append(
            outbox.row(
                effect.kind,
                id=new_id("eff"),
                lane=case.id,
                position=first + step,
                due_at=effect.due_at,
                case_id=case.id,
                # All work of a decision carries its id: undoing finds it so. What is reverted stands in supersedes.
                decision_id=decision_id,
                created_at=verdict.decision.decided_at,
            )
        )
    outbox.enqueue(tx, rows)


def _entry(case: Case, verdict: Verdict, decision_id: str, moderator: Moderator) -> Entry:
    decision = verdict.decision
    facts = {
        "decision": decision_id,
        "outcome": str(decision.outcome),
        "territories": ",".join(decision.territories),
        "ground": str(decision.ground_kind or ""),
        "category": decision.category,
        "supersedes": case.decision_id or "",
        "version": str(case.version),
        "reverts": "yes" if any(one.kind is EffectKind.REVERT for one in verdict.effects) else "",
    }
    reasons = json.dumps([decision.ground_reference, decision.facts, decision.explanation], ensure_ascii=False)
    private = {"reasons_sha256": hashlib.sha256(reasons.encode()).hexdigest()}
    return Entry(actor_of(moderator), "decision.recorded", case.id, decision.decided_at, facts, private)
