"""The journal: appended in the transaction of the change, never changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, Text, and_, cast, delete, func, select

from ..core.journal import ACTOR, RANDOM_BYTES, Entry, Opening, Written, actor_value, person_of, write
from .seals import lenient
from .storage import Tx

#: So many openings are asked for at once.
_TOGETHER = 500


def append(tx: Tx, entries: Sequence[Entry]) -> list[str]:
    """Write entries; return their leaf hashes, in order."""
    random = os.urandom(RANDOM_BYTES * len(entries))
    written = [write(one, random[RANDOM_BYTES * n : RANDOM_BYTES * (n + 1)]) for n, one in enumerate(entries)]
    openings = [_opening(one.leaf, one.opening) for one in written if one.opening is not None]
    rows = [_row(entry, one) for entry, one in zip(entries, written, strict=True)]
    tx.insert((tx.tables.journal, rows), (tx.tables.opening, openings))
    return [one.leaf for one in written]


def history(tx: Tx, objects: Sequence[str], *, without: Sequence[str] = (), limit: int = 500) -> Sequence[Row[Any]]:
    """Return what happened to ``objects``, oldest first, but for the actions ``without``.

    Each entry comes with ``salt``, ``person``, ``name`` and ``private``, which are None where they were erased or never
    were; the name of an agency is the one that it has now.
    """
    j, o, a = tx.tables.journal, tx.tables.opening, tx.tables.agency
    with_opening = j.outerjoin(o, o.c.leaf == j.c.leaf)
    named = with_opening.outerjoin(a, and_(j.c.actor_kind == "agency", a.c.id == j.c.actor_id))
    name = func.coalesce(func.nullif(o.c.name, ""), a.c.name).label("name")
    query = select(j, o.c.salt, o.c.person, name, o.c.facts.label("private")).select_from(named)
    query = (
        query.where(j.c.object.in_(objects), j.c.action.not_in(without))
        if without
        else query.where(j.c.object.in_(objects))
    )
    return tx.execute(query.order_by(j.c.id).limit(limit)).all()


def openings(tx: Tx, leaves: Sequence[str]) -> dict[str, Opening]:
    """Return what the commitments of entries stand for, by leaf hash; nothing for what was erased.

    One that was damaged comes as far as it can be read: it will not fit its entry.
    """
    t, found = tx.tables.opening, {}
    facts = cast(t.c.facts, Text).label("facts")
    for place in range(0, len(leaves), _TOGETHER):
        some = t.c.leaf.in_(leaves[place : place + _TOGETHER])
        with lenient(tx):
            for one in tx.execute(select(t.c.leaf, t.c.person, t.c.name, t.c.salt, facts).where(some)):
                found[one.leaf] = Opening(one.salt, _values(one))
    return found


def strangers(tx: Tx, *, limit: int) -> list[str]:
    """Return the leaf hashes of openings that belong to no entry."""
    j, o = tx.tables.journal, tx.tables.opening
    query = select(o.c.leaf).outerjoin(j, j.c.leaf == o.c.leaf).where(j.c.id.is_(None)).limit(limit)
    return list(tx.execute(query).scalars())


def count_openings(tx: Tx) -> int:
    """Return how many there are."""
    return int(tx.execute(select(func.count()).select_from(tx.tables.opening)).scalar_one())


def forget(tx: Tx, *, person: str | None = None, objects: Iterable[str] = ()) -> int:
    """Erase what the entries of a person, or about objects, committed to; return how many. The entries stay."""
    j, o = tx.tables.journal, tx.tables.opening
    if person is not None:
        return tx.execute(delete(o).where(o.c.person == person)).rowcount
    about = select(j.c.leaf).where(j.c.object.in_(list(objects)))
    return tx.execute(delete(o).where(o.c.leaf.in_(about))).rowcount


def _row(entry: Entry, written: Written) -> dict[str, Any]:
    return {
        "object": entry.object,
        "action": entry.action,
        "actor_kind": entry.actor.kind,
        "actor_id": "" if entry.actor.personal else entry.actor.id,
        "at": entry.at,
        "payload": written.payload,
        "leaf": written.leaf,
    }


def _opening(leaf: str, opening: Opening) -> dict[str, Any]:
    person, name = person_of(opening)
    facts = {key: value for key, value in opening.values.items() if key != ACTOR}
    return {"leaf": leaf, "person": person, "name": name, "salt": opening.salt, "facts": facts}


def _values(row: Any) -> dict[str, str]:
    """Return the values of an opening by the names of their commitments."""
    try:
        facts = json.loads(row.facts)
    except ValueError:
        facts = {"": "damaged"}
    named = {ACTOR: actor_value(row.person, row.name)} if row.person or row.name else {}
    return {**facts, **named}
