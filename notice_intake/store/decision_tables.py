"""The tables of decisions, and of the copies of content that were kept for them."""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, String, Table, Text

from .columns import Id, Json, UtcDateTime, reference


def decisions(prefix: str, metadata: MetaData) -> dict[str, Table]:
    """Return the tables of what was decided, and of the copies that were kept before it was carried out."""
    decision = Table(
        prefix + "decision",
        metadata,
        Column("id", Id, primary_key=True),
        Column("case_id", Id, reference(prefix, "case", metadata), nullable=False, index=True),
        Column("supersedes", Id),
        Column("outcome", String(40), nullable=False),
        Column("territories", Json, nullable=False),
        Column("ground_kind", String(10)),
        Column("ground_reference", Text, nullable=False),
        Column("facts", Text, nullable=False),
        Column("explanation", Text, nullable=False),
        Column("category", String(100), nullable=False),
        Column("keywords", Json, nullable=False),
        Column("impossibility", String(40)),
        Column("moderator_id", String(200), nullable=False),
        Column("moderator_name", String(200), nullable=False),
        Column("decided_at", UtcDateTime, nullable=False),
        Column("effective_at", UtcDateTime, nullable=False),
        Column("effected_at", UtcDateTime),
        Column("effected_as", String(300)),
        Column("undone_at", UtcDateTime),
        # The version of the case that it was taken on.
        Column("version", Integer, nullable=False, server_default="0"),
        # When the platform said that nothing of it is in effect: it refused it, or has taken it back.
        Column("cleared_at", UtcDateTime),
    )
    evidence = Table(
        prefix + "evidence",
        metadata,
        Column("id", Id, primary_key=True),
        Column("case_id", Id, reference(prefix, "case", metadata), nullable=False, index=True),
        Column("decision_id", Id, nullable=False, unique=True),
        Column("captured_at", UtcDateTime, nullable=False),
        Column("location", Text, nullable=False),
        Column("sha256", String(64), nullable=False),
        Column("facts", Json, nullable=False),
        # Its case is purged: the platform is to destroy the copy, then the row goes.
        Column("released_at", UtcDateTime),
    )
    return {"decision": decision, "evidence": evidence}
