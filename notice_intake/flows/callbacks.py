"""The messages to agencies: thin bodies, numbered per referral, written with the change that they tell of."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..core.codes import EffectKind, EffectState, ItemStatus, Outcome
from ..core.json_text import quoted
from ..ids import new_id
from ..store import agencies, outbox, referrals
from ..store.storage import Tx


@dataclass(frozen=True, slots=True)
class Change:
    """An item that moved on."""

    item_id: str
    referral_id: str
    reference: str
    case_id: str
    status: ItemStatus
    outcome: Outcome | None
    #: What else the agency is told with it: ids and codes.
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def event(self) -> Event:
        """The change as the event that tells of it."""
        data = {"item": self.item_id, "item_reference": self.reference, "status": self.status, "outcome": self.outcome}
        return Event(self.referral_id, f"item.{self.status}", {**data, **self.facts}, self.case_id)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that an agency is told about one of its referrals."""

    referral_id: str
    type: str
    #: Ids and codes, never content or personal data.
    data: Mapping[str, Any]
    case_id: str | None = None


def path_of(referral_id: str) -> str:
    """The address of a referral, from the root of the API."""
    return f"/v1/referrals/{referral_id}"


def body(kind: str, *, at: datetime, data: dict[str, Any]) -> bytes:
    """Return a callback's bytes: stored once, signed and sent as they are. Never content, never personal data."""
    document = {"type": kind, "timestamp": at.isoformat(timespec="milliseconds"), "data": data}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def received_body(referral: Any, referral_id: str, *, at: str, due: str) -> bytes:
    """The body of ``referral.received``: sequence 1 of every referral. ``at`` and ``due`` are times as text."""
    return (
        f'{{"type":"referral.received","timestamp":"{at}","data":{{"referral":"{referral_id}",'
        f'"agency_reference":{quoted(referral.agency_reference)},"instrument":{quoted(referral.instrument)},'
        f'"items":{len(referral.items)},"status":"received","due_at":"{due}","sequence":1,'
        f'"path":"{path_of(referral_id)}"}}}}'
    ).encode()


def tell(tx: Tx, changes: Sequence[Change | Event], *, now: datetime) -> int:
    """Write a callback for each change, numbered and in order; return how many."""
    by_referral: dict[str, list[Event]] = defaultdict(list)
    for change in changes:
        by_referral[change.referral_id].append(change.event if isinstance(change, Change) else change)
    rows = []
    # Always in one order, so that two transactions that tell of the same referrals never wait for each other.
    for referral_id in sorted(by_referral):
        mine = by_referral[referral_id]
        taken = referrals.take_sequence(tx, referral_id, len(mine), now=now)
        first = taken.sequence - len(mine) + 1
        rows += [_row(one, taken, first + step, now=now) for step, one in enumerate(mine)]
    listening = agencies.has_endpoint(tx, list({row["agency_id"] for row in rows})) if rows else set()
    for row in rows:
        row["state"] = state_for(row["agency_id"], listening)
    outbox.enqueue(tx, rows)
    return len(rows)


def state_for(agency_id: str, listening: set[str]) -> EffectState:
    """A callback is due where the agency has an endpoint; else it waits in the feed to be polled."""
    return EffectState.DUE if agency_id in listening else EffectState.FEED


def _row(event: Event, referral: Any, sequence: int, *, now: datetime) -> dict[str, Any]:
    data = {
        "referral": event.referral_id,
        "agency_reference": referral.agency_reference,
        **event.data,
        "sequence": sequence,
        "path": path_of(event.referral_id),
    }
    return outbox.row(
        EffectKind.CALLBACK,
        id=new_id("msg"),
        lane=event.referral_id,
        position=sequence,
        due_at=now,
        created_at=referral.updated_at,
        agency_id=referral.agency_id,
        referral_id=event.referral_id,
        case_id=event.case_id,
        type=event.type,
        body=body(event.type, at=now, data=data),
    )
