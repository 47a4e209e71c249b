"""What a referral that was checked turns into: the row of each case that it opens, its receipt, and their parts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from ..auth.envelope import Signed
from ..core.cases import Case
from ..core.clocks import ClockKind, Due
from ..core.codes import CaseState
from ..core.instruments import Instrument
from ..core.referrals import Referral
from ..core.targets import Content
from ..ids import new_id
from ..store import cases
from .callbacks import path_of

_quoted = json.JSONEncoder(ensure_ascii=False).encode
#: As plain text: drivers take an enum's member only after they have looked for another way.
_OPEN = str(CaseState.OPEN)


@dataclass(slots=True)
class Prepared:
    """A referral that was checked, not stored."""

    referral: Referral
    instrument: Instrument
    body: bytes
    fingerprint: bytes
    channel: str
    idempotency_key: str | None
    original: bytes | None = None
    #: What the platform said about each item; None for what it does not know.
    contents: Sequence[Content | None] = ()
    #: False where the platform could not be asked.
    resolved: bool = True
    #: The signature that it came under, for one that came alone; ``signature_id`` is that of one that is kept already.
    signed: Signed | None = None
    signature_id: str | None = None
    referral_id: str = field(default_factory=lambda: new_id("ref"))

    def key_of(self, index: int) -> str:
        """The key of the case that an item belongs to."""
        content = self.contents[index]
        return content.case_key if content is not None else self.referral.items[index].target.key


@dataclass(frozen=True, slots=True)
class Clock:
    """When the referrals of an instrument in a batch are due, and what their receipts and callbacks say of it."""

    due: Due
    receipt: str
    seconds: str

    @classmethod
    def of(cls, instrument: Instrument, *, now: datetime) -> Clock:
        """Return the clock of referrals that are received now."""
        due = instrument.clock.due(now)
        receipt = (
            f'"received_at":"{now.isoformat(timespec="milliseconds")}",'
            f'"due_at":"{due.at.isoformat(timespec="milliseconds")}",'
            f'"due_kind":"{due.kind}","due_rule":{_quoted(due.rule)},"binding":{_quoted(instrument.binding)}'
        )
        return cls(due, receipt, due.at.isoformat(timespec="seconds"))


def receipt_of(prepared: Prepared, *, clock: Clock, lines: Sequence[dict[str, Any]], journal: str) -> str:
    """Return a receipt: JSON text, put together by hand since every referral needs one. ``journal`` is JSON."""
    items = [
        f'{{"id":"{row["id"]}","reference":{_quoted(row["reference"])},"status":"{row["status"]}",'
        f'"outcome":{_quoted(row["outcome"])}}}'
        for row in lines
    ]
    return (
        f'{{"id":"{prepared.referral_id}","agency_reference":{_quoted(prepared.referral.agency_reference)},'
        f'"instrument":"{prepared.instrument.code}",{clock.receipt},"status_path":"{path_of(prepared.referral_id)}",'
        f'"items":[{",".join(items)}],"journal":{journal}}}'
    )


def clock_columns(due: Due, *, priority: int, instrument: str, flags: tuple[str, ...]) -> dict[str, Any]:
    """Return what further items can change of a case."""
    return {
        "priority": priority,
        "due_at": due.at,
        "due_kind": str(due.kind),
        "due_rule": due.rule,
        "instrument": instrument,
        "flags": _flags_text(flags),
    }


@lru_cache(maxsize=256)
def _flags_text(flags: tuple[str, ...]) -> str:
    return _quoted(flags)


def opened(row: Mapping[str, Any]) -> Case:
    """Return the case that a row of this batch opens."""
    return Case(
        id=row["id"],
        key=row["key"],
        version=1,
        state=CaseState.OPEN,
        due=Due(row["due_at"], ClockKind(row["due_kind"]), row["due_rule"]),
        priority=row["priority"],
        instrument=row["instrument"],
        category=row["category"],
        flags=tuple(json.loads(row["flags"])),
    )


def case_row(prepared: Prepared, index: int, *, key: str, now: datetime) -> dict[str, Any]:
    """Return the row of the case that an item opens, but for its ``clock_columns``."""
    item, content = prepared.referral.items[index], prepared.contents[index]
    target = item.target
    return {
        "id": new_id("cas"),
        "key": key,
        "state": _OPEN,
        "version": 1,
        "sequence": 0,
        "category": prepared.referral.category,
        "kind": content.kind if content is not None else item.content.get("kind") or target.kind,
        "language": (content.language if content is not None else None) or item.language,
        "locator": target.url or target.handle or target.id or f"{target.hashes[0].algorithm}:{target.hashes[0].value}",
        "target": cases.target_text(target),
        "content": cases.content_text(content) if content is not None else None,
        "referrals": 0,
        "opened_at": now,
        "updated_at": now,
        "announced": False,
    }


def flags_of(prepared: Prepared, index: int) -> tuple[str, ...]:
    """Return what the desk should see at once about an item."""
    item, referral, known = prepared.referral.items[index], prepared.referral, prepared.contents[index]
    marks = (
        ("threat_to_life", referral.threat_to_life),
        ("withheld", referral.withheld),
        ("graphic", item.content.get("graphic")),
        ("unresolved", not prepared.resolved),
        ("unknown", prepared.resolved and known is None),
        ("gone", known is not None and not known.live),
        ("imported", prepared.channel == "import"),
    )
    return tuple([name for name, holds in marks if holds])
