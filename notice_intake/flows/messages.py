"""A message of an agency on its way into the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..core.cases import Case
from ..core.codes import ItemStatus, Outcome
from ..core.messages import Named
from .callbacks import Change, Event
from .mount import Mount


@dataclass(slots=True)
class Exchange:
    """One message: what stands in the tables under lock, and what is to be changed there."""

    mount: Mount
    id: str
    document: Mapping[str, Any]
    #: The row of the referral, those of its items, and their cases.
    referral: Any
    items: Sequence[Any]
    cases: Mapping[str, Case]
    now: datetime
    #: What the message says of each item that it names, by the item's id.
    facts: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    #: The columns to change of each case that it touches.
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[Change | Event] = field(default_factory=list)

    @property
    def named(self) -> list[Named]:
        """The items, as far as the rules need them."""
        return [Named(row.id, row.reference, ItemStatus(row.status), row.case_id) for row in self.items]

    def rows(self, chosen: Sequence[Named]) -> list[Any]:
        """Return the rows of items."""
        wanted = {one.item_id for one in chosen}
        return [row for row in self.items if row.id in wanted]

    def case_ids(self, rows: Sequence[Any]) -> list[str]:
        """Return the cases of items, each once."""
        return list(dict.fromkeys(row.case_id for row in rows))

    def moved(self, row: Any, status: ItemStatus, *, outcome: Outcome | None = None) -> None:
        """Have the agency told that an item moved on."""
        self.events.append(Change(row.id, row.referral_id, row.reference, row.case_id, status, outcome))

    def event(self, kind: str, **data: str | None) -> None:
        """Have the agency told of something about the referral."""
        self.events.append(Event(self.referral.id, kind, data))
