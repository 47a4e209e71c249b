"""Performing effects: announce, enforce, revert, inform, resolve. Each ends in one transaction that says so.

The host is never called inside a transaction. A crash between its answer and our commit calls it again with the same
key; it must then do nothing new.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .. import signals
from ..core.actions import Action, Confirmation, Statement
from ..core.codes import RESTRICTIVE, CaseState, EffectKind, EffectState, GroundKind, ItemStatus, Outcome
from ..core.journal import SYSTEM, Entry
from ..core.messages import PASSING_FLAGS
from ..core.targets import storable
from ..errors import PlatformRefused
from ..ids import new_id
from ..store import cases, decisions, journal, outbox
from ..store.storage import Tx
from . import complaints
from .callbacks import Change, Event, tell
from .merge import settle_resolution
from .mount import Mount
from .retrying import put_back

log = logging.getLogger("notice_intake.flows")
EFFECTS = (EffectKind.ANNOUNCE, EffectKind.ENFORCE, EffectKind.REVERT, EffectKind.INFORM, EffectKind.RESOLVE)


@dataclass(frozen=True, slots=True)
class Task:
    """A leased effect with its case and decision."""

    effect: Any
    case: Any
    decision: Any
    #: Whether a copy of the content is kept already.
    kept: bool = False


def perform(mount: Mount, effect: Any, *, now: datetime) -> None:
    """Perform a leased effect and record the result; a fault puts it back for later, or up to a person."""
    if effect.kind not in _OUTSIDE:
        _record(mount, effect, None, None)
        return
    with mount.storage.read() as tx:
        task = load(tx, effect)
    if _outdated(task):
        _drop(mount, task, now=now)
        return
    try:
        outcome = _OUTSIDE[effect.kind](mount, task, now)
    except PlatformRefused as refused:
        give_up(mount, task, reason=refused.detail, now=now)
        return
    except Exception as fault:  # the host's hook may raise anything; the effect must stay
        error_id = new_id("err")
        log.exception("effect %s (%s) failed (%s); it will be tried again", effect.id, effect.kind, error_id)
        put_back(mount, effect, reason=f"{type(fault).__name__} ({error_id})", now=now)
        return
    _record(mount, effect, task, outcome)


def _record(mount: Mount, effect: Any, task: Task | None, outcome: Any) -> None:
    """Close an effect with everything that follows from it, in one transaction."""
    now = mount.clock()
    with mount.storage.begin() as tx:
        if not outbox.finish(tx, effect, state=EffectState.DONE, now=now, attempts=effect.attempts + 1):
            return
        _INSIDE[effect.kind](mount, tx, task or load(tx, effect), outcome, now)
        tx.after_commit.append(lambda: signals.send(signals.work_waiting, mount))


def load(tx: Tx, effect: Any) -> Task:
    """Read what an effect needs to know."""
    case = cases.find_row(tx, effect.case_id)
    decision = decisions.find(tx, effect.decision_id) if effect.decision_id else None
    if effect.kind == EffectKind.REVERT and decision is not None:
        decision = decisions.find(tx, decision.supersedes)
    kept = effect.kind == EffectKind.ENFORCE and decisions.evidence_of(tx, effect.decision_id) is not None
    return Task(effect, case, decision, kept)


def _outdated(task: Task) -> bool:
    """Say whether a newer decision has taken the place of the one that this effect would carry out."""
    effect = task.effect
    return effect.kind in (EffectKind.ENFORCE, EffectKind.REVERT) and effect.decision_id != task.case.decision_id


def _drop(mount: Mount, task: Task, *, now: datetime) -> None:
    with mount.storage.begin() as tx:
        if outbox.finish(tx, task.effect, state=EffectState.CANCELLED, now=now):
            facts = {"effect": task.effect.id, "decision": task.effect.decision_id}
            journal.append(tx, [Entry(SYSTEM, "effect.outdated", task.case.id, now, facts)])


def give_up(mount: Mount, task: Task, *, reason: str, now: datetime) -> None:
    """Leave an effect to a person: it shows on the desk, and so does its case."""
    effect = task.effect
    with mount.storage.begin() as tx:
        changed = outbox.finish(
            tx, effect, state=EffectState.DEAD, now=now, attempts=effect.attempts + 1, last_error=reason[:1200]
        )
        if not changed:
            return
        if effect.kind in (EffectKind.ENFORCE, EffectKind.REVERT):
            case = cases.find(tx, task.case.id, lock=True)
            if case is not None and case.state is CaseState.DECIDED and case.decision_id == effect.decision_id:
                cases.note(tx, case.id, state=CaseState.FAILED)
        facts = {"effect": effect.id, "kind": effect.kind}
        journal.append(tx, [Entry(SYSTEM, "effect.given_up", effect.case_id, now, facts)])
        told = {"effect_id": effect.id, "kind": effect.kind, "reason": reason}
        tx.after_commit.append(lambda: signals.send(signals.effect_given_up, mount, **told))


def action_of(task: Task) -> Action:
    """The decision as the platform has to carry it out."""
    content = task.case.content
    return Action(
        outcome=Outcome(task.decision.outcome),
        content_key=content["key"] if content else None,
        target=cases.target_from_json(task.case.target),
        territories=tuple(task.decision.territories),
        case_id=task.case.id,
        decision_id=task.decision.id,
    )


def _enforce(mount: Mount, task: Task, now: datetime) -> Confirmation:
    action = action_of(task)
    if action.content_key is not None and not task.kept:
        _preserve(mount, action, now)
    return mount.platform.apply(action, key=action.decision_id)


def _preserve(mount: Mount, action: Action, now: datetime) -> None:
    """Have the content kept before it goes: Reg. (EU) 2021/784 Art. 6."""
    evidence = mount.platform.capture(action.content_key or "")
    if evidence is not None:
        with mount.storage.begin() as tx:
            decisions.keep_evidence(tx, evidence, case_id=action.case_id, decision_id=action.decision_id, now=now)


def _revert(mount: Mount, task: Task, _now: datetime) -> Confirmation:
    return mount.platform.revert(action_of(task), key="revert:" + task.decision.id)


def _inform(mount: Mount, task: Task, _now: datetime) -> None:
    content = cases.content_from_json(task.case.content)
    if content is None or content.uploader is None:
        return
    decision = task.decision
    statement = Statement(
        outcome=Outcome(decision.outcome),
        territories=tuple(decision.territories),
        ground_kind=GroundKind(decision.ground_kind) if decision.ground_kind else None,
        ground_reference=decision.ground_reference,
        facts=decision.facts,
        explanation=decision.explanation,
        category=decision.category,
        decided_at=decision.decided_at,
        decision_id=decision.id,
    )
    mount.platform.inform(content.uploader, statement, key="inform:" + decision.id)


def _resolve(mount: Mount, task: Task, _now: datetime) -> Any:
    (content,) = mount.platform.resolve([cases.target_from_json(task.case.target)])
    return storable(content) if content is not None else None


def _announced(_mount: Mount, tx: Tx, task: Task, _outcome: Any, now: datetime) -> None:
    """Tell every agency of the case that it is decided; where nothing is to be carried out, that is the end."""
    case, decision = task.case, task.decision
    status = ItemStatus.NOT_POSSIBLE if decision.outcome == Outcome.NOT_POSSIBLE else ItemStatus.DECIDED
    current = cases.find(tx, case.id, lock=True)
    rows = [row for row in cases.member_rows(tx, case.id) if _concerned(row, current, decision)]
    outcome = Outcome(decision.outcome)
    _move(tx, rows, status=status, outcome=outcome, now=now, also=complaints.answered(tx, decision))
    if current is None or current.decision_id != decision.id:
        return
    values: dict[str, Any] = {"announced": True}
    values["flags"] = [flag for flag in current.flags if flag not in PASSING_FLAGS]
    if not _carries_out(tx, decision) and current.state is CaseState.DECIDED:
        values["state"] = CaseState.CLOSED
    cases.note(tx, case.id, **values)


def _concerned(row: Any, current: Any, decision: Any) -> bool:
    if row.status == ItemStatus.WITHDRAWN:
        return False
    reopened = current is not None and current.state is CaseState.OPEN
    # An item that opened the case again waits for the next decision, not for this one.
    return not (reopened and row.received_at > decision.decided_at)


def _carries_out(tx: Tx, decision: Any) -> bool:
    if decision.outcome in RESTRICTIVE:
        return True
    before = decisions.find(tx, decision.supersedes) if decision.supersedes else None
    return before is not None and before.outcome in RESTRICTIVE and before.effected_at is not None


def _enforced(mount: Mount, tx: Tx, task: Task, confirmation: Confirmation, now: datetime) -> None:
    """The platform has confirmed: the agencies hear it, and the uploader where the law lets them."""
    case, decision = task.case, task.decision
    at = confirmation.at or now
    decisions.stamp(tx, decision.id, effected_at=at, effected_as=confirmation.reference[:300])
    current = cases.find(tx, case.id, lock=True)
    rows = [row for row in cases.member_rows(tx, case.id) if _concerned(row, current, decision)]
    _move(tx, rows, status=ItemStatus.EFFECTED, outcome=Outcome(decision.outcome), now=now)
    if (
        current is not None
        and current.decision_id == decision.id
        and current.state in (CaseState.DECIDED, CaseState.FAILED)
    ):
        cases.note(tx, case.id, state=CaseState.CLOSED)
    facts = {"decision": decision.id, "outcome": decision.outcome, "at": at.isoformat(timespec="milliseconds")}
    journal.append(tx, [Entry(SYSTEM, "decision.effected", case.id, now, facts)])
    if not any(row.withheld for row in rows):
        _enqueue_inform(tx, case, decision, now=now)
    told = {"case_id": case.id, "decision_id": decision.id, "outcome": decision.outcome}
    tx.after_commit.append(lambda: signals.send(signals.decision_effected, mount, **told))


def _enqueue_inform(tx: Tx, case: Any, decision: Any, *, now: datetime) -> None:
    if not case.content or not case.content.get("uploader"):
        return
    position = cases.take_positions(tx, case.id, 1)
    row = outbox.row(
        EffectKind.INFORM,
        id=new_id("eff"),
        lane=case.id,
        position=position,
        due_at=now,
        case_id=case.id,
        decision_id=decision.id,
    )
    outbox.enqueue(tx, [row])


def _reverted(_mount: Mount, tx: Tx, task: Task, confirmation: Confirmation, now: datetime) -> None:
    """The platform has taken an earlier decision back."""
    case = task.case
    current = cases.find(tx, case.id, lock=True)
    replaced = current is not None and current.outcome in RESTRICTIVE
    if not replaced:
        rows = [row for row in cases.member_rows(tx, case.id) if row.status != ItemStatus.WITHDRAWN]
        _move(tx, rows, status=ItemStatus.RESTORED, outcome=current.outcome if current else None, now=now)
        if current is not None and current.state in (CaseState.DECIDED, CaseState.FAILED):
            cases.note(tx, case.id, state=CaseState.CLOSED)
    at = (confirmation.at or now).isoformat(timespec="milliseconds")
    journal.append(tx, [Entry(SYSTEM, "decision.reverted", case.id, now, {"decision": task.decision.id, "at": at})])


def _move(
    tx: Tx, rows: list[Any], *, status: ItemStatus, outcome: Outcome | None, now: datetime, also: Sequence[Event] = ()
) -> None:
    rows = [row for row in rows if (row.status, row.outcome) != (status, outcome)]
    if rows:
        cases.set_items(tx, [row.id for row in rows], status=status, outcome=outcome, now=now)
    changes = [Change(row.id, row.referral_id, row.reference, row.case_id, status, outcome) for row in rows]
    tell(tx, [*changes, *also], now=now)


def _informed(_mount: Mount, tx: Tx, task: Task, _outcome: Any, now: datetime) -> None:
    facts = {"decision": task.decision.id}
    journal.append(tx, [Entry(SYSTEM, "uploader.informed", task.case.id, now, facts)])


def _resolved(_mount: Mount, tx: Tx, task: Task, content: Any, now: datetime) -> None:
    settle_resolution(tx, task.case.id, content, now=now)


_OUTSIDE: dict[str, Callable[[Mount, Task, datetime], Any]] = {
    EffectKind.ENFORCE: _enforce,
    EffectKind.REVERT: _revert,
    EffectKind.INFORM: _inform,
    EffectKind.RESOLVE: _resolve,
}
_INSIDE: dict[str, Callable[[Mount, Tx, Task, Any, datetime], None]] = {
    EffectKind.ANNOUNCE: _announced,
    EffectKind.ENFORCE: _enforced,
    EffectKind.REVERT: _reverted,
    EffectKind.INFORM: _informed,
    EffectKind.RESOLVE: _resolved,
}
