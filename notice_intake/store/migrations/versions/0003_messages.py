"""Messages between agency and platform, answers to be repeated, endpoints that prove whose they are.

Frozen as they were released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ADDED = (
    ("item", "clock_left", sa.Integer()),
    ("item", "due_at", sa.DateTime(timezone=True)),
    ("outbox", "last_status", sa.Integer()),
    ("endpoint", "pending", JSON),
    ("endpoint", "rotated_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Add the tables and columns."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    for table, name, kind in ADDED:
        op.add_column(f"{p}{table}", sa.Column(name, kind, nullable=True), schema=schema)
    _message(p, schema)
    _mention(p, schema)
    _answered(p, schema)


def downgrade() -> None:
    """Drop them."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    for name in ("answered", "mention", "message"):
        op.drop_table(f"{p}{name}", schema=schema)
    for table, name, _ in reversed(ADDED):
        op.drop_column(f"{p}{table}", name, schema=schema)


def _message(p: str, schema: str | None) -> None:
    s = f"{schema}." if schema else ""
    op.create_table(
        f"{p}message",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("referral_id", sa.String(length=40), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("reason_code", sa.String(length=40), nullable=True),
        sa.Column("answers", sa.String(length=40), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("moderator_id", sa.String(length=200), nullable=True),
        sa.Column("moderator_name", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["referral_id"], [f"{s}{p}referral.id"], name=op.f(f"fk_{p}message_referral_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}message")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}message_referral_id"), f"{p}message", ["referral_id"], unique=False, schema=schema)


def _mention(p: str, schema: str | None) -> None:
    s = f"{schema}." if schema else ""
    op.create_table(
        f"{p}mention",
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("item_id", sa.String(length=40), nullable=False),
        sa.Column("facts", JSON, nullable=True),
        sa.Column("result", sa.String(length=20), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_id", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], [f"{s}{p}message.id"], name=op.f(f"fk_{p}mention_message_id")),
        sa.ForeignKeyConstraint(["item_id"], [f"{s}{p}item.id"], name=op.f(f"fk_{p}mention_item_id")),
        sa.PrimaryKeyConstraint("message_id", "item_id", name=op.f(f"pk_{p}mention")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}mention_item_id"), f"{p}mention", ["item_id"], unique=False, schema=schema)


def _answered(p: str, schema: str | None) -> None:
    s = f"{schema}." if schema else ""
    op.create_table(
        f"{p}answered",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("idempotency_key", sa.String(length=128), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], [f"{s}{p}agency.id"], name=op.f(f"fk_{p}answered_agency_id")),
        sa.PrimaryKeyConstraint("agency_id", "idempotency_key", name=op.f(f"pk_{p}answered")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}answered_at"), f"{p}answered", ["at"], unique=False, schema=schema)
