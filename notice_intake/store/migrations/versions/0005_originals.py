"""The files that referrals were entered from by hand, and who entered them.

Frozen as it was released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    s = f"{schema}." if schema else ""
    op.create_table(
        f"{p}original",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f(f"pk_{p}original")),
        schema=schema,
    )
    op.create_table(
        f"{p}entry",
        sa.Column("referral_id", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("entered_kind", sa.String(length=20), nullable=False),
        sa.Column("entered_id", sa.String(length=200), nullable=False),
        sa.Column("entered_name", sa.String(length=200), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["referral_id"], [f"{s}{p}referral.id"], name=op.f(f"fk_{p}entry_referral_id")),
        sa.PrimaryKeyConstraint("referral_id", "sha256", name=op.f(f"pk_{p}entry")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}entry_sha256"), f"{p}entry", ["sha256"], unique=False, schema=schema)


def downgrade() -> None:
    """Drop them."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    op.drop_table(f"{p}entry", schema=schema)
    op.drop_table(f"{p}original", schema=schema)
