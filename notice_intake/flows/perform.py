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
from ..core.in_effect import contrary, in_effect
from ..core.journal import SYSTEM, Entry
from ..core.messages import PASSING_FLAGS, UNDECIDED
from ..core.targets import storable
from ..errors import PlatformRefused, TemporarilyUnavailable
from ..ids import new_id
from ..store import cases, decisions, journal, outbox
from ..store.storage import Raced, Tx
from . import complaints
from .callbacks import Change, Event, tell
from .merge import settle_resolution
from .mount import Mount
from .retrying import put_back

log = logging.getLogger("notice_intake.flows")
#: How often a result is written again that met another transaction.
_TRIES = 3
EFFECTS = (EffectKind.ANNOUNCE, EffectKind.ENFORCE, EffectKind.REVERT, EffectKind.INFORM, EffectKind.RESOLVE)


@dataclass(frozen=True, slots=True)
class Task:
    """A leased effect with its case and decision."""

    effect: Any
    case: Any
    decision: Any
    #: Whether a copy of the content is kept already.
    kept: bool = False
    #: The earlier decisions that are to be taken back, newest first.
    reverting: Sequence[Any] = ()
    #: Whether the uploader must not be told.
    withheld: bool = False


def perform(mount: Mount, effect: Any, *, now: datetime) -> None:
    """Perform a leased effect and record the result; a fault puts it back for later, or up to a person."""
    try:
        _perform(mount, effect, now=now)
    except TemporarilyUnavailable:
        raise  # the worker rests until the database is back
    except (Exception, SystemExit) as fault:  # the host's hook may raise anything; the effect must stay
        error_id = new_id("err")
        log.exception("effect %s (%s) failed (%s); it will be tried again", effect.id, effect.kind, error_id)
        put_back(mount, effect, reason=f"{type(fault).__name__} ({error_id})", now=now)


def _perform(mount: Mount, effect: Any, *, now: datetime) -> None:
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
    else:
        _record(mount, effect, task, outcome)


def _record(mount: Mount, effect: Any, task: Task | None, outcome: Any) -> None:
    """Close an effect with everything that follows from it, in one transaction."""
    for left in reversed(range(_TRIES)):
        try:
            _close(mount, effect, task, outcome)
            return
        except Raced:
            # Two contents turned out to be one in two transactions at once: what is there now says what to do.
            if not left:
                raise


def _close(mount: Mount, effect: Any, task: Task | None, outcome: Any) -> None:
    now = mount.clock()
    with mount.storage.begin() as tx:
        if not outbox.finish(tx, effect, state=EffectState.DONE, now=now, attempts=effect.attempts + 1):
            _late(tx, effect, now=now)
            return
        _INSIDE[effect.kind](mount, tx, task or load(tx, effect), outcome, now)
        tx.after_commit.append(lambda: signals.send(signals.work_waiting, mount))


def load(tx: Tx, effect: Any) -> Task:
    """Read what an effect needs to know."""
    case = cases.find_row(tx, effect.case_id)
    decision = decisions.find(tx, effect.decision_id) if effect.decision_id else None
    kept = effect.kind == EffectKind.ENFORCE and decisions.evidence_of(tx, effect.decision_id) is not None
    reverting = _reverting(tx, case, decision) if effect.kind == EffectKind.REVERT else ()
    withheld = effect.kind == EffectKind.INFORM and _withheld(cases.member_rows(tx, effect.case_id))
    return Task(effect, case, decision, kept, reverting, withheld)


def _reverting(tx: Tx, case: Any, decision: Any) -> Sequence[Any]:
    """Return the decisions whose effect does not agree with the one that stands."""
    earlier = [one for one in in_effect(decisions.enacted(tx, case.id)) if one.decision_id != decision.id]
    rows = {row.id: row for row in decisions.of_case(tx, case.id)}
    return [rows[one.decision_id] for one in contrary(earlier, Outcome(decision.outcome))]


def _outdated(task: Task) -> bool:
    """Say whether a newer decision has taken the place of the one that this effect would carry out.

    Or whether somebody has asked meanwhile that the uploader is not told.
    """
    effect = task.effect
    if effect.kind == EffectKind.INFORM:
        return task.withheld
    return effect.kind in (EffectKind.ENFORCE, EffectKind.REVERT) and effect.decision_id != task.case.decision_id


def _withheld(rows: Sequence[Any]) -> bool:
    return any(row.withheld for row in rows if row.status != ItemStatus.WITHDRAWN)


def _late(tx: Tx, effect: Any, *, now: datetime) -> None:
    """Take back what the platform carried out too late: another decision has been taken, and carried out, meanwhile."""
    case = cases.find(tx, effect.case_id, lock=True) if effect.kind == EffectKind.ENFORCE else None
    if case is None or case.decision_id in (None, effect.decision_id):
        return
    decisions.stamp(tx, effect.decision_id, cleared_at=None)
    position = cases.take_positions(tx, case.id, 1)
    place: dict[str, Any] = {"lane": case.id, "position": position, "case_id": case.id}
    work = outbox.row(EffectKind.REVERT, id=new_id("eff"), due_at=now, decision_id=case.decision_id, **place)
    outbox.enqueue(tx, [work])


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
        if effect.kind == EffectKind.ENFORCE:
            decisions.stamp(tx, effect.decision_id, cleared_at=now)
        if effect.kind in (EffectKind.ENFORCE, EffectKind.REVERT):
            case = cases.find(tx, task.case.id, lock=True)
            if case is not None and case.state is CaseState.DECIDED and case.decision_id == effect.decision_id:
                cases.note(tx, case.id, state=CaseState.FAILED)
        facts = {"effect": effect.id, "kind": effect.kind}
        journal.append(tx, [Entry(SYSTEM, "effect.given_up", effect.case_id, now, facts)])
        told = {"effect_id": effect.id, "kind": effect.kind, "reason": reason}
        tx.after_commit.append(lambda: signals.send(signals.effect_given_up, mount, **told))


def action_of(case: Any, decision: Any) -> Action:
    """A decision as the platform has to carry it out."""
    return Action(
        outcome=Outcome(decision.outcome),
        content_key=case.content["key"] if case.content else None,
        target=cases.target_from_json(case.target),
        territories=tuple(decision.territories),
        case_id=case.id,
        decision_id=decision.id,
    )


def _enforce(mount: Mount, task: Task, now: datetime) -> Confirmation:
    action = action_of(task.case, task.decision)
    if action.content_key is not None and not task.kept:
        _preserve(mount, action, now)
    return _checked(mount.platform.apply(action, key=action.decision_id))


def _checked(answer: object) -> Confirmation:
    """Return a platform's answer. Raises ``TypeError`` or ``ValueError`` for one that confirms nothing."""
    if not isinstance(answer, Confirmation):
        raise TypeError(f"apply() and revert() answer with a Confirmation, not with {type(answer).__name__}")
    if not isinstance(answer.reference, str):
        raise TypeError(f"the reference of a Confirmation is a text, not {type(answer.reference).__name__}")
    if answer.at is not None and (not isinstance(answer.at, datetime) or answer.at.utcoffset() is None):
        raise ValueError("the time of a Confirmation is a datetime with a zone")
    return answer


def _preserve(mount: Mount, action: Action, now: datetime) -> None:
    """Have the content kept before it goes: Reg. (EU) 2021/784 Art. 6."""
    evidence = mount.platform.capture(action.content_key or "")
    if evidence is not None:
        with mount.storage.begin() as tx:
            decisions.keep_evidence(tx, evidence, case_id=action.case_id, decision_id=action.decision_id, now=now)


def _revert(mount: Mount, task: Task, _now: datetime) -> Sequence[Confirmation]:
    actions = [action_of(task.case, one) for one in task.reverting]
    return [_checked(mount.platform.revert(one, key="revert:" + one.decision_id)) for one in actions]


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
    if current.state is CaseState.DECIDED and not outbox.carries_out(tx, decision.id, case_id=case.id):
        values["state"] = CaseState.CLOSED
    cases.note(tx, case.id, **values)


def _concerned(row: Any, current: Any, decision: Any) -> bool:
    if row.status == ItemStatus.WITHDRAWN:
        return False
    reopened = current is not None and current.state is CaseState.OPEN
    # An item that opened the case again waits for the next decision, not for this one.
    return not (reopened and row.joined > decision.version and row.status in UNDECIDED)


def _enforced(mount: Mount, tx: Tx, task: Task, confirmation: Confirmation, now: datetime) -> None:
    """The platform has confirmed: the agencies hear it, and the uploader where the law lets them."""
    case, decision = task.case, task.decision
    at = confirmation.at or now
    decisions.stamp(tx, decision.id, effected_at=at, effected_as=confirmation.reference.replace("\0", "")[:300])
    current = cases.find(tx, case.id, lock=True)
    members = cases.member_rows(tx, case.id)
    rows = [row for row in members if _concerned(row, current, decision)]
    _move(tx, rows, status=ItemStatus.EFFECTED, outcome=Outcome(decision.outcome), now=now)
    if (
        current is not None
        and current.decision_id == decision.id
        and current.state in (CaseState.DECIDED, CaseState.FAILED)
    ):
        cases.note(tx, case.id, state=CaseState.CLOSED)
    facts = {"decision": decision.id, "outcome": decision.outcome, "at": at.isoformat(timespec="milliseconds")}
    journal.append(tx, [Entry(SYSTEM, "decision.effected", case.id, now, facts)])
    # Whoever asked for it, and for whichever decision they wait.
    if not _withheld(members) and case.content and case.content.get("uploader"):
        inform = outbox.alone(EffectKind.INFORM, due_at=now, case_id=case.id, decision_id=decision.id)
        outbox.enqueue(tx, [inform])
    told = {"case_id": case.id, "decision_id": decision.id, "outcome": decision.outcome}
    tx.after_commit.append(lambda: signals.send(signals.decision_effected, mount, **told))


def _reverted(_mount: Mount, tx: Tx, task: Task, confirmations: Sequence[Confirmation], now: datetime) -> None:
    """The platform has taken earlier decisions back."""
    case, decision = task.case, task.decision
    current = cases.find(tx, case.id, lock=True)
    for one, confirmation in zip(task.reverting, confirmations, strict=True):
        decisions.stamp(tx, one.id, cleared_at=now)
        at = (confirmation.at or now).isoformat(timespec="milliseconds")
        journal.append(tx, [Entry(SYSTEM, "decision.reverted", case.id, now, {"decision": one.id, "at": at})])
    if decision.outcome in RESTRICTIVE:
        return
    # What nobody was told to be carried out is not told to be restored either.
    if any(one.effected_at is not None for one in task.reverting):
        rows = [row for row in cases.member_rows(tx, case.id) if _concerned(row, current, decision)]
        _move(tx, rows, status=ItemStatus.RESTORED, outcome=Outcome(decision.outcome), now=now)
    if current is not None and current.state in (CaseState.DECIDED, CaseState.FAILED):
        cases.note(tx, case.id, state=CaseState.CLOSED)


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
