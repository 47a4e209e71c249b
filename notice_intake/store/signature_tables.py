"""The tables of signed requests and signed answers."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, Text

from .columns import Id, UtcDateTime, reference


def signatures(prefix: str, metadata: MetaData) -> dict[str, Table]:
    """Return the tables of nonces, of signatures that were checked, of the platform's keys, of where keys are read."""
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
    # Where the keys of an agency are read (a JWK Set): set by an operator only.
    key_source = Table(
        prefix + "key_source",
        metadata,
        Column("id", Id, primary_key=True),
        Column("agency_id", Id, reference(prefix, "agency", metadata), nullable=False, unique=True),
        Column("url", String(2048), nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        # The last try, and the last one that brought a set; from when on the next one is due.
        Column("tried_at", UtcDateTime, nullable=False),
        Column("fetched_at", UtcDateTime, nullable=False),
        Column("due_at", UtcDateTime, nullable=False),
        # Why the last try brought none, as a class; empty where it did.
        Column("failure", String(40), nullable=False),
    )
    return {"nonce": nonce, "signature": signature, "platform_key": platform_key, "key_source": key_source}
