"""Deleting what is purged, and keeping what stays: ids, codes, times and counts. Journal entries are never touched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, false, func, literal, null, select, text, update

from ..core.codes import CaseState, EffectKind
from . import journal
from .storage import Tx


@contextmanager
def overwriting(tx: Tx) -> Iterator[None]:
    """Have SQLite overwrite what is deleted: it would stay readable in the file until its pages are used again.

    On PostgreSQL it stays there until the table is vacuumed, which autovacuum sees to.
    """
    if tx.dialect != "sqlite":
        yield
        return
    before = tx.execute(text("PRAGMA secure_delete")).scalar_one()
    tx.execute(text("PRAGMA secure_delete = ON")).close()
    try:
        yield
    finally:
        tx.execute(text(f"PRAGMA secure_delete = {int(before)}")).close()


def purge_cases(tx: Tx, case_ids: Sequence[str], *, now: datetime, released: bool) -> dict[str, int]:
    """Purge cases, with their items and decisions; return how many rows of each kind.

    Copies of their content are forgotten, or with ``released`` marked for the platform to destroy them first.
    """
    t = tx.tables
    key = literal("purged:").concat(t.case.c.id)
    gone: dict[str, Any] = {"key": key, "locator": "", "target": {}, "content": null(), "look_at": None}
    changed = {"state": CaseState.PURGED, "version": t.case.c.version + 1, "updated_at": now}
    tx.execute(update(t.case).where(t.case.c.id.in_(case_ids)).values({**gone, **changed}))
    target = literal("purged:").concat(t.item.c.id)
    items = tx.execute(update(t.item).where(t.item.c.case_id.in_(case_ids)).values(target_key=target))
    words = {"ground_reference": "", "facts": "", "explanation": "", "effected_as": None}
    people = {"moderator_id": "", "moderator_name": ""}
    decided = update(t.decision).where(t.decision.c.case_id.in_(case_ids)).values({**words, **people})
    decisions = tx.execute(decided)
    kept = t.evidence.c.case_id.in_(case_ids)
    if released:
        copies = tx.execute(update(t.evidence).where(kept).values(released_at=now, facts={}))
    else:
        copies = tx.execute(delete(t.evidence).where(kept))
    outbox = t.outbox
    effects = and_(outbox.c.case_id.in_(case_ids), outbox.c.kind != EffectKind.CALLBACK)
    tx.execute(update(outbox).where(effects).values(body=None, last_error=""))
    journal.forget(tx, objects=case_ids)
    counts = {"items": items.rowcount, "decisions": decisions.rowcount, "evidence": copies.rowcount}
    return {"cases": len(case_ids), **counts}


def purge_referrals(tx: Tx, referral_ids: Sequence[str], *, now: datetime) -> dict[str, int]:
    """Purge referrals, with their messages, callbacks and signatures; return how many rows of each kind."""
    t = tx.tables
    chosen = t.referral.c.id.in_(referral_ids)
    columns = (t.referral.c.id, t.referral.c.body, t.referral.c.receipt, t.referral.c.signature_id)
    rows = tx.execute(select(*columns).where(chosen)).all()
    gone: dict[str, Any] = {"original": None, "fingerprint": bytes(32), "purged_at": now}
    tx.execute(update(t.referral).where(chosen).values(gone))
    left: dict[str, Any] = {"body": bindparam("b_body"), "receipt": bindparam("b_receipt")}
    bare = update(t.referral).where(t.referral.c.id == bindparam("b_id")).values(left)
    told = [{"b_id": row.id, "b_body": _bare_body(row.body), "b_receipt": _bare_receipt(row.receipt)} for row in rows]
    tx.execute(bare, told)
    said = t.message.c.referral_id.in_(referral_ids)
    named = select(t.message.c.id).where(said)
    tx.execute(update(t.mention).where(t.mention.c.message_id.in_(named)).values(facts=null()))
    words = {"text": "", "body": None, "moderator_id": None, "moderator_name": None}
    messages = tx.execute(update(t.message).where(said).values(words))
    _drop_originals(tx, referral_ids)
    journal.forget(tx, objects=referral_ids)
    signatures = _drop_signatures(tx, {row.signature_id for row in rows if row.signature_id is not None})
    counts = {"messages": messages.rowcount, "signatures": signatures, "callbacks": _empty_lanes(tx, referral_ids)}
    return {"referrals": len(referral_ids), **counts}


def _empty_lanes(tx: Tx, lanes: Sequence[str]) -> int:
    outbox = tx.tables.outbox
    attempt = tx.tables.attempt
    tx.execute(delete(attempt).where(attempt.c.message_id.in_(select(outbox.c.id).where(outbox.c.lane.in_(lanes)))))
    change = update(outbox).where(outbox.c.lane.in_(lanes)).values(body=None, last_error="")
    return int(tx.execute(change).rowcount)


def _drop_originals(tx: Tx, referral_ids: Sequence[str]) -> None:
    """Delete the files that referrals were entered from, where no other needs them, and who entered them."""
    entry, original, referral = tx.tables.entry, tx.tables.original, tx.tables.referral
    mine = entry.c.referral_id.in_(referral_ids)
    digests = set(tx.execute(select(entry.c.sha256).where(mine)).scalars())
    if not digests:
        return
    tx.execute(update(entry).where(mine).values(file_name="", entered_id="", entered_name=""))
    others = entry.join(referral, referral.c.id == entry.c.referral_id)
    needed = (
        select(entry.c.sha256).select_from(others).where(entry.c.sha256.in_(digests), referral.c.purged_at.is_(None))
    )
    unneeded = digests - set(tx.execute(needed).scalars())
    tx.execute(delete(original).where(original.c.sha256.in_(unneeded)))


def _bare_body(body: bytes) -> bytes:
    """Return what is left of a document: how many items it had, and of which kind."""
    items = [{"target": {"kind": item["target"]["kind"]}} for item in json.loads(body)["items"]]
    return _compact({"purged": True, "items": items}).encode()


def _bare_receipt(receipt: str) -> str:
    """Return a receipt without the salt: with it, the journal's commitment to the body could still be checked."""
    document = json.loads(receipt)
    document["journal"].pop("salt", None)
    return _compact(document)


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _drop_signatures(tx: Tx, signature_ids: set[str]) -> int:
    """Delete signatures that no referral needs any more: that of a stream covers the bytes of all its referrals."""
    if not signature_ids:
        return 0
    referral, signature = tx.tables.referral, tx.tables.signature
    needed = select(referral.c.signature_id).where(
        referral.c.signature_id.in_(signature_ids), referral.c.purged_at.is_(None)
    )
    unneeded = signature_ids - set(tx.execute(needed).scalars())
    return int(tx.execute(delete(signature).where(signature.c.id.in_(unneeded))).rowcount)


def take_released(tx: Tx, *, limit: int, now: datetime) -> Sequence[Row[Any]]:
    """Return the first copies that the platform is to destroy, and put them behind all others.

    Behind the last one, whatever the time: a clock that was set back must not put them in front.
    """
    evidence = tx.tables.evidence
    loose = text("released_at IS NOT NULL")
    query = select(evidence).where(loose).order_by(evidence.c.released_at, evidence.c.id).limit(limit)
    found = tx.execute(query.with_for_update(skip_locked=True)).all()
    if found:
        last: datetime = tx.execute(select(func.max(evidence.c.released_at)).where(loose)).scalar_one()
        behind = max(now, last + timedelta(microseconds=1))
        mine = evidence.c.id.in_([one.id for one in found])
        tx.execute(update(evidence).where(mine).values(released_at=behind))
    return found


def destroyed(tx: Tx, evidence_id: str) -> None:
    """Forget a copy that the platform has destroyed."""
    evidence = tx.tables.evidence
    tx.execute(delete(evidence).where(evidence.c.id == evidence_id))


def hold(tx: Tx, row: dict[str, Any]) -> None:
    """Place a legal hold: id, object, reference, placed_at, until."""
    tx.execute(tx.tables.hold.insert(), row)


def lift(tx: Tx, obj: str, *, now: datetime) -> int:
    """Lift the holds on an object; return how many."""
    table = tx.tables.hold
    here = update(table).where(table.c.object == obj, table.c.lifted_at.is_(None))
    return int(tx.execute(here.values(lifted_at=now)).rowcount)


def holds(tx: Tx) -> Sequence[Row[Any]]:
    """Return the holds that were not lifted, oldest first."""
    table = tx.tables.hold
    return tx.execute(select(table).where(table.c.lifted_at.is_(None)).order_by(table.c.placed_at, table.c.id)).all()


def purged(tx: Tx, obj: str) -> bool | None:
    """Whether a case, a referral or an agency was purged; None where there is none under this id.

    Waits for a purge that is under way with it, and keeps the next one waiting until the transaction ends.
    """
    t = tx.tables
    gone: tuple[tuple[Any, Any], ...] = (
        (t.case, t.case.c.state == CaseState.PURGED),
        (t.referral, t.referral.c.purged_at.is_not(None)),
        (t.agency, false()),
    )
    for table, condition in gone:
        found = tx.execute(select(condition).where(table.c.id == obj).with_for_update()).scalar_one_or_none()
        if found is not None:
            return bool(found)
    return None
