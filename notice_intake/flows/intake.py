"""A batch of referrals on its way into the tables: which case each item joins, and the rows that follow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..auth.envelope import Signed
from ..core.cases import Case, Joined, join
from ..core.clocks import Due
from ..core.codes import CaseState, EffectKind, EffectState, ItemStatus
from ..core.journal import RANDOM_BYTES, Actor, Entry, commitment
from ..ids import new_id
from ..store import cases, decisions, journal, outbox, referrals
from ..store.agencies import Agency
from ..store.signatures import evidence_row, nonce_row
from ..store.storage import Tx
from ..store.together import Fresh
from .callbacks import Change, received_body, tell
from .prepared import Clock, Prepared, case_row, clock_columns, flags_of, opened, receipt_of


@dataclass(slots=True)
class _Standing:
    """A case as it stands while the batch is read: there before, or opened by it."""

    id: str
    row: dict[str, Any] | None
    #: The case as it was found, for the check that nobody else changed it.
    found: Case | None
    #: The case now; of one that the batch opens None, until a second item names it.
    case: Case | None
    joined: Joined | None = None
    referrals: int = 0


def standing_cases(tx: Tx, batch: Sequence[Prepared], *, lock: bool) -> dict[str, Case]:
    """Return the cases that exist for the contents of a batch, by key, in one query."""
    keys = {one.key_of(index) for one in batch for index in range(len(one.referral.items))}
    return cases.by_keys(tx, sorted(keys), lock=lock) if keys else {}


class Batch:
    """Turns referrals into rows, then writes them all with one statement a table.

    ``found`` are the cases that exist. Where another transaction opened or changed one meanwhile, ``store`` says so.
    """

    def __init__(self, found: Mapping[str, Case], *, agency: Agency, now: datetime, checkpoint: str = "null") -> None:
        self._agency, self._now, self._checkpoint = agency, now, checkpoint
        self._actor = Actor("agency", agency.id, agency.name)
        self._at = now.isoformat(timespec="milliseconds")
        self._clocks: dict[str, Clock] = {}
        self._standing = {key: _Standing(case.id, None, case, case) for key, case in found.items()}
        self._referrals: list[dict[str, Any]] = []
        self._items: list[dict[str, Any]] = []
        self._entries: list[dict[str, Any]] = []
        self._outbox: list[dict[str, Any]] = []
        self._answered: list[Change] = []
        self._signed: list[Signed] = []
        self._signatures: list[dict[str, Any]] = []

    def add(self, prepared: Prepared) -> tuple[str, str]:
        """Take a referral in; return its id and receipt."""
        referral, instrument = prepared.referral, prepared.instrument
        clock = self._clocks.get(instrument.code)
        if clock is None:
            clock = self._clocks[instrument.code] = Clock.of(instrument, now=self._now)
        priority = 0 if referral.threat_to_life else instrument.priority
        lines = []
        touched: dict[str, None] = {}
        for index in range(len(referral.items)):
            standing, status = self._place(prepared, index, due=clock.due, priority=priority)
            if standing.id not in touched:
                standing.referrals += 1
                touched[standing.id] = None
            lines.append(self._item(prepared, index, standing=standing, status=status))
        random = os.urandom(RANDOM_BYTES + 16)
        entry = journal.row(self._entry(prepared, touched, salt=random[RANDOM_BYTES:]), random)
        told = f'{{"leaf":"{entry["leaf"]}","salt":"{random[RANDOM_BYTES:].hex()}","checkpoint":{self._checkpoint}}}'
        receipt = receipt_of(prepared, clock=clock, lines=lines, journal=told)
        self._entries.append(entry)
        self._referrals.append(self._referral(prepared, due=clock.due, receipt=receipt))
        self._outbox.append(self._received(prepared, clock))
        if prepared.signed is not None:
            self._signed.append(prepared.signed)
            self._signatures.append(evidence_row(prepared.signed, prepared.referral_id, now=self._now))
        return prepared.referral_id, receipt

    def fresh(self) -> Fresh:
        """Return everything that was collected, where no case was found before."""
        opened = [one.row for one in self._standing.values() if one.row is not None]
        nonces = [nonce_row(one) for one in self._signed]
        return Fresh(self._referrals, opened, self._items, self._entries, self._outbox, nonces, self._signatures)

    def store(self, tx: Tx) -> bool:
        """Write everything that was collected; False where a case was changed by somebody else meanwhile.

        Raises the driver's IntegrityError where somebody else opened one of the cases, or holds a reference or key.
        """
        tx.insert((tx.tables.signature, self._signatures))
        referrals.add(tx, self._referrals)
        cases.add(tx, [one.row for one in self._standing.values() if one.row is not None])
        for one in self._standing.values():
            if one.found is not None and one.referrals and not self._save(tx, one):
                return False
        cases.add_items(tx, self._items)
        journal.add(tx, self._entries)
        outbox.enqueue(tx, self._outbox)
        tell(tx, self._answered, now=self._now)
        return True

    def _place(self, prepared: Prepared, index: int, *, due: Due, priority: int) -> tuple[_Standing, ItemStatus]:
        """Find or open the case of an item, and say with what status the item begins."""
        key = prepared.key_of(index)
        standing = self._standing.get(key)
        if standing is None:
            row = case_row(prepared, index, key=key, now=self._now)
            flags, code = flags_of(prepared, index), prepared.instrument.code
            row |= clock_columns(due, priority=priority, instrument=code, flags=flags)
            if not prepared.resolved:
                self._outbox.append(self._resolve_later(row))
            self._standing[key] = standing = _Standing(row["id"], row, None, None)
            return standing, ItemStatus.RECEIVED
        category, case = prepared.referral.category, standing.case or opened(standing.row or {})
        joined = join(case, instrument=prepared.instrument, due=due, priority=priority, category=category)
        flags = (*case.flags, *joined.flags, *flags_of(prepared, index))
        standing.case = case = replace(
            case,
            state=joined.state,
            due=joined.due,
            priority=joined.priority,
            instrument=joined.instrument,
            category=category if "reopened" in joined.flags else case.category,
            flags=tuple(dict.fromkeys(flags)),
        )
        standing.joined = joined
        if standing.row is not None:
            standing.row |= clock_columns(
                case.due, priority=case.priority, instrument=case.instrument, flags=case.flags
            )
        return standing, joined.status

    def _save(self, tx: Tx, standing: _Standing) -> bool:
        found, joined, case = standing.found, standing.joined, standing.case
        assert found is not None
        assert joined is not None
        assert case is not None
        values: dict[str, Any] = {"flags": list(case.flags)}
        ordered = "order_after_decision" in set(case.flags) - set(found.flags)
        if case.state is CaseState.OPEN and found.state is not CaseState.OPEN:
            values |= {"clock_left": None, "category": case.category}
            values |= {**cases.UNCLAIMED, **self._set_aside(tx, found)}
            self._entries.append(self._case_entry("case.reopened", found.id))
        elif case.due != found.due:
            self._entries.append(self._case_entry("case.clock_tightened", found.id))
        elif found.state is CaseState.DECIDED and ordered and found.decision_id:
            outbox.hasten(tx, found.decision_id, now=self._now)
        settled = replace(joined, state=case.state, due=case.due, priority=case.priority)
        return cases.save_join(tx, found, settled, referrals=standing.referrals, values=values, now=self._now)

    def _set_aside(self, tx: Tx, found: Case) -> dict[str, Any]:
        """Undo a decision that nobody was told of yet; one that was told stays until it is superseded."""
        if found.announced or found.decision_id is None:
            return {}
        if not outbox.cancel(tx, found.decision_id, now=self._now):
            return {}
        decisions.stamp(tx, found.decision_id, undone_at=self._now)
        return {"decision_id": None, "outcome": None}

    def _item(self, prepared: Prepared, index: int, *, standing: _Standing, status: ItemStatus) -> dict[str, Any]:
        item, referral, now = prepared.referral.items[index], prepared.referral, self._now
        outcome = standing.joined.answered if standing.joined is not None else None
        if standing.row is not None:
            standing.row["referrals"] = standing.referrals
        item_id = new_id("itm")
        row: dict[str, Any] = {
            "id": item_id,
            "referral_id": prepared.referral_id,
            "case_id": standing.id,
            "agency_id": self._agency.id,
            "position": index,
            "reference": item.reference,
            "target_key": item.target.key,
            "instrument": referral.instrument,
            "operation": referral.operation,
            "status": status,
            "outcome": outcome,
            "withheld": referral.withheld,
            "received_at": now,
            "updated_at": now,
        }
        self._items.append(row)
        if status is not ItemStatus.RECEIVED:
            statuses = dict.fromkeys((ItemStatus.DECIDED, status))
            self._answered += [
                Change(item_id, prepared.referral_id, item.reference, standing.id, one, outcome) for one in statuses
            ]
        return row

    def _referral(self, prepared: Prepared, *, due: Due, receipt: str) -> dict[str, Any]:
        referral, now = prepared.referral, self._now
        return {
            "id": prepared.referral_id,
            "agency_id": self._agency.id,
            "instrument": referral.instrument,
            "agency_reference": referral.agency_reference,
            "channel": prepared.channel,
            "idempotency_key": prepared.idempotency_key,
            "fingerprint": prepared.fingerprint,
            "language": referral.language,
            "operation": referral.operation,
            "category": referral.category,
            "threat_to_life": referral.threat_to_life,
            "withheld": referral.withheld,
            "issued_at": referral.issued_at,
            "received_at": now,
            "due_at": due.at,
            "due_kind": due.kind,
            "due_rule": due.rule,
            "sequence": 1,
            "updated_at": now,
            "body": prepared.body,
            "original": prepared.original,
            "receipt": receipt,
            "signature_id": prepared.signature_id or (prepared.referral_id if prepared.signed is not None else None),
        }

    def _received(self, prepared: Prepared, clock: Clock) -> dict[str, Any]:
        return outbox.row(
            EffectKind.CALLBACK,
            id=new_id("msg"),
            lane=prepared.referral_id,
            position=1,
            due_at=self._now,
            state=EffectState.DUE if self._agency.listening else EffectState.FEED,
            agency_id=self._agency.id,
            referral_id=prepared.referral_id,
            type="referral.received",
            body=received_body(prepared.referral, prepared.referral_id, at=self._at, due=clock.seconds),
        )

    def _resolve_later(self, row: dict[str, Any]) -> dict[str, Any]:
        row["sequence"] = 1
        return outbox.row(
            EffectKind.RESOLVE, id=new_id("eff"), lane=row["id"], position=1, due_at=self._now, case_id=row["id"]
        )

    def _entry(self, prepared: Prepared, case_ids: Iterable[str], *, salt: bytes) -> Entry:
        facts = {
            "instrument": prepared.instrument.code,
            "channel": prepared.channel,
            # The salt is in the receipt: whoever has body and receipt can show what was sent; both are erasable.
            "body": commitment("body_sha256", prepared.fingerprint.hex(), salt),
            "items": str(len(prepared.referral.items)),
            "cases": ",".join(case_ids),
        }
        return Entry(self._actor, "referral.received", prepared.referral_id, self._now, facts)

    def _case_entry(self, action: str, case_id: str) -> dict[str, Any]:
        return journal.row(Entry(self._actor, action, case_id, self._now), os.urandom(RANDOM_BYTES))
