"""Tables that deliveries and the workers leave behind."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text

from .columns import Id, Json, Serial, UtcDateTime


def deliveries(prefix: str, metadata: MetaData) -> dict[str, Table]:
    """Return the tables of attempts and workers."""
    attempt = Table(
        prefix + "attempt",
        metadata,
        Column("id", Serial, primary_key=True, autoincrement=True),
        Column("message_id", Id, nullable=False),
        Column("agency_id", Id, nullable=False),
        # Counts all attempts of the message, those that a person asked for included.
        Column("number", Integer, nullable=False),
        # schedule, replay, probe, lost.
        Column("cause", String(10), nullable=False),
        Column("at", UtcDateTime, nullable=False),
        Column("milliseconds", Integer, nullable=False),
        Column("status", Integer),
        # A failure class; empty where it arrived.
        Column("failure", String(20), nullable=False),
        Column("address", String(45), nullable=False),
        # Which secrets and keys signed: the first characters of their digests.
        Column("signed_by", String(120), nullable=False),
        Column("excerpt", Text, nullable=False),
        Index(f"ix_{prefix}attempt_message", "message_id", "id"),
    )
    worker = Table(
        prefix + "worker",
        metadata,
        Column("id", Id, primary_key=True),
        Column("host", String(200), nullable=False),
        Column("process", Integer, nullable=False),
        Column("started_at", UtcDateTime, nullable=False),
        Column("seen_at", UtcDateTime, nullable=False),
        Column("facts", Json, nullable=False),
    )
    return {"attempt": attempt, "worker": worker}
