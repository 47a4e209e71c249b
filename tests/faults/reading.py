"""Reading the tables as the rows that the invariants are about."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import func, select

from notice_intake.core.codes import RESTRICTIVE
from notice_intake.core.retention import COMPLAINTS
from notice_intake.flows import journal_check, retention, sealing
from notice_intake.flows.mount import Mount
from notice_intake.store.storage import Tx

from .rows import CaseRow, DecisionRow, ItemRow, ReferralRow, Stored, WorkRow, told_by

_PURGED = "retention.purged"


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
    period = max(mount.settings.periods.shortest(), COMPLAINTS.restricted)
    return Stored(**found, journal_faults=faults, period=period)


def due(mount: Mount) -> int:
    """Return how much work is due, now or later."""
    with mount.storage.read() as tx:
        table = tx.tables.outbox
        return len(tx.execute(select(table.c.id).where(table.c.state == "due")).all())


def overdue(mount: Mount) -> int:
    """Return how many cases a purge would still find."""
    return retention.survey(mount, now=mount.clock()).counts["cases"]


def _rows(tx: Tx) -> dict[str, Any]:
    t = tx.tables
    every = {name: tx.execute(select(getattr(t, name))).all() for name in ("referral", "item", "case", "decision")}
    entries = tx.execute(select(t.journal.c.object, t.journal.c.action)).all()
    purges = tx.execute(select(t.journal.c.id, t.journal.c.payload).where(t.journal.c.action == _PURGED)).all()
    standing = select(t.hold.c.object).where(t.hold.c.lifted_at.is_(None))
    holds = select(t.journal.c.object, func.min(t.journal.c.id)).where(t.journal.c.action == "hold.placed")
    return {
        "referrals": [_referral(r) for r in every["referral"]],
        "items": [
            ItemRow(r.id, r.referral_id, r.case_id, r.status, r.outcome, _kept(r.target_key), r.updated_at)
            for r in every["item"]
        ],
        "cases": [
            CaseRow(r.id, r.state, r.decision_id, (*_kept(r.key), r.locator != ""), r.updated_at) for r in every["case"]
        ],
        "decisions": [_decision(r) for r in every["decision"] if r.undone_at is None],
        "work": [_work(r) for r in tx.execute(select(t.outbox)).all()],
        "journal": frozenset((r.object, r.action) for r in entries),
        "purged": {name: number for number, payload in purges for name in _named(payload)},
        "held": dict(tx.execute(holds.where(t.journal.c.object.in_(standing)).group_by(t.journal.c.object)).all()),
    }


def _referral(row: Any) -> ReferralRow:
    parts = ("purged" not in json.loads(row.body), any(row.fingerprint), "salt" in json.loads(row.receipt)["journal"])
    return ReferralRow(row.id, row.agency_id, row.agency_reference, row.sequence, parts, row.purged_at)


def _decision(row: Any) -> DecisionRow:
    changed = max(at for at in (row.decided_at, row.effected_at) if at is not None)
    parts = (row.facts != "", row.moderator_id != "", row.moderator_name != "")
    return DecisionRow(row.id, row.case_id, row.outcome in RESTRICTIVE, row.effected_at is not None, parts, changed)


def _work(row: Any) -> WorkRow:
    emptied = row.kind == "callback" and row.body is None
    told = told_by(row.body) if row.kind == "callback" and not emptied else None
    return WorkRow(row.id, row.kind, row.lane, row.position, row.state, row.decision_id, told, emptied)


def _kept(key: str) -> tuple[bool, ...]:
    return (not key.startswith("purged:"),)


def _named(payload: bytes) -> list[str]:
    facts = json.loads(payload)["facts"]
    return [name for kind in ("case_ids", "referral_ids") for name in facts[kind].split(",") if name]
