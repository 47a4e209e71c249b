"""Signed requests: public keys, nonces, the signatures that referrals came under, the platform's own keys.

Frozen as it was released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns of signed requests."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    op.add_column(
        f"{p}agency",
        sa.Column("require_signature", sa.Boolean(), server_default=sa.false(), nullable=False),
        schema=schema,
    )
    op.add_column(f"{p}credential", sa.Column("algorithm", sa.String(length=40)), schema=schema)
    op.add_column(f"{p}credential", sa.Column("public_key", sa.Text()), schema=schema)
    op.add_column(f"{p}referral", sa.Column("signature_id", sa.String(length=40)), schema=schema)
    _nonce(p, schema)
    _signature(p, schema)
    _platform_key(p, schema)


def downgrade() -> None:
    """Drop them again."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    for name in ("platform_key", "signature", "nonce"):
        op.drop_table(f"{p}{name}", schema=schema)
    op.drop_column(f"{p}referral", "signature_id", schema=schema)
    op.drop_column(f"{p}credential", "public_key", schema=schema)
    op.drop_column(f"{p}credential", "algorithm", schema=schema)
    op.drop_column(f"{p}agency", "require_signature", schema=schema)


def _nonce(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}nonce",
        sa.Column("key_id", sa.String(length=80), nullable=False),
        sa.Column("nonce", sa.String(length=130), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "nonce", name=op.f(f"pk_{p}nonce")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}nonce_expires_at"), f"{p}nonce", ["expires_at"], unique=False, schema=schema)


def _signature(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}signature",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=80), nullable=False),
        sa.Column("algorithm", sa.String(length=40), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("signature_input", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("stream", sa.LargeBinary(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}signature")),
        schema=schema,
    )


def _platform_key(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}platform_key",
        sa.Column("key_id", sa.String(length=80), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f(f"pk_{p}platform_key")),
        schema=schema,
    )
