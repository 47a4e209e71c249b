"""Work that follows from a change: written in its transaction, claimed by a lease, finished by whoever holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Row,
    String,
    Update,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)

from ..core.codes import EffectKind, EffectState
from ..errors import DocumentRefused, FieldError
from ..ids import new_id
from .storage import Tx
from .tables import Tables

#: The one message that goes to an address which has not proved yet whose it is.
VERIFICATION = "endpoint.verification"
#: Tells an agency that a key of its own runs out: about no referral, and in its feed all the same.
KEY_EXPIRING = "key.expiring"


def enqueue(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store work to be done."""
    tx.insert((tx.tables.outbox, rows))


_EMPTY = dict.fromkeys(("agency_id", "referral_id", "case_id", "decision_id", "type", "body"))


def row(kind: EffectKind, *, id: str, lane: str, position: int, due_at: datetime, **values: Any) -> dict[str, Any]:
    """Return a row for ``enqueue`` with every column filled, so that rows of one batch have one shape."""
    return {
        **_EMPTY,
        "id": id,
        "kind": kind,
        "lane": lane,
        "position": position,
        "state": EffectState.DUE,
        "due_at": due_at,
        "attempts": 0,
        "last_error": "",
        "created_at": due_at,
        **values,
    }


def alone(kind: EffectKind, *, due_at: datetime, case_id: str, **values: Any) -> dict[str, Any]:
    """Return a row for ``enqueue`` in a lane of its own: nothing waits for it, whatever keeps it from being done."""
    effect_id = new_id("eff")
    return row(kind, id=effect_id, lane=effect_id, position=1, due_at=due_at, case_id=case_id, **values)


def settle(tx: Tx, values: Sequence[Mapping[str, Any]]) -> None:
    """Close callbacks, or put them back for later, with one statement; not those whose lease went to somebody else.

    Each of ``values``: ``id``, ``token``, ``state``, ``due_at``, ``attempts``, ``done_at``, ``error``, ``status``.
    """
    statement = _settling(tx.tables)
    tx.execute(statement, [{f"b_{name}": value for name, value in one.items()} for one in values])


@lru_cache(maxsize=32)
def _settling(tables: Tables) -> Update:
    table = tables.outbox
    mine = and_(table.c.id == bindparam("b_id"), table.c.lease_token == bindparam("b_token"), table.c.state == "due")
    changed = {"done_at": "done_at", "last_error": "error", "last_status": "status"}
    changed |= dict.fromkeys(("state", "due_at", "attempts"), "")
    values: dict[str, Any] = {column: bindparam(f"b_{name or column}") for column, name in changed.items()}
    return update(table).where(mine).values(**values, lease_until=None, lease_token=None, cause=None)


def arrived(tx: Tx, leased: Sequence[tuple[str, str]], *, now: datetime, status: int | None) -> None:
    """Close callbacks that arrived, given as id and token; not those whose lease went to somebody else."""
    values: Any = {"b_now": now, "b_status": status}
    if tx.dialect == "postgresql":
        ids, tokens = zip(*leased, strict=True)
        tx.execute(_arriving(tx.tables, together=True), {**values, "b_ids": list(ids), "b_tokens": list(tokens)})
    else:
        each = [{**values, "b_id": one, "b_token": token} for one, token in leased]
        tx.execute(_arriving(tx.tables, together=False), each)


@lru_cache(maxsize=64)
def _arriving(tables: Tables, *, together: bool) -> Update:
    table = tables.outbox
    wanted: tuple[Any, Any] = bindparam("b_id"), bindparam("b_token")
    if together:
        arrays = [cast(bindparam(name), ARRAY(String)) for name in ("b_ids", "b_tokens")]
        given = func.unnest(*arrays).table_valued("id", "token").render_derived("given")
        # Locked by their ids, as whoever reads the feed locks them: in another order they could wait for each other.
        row = table.alias("row")
        held = select(row.c.id, given.c.token).join(given, given.c.id == row.c.id).order_by(row.c.id)
        ready = held.with_for_update(of=row).subquery("ready")
        wanted = ready.c.id, ready.c.token
    mine = and_(table.c.id == wanted[0], table.c.lease_token == wanted[1], table.c.state == "due")
    done: dict[str, Any] = {"state": EffectState.DONE, "done_at": bindparam("b_now", type_=table.c.done_at.type)}
    done |= {"attempts": table.c.attempts + 1, "last_error": "", "last_status": bindparam("b_status", type_=Integer)}
    return update(table).where(mine).values(**done, lease_until=None, lease_token=None, cause=None)


def finish(tx: Tx, one: Row[Any], *, state: EffectState, now: datetime, **values: Any) -> bool:
    """Close a piece of work, or put it back for later; False where the lease went to somebody else."""
    table = tx.tables.outbox
    mine = and_(table.c.id == one.id, table.c.lease_token == one.lease_token, table.c.state == "due")
    changed: dict[str, Any] = {"state": state, "lease_until": None, "lease_token": None, "cause": None, **values}
    if state is EffectState.DONE:
        changed["done_at"] = now
    return bool(tx.execute(update(table).where(mine).values(changed)).rowcount)


def cancel(tx: Tx, decision_id: str, *, case_id: str, now: datetime) -> bool:
    """Cancel all work of a decision; False, and nothing cancelled, where some of it is being done or done."""
    table = tx.tables.outbox
    of_decision = and_(_of(tx, decision_id, case_id), table.c.kind != EffectKind.CALLBACK)
    waiting = and_(of_decision, table.c.state == "due", or_(table.c.lease_until.is_(None), table.c.lease_until <= now))
    total = tx.execute(select(func.count()).select_from(table).where(of_decision)).scalar_one()
    change = update(table).where(waiting).values(state=EffectState.CANCELLED, done_at=now, lease_token=None)
    with tx.savepoint() as savepoint:
        if tx.execute(change).rowcount == total:
            return True
        savepoint.rollback()
    return False


def cancel_waiting(tx: Tx, decision_id: str, *, case_id: str, now: datetime) -> bool:
    """Cancel the enforcement of a decision where it waits for a retry or was given up; False where it is under way."""
    table = tx.tables.outbox
    unfinished = and_(_enforcing(tx, decision_id, case_id), table.c.state.in_((EffectState.DUE, EffectState.DEAD)))
    free = or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
    cancelled = {"state": EffectState.CANCELLED, "done_at": now, "lease_token": None}
    with tx.savepoint() as savepoint:
        # The condition stands in the change itself: a worker may take a lease at any moment before it.
        tx.execute(update(table).where(unfinished, free).values(cancelled))
        if tx.execute(select(table.c.id).where(unfinished).limit(1)).first() is None:
            return True
        savepoint.rollback()
    return False


def carries_out(tx: Tx, decision_id: str, *, case_id: str) -> bool:
    """Whether the platform has anything to do for a decision."""
    enforcing = select(tx.tables.outbox.c.id).where(_enforcing(tx, decision_id, case_id))
    return tx.execute(enforcing.limit(1)).first() is not None


def _enforcing(tx: Tx, decision_id: str, case_id: str) -> ColumnElement[bool]:
    return and_(_of(tx, decision_id, case_id), tx.tables.outbox.c.kind.in_((EffectKind.ENFORCE, EffectKind.REVERT)))


def _of(tx: Tx, decision_id: str, case_id: str) -> ColumnElement[bool]:
    """Only the case has an index."""
    table = tx.tables.outbox
    return and_(table.c.case_id == case_id, table.c.decision_id == decision_id)


def hasten(tx: Tx, decision_id: str, *, case_id: str, now: datetime) -> None:
    """Let the waiting work of a decision begin now."""
    table = tx.tables.outbox
    waiting = and_(_of(tx, decision_id, case_id), table.c.state == "due", table.c.due_at > now)
    tx.execute(update(table).where(waiting).values(due_at=now))


def find(tx: Tx, effect_id: str) -> Row[Any] | None:
    """Return a piece of work, or None."""
    table = tx.tables.outbox
    return tx.execute(select(table).where(table.c.id == effect_id)).one_or_none()


def replay(tx: Tx, effect_id: str, *, now: datetime) -> bool:
    """Make work that was given up due again, with its id kept; False where it was not given up."""
    table = tx.tables.outbox
    dead = and_(table.c.id == effect_id, table.c.state == EffectState.DEAD)
    change = {"state": EffectState.DUE, "due_at": now, "attempts": 0, "lease_until": None, "lease_token": None}
    change["cause"] = "replay"
    return bool(tx.execute(update(table).where(dead).values(change)).rowcount)


def of_case(tx: Tx, case_id: str, *, limit: int = 200) -> Sequence[Row[Any]]:
    """Return the work that belongs to a case, oldest first."""
    table = tx.tables.outbox
    query = select(table).where(table.c.case_id == case_id).order_by(table.c.created_at, table.c.id)
    return tx.execute(query.limit(limit)).all()


def page(tx: Tx, *, state: EffectState, after: tuple[datetime, str] | None, limit: int) -> Sequence[Row[Any]]:
    """Return work in one state, oldest first."""
    table = tx.tables.outbox
    # A literal state, for the partial index on what is dead.
    query = select(table).where(text(f"state = '{EffectState(state)}'"))
    if after is not None:
        query = query.where(tuple_(table.c.created_at, table.c.id) > tuple_(*after))
    return tx.execute(query.order_by(table.c.created_at, table.c.id).limit(limit)).all()


def feed(tx: Tx, agency_id: str, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """Return an agency's callbacks after a feed number, numbering those that nobody has read yet.

    The number is given here, to rows that are committed, one reader of an agency at a time: numbering on insert would
    let a reader step over a row whose transaction was still open. Raises ``DocumentRefused`` for a number that was
    never given: whoever waits behind it would hear nothing.
    """
    table = tx.tables.outbox
    about = or_(table.c.referral_id.is_not(None), table.c.type == KEY_EXPIRING)
    mine = and_(table.c.agency_id == agency_id, table.c.kind == EffectKind.CALLBACK, about)
    _one_reader(tx, agency_id)
    told = and_(mine, table.c.body.is_not(None))  # what is purged says nothing any more
    fresh = select(table.c.id).where(told, table.c.feed_number.is_(None)).order_by(table.c.created_at, table.c.lane)
    ids = tx.execute(fresh.order_by(table.c.position).limit(limit)).scalars().all()
    if ids:
        last = _last_number(tx, agency_id)
        numbers = [{"b_id": one, "b_number": last + step} for step, one in enumerate(ids, 1)]
        _number(tx, numbers)
    query = select(table).where(told, table.c.feed_number > after).order_by(table.c.feed_number).limit(limit)
    found = tx.execute(query).all()
    if not found and after and after > (last := _last_number(tx, agency_id)):
        detail = (
            f"This lies behind the last event, which is {last}. Give the value of next from the last answer of this "
            "address, or leave it out to begin."
        )
        raise DocumentRefused([FieldError("/after", "invalid", detail)])
    return found


def _last_number(tx: Tx, agency_id: str) -> int:
    """Return the highest number that was given, whatever has become of its row."""
    table = tx.tables.outbox
    mine = and_(table.c.agency_id == agency_id, table.c.kind == EffectKind.CALLBACK)
    return int(tx.execute(select(func.coalesce(func.max(table.c.feed_number), 0)).where(mine)).scalar_one())


def _number(tx: Tx, numbers: Sequence[Mapping[str, Any]]) -> None:
    table = tx.tables.outbox
    statement = update(table).where(table.c.id == bindparam("b_id")).values(feed_number=bindparam("b_number"))
    tx.execute(statement, sorted(numbers, key=lambda one: one["b_id"]))


def _one_reader(tx: Tx, agency_id: str) -> None:
    if tx.dialect == "postgresql":
        agency = tx.tables.agency
        tx.execute(select(agency.c.id).where(agency.c.id == agency_id).with_for_update())


def pending(tx: Tx) -> int:
    """Return how much work is not finished, stopping at a thousand."""
    table = tx.tables.outbox
    first = select(table.c.id).where(text("state = 'due'")).limit(1000).subquery()
    return int(tx.execute(select(func.count()).select_from(first)).scalar_one())
