"""Decisions: appended, never changed, but for the times at which they took effect or were undone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from ..core.actions import Evidence
from ..core.cases import Case
from ..core.codes import EffectKind, Outcome
from ..core.decisions import Decision
from ..core.in_effect import Enacted
from ..hooks import Moderator
from ..ids import new_id
from .storage import Tx


def append(
    tx: Tx, decision_id: str, decision: Decision, *, case: Case, moderator: Moderator, supersedes: str | None
) -> None:
    """Record a decision on a case as it stands."""
    values = {
        "id": decision_id,
        "case_id": case.id,
        "version": case.version,
        "supersedes": supersedes,
        "outcome": decision.outcome,
        "territories": list(decision.territories),
        "ground_kind": decision.ground_kind,
        "ground_reference": decision.ground_reference,
        "facts": decision.facts,
        "explanation": decision.explanation,
        "category": decision.category,
        "keywords": list(decision.keywords),
        "impossibility": decision.impossibility,
        "moderator_id": moderator.id,
        "moderator_name": moderator.name,
        "decided_at": decision.decided_at,
        "effective_at": decision.effective_at,
    }
    tx.execute(insert(tx.tables.decision), values)


def find(tx: Tx, decision_id: str) -> Row[Any] | None:
    """Return a decision, or None."""
    table = tx.tables.decision
    return tx.execute(select(table).where(table.c.id == decision_id)).one_or_none()


def of_case(tx: Tx, case_id: str) -> Sequence[Row[Any]]:
    """Return the decisions of a case, newest first."""
    table = tx.tables.decision
    query = select(table).where(table.c.case_id == case_id).order_by(table.c.decided_at.desc(), table.c.id.desc())
    return tx.execute(query).all()


def of_cases(tx: Tx, case_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Return the decisions of cases that were not undone, newest first."""
    table = tx.tables.decision
    mine = select(table).where(table.c.case_id.in_(case_ids), table.c.undone_at.is_(None))
    return tx.execute(mine.order_by(table.c.effective_at.desc(), table.c.id.desc())).all()


def enacted(tx: Tx, case_id: str) -> list[Enacted]:
    """Return the decisions of a case, oldest first, with what is known of their being carried out."""
    table, work = tx.tables.decision, tx.tables.outbox
    asked = select(work.c.decision_id).where(
        work.c.case_id == case_id, work.c.kind == EffectKind.ENFORCE, work.c.tries > 0
    )
    begun = set(tx.execute(asked).scalars())
    query = select(table).where(table.c.case_id == case_id)
    rows = tx.execute(query.order_by(table.c.version, table.c.decided_at, table.c.id)).all()
    return [
        Enacted(
            row.id,
            Outcome(row.outcome),
            begun=row.id in begun,
            confirmed=row.effected_at is not None,
            cleared=row.cleared_at is not None,
        )
        for row in rows
    ]


def stamp(tx: Tx, decision_id: str, **values: Any) -> None:
    """Record when a decision took effect or was undone."""
    table = tx.tables.decision
    tx.execute(update(table).where(table.c.id == decision_id).values(values))


def keep_evidence(tx: Tx, evidence: Evidence, *, case_id: str, decision_id: str, now: datetime) -> None:
    """Record where the copy of the content is kept; once for a decision."""
    if evidence_of(tx, decision_id) is not None:
        return
    values = {
        "id": new_id("evi"),
        "case_id": case_id,
        "decision_id": decision_id,
        "captured_at": now,
        "location": evidence.location,
        "sha256": evidence.sha256,
        "facts": dict(evidence.facts),
    }
    tx.execute(insert(tx.tables.evidence), values)


def evidence_of(tx: Tx, decision_id: str) -> Row[Any] | None:
    """Return the evidence that was kept for a decision, or None."""
    table = tx.tables.evidence
    return tx.execute(select(table).where(table.c.decision_id == decision_id)).one_or_none()
