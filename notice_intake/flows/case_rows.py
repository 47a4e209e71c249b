"""What of an item goes into the row of its case."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..core.cases import Case
from ..core.codes import CaseState
from ..core.referrals import Item
from ..core.targets import Content
from ..ids import new_id
from ..store import cases

if TYPE_CHECKING:
    from .intake import Prepared


def clock_columns(case: Case) -> dict[str, Any]:
    """Return the columns that follow from which referrals a case has."""
    return {
        "priority": case.priority,
        "due_at": case.due.at,
        "due_kind": case.due.kind,
        "due_rule": case.due.rule,
        "instrument": case.instrument,
        "flags": list(case.flags),
    }


def case_row(prepared: Prepared, item: Item, content: Content | None, *, now: datetime) -> dict[str, Any]:
    """Return the row of a case that an item opens."""
    target = item.target
    return {
        "id": new_id("cas"),
        "key": content.case_key if content is not None else target.key,
        "state": CaseState.OPEN,
        "version": 1,
        "sequence": 0,
        "category": prepared.referral.category,
        "kind": content.kind if content is not None else item.content.get("kind") or target.kind,
        "language": (content.language if content is not None else None) or item.language,
        "locator": target.url or target.handle or target.id or f"{target.hashes[0].algorithm}:{target.hashes[0].value}",
        "target": cases.target_to_json(target),
        "content": cases.content_to_json(content) if content is not None else None,
        "referrals": 0,
        "opened_at": now,
        "updated_at": now,
        "announced": False,
    }


def flags_of(prepared: Prepared, index: int) -> tuple[str, ...]:
    """Return the marks that an item puts on its case."""
    item, referral = prepared.referral.items[index], prepared.referral
    known = prepared.contents[index]
    marks = (
        ("threat_to_life", referral.threat_to_life),
        ("withheld", referral.withheld),
        ("graphic", bool(item.content.get("graphic"))),
        ("unresolved", not prepared.resolved),
        ("unknown", prepared.resolved and known is None),
        ("gone", known is not None and not known.live),
        ("imported", prepared.channel == "import"),
    )
    return tuple(name for name, holds in marks if holds)
