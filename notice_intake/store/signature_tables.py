"""The tables of signed requests and signed answers."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, Text

from .columns import Id, UtcDateTime


def signatures(prefix: str, metadata: MetaData) -> dict[str, Table]:
    """Return the tables of nonces, of signatures that were checked, and of the platform's own keys."""
    nonce = Table(
        prefix + "nonce",
        metadata,
        Column("key_id", String(80), primary_key=True),
        Column("nonce", String(130), primary_key=True),
        Column("expires_at", UtcDateTime, nullable=False, index=True),
    )
    # One for a request: all referrals of a stream came under the same. The key stands here as it was then.
    signature = Table(
        prefix + "signature",
        metadata,
        Column("id", Id, primary_key=True),
        Column("key_id", String(80), nullable=False),
        Column("algorithm", String(40), nullable=False),
        Column("public_key", Text, nullable=False),
        Column("signature_input", Text, nullable=False),
        Column("signature", Text, nullable=False),
        Column("base", Text, nullable=False),
        Column("stream", LargeBinary),
        Column("checked_at", UtcDateTime, nullable=False),
    )
    platform_key = Table(
        prefix + "platform_key",
        metadata,
        Column("key_id", String(80), primary_key=True),
        Column("public_key", Text, nullable=False),
        Column("private_key", Text, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
    )
    return {"nonce": nonce, "signature": signature, "platform_key": platform_key}
