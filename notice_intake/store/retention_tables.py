"""The table of legal holds."""

from __future__ import annotations

from sqlalchemy import Column, Index, MetaData, String, Table, text

from .columns import Id, UtcDateTime


def retention(prefix: str, metadata: MetaData) -> dict[str, Table]:
    """Return the table ``hold``."""
    hold = Table(
        prefix + "hold",
        metadata,
        Column("id", Id, primary_key=True),
        # A case, a referral or an agency.
        Column("object", Id, nullable=False),
        Column("reference", String(200), nullable=False),
        Column("placed_at", UtcDateTime, nullable=False),
        Column("until", UtcDateTime),
        Column("lifted_at", UtcDateTime),
    )
    held = text("lifted_at IS NULL")
    Index(f"ix_{prefix}hold_object", hold.c.object, sqlite_where=held, postgresql_where=held)
    return {"hold": hold}
