"""Who does which piece of work: claimed for a while, with a token that keeps a slow holder from closing it later.

Each endpoint's callbacks are looked up by themselves, and taken in turn: what waits for one that rests, however much
it is, is neither walked over nor in anybody's way.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any

from sqlalchemy import (
    ARRAY,
    Row,
    Select,
    String,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    func,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from ..core.codes import EffectKind, EffectState
from .storage import Tx
from .tables import Tables

#: After so long another worker may take a piece of work over, unless the settings say otherwise.
LEASE = timedelta(seconds=60)
#: So many callbacks of one endpoint are leased at once at most.
MOST_OF_ONE = 32
#: Literals, so that SQLite sees that the partial indexes apply.
_DUE = text("outbox.state = 'due'")
_EARLIER_PENDING = text("earlier.state = 'due'")


@dataclass(frozen=True, slots=True)
class Leased:
    """A piece of work that is ours until ``row.lease_until``."""

    row: Any
    #: Whether it is the one callback that finds out how an endpoint does that was left alone.
    probe: bool = False
    #: Whether whoever held it before never came back.
    lost: bool = False


@dataclass(frozen=True, slots=True)
class _Open:
    """An endpoint that something may go to now."""

    agency_id: str
    endpoint_id: str
    probe: bool
    not_before: datetime | None


def effects(tx: Tx, *, now: datetime, limit: int, until: datetime) -> list[Leased]:
    """Claim work of our own platform that is due: at most one piece of a lane, and only the first that is not done."""
    found = _candidates(tx, [None], now=now, most=limit)[None]
    return _take(tx, found, now=now, until=until)


def callbacks(
    tx: Tx, *, now: datetime, limit: int, until: datetime, rooms: Mapping[str, int], most: int
) -> list[Leased]:
    """Claim callbacks that are due, the endpoints in turn; of each lane only the first that has not arrived.

    ``rooms`` says how many more of an agency's may be taken, where that is not ``most``. Nothing is taken for an
    endpoint that rests or is disabled: its callbacks wait, none is dropped. Of one whose breaker is open, one is taken
    once the rest is over, by one worker alone.
    """
    doors, about_themselves = _doors(tx, now=now)
    open_ = {one.agency_id: one for one in doors if rooms.get(one.agency_id, most) > 0}
    found = _candidates(tx, list(open_), now=now, most=min(max([most, *rooms.values()]), MOST_OF_ONE))
    chosen: list[Any] = list(_themselves(tx, about_themselves, now=now))
    lines = [rows[: 1 if open_[agency].probe else rooms.get(agency, most)] for agency, rows in found.items() if agency]
    for row in chain.from_iterable(zip_longest(*lines)):
        if row is not None and len(chosen) < limit:
            chosen.append(row)
    probing = {one.agency_id for one in open_.values() if one.probe}
    wanted = {row.agency_id for row in chosen} & probing
    won = {agency for agency in sorted(wanted) if _claim_probe(tx, open_[agency], now=now, until=until)}
    themselves = set(about_themselves)
    taken = [row for row in chosen if row.agency_id not in probing or row.agency_id in won or row.id in themselves]
    return [
        Leased(one.row, one.row.agency_id in won and one.row.id not in themselves, one.lost)
        for one in _take(tx, taken, now=now, until=until)
    ]


def give_back(tx: Tx, leased: Iterable[Leased]) -> None:
    """Return work untouched, as if it had never been taken."""
    table = tx.tables.outbox
    values = [{"b_id": one.row.id, "b_token": one.row.lease_token} for one in leased]
    if values:
        mine = and_(table.c.id == bindparam("b_id"), table.c.lease_token == bindparam("b_token"))
        free = {"lease_until": None, "lease_token": None, "tries": table.c.tries - 1}
        tx.execute(update(table).where(mine).values(free), values)


def put_back(tx: Tx) -> int:
    """Return how much work of our own platform failed and waits to be tried again."""
    table = tx.tables.outbox
    tried = (table.c.state == EffectState.DUE, table.c.kind != EffectKind.CALLBACK, table.c.attempts > 0)
    return int(tx.execute(select(func.count()).select_from(table).where(*tried)).scalar_one())


def oldest(tx: Tx, *, now: datetime) -> datetime | None:
    """Return since when a worker could have done the longest-waiting work, or None.

    What waits for a retry, stands behind such work in its lane, or goes to an endpoint that rests does not count.
    """
    doors = {one.agency_id: one for one in _doors(tx, now=now)[0]}
    found = _candidates(tx, [None, *doors], now=now, most=1, lock=False)
    since = [max(rows[0].due_at, _since(doors.get(agency or ""))) for agency, rows in found.items() if rows]
    return min(since, default=None)


def _since(door: _Open | None) -> datetime:
    return door.not_before if door is not None and door.not_before is not None else _LONG_AGO


_LONG_AGO = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _doors(tx: Tx, *, now: datetime) -> tuple[list[_Open], list[str]]:
    """Return the endpoints that callbacks may go to, and the messages that ask addresses whose they are."""
    doors, asking = [], []
    for one in tx.fetch(_endpoints(tx.tables), {}):
        awake = one.not_before is None or one.not_before <= now
        looked_at = one.state == "disabled" and one.reason == "failing" and one.not_before is not None
        if awake and (one.state == "active" or looked_at):
            doors.append(_Open(one.agency_id, one.id, looked_at or one.openings > 0, one.not_before))
        if one.pending:
            asking.append(one.pending["message"])
    secrets.SystemRandom().shuffle(doors)
    return doors, asking


@lru_cache(maxsize=32)
def _endpoints(tables: Tables) -> Select[Any]:
    e = tables.endpoint.c
    return select(e.agency_id, e.id, e.state, e.openings, e.not_before, e.pending, e.reason)


def _candidates(
    tx: Tx, agencies: Sequence[str | None], *, now: datetime, most: int, lock: bool = True
) -> dict[str | None, Sequence[Row[Any]]]:
    """Return what is due for each agency, first come first; None stands for our own platform."""
    found: dict[str | None, Sequence[Row[Any]]] = {}
    if None in agencies:
        found[None] = tx.fetch(_own(tx.tables, tx.dialect, lock), {"now": _moment(tx, now), "most": most})
    named = [one for one in agencies if one is not None]
    if tx.dialect == "postgresql" and named:
        rows = tx.execute(_of_many(tx.tables, lock), {"agencies": named, "now": now, "most": most})
        for agency in named:
            found[agency] = []
        for row in rows:
            found[row.agency_id].append(row)  # type: ignore[attr-defined]
    else:
        for agency in named:
            values = {"agency": agency, "now": _moment(tx, now), "most": most}
            found[agency] = tx.fetch(_of_one(tx.tables, tx.dialect), values)
    return found


def _moment(tx: Tx, now: datetime) -> datetime | str:
    """Return a time as the driver takes it, for statements that go past SQLAlchemy."""
    return now if tx.dialect == "postgresql" else now.astimezone(UTC).isoformat(" ", "microseconds")[:-6]


@lru_cache(maxsize=32)
def _own(tables: Tables, dialect: str, lock: bool) -> Select[Any]:
    t = tables.outbox.alias("outbox")
    query = _first(tables, t, dialect).where(t.c.agency_id.is_(None))
    return query.with_for_update(skip_locked=True, of=t) if lock and dialect == "postgresql" else query


@lru_cache(maxsize=32)
def _of_one(tables: Tables, dialect: str) -> Select[Any]:
    t = tables.outbox.alias("outbox")
    return _first(tables, t, dialect).where(t.c.agency_id == bindparam("agency"))


@lru_cache(maxsize=32)
def _of_many(tables: Tables, lock: bool) -> Select[Any]:
    t = tables.outbox.alias("outbox")
    given = func.unnest(cast(bindparam("agencies"), ARRAY(String))).table_valued("agency").render_derived("given")
    query = _first(tables, t, "postgresql").where(t.c.agency_id == given.c.agency)
    each = (query.with_for_update(skip_locked=True, of=t) if lock else query).lateral("each")
    return select(each).select_from(given).join(each, true())


def _first(tables: Tables, t: Any, dialect: str) -> Select[Any]:
    earlier = tables.outbox.alias("earlier")
    blocked = exists().where(earlier.c.lane == t.c.lane, _EARLIER_PENDING, earlier.c.position < t.c.position)
    now: Any = bindparam("now", type_=t.c.due_at.type if dialect == "postgresql" else String())
    free = or_(t.c.lease_until.is_(None), t.c.lease_until <= now)
    query = select(t.c.id, t.c.agency_id, t.c.due_at, t.c.lease_token).where(_DUE, t.c.due_at <= now, free, ~blocked)
    return query.order_by(t.c.due_at, t.c.id).limit(bindparam("most"))


def _themselves(tx: Tx, message_ids: Sequence[str], *, now: datetime) -> Sequence[Row[Any]]:
    if not message_ids:
        return []
    t = tx.tables.outbox.alias("outbox")
    query = _first(tx.tables, t, tx.dialect).where(t.c.id.in_(message_ids))
    if tx.dialect == "postgresql":
        query = query.with_for_update(skip_locked=True, of=t)
    return tx.execute(query, {"now": _moment(tx, now), "most": MOST_OF_ONE}).all()


def _claim_probe(tx: Tx, door: _Open, *, now: datetime, until: datetime) -> bool:
    """Have the endpoint rest for the others while we look; False where another worker looks."""
    table = tx.tables.endpoint
    free = and_(table.c.id == door.endpoint_id, or_(table.c.not_before.is_(None), table.c.not_before <= now))
    # Never wait here: whoever holds the endpoint may be waiting for a row that we hold.
    mine = select(table.c.id).where(free).with_for_update(skip_locked=True)
    return bool(tx.execute(update(table).where(table.c.id.in_(mine)).values(not_before=until)).rowcount)


def _take(tx: Tx, rows: Sequence[Row[Any]], *, now: datetime, until: datetime) -> list[Leased]:
    if not rows:
        return []
    lost = {row.id for row in rows if row.lease_token is not None}
    ids = [row.id for row in rows]
    values = {"now": _moment(tx, now), "until": _moment(tx, until), "token": secrets.token_hex(16)}
    given = ids if tx.dialect == "postgresql" else json.dumps(ids)
    taken = tx.fetch(_taking(tx.tables, tx.dialect), {**values, "ids": given})
    place = {one: number for number, one in enumerate(ids)}
    return [Leased(row, lost=row.id in lost) for row in sorted(taken, key=lambda row: place[row.id])]


@lru_cache(maxsize=32)
def _taking(tables: Tables, dialect: str) -> ReturningUpdate[Any]:
    table, postgresql = tables.outbox, dialect == "postgresql"
    kind = table.c.due_at.type if postgresql else String()
    now, until = bindparam("now", type_=kind), bindparam("until", type_=kind)
    if postgresql:
        wanted: Any = table.c.id == any_(cast(bindparam("ids"), ARRAY(String)))
    else:
        wanted = table.c.id.in_(select(func.json_each(bindparam("ids", type_=String)).table_valued("value").c.value))
    # The conditions once more: on a host's connection somebody may have come in between.
    ours = and_(wanted, table.c.state == "due", or_(table.c.lease_until.is_(None), table.c.lease_until <= now))
    changed = {"lease_until": until, "lease_token": bindparam("token", type_=String), "tries": table.c.tries + 1}
    return update(table).where(ours).values(changed).returning(table)
