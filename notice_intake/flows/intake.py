"""A batch of referrals on its way into the tables: which case each item joins, and the rows that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..auth.envelope import Signed
from ..core.cases import Case, Joined, join
from ..core.clocks import Due
from ..core.codes import CaseState, EffectKind, ItemStatus
from ..core.journal import Actor, Entry
from ..ids import new_id, new_stamp
from ..store import cases, journal, outbox
from ..store.agencies import Agency
from ..store.direct import Flat
from ..store.known_keys import KnownKey
from ..store.signatures import evidence_row, nonce_row
from ..store.storage import Storage, Tx
from ..store.together import Fresh
from . import rows
from .callbacks import Change, tell
from .prepared import Clock, Prepared, flags_of, receipt_line, receipt_of
from .rows import Writer
from .setting_aside import set_aside

_RECEIVED = str(ItemStatus.RECEIVED)


@dataclass(slots=True)
class _Standing:
    """A case that further items join, as it stands while the batch is read."""

    #: The case as it was found, for the check that nobody else changed it; None where the batch opens it.
    found: Case | None
    #: The case now.
    case: Case
    joined: Joined | None = None
    referrals: int = 0


def standing_cases(tx: Tx, batch: Sequence[Prepared], *, lock: bool) -> dict[str, Case]:
    """Return the cases that exist for the contents of a batch, by key, in one query."""
    keys = {one.key_of(index) for one in batch for index in range(len(one.referral.items))}
    return cases.by_keys(tx, sorted(keys), lock=lock) if keys else {}


class Batch:
    """Turns referrals into rows, then writes them all with one statement a table.

    ``found`` are the cases that exist. Where another transaction opened or changed one meanwhile, ``store`` says so.

    What it keeps of a referral is plain values, which Python's cycle collector leaves alone: of thousands of objects of
    a class it would walk through the whole process every few thousand referrals, a fifth of all the time.
    """

    def __init__(
        self, found: Mapping[str, Case], *, agency: Agency, now: datetime, storage: Storage, checkpoint: str = "null"
    ) -> None:
        self._agency, self._written, self._checkpoint = agency, storage.time_writer, checkpoint
        self._actor = Actor("agency", agency.id, agency.name)
        self._stamp = new_stamp()
        self._begin(now)
        self._standing = {key: _Standing(case, case) for key, case in found.items()}
        #: The cases that the batch opens: by key where their rows begin, and their deadlines. Those that further items
        #: join stand above too.
        self._opened: dict[str, int] = {}
        self._dues: dict[str, Due] = {}
        #: Rows, their values one after the other.
        self._cases: list[Any] = []
        self._referrals: list[Any] = []
        self._items: list[Any] = []
        self._entries: list[Any] = []
        self._callbacks: list[Any] = []
        self._case_entries: list[Entry] = []
        self._later: list[dict[str, Any]] = []
        self._answered: list[Change] = []
        self._signed: list[Signed] = []
        self._signatures: list[dict[str, Any]] = []
        self._urgent = False

    def at(self, now: datetime) -> None:
        """Receive what follows at this time."""
        # Not for the whole batch: ids that begin alike would fill its index pages in no order.
        self._stamp = new_stamp()
        if now != self._now:
            self._begin(now)

    def _begin(self, now: datetime) -> None:
        self._now = now
        self._writer = Writer(self._agency, now=now, written=self._written)
        self._clocks: dict[str, Clock] = {}

    def add(self, prepared: Prepared) -> tuple[str, str]:
        """Take a referral in; return its id and receipt."""
        referral, instrument, writer = prepared.referral, prepared.instrument, self._writer
        clock = self._clocks.get(instrument.code)
        if clock is None:
            clock = self._clocks[instrument.code] = Clock.of(instrument, now=self._now)
        self._urgent = self._urgent or instrument.binding or referral.threat_to_life
        priority = 0 if referral.threat_to_life else instrument.priority
        lines = []
        touched: dict[str, None] = {}
        for index in range(len(referral.items)):
            case_id, standing = self._place(prepared, index, due=clock.due, priority=priority)
            if case_id not in touched:
                touched[case_id] = None
                if standing is not None:
                    standing.referrals += 1
            lines.append(self._item(prepared, index, case_id=case_id, standing=standing))
        entry, salt = writer.entry(prepared, touched)
        told = f'{{"leaf":"{entry[-1]}","salt":"{salt}","checkpoint":{self._checkpoint}}}'
        receipt = receipt_of(prepared, clock=clock, lines=lines, journal=told)
        self._entries += entry
        self._referrals += writer.referral(prepared, due=clock.due, receipt=receipt)
        self._callbacks += writer.callback(prepared, id=new_id("msg", self._stamp), clock=clock)
        if prepared.signed is not None:
            self._signed.append(prepared.signed)
            self._signatures.append(evidence_row(prepared.signed, prepared.referral_id, now=self._now))
        return prepared.referral_id, receipt

    def fresh(self, key: KnownKey | None = None) -> Fresh:
        """Return everything that was collected, where no case was found before; to be stored if ``key`` stands."""
        return Fresh(
            key=key,
            # To wait for the disk costs a voluntary referral more than all else, and a stream nothing.
            synced=self._urgent or len(self._entries) > len(rows.ENTRY),
            keys=list(self._opened),
            items=len(self._items) // len(rows.ITEM),
            parts=(
                ("nonce", [nonce_row(one) for one in self._signed]),
                ("signature", self._signatures),
                ("referral", self._writer.flat(rows.REFERRAL, self._referrals)),
                ("case", self._case_rows()),
                ("item", self._writer.flat(rows.ITEM, self._items)),
                ("journal", self._writer.flat(rows.ENTRY, self._entries)),
                ("outbox", self._writer.flat(rows.CALLBACK, self._callbacks)),
                ("outbox", self._later),
            ),
        )

    def store(self, tx: Tx) -> bool:
        """Write everything that was collected; False where a case was changed by somebody else meanwhile.

        Raises the driver's IntegrityError where somebody else opened one of the cases, or holds a reference or key.
        """
        t, flat = tx.tables, self._writer.flat
        tx.insert(
            (t.signature, self._signatures),
            (t.referral, flat(rows.REFERRAL, self._referrals)),
            (t.case, self._case_rows()),
        )
        for one in self._standing.values():
            if one.found is not None and one.referrals and not self._save(tx, one):
                return False
        tx.insert(
            (t.item, flat(rows.ITEM, self._items)),
            (t.journal, flat(rows.ENTRY, self._entries)),
            (t.outbox, flat(rows.CALLBACK, self._callbacks)),
        )
        journal.append(tx, self._case_entries)
        outbox.enqueue(tx, self._later)
        tell(tx, self._answered, now=self._now)
        return True

    def _case_rows(self) -> Flat:
        """Return the rows of the cases that the batch opens, with what further items changed of them."""
        for key, one in self._standing.items():
            if one.found is None:
                place = self._opened[key]
                joined = self._writer.joined(one.case, referrals=one.referrals)
                self._cases[place + rows.JOINED : place + len(rows.CASE)] = joined
        return self._writer.flat(rows.CASE, self._cases)

    def _place(self, prepared: Prepared, index: int, *, due: Due, priority: int) -> tuple[str, _Standing | None]:
        """Find or open the case of an item; return its id, and how it stands where the item is not its first."""
        key = prepared.key_of(index)
        standing = self._standing.get(key)
        if standing is None:
            place = self._opened.get(key)
            if place is None:
                self._opened[key], self._dues[key] = len(self._cases), due
                case_id = new_id("cas", self._stamp)
                self._cases += self._writer.case(prepared, index, id=case_id, key=key, due=due, priority=priority)
                if not prepared.resolved:
                    self._later.append(self._resolve_later(case_id))
                return case_id, None
            row = tuple(self._cases[place : place + len(rows.CASE)])
            self._standing[key] = standing = _Standing(None, rows.case_of(row, self._dues[key]), referrals=1)
        case, category = standing.case, prepared.referral.category
        joined = join(case, instrument=prepared.instrument, due=due, priority=priority, category=category)
        flags = (*case.flags, *joined.flags, *flags_of(prepared, index))
        standing.case = replace(
            case,
            state=joined.state,
            due=joined.due,
            priority=joined.priority,
            instrument=joined.instrument,
            category=category if "reopened" in joined.flags else case.category,
            flags=tuple(dict.fromkeys(flags)),
        )
        standing.joined = joined
        return case.id, standing

    def _save(self, tx: Tx, standing: _Standing) -> bool:
        found, joined, case = standing.found, standing.joined, standing.case
        assert found is not None
        assert joined is not None
        values: dict[str, Any] = {"flags": list(case.flags)}
        ordered = "order_after_decision" in set(case.flags) - set(found.flags)
        if case.state is CaseState.OPEN and found.state is not CaseState.OPEN:
            values |= {"clock_left": None, "category": case.category}
            values |= {**cases.UNCLAIMED, **set_aside(tx, found, now=self._now)}
            self._case_entries.append(self._case_entry("case.reopened", found.id))
        elif case.due != found.due:
            self._case_entries.append(self._case_entry("case.clock_tightened", found.id))
        elif found.state is CaseState.DECIDED and ordered and found.decision_id:
            outbox.hasten(tx, found.decision_id, case_id=found.id, now=self._now)
        settled = replace(joined, state=case.state, due=case.due, priority=case.priority)
        return cases.save_join(tx, found, settled, referrals=standing.referrals, values=values, now=self._now)

    def _item(self, prepared: Prepared, index: int, *, case_id: str, standing: _Standing | None) -> str:
        """Take an item in; return what the receipt says of it."""
        word, result, version = _RECEIVED, None, 1
        item_id, reference = new_id("itm", self._stamp), prepared.referral.items[index].reference
        if standing is not None and standing.joined is not None:
            status, outcome = standing.joined.status, standing.joined.answered
            word, result = str(status), str(outcome) if outcome is not None else None
            version = standing.found.version + 1 if standing.found is not None else 1
            if status is not ItemStatus.RECEIVED:
                statuses = dict.fromkeys((ItemStatus.DECIDED, status))
                self._answered += [
                    Change(item_id, prepared.referral_id, reference, case_id, one, outcome) for one in statuses
                ]
        case = (case_id, version)
        self._items += self._writer.item(prepared, index, id=item_id, case=case, status=word, outcome=result)
        return receipt_line(item_id, reference, status=word, outcome=result)

    def _resolve_later(self, case_id: str) -> dict[str, Any]:
        return outbox.alone(EffectKind.RESOLVE, due_at=self._now, case_id=case_id)

    def _case_entry(self, action: str, case_id: str) -> Entry:
        return Entry(self._actor, action, case_id, self._now)
