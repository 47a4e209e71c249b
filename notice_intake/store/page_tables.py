"""The tables of the agency pages: one-time links, and who has come in by one."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, MetaData, String, Table

from .columns import Id, Json, UtcDateTime, reference


def pages(prefix: str, metadata: MetaData) -> dict[str, Table]:
    """Return the tables of links and visits. Of either only a digest of its secret is stored."""
    link = Table(
        prefix + "link",
        metadata,
        Column("id", Id, primary_key=True),
        Column("agency_id", Id, reference(prefix, "agency", metadata), nullable=False, index=True),
        Column("purpose", String(20), nullable=False),
        Column("digest", LargeBinary(32), nullable=False, unique=True),
        Column("scopes", Json, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
        Column("used_at", UtcDateTime),
        Column("revoked_at", UtcDateTime),
    )
    visit = Table(
        prefix + "visit",
        metadata,
        Column("id", Id, primary_key=True),
        Column("link_id", Id, reference(prefix, "link", metadata), nullable=False),
        Column("agency_id", Id, reference(prefix, "agency", metadata), nullable=False, index=True),
        Column("digest", LargeBinary(32), nullable=False, unique=True),
        Column("created_at", UtcDateTime, nullable=False),
        Column("seen_at", UtcDateTime, nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
        Column("ended_at", UtcDateTime),
    )
    return {"link": link, "visit": visit}
