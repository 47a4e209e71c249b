"""What is to be purged, and purging it: some cases in one transaction, with the referrals that have no others left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, text, tuple_, update

from ..core.codes import CaseState, EffectKind, EffectState, ItemStatus, MessageKind, Outcome
from ..core.retention import Closed
from .queue import state_is
from .storage import Tx

#: A case and the place of it in the order in which they are looked at.
Place = tuple[datetime, str]


@dataclass(slots=True)
class Dossier:
    """A case with all that has to be looked at before it is purged."""

    id: str
    row: Any
    items: list[Any] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    undelivered: int = 0
    unanswered: set[MessageKind] = field(default_factory=set)
    held: bool = False
    #: Another transaction works on one of its referrals.
    busy: bool = False

    @property
    def referral_ids(self) -> set[str]:
        """The referrals that name it."""
        return {one.referral_id for one in self.items}

    def as_closed(self) -> Closed:
        """Return it as the rule takes it."""
        row = self.row
        return Closed(
            state=CaseState(row.state),
            outcome=Outcome(row.outcome) if row.outcome else None,
            instruments={one.instrument for one in self.items} or {row.instrument},
            changed_at=max([row.updated_at, *self.times]),
            statuses={ItemStatus(one.status) for one in self.items},
            stopped=row.clock_left is not None,
            claimed=row.claimed_by is not None,
            undelivered=self.undelivered,
            unanswered=self.unanswered,
            held=self.held,
        )


def candidates(tx: Tx, *, now: datetime, before: datetime, rows: int, lock: bool = True) -> Sequence[Row[Any]]:
    """Return closed cases to look at: those to look at again by ``now``, then those that changed last by ``before``.

    Together they have about ``rows`` referrals, but one case is returned however many it has. Locked, without waiting
    for what others have locked.
    """
    table = tx.tables.case
    again = select(table).where(_LOOK, table.c.look_at <= now).order_by(table.c.look_at, table.c.id)
    first = select(table).where(_NEW, table.c.updated_at <= before).order_by(table.c.updated_at, table.c.id)
    found: list[Row[Any]] = []
    for query in (again, first):
        room = rows - sum(one.referrals for one in found)
        if room > 0:
            some = query.limit(room)
            found += tx.execute(some.with_for_update(skip_locked=True) if lock else some).all()
    return _fitting(found, rows)


#: Literals, so that the partial indexes apply.
_LOOK = text("look_at IS NOT NULL")
_NEW = text("state = 'closed' AND look_at IS NULL")


def page(tx: Tx, *, before: datetime, after: Place | None, limit: int) -> Sequence[Row[Any]]:
    """Return closed cases that changed last by ``before``, in the order of that, to look at without changing any."""
    table = tx.tables.case
    query = select(table).where(state_is(tx, CaseState.CLOSED), table.c.updated_at <= before)
    if after is not None:
        query = query.where(tuple_(table.c.updated_at, table.c.id) > tuple_(*after))
    return tx.execute(query.order_by(table.c.updated_at, table.c.id).limit(limit)).all()


def _fitting(found: Sequence[Row[Any]], most: int) -> list[Row[Any]]:
    kept: list[Row[Any]] = []
    size = 0
    for one in found:
        size += max(one.referrals, 1)
        if kept and size > most:
            break
        kept.append(one)
    return kept


def dossiers(tx: Tx, rows: Sequence[Row[Any]], *, now: datetime, lock: bool = True) -> list[Dossier]:
    """Return what has to be looked at before cases are purged; their referrals are locked, if free."""
    found = {row.id: Dossier(row.id, row) for row in rows}
    item = tx.tables.item
    for one in tx.execute(select(item).where(item.c.case_id.in_(found))):
        found[one.case_id].items.append(one)
        found[one.case_id].times.append(one.updated_at)
    naming: dict[str, list[Dossier]] = {}
    for dossier in found.values():
        for referral_id in dossier.referral_ids:
            naming.setdefault(referral_id, []).append(dossier)
    _add_referrals(tx, naming, lock=lock)
    _add_decisions(tx, found)
    _add_outbox(tx, naming, found)
    _add_messages(tx, found)
    _add_holds(tx, naming, found, now=now)
    return list(found.values())


def _add_referrals(tx: Tx, naming: Mapping[str, list[Dossier]], *, lock: bool) -> None:
    table = tx.tables.referral
    query = select(table.c.id, table.c.updated_at).where(table.c.id.in_(naming)).order_by(table.c.id)
    seen = set()
    for one in tx.execute(query.with_for_update(skip_locked=True) if lock else query):
        seen.add(one.id)
        for dossier in naming[one.id]:
            dossier.times.append(one.updated_at)
    for referral_id in naming.keys() - seen:
        for dossier in naming[referral_id]:
            dossier.busy = True


def _add_decisions(tx: Tx, found: Mapping[str, Dossier]) -> None:
    table = tx.tables.decision
    times = (table.c.decided_at, table.c.effective_at, table.c.effected_at, table.c.undone_at)
    rows: Iterable[Any] = tx.execute(select(table.c.case_id, *times).where(table.c.case_id.in_(found)))
    for row in rows:
        found[row[0]].times += [at for at in row[1:] if at is not None]


def _add_outbox(tx: Tx, naming: Mapping[str, list[Dossier]], found: Mapping[str, Dossier]) -> None:
    table = tx.tables.outbox
    unfinished = table.c.state.in_((EffectState.DUE, EffectState.DEAD))
    told = select(table.c.lane, func.count()).where(table.c.lane.in_(naming), unfinished).group_by(table.c.lane)
    undelivered: Iterable[Any] = tx.execute(told).all()
    for row in undelivered:
        for dossier in naming[row[0]]:
            dossier.undelivered += row[1]
    effect = table.c.kind != EffectKind.CALLBACK
    done = select(table.c.case_id, func.count()).where(table.c.case_id.in_(found), unfinished, effect)
    undone: Iterable[Any] = tx.execute(done.group_by(table.c.case_id)).all()
    for row in undone:
        found[row[0]].undelivered += row[1]


def _add_messages(tx: Tx, found: Mapping[str, Dossier]) -> None:
    message, named, item = tx.tables.message, tx.tables.mention, tx.tables.item
    query = (
        select(item.c.case_id, message.c.kind, message.c.created_at, named.c.closed_at)
        .join_from(item, named, named.c.item_id == item.c.id)
        .join(message, message.c.id == named.c.message_id)
        .where(item.c.case_id.in_(found))
    )
    for one in tx.execute(query):
        found[one.case_id].times += [at for at in (one.created_at, one.closed_at) if at is not None]
        if one.closed_at is None and one.kind in (MessageKind.QUESTION, MessageKind.COMPLAINT):
            found[one.case_id].unanswered.add(MessageKind(one.kind))


def _add_holds(tx: Tx, naming: Mapping[str, list[Dossier]], found: Mapping[str, Dossier], *, now: datetime) -> None:
    table = tx.tables.hold
    agencies = {one.agency_id for dossier in found.values() for one in dossier.items}
    running = and_(table.c.lifted_at.is_(None), or_(table.c.until.is_(None), table.c.until > now))
    wanted = table.c.object.in_([*naming, *found, *agencies])
    for held in tx.execute(select(table.c.object).where(wanted, running)).scalars():
        dossiers = naming.get(held) or ([found[held]] if held in found else [])
        for dossier in dossiers or [one for one in found.values() if any(it.agency_id == held for it in one.items)]:
            dossier.held = True


def look_again(tx: Tx, places: Iterable[Place]) -> None:
    """Note when cases are to be looked at again."""
    table = tx.tables.case
    by_time: dict[datetime, list[str]] = {}
    for at, case_id in places:
        by_time.setdefault(at, []).append(case_id)
    for at, ids in by_time.items():
        tx.execute(update(table).where(table.c.id.in_(ids)).values(look_at=at))


def without_others(tx: Tx, referral_ids: Collection[str]) -> list[str]:
    """Return those of referrals all of whose cases are purged."""
    item, case = tx.tables.item, tx.tables.case
    alive = (
        select(item.c.referral_id)
        .join_from(item, case, case.c.id == item.c.case_id)
        .where(item.c.referral_id.in_(referral_ids), case.c.state != CaseState.PURGED)
    )
    left = set(tx.execute(alive).scalars())
    return sorted(one for one in referral_ids if one not in left)
