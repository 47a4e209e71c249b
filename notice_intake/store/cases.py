"""Cases and their items."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, String, and_, bindparam, func, literal_column, or_, select, true, update
from sqlalchemy.dialects import postgresql

from ..core.cases import Case, Holder, Joined, Member
from ..core.clocks import ClockKind, Due
from ..core.codes import CaseState, ItemStatus, Outcome, TargetKind
from ..core.json_text import quoted
from ..core.targets import Content, Hash, Part, Target
from .direct import Straight
from .storage import Tx
from .tables import Tables
from .text_lists import texts_in

#: Statuses from which an item still waits for a decision.
UNDECIDED = (ItemStatus.RECEIVED, ItemStatus.IN_REVIEW, ItemStatus.NEEDS_CLARIFICATION)


def by_keys(tx: Tx, keys: Sequence[str], *, lock: bool = True) -> dict[str, Case]:
    """Return the cases that exist under ``keys``, locked in one order until the transaction ends.

    Without the lock, referrals of the same content by several agencies at once would overtake each other for ever.
    """
    wanted = list(keys) if tx.dialect == "postgresql" else json.dumps(keys)
    rows = tx.execute(_by_keys(tx.tables, tx.dialect, lock), {"keys": wanted})
    return {row.key: to_case(row) for row in rows}


def keys_taken(tx: Straight | Tx, keys: Sequence[str]) -> set[str]:
    """Return those of ``keys`` under which a case exists."""
    return {row.key for row in tx.fetch(_taken(tx.tables, tx.dialect), {"keys": json.dumps(keys)})}


@lru_cache(maxsize=32)
def _taken(tables: Tables, dialect: str) -> Select[Any]:
    case = tables.case
    if dialect != "postgresql":
        return _by_keys(tables, dialect, False).with_only_columns(case.c.key)
    # One look at the index for each: a plan that is made while the table is small would walk through it for ever.
    wanted = texts_in("keys", column="key")
    found = select(case.c.key).where(case.c.key == wanted.c.key).limit(1).lateral()
    return select(found.c.key).select_from(wanted.join(found, true()))


@lru_cache(maxsize=32)
def _by_keys(tables: Tables, dialect: str, lock: bool) -> Select[Any]:
    # One parameter however many keys: a bulk batch can name more than either engine takes as single ones.
    case = tables.case
    if dialect == "postgresql":
        query = select(case).where(case.c.key == func.any(bindparam("keys", type_=postgresql.ARRAY(String))))
    else:
        listed = func.json_each(bindparam("keys", type_=String)).table_valued("value")
        query = select(case).where(case.c.key.in_(select(listed.c.value)))
    return query.order_by(case.c.key).with_for_update() if lock else query


def find(tx: Tx, case_id: str, *, lock: bool = False) -> Case | None:
    """Return a case, or None. ``lock`` holds its row until the transaction ends."""
    row = find_row(tx, case_id, lock=lock)
    return to_case(row) if row is not None else None


def find_row(tx: Tx, case_id: str, *, lock: bool = False) -> Row[Any] | None:
    """Return a case's whole row, or None."""
    table = tx.tables.case
    query: Select[Any] = select(table).where(table.c.id == case_id)
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def locked(tx: Tx, case_ids: Sequence[str]) -> dict[str, Case]:
    """Return cases by id, locked in the one order that everybody locks them in."""
    table = tx.tables.case
    query = select(table).where(table.c.id.in_(case_ids)).order_by(table.c.key).with_for_update()
    return {row.id: to_case(row) for row in tx.execute(query)}


def save_join(tx: Tx, case: Case, joined: Joined, *, referrals: int, values: Mapping[str, Any], now: datetime) -> bool:
    """Store what further items changed on a case; False where somebody else changed it first."""
    table = tx.tables.case
    changed: dict[str, Any] = {
        "state": joined.state,
        "priority": joined.priority,
        "due_at": joined.due.at,
        "due_kind": joined.due.kind,
        "due_rule": joined.due.rule,
        "instrument": joined.instrument,
        "referrals": table.c.referrals + referrals,
        "flags": list(dict.fromkeys((*case.flags, *joined.flags))),
        "version": case.version + 1,
        "updated_at": now,
        **({"clock_left": None} if joined.due != case.due else {}),
        **values,
    }
    statement = update(table).where(table.c.id == case.id, table.c.version == case.version).values(changed)
    return bool(tx.execute(statement).rowcount)


def change(tx: Tx, case_id: str, *, version: int, values: Mapping[str, Any]) -> bool:
    """Change a case that still stands at ``version``, and move it one on; False where it does not."""
    table = tx.tables.case
    statement = update(table).where(table.c.id == case_id, table.c.version == version)
    return bool(tx.execute(statement.values({**values, "version": version + 1})).rowcount)


def note(tx: Tx, case_id: str, **values: Any) -> None:
    """Change what no rule depends on."""
    table = tx.tables.case
    tx.execute(update(table).where(table.c.id == case_id).values(values))


def take_positions(tx: Tx, case_id: str, count: int) -> int:
    """Reserve ``count`` positions in the case's lane of effects; return the first."""
    table = tx.tables.case
    statement = update(table).where(table.c.id == case_id).values(sequence=table.c.sequence + count)
    last: int = tx.execute(statement.returning(table.c.sequence)).scalar_one()
    return last - count + 1


def members(tx: Tx, case_id: str) -> list[Member]:
    """Return the items of a case, as far as the rules need them."""
    return [to_member(row) for row in member_rows(tx, case_id)]


def member_rows(tx: Tx, case_id: str) -> Sequence[Row[Any]]:
    """Return the items of a case, oldest first."""
    item = tx.tables.item
    return tx.execute(select(item).where(item.c.case_id == case_id).order_by(item.c.received_at, item.c.id)).all()


def set_items(tx: Tx, item_ids: Sequence[str], *, status: ItemStatus, outcome: Outcome | None, now: datetime) -> None:
    """Move items on."""
    item = tx.tables.item
    values: dict[str, Any] = {"status": status, "updated_at": now}
    if outcome is not None:
        values["outcome"] = outcome
    tx.execute(update(item).where(item.c.id.in_(item_ids)).values(values))


def item_clocks(tx: Tx, case_id: str) -> Sequence[Row[Any]]:
    """Return the undecided items of a case, each with its own deadline, the rule that set it, and how urgent it is."""
    item, referral = tx.tables.item, tx.tables.referral
    due_at = func.coalesce(item.c.due_at, referral.c.due_at, type_=referral.c.due_at.type).label("due_at")
    columns = (item.c.id, item.c.instrument, item.c.clock_left, due_at)
    return tx.execute(
        select(*columns, referral.c.due_kind, referral.c.due_rule, referral.c.threat_to_life)
        .join_from(item, referral, item.c.referral_id == referral.c.id)
        .where(item.c.case_id == case_id, item.c.status.in_(UNDECIDED))
    ).all()


def change_items(tx: Tx, item_ids: Sequence[str], *, now: datetime, **values: Any) -> None:
    """Change columns of items."""
    item = tx.tables.item
    tx.execute(update(item).where(item.c.id.in_(item_ids)).values(updated_at=now, **values))


def absorb(tx: Tx, case: Case, known: Case, *, now: datetime) -> None:
    """Move the items of ``case`` to ``known``, which takes the stricter clock; close ``case`` without an outcome."""
    item = tx.tables.item
    tx.execute(update(item).where(item.c.case_id == case.id).values(case_id=known.id, joined=known.version + 1))
    named = select(func.count(item.c.referral_id.distinct())).where(item.c.case_id == known.id)
    told = [flag for flag in case.flags if flag not in ("unresolved", "unknown")]
    flags = list(dict.fromkeys((*known.flags, *told)))
    values: dict[str, Any] = {"referrals": named.scalar_subquery(), "flags": flags, "updated_at": now}
    if (case.priority, case.due.at) < (known.priority, known.due.at):
        values |= {"priority": case.priority, "due_at": case.due.at, "due_kind": case.due.kind}
        values |= {"due_rule": case.due.rule, "instrument": case.instrument, "clock_left": None}
        if case.left is not None:
            values["clock_left"] = int(case.left.total_seconds())
    change(tx, known.id, version=known.version, values=values)
    change(tx, case.id, version=case.version, values={"state": CaseState.CLOSED, "updated_at": now})


def claim(tx: Tx, case_id: str, *, holder: Holder, now: datetime, seize: bool = False) -> bool:
    """Claim a case, or prolong one's own claim; False where it is not open, or another holds it (unless ``seize``)."""
    table = tx.tables.case
    free = or_(table.c.claimed_by.is_(None), table.c.claimed_until <= now, table.c.claimed_by == holder.moderator_id)
    statement = update(table).where(table.c.id == case_id, table.c.state == OPEN)
    return bool(tx.execute((statement if seize else statement.where(free)).values(_held(holder))).rowcount)


def claim_next(tx: Tx, conditions: Sequence[Any], *, holder: Holder, now: datetime) -> str | None:
    """Claim the most urgent open case that nobody holds; return its id, or None where there is none."""
    table = tx.tables.case
    free = or_(table.c.claimed_by.is_(None), table.c.claimed_until <= now)
    first = (
        select(table.c.id)
        .where(table.c.state == OPEN, free, *conditions)
        .order_by(table.c.priority, table.c.due_at, table.c.id)
        .limit(1)
    )
    if tx.dialect == "postgresql":
        first = first.with_for_update(skip_locked=True)
    statement = update(table).where(table.c.id == first.scalar_subquery()).values(_held(holder)).returning(table.c.id)
    return tx.execute(statement).scalar_one_or_none()


def release(tx: Tx, case_id: str, *, moderator_id: str) -> bool:
    """Give one's own claim back; False where it was not held."""
    table = tx.tables.case
    mine = and_(table.c.id == case_id, table.c.claimed_by == moderator_id)
    return bool(tx.execute(update(table).where(mine).values(UNCLAIMED)).rowcount)


def expire_claims(tx: Tx, *, now: datetime) -> list[tuple[str, str]]:
    """Free every case whose claim ran out; return (case, moderator) for the journal."""
    table = tx.tables.case
    over = and_(table.c.claimed_by.is_not(None), table.c.claimed_until <= now)
    rows = tx.execute(select(table.c.id, table.c.claimed_by).where(over).limit(500)).all()
    if rows:
        ids = [row.id for row in rows]
        tx.execute(update(table).where(table.c.id.in_(ids), over).values(UNCLAIMED))
    return [(row.id, row.claimed_by) for row in rows]


def mark_near(tx: Tx, *, until: datetime, limit: int = 200) -> Sequence[Row[Any]]:
    """Mark open cases whose running clock ends before ``until``, each once for each deadline; return those marked."""
    table = tx.tables.case
    unsaid = or_(table.c.called_out.is_(None), table.c.called_out != table.c.due_at)
    running = and_(table.c.state == OPEN, table.c.clock_left.is_(None), table.c.due_at <= until, unsaid)
    near = select(table.c.id).where(table.c.priority.in_((0, 1)), running).order_by(table.c.due_at).limit(limit)
    columns = (table.c.id, table.c.due_at, table.c.due_kind, table.c.claimed_by, table.c.claimed_until)
    change = update(table).where(table.c.id.in_(near), running).values(called_out=table.c.due_at).returning(*columns)
    return tx.execute(change).all()


#: SQLite uses the partial index of the queue only where it sees the value itself.
OPEN: Any = literal_column("'open'")
UNCLAIMED: Mapping[str, None] = {"claimed_by": None, "claimed_name": None, "claimed_until": None}


def _held(holder: Holder) -> dict[str, Any]:
    return {"claimed_by": holder.moderator_id, "claimed_name": holder.name, "claimed_until": holder.until}


def to_case(row: Row[Any]) -> Case:
    """Read a row as the value that the rules take."""
    holder = Holder(row.claimed_by, row.claimed_name, row.claimed_until) if row.claimed_by else None
    return Case(
        id=row.id,
        key=row.key,
        version=row.version,
        state=CaseState(row.state),
        due=Due(row.due_at, ClockKind(row.due_kind), row.due_rule),
        priority=row.priority,
        instrument=row.instrument,
        category=row.category,
        holder=holder,
        decision_id=row.decision_id,
        outcome=Outcome(row.outcome) if row.outcome else None,
        announced=row.announced,
        flags=tuple(row.flags),
        left=timedelta(seconds=row.clock_left) if row.clock_left is not None else None,
    )


def to_member(row: Row[Any]) -> Member:
    """Read a row as the value that the rules take."""
    return Member(row.id, row.referral_id, row.agency_id, row.instrument, ItemStatus(row.status), row.withheld)


_object = json.JSONEncoder(ensure_ascii=False).encode


def _optional(text: str | None) -> str:
    return quoted(text) if text is not None else "null"


def target_text(target: Target) -> str:
    """Return a target as stored: JSON text, put together by hand since every item needs it."""
    text = f'{{"kind":"{target.kind}"'
    if target.url:
        text += f',"url":{quoted(target.url)}'
    if target.link:
        text += f',"link":{quoted(target.link)}'
    if target.id:
        text += f',"id":{quoted(target.id)}'
    if target.handle:
        text += f',"handle":{quoted(target.handle)}'
    if target.hashes:
        hashes = [f'{{"algorithm":{quoted(one.algorithm)},"value":{quoted(one.value)}}}' for one in target.hashes]
        text += f',"hashes":[{",".join(hashes)}]'
    return text + "}"


@lru_cache(maxsize=256)
def flags_text(flags: tuple[str, ...]) -> str:
    """Return flags as stored."""
    return json.dumps(flags)


def target_from_json(stored: Mapping[str, Any]) -> Target:
    """Read a stored target."""
    hashes = tuple(Hash(**one) for one in stored.get("hashes", ()))
    return Target(**{**stored, "kind": TargetKind(stored["kind"]), "hashes": hashes})


def content_text(content: Content) -> str:
    """Return what the platform said about content, as stored: JSON text."""
    published = f'"{content.published_at.isoformat()}"' if content.published_at else "null"
    parts = [
        f'{{"kind":{quoted(one.kind)},"text":{quoted(one.text)},"url":{_optional(one.url)}}}' for one in content.parts
    ]
    return (
        f'{{"key":{quoted(content.key)},"kind":{quoted(content.kind)},"title":{quoted(content.title)},'
        f'"live":{"true" if content.live else "false"},"uploader":{_optional(content.uploader)},'
        f'"uploader_name":{_optional(content.uploader_name)},"language":{_optional(content.language)},'
        f'"published_at":{published},"parts":[{",".join(parts)}],'
        f'"facts":{_object(dict(content.facts)) if content.facts else "{}"}}}'
    )


def content_to_json(content: Content) -> dict[str, Any]:
    """Return what the platform said about content as a value, for an update."""
    stored: dict[str, Any] = json.loads(content_text(content))
    return stored


def content_from_json(stored: Mapping[str, Any] | None) -> Content | None:
    """Read what the platform said about content."""
    if stored is None:
        return None
    published = stored["published_at"]
    return Content(
        **{
            **stored,
            "parts": tuple(Part(**part) for part in stored["parts"]),
            "published_at": datetime.fromisoformat(published) if published else None,
        }
    )
