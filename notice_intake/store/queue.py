"""The queue, read in the time that one page takes however many cases there are."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, and_, func, literal_column, or_, select, tuple_

from ..core.codes import CaseState
from ..core.links import canonical_link
from ..core.queue import QueueFilter
from ..core.targets import bounded_key
from ..errors import LinkRefused
from .storage import Tx

#: Counting stops here: nobody needs to know more exactly, and an exact count reads every row.
COUNT_CAP = 1000
#: A search shows at most this many cases by each kind of name.
SEARCH_LIMIT = 200
#: Filters offer what stands among this many of the most urgent cases.
FACET_DEPTH = 1000
#: Among so many overdue cases of the first priority one past a deadline in law is looked for; more alarm by themselves.
LATE_DEPTH = 100
#: An agency or operation with at most this many items is looked up by them, one with more along the queue.
FEW_ITEMS = 500


def state_is(tx: Tx, state: str) -> Any:
    """The condition on a case's state, in the words of the partial indexes: SQLite concludes nothing from others."""
    column = tx.tables.case.c.state
    exact = column == literal_column(f"'{CaseState(state)}'")
    return exact if state == CaseState.OPEN else and_(exact, column != literal_column("'open'"))


def conditions(tx: Tx, wanted: QueueFilter, *, moderator_id: str, now: datetime) -> list[Any]:
    """Return what a filter asks for, but for the state."""
    case = tx.tables.case.c
    found: list[Any] = []
    plain = ((case.instrument, wanted.instrument), (case.kind, wanted.kind), (case.language, wanted.language))
    found += [column == value for column, value in plain if value]
    if wanted.agency:
        found.append(_referred_by(tx, wanted.agency))
    if wanted.operation:
        item = tx.tables.item.c
        operation = item.operation == wanted.operation
        found.append(_referred(tx, select(item.case_id).where(operation), operation))
    if wanted.claim == "free":
        found.append(or_(case.claimed_by.is_(None), case.claimed_until <= now))
    elif wanted.claim == "mine":
        found += [case.claimed_by == moderator_id, case.claimed_until > now]
    elif wanted.claim == "held":
        found += [case.claimed_by.is_not(None), case.claimed_until > now]
    if wanted.due == "overdue":
        found.append(case.due_at <= now)
    elif wanted.due == "hour":
        found += [case.due_at > now, case.due_at <= now + timedelta(hours=1)]
    if wanted.search:
        found.append(case.id.in_(_matches(tx, wanted.search.strip())))
    return found


def page(
    tx: Tx, wanted: QueueFilter, *, moderator_id: str, now: datetime, after: Sequence[Any] | None, limit: int
) -> Sequence[Row[Any]]:
    """Return cases, the most urgent first; decided and closed ones with the newest first."""
    table = tx.tables.case
    query = select(table).where(state_is(tx, wanted.state), *conditions(tx, wanted, moderator_id=moderator_id, now=now))
    if wanted.state == CaseState.OPEN:
        order = (table.c.priority, table.c.due_at, table.c.id)
        if after is not None:
            query = query.where(tuple_(*order) > tuple_(*after))
        return tx.execute(query.order_by(*order).limit(limit)).all()
    newest = (table.c.updated_at, table.c.id)
    if after is not None:
        query = query.where(tuple_(*newest) < tuple_(*after))
    return tx.execute(query.order_by(table.c.updated_at.desc(), table.c.id.desc()).limit(limit)).all()


def agencies_of(tx: Tx, case_ids: Sequence[str]) -> dict[str, list[tuple[str, str | None]]]:
    """Return the names of the agencies that referred each case, with the operation; oldest first."""
    item, agency = tx.tables.item, tx.tables.agency
    query = (
        select(item.c.case_id, agency.c.name, item.c.operation)
        .join_from(item, agency, item.c.agency_id == agency.c.id)
        .where(item.c.case_id.in_(case_ids))
        .order_by(item.c.received_at, item.c.id)
    )
    found: dict[str, list[tuple[str, str | None]]] = {}
    for row in tx.execute(query):
        found.setdefault(row.case_id, []).append((row.name, row.operation))
    return found


def counts(tx: Tx, *, moderator_id: str, now: datetime) -> dict[str, Any]:
    """Count what the queue's tabs show, each up to ``COUNT_CAP``; also say whether something overdue is alarming."""
    table = tx.tables.case
    case = table.c
    is_open = state_is(tx, CaseState.OPEN)
    wanted: dict[str, Select[Any]] = {
        "open": select(case.id).where(is_open),
        # Two priorities, two ranges of one index: a range on the time alone would read the whole queue.
        "overdue": select(case.id).where(is_open, case.priority.in_((0, 1)), case.due_at <= now),
        "due_within_hour": select(case.id).where(
            is_open, case.priority.in_((0, 1)), case.due_at > now, case.due_at <= now + timedelta(hours=1)
        ),
        "first": select(case.id).where(is_open, case.priority == 0),
        "mine": select(case.id).where(case.claimed_by == moderator_id, case.claimed_until > now),
        "decided": select(case.id).where(state_is(tx, CaseState.DECIDED)),
        "failed": select(case.id).where(state_is(tx, CaseState.FAILED)),
    }
    # The law's deadlines all stand in the first priority. No index says which of its cases have one: few are looked at.
    late = select(case.due_kind).where(is_open, case.priority == 0, case.due_at <= now)
    late = late.order_by(case.due_at, case.id).limit(LATE_DEPTH)
    counted = {name: query.limit(COUNT_CAP).subquery() for name, query in wanted.items()} | {"late": late.subquery()}
    columns = [select(func.count()).select_from(each).scalar_subquery().label(name) for name, each in counted.items()]
    legal = select(func.count()).select_from(counted["late"]).where(counted["late"].c.due_kind == "legal")
    row = tx.execute(select(*columns, legal.scalar_subquery().label("legal"))).one()
    found = {name: int(getattr(row, name)) for name in wanted}
    return {**found, "alarming": bool(row.legal) or row.late == LATE_DEPTH}


def facet_values(tx: Tx) -> dict[str, list[str]]:
    """Return which kinds, languages, instruments and operations stand among the most urgent open cases."""
    table, item = tx.tables.case, tx.tables.item
    urgent = (
        select(table.c.id, table.c.kind, table.c.language, table.c.instrument)
        .where(state_is(tx, CaseState.OPEN))
        .order_by(table.c.priority, table.c.due_at, table.c.id)
        .limit(FACET_DEPTH)
    ).subquery()
    # One statement, so that the queue's head is read once.
    values = select(urgent.c.kind, urgent.c.language, urgent.c.instrument, item.c.operation)
    rows = tx.execute(values.outerjoin_from(urgent, item, item.c.case_id == urgent.c.id).distinct()).all()
    names = ("kind", "language", "instrument", "operation")
    return {name: sorted({row[place] for row in rows if row[place]}) for place, name in enumerate(names)}


def _referred_by(tx: Tx, agency_id: str) -> Any:
    """Return the condition that an agency referred the case, by what stands in the index of its referrals."""
    item, referral = tx.tables.item, tx.tables.referral
    few = select(item.c.case_id).join_from(referral, item, item.c.referral_id == referral.c.id)
    return _referred(tx, few.where(referral.c.agency_id == agency_id), item.c.agency_id == agency_id)


def _referred(tx: Tx, few: Select[Any], condition: Any) -> Any:
    """Return the condition that an item of the case meets ``condition``; ``few`` selects the cases of all that do.

    Few items are looked up first: along the queue, one would have to pass all cases that others referred.
    """
    item, case = tx.tables.item, tx.tables.case
    found = tx.execute(few.limit(FEW_ITEMS + 1)).scalars().all()
    if len(found) <= FEW_ITEMS:
        return case.c.id.in_(sorted(set(found)))
    # With OFFSET, PostgreSQL keeps to the order of the queue and stops at a full page, instead of joining everything.
    return select(item.c.id).where(item.c.case_id == case.c.id, condition).offset(0).exists()


def _matches(tx: Tx, text: str) -> list[str]:
    """Return the ids of cases that a search names exactly: by id, agency reference, item reference or link."""
    case, item, referral = tx.tables.case, tx.tables.item, tx.tables.referral
    by_referral = select(item.c.case_id).join_from(item, referral, item.c.referral_id == referral.c.id)
    queries = [
        select(case.c.id).where(case.c.id == text),
        by_referral.where(referral.c.id == text),
        by_referral.where(referral.c.agency_reference == text),
        select(item.c.case_id).where(item.c.reference == text),
        select(item.c.case_id).where(item.c.target_key.in_(_names(text))),
    ]
    # One index each; joined by OR or UNION they would read the whole queue.
    return sorted({found for query in queries for found in tx.execute(query.limit(SEARCH_LIMIT)).scalars()})


def _names(text: str) -> list[str]:
    """Return the target keys that a text may mean: a link in any spelling, a handle, an id."""
    handle = text.lstrip("@").casefold()
    names = [f"{kind}-{word}" for kind in ("account", "channel") for word in (f"handle:{handle}", f"id:{text}")]
    with suppress(LinkRefused):
        names.append("link:" + canonical_link(text))
    return [bounded_key(name) for name in names]
