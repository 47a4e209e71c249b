"""Storing without looking first: SQLite says itself what is taken.

A look would cost as much as a row does. And between two statements another thread may take the interpreter, for
milliseconds in which nobody else gets to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .one_statement import Holding, while_held

if TYPE_CHECKING:
    from .direct import Part


def insert_or_roll_back(driver: Any, work: Sequence[Part], *, held: Holding | None, errors: Any) -> bool:
    """Store rows in the transaction that is open, while ``held`` holds; ``errors`` are the driver's.

    Where it does not, where it is about several names, or where a key is taken: False, and nothing of the transaction
    is left but that it is open.
    """
    first, *others = work
    values = first.values
    try:
        if held is not None:
            if len(held.stamps) > 1:
                return False
            made, width = while_held(first.insertion, held.query), first.insertion.width
            if not driver.execute(made, [*values[:width], *held.stamps[0]]).rowcount:
                return False
            values = values[width:]
        first.insertion.blocks.insert(driver, values)
        for part in others:
            part.insertion.blocks.insert(driver, part.values)
    except errors.IntegrityError:
        driver.rollback()
        driver.execute("BEGIN IMMEDIATE")
        return False
    return True
