"""The tables of what goes between agency and platform about a referral that is there already."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, Text

from .columns import Id, Json, UtcDateTime, reference


def messages(prefix: str, metadata: MetaData) -> dict[str, Table]:
    """Return the tables of messages, and of answers that are given again for the same idempotency key."""
    message = Table(
        prefix + "message",
        metadata,
        Column("id", Id, primary_key=True),
        Column("kind", String(20), nullable=False),
        Column("referral_id", Id, reference(prefix, "referral", metadata), nullable=False, index=True),
        Column("agency_id", Id, nullable=False),
        Column("reason_code", String(40)),
        Column("answers", Id),
        Column("text", Text, nullable=False),
        # What the agency sent, as it sent it.
        Column("body", LargeBinary),
        Column("moderator_id", String(200)),
        Column("moderator_name", String(200)),
        Column("created_at", UtcDateTime, nullable=False),
    )
    mention = Table(
        prefix + "mention",
        metadata,
        Column("message_id", Id, reference(prefix, "message", metadata), primary_key=True),
        Column("item_id", Id, reference(prefix, "item", metadata), primary_key=True, index=True),
        Column("facts", Json),
        Column("result", String(20)),
        Column("closed_at", UtcDateTime),
        Column("decision_id", Id),
    )
    answered = Table(
        prefix + "answered",
        metadata,
        Column("agency_id", Id, reference(prefix, "agency", metadata), primary_key=True),
        Column("idempotency_key", String(128), primary_key=True),
        Column("fingerprint", LargeBinary(32), nullable=False),
        Column("answer", Text, nullable=False),
        Column("at", UtcDateTime, nullable=False, index=True),
    )
    return {"message": message, "mention": mention, "answered": answered}
