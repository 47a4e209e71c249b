"""What was sent to an agency, for the agency."""

from __future__ import annotations

from typing import Any

from ..store import deliveries
from ..store.agencies import Agency
from .desk_queries import read_cursor, write_cursor
from .endpoints import delivery_view
from .mount import Mount


def page(
    mount: Mount, *, agency: Agency, state: str | None, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the agency's callbacks, newest first, and where to go on."""
    purpose = "deliveries:" + agency.id
    place = read_cursor(mount, cursor, purpose)
    with mount.storage.read() as tx:
        rows = deliveries.page(tx, agency.id, state=state, before=place[0] if place else None, limit=limit + 1)
    more = len(rows) > limit
    return [delivery_view(row) for row in rows[:limit]], write_cursor(
        mount, [rows[limit - 1].id], purpose
    ) if more else None
