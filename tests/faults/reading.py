"""Reading the tables as the rows that the invariants are about."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from notice_intake.core.codes import RESTRICTIVE
from notice_intake.flows import journal_check, sealing
from notice_intake.flows.mount import Mount
from notice_intake.store.storage import Tx

from .invariants import CaseRow, DecisionRow, ItemRow, ReferralRow, Stored, WorkRow


def stored(mount: Mount, *, since: list[journal_check.Anchor]) -> Stored:
    """Read everything; ``since`` are checkpoints of earlier rounds, and this round's is added to them."""
    sealing.seal(mount, now=mount.clock())
    checked = journal_check.check(mount, against=since)
    with mount.storage.read() as tx:
        last = tx.execute(select(tx.tables.seal).order_by(tx.tables.seal.c.number.desc()).limit(1)).first()
        found = _rows(tx)
    if last is not None:
        since.append(journal_check.Anchor(last.size, bytes.fromhex(last.root)))
    faults = [one.text() for one in checked.faults]
    if checked.waiting:
        faults.append(f"{checked.waiting} entries wait for a seal")
    return Stored(**found, journal_faults=faults)


def due(mount: Mount) -> int:
    """Return how much work is due, now or later."""
    with mount.storage.read() as tx:
        table = tx.tables.outbox
        return len(tx.execute(select(table.c.id).where(table.c.state == "due")).all())


def _rows(tx: Tx) -> dict[str, Any]:
    t = tx.tables
    every = {name: tx.execute(select(getattr(t, name))).all() for name in ("referral", "item", "case", "decision")}
    work = tx.execute(select(t.outbox)).all()
    entries = tx.execute(select(t.journal.c.object, t.journal.c.action)).all()
    return {
        "referrals": [ReferralRow(r.id, r.agency_id, r.agency_reference, r.sequence) for r in every["referral"]],
        "items": [ItemRow(r.id, r.referral_id, r.case_id, r.status, r.outcome) for r in every["item"]],
        "cases": [CaseRow(r.id, r.state, r.decision_id) for r in every["case"]],
        "decisions": [
            DecisionRow(r.id, r.case_id, r.outcome in RESTRICTIVE, r.effected_at is not None)
            for r in every["decision"]
            if r.undone_at is None
        ],
        "work": [WorkRow(r.id, r.kind, r.lane, r.position, r.state, r.decision_id, _told(r)) for r in work],
        "journal": frozenset((r.object, r.action) for r in entries),
    }


def _told(row: Any) -> tuple[str, str, str | None] | None:
    if row.kind != "callback":
        return None
    data = json.loads(row.body)["data"]
    return (data["item"], data["status"], data["outcome"]) if "item" in data else None
