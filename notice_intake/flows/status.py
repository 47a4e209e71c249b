"""What an agency reads about its own referrals: by id, by page, or as the feed of events."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from ..errors import DocumentRefused, FieldError, NotFound
from ..store import outbox, referrals
from ..store.agencies import Agency
from .callbacks import path_of
from .desk_queries import read_cursor, write_cursor
from .mount import Mount


def referral(mount: Mount, referral_id: str, *, agency: Agency) -> dict[str, Any]:
    """Return one referral with the state of its items. ``NotFound`` for another agency's as for none."""
    with mount.storage.read() as tx:
        row = referrals.find(tx, referral_id, agency_id=agency.id)
        if row is None:
            raise NotFound
        items = referrals.items_of(tx, [row.id])
    return _view(row, items)


def page(
    mount: Mount, *, agency: Agency, since: datetime | None, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the agency's referrals by time of their last change, oldest first, and where to go on."""
    purpose = "referrals:" + agency.id
    place = read_cursor(mount, cursor, purpose)
    after = (place[0], place[1]) if place else None
    with mount.storage.read() as tx:
        rows = referrals.page(tx, agency.id, since=since, after=after, limit=limit + 1)
        items = referrals.items_of(tx, [row.id for row in rows[:limit]])
    by_referral: dict[str, list[Any]] = {}
    for item in items:
        by_referral.setdefault(item.referral_id, []).append(item)
    shown = [_view(row, by_referral.get(row.id, [])) for row in rows[:limit]]
    more = rows[limit - 1] if len(rows) > limit else None
    return shown, write_cursor(mount, [more.updated_at.isoformat(), more.id], purpose) if more is not None else None


def events(mount: Mount, *, agency: Agency, after: str | None, limit: int) -> tuple[list[dict[str, Any]], str]:
    """Return the same bodies under the same ids as the callbacks, and the place to ask from next.

    Numbered in the order of commits: who asks from the place that the last answer gave misses nothing.
    """
    number = _number(after)
    with mount.storage.begin() as tx:
        rows = outbox.feed(tx, agency.id, after=number, limit=limit)
    found = [{"id": row.id, **json.loads(row.body)} for row in rows]
    return found, str(rows[-1].feed_number if rows else number)


def _number(after: str | None) -> int:
    if not after:
        return 0
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        detail = "Give the value of next from the last answer, or leave it out to begin."
        raise DocumentRefused([FieldError("/after", "invalid", detail)])
    return int(after)


def _view(row: Any, items: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "agency_reference": row.agency_reference,
        "instrument": row.instrument,
        "received_at": row.received_at.isoformat(timespec="milliseconds"),
        "due_at": row.due_at.isoformat(timespec="milliseconds"),
        "due_kind": row.due_kind,
        "due_rule": row.due_rule,
        "updated_at": row.updated_at.isoformat(timespec="milliseconds"),
        "sequence": row.sequence,
        "status_path": path_of(row.id),
        "items": [
            {
                "id": item.id,
                "reference": item.reference,
                "status": item.status,
                "outcome": item.outcome,
                "updated_at": item.updated_at.isoformat(timespec="milliseconds"),
            }
            for item in items
        ],
    }
