"""The files that referrals were entered from, and who entered them."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table

from .columns import Id, UtcDateTime, reference


def originals(prefix: str, metadata: MetaData) -> dict[str, Table]:
    """Return the tables ``original`` and ``entry``."""
    original = Table(
        prefix + "original",
        metadata,
        # The same bytes are kept once, however often they are entered.
        Column("sha256", String(64), primary_key=True),
        Column("size", Integer, nullable=False),
        Column("content", LargeBinary, nullable=False),
        Column("stored_at", UtcDateTime, nullable=False),
    )
    entry = Table(
        prefix + "entry",
        metadata,
        Column("referral_id", Id, reference(prefix, "referral", metadata), primary_key=True),
        # No foreign key: purging takes the bytes and leaves the row that says what they were.
        Column("sha256", String(64), primary_key=True, index=True),
        Column("position", Integer, nullable=False),
        Column("file_name", String(200), nullable=False),
        Column("media_type", String(100), nullable=False),
        Column("channel", String(20), nullable=False),
        Column("entered_kind", String(20), nullable=False),
        Column("entered_id", String(200), nullable=False),
        Column("entered_name", String(200), nullable=False),
        Column("received_at", UtcDateTime, nullable=False),
        Column("entered_at", UtcDateTime, nullable=False),
    )
    return {"original": original, "entry": entry}
