"""Keys that are read from an agency's address, and warnings before a key runs out.

Frozen as it was released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    s = f"{schema}." if schema else ""
    op.add_column(f"{p}credential", sa.Column("source_id", sa.String(length=40), nullable=True), schema=schema)
    op.add_column(f"{p}credential", sa.Column("warned_days", sa.Integer(), nullable=True), schema=schema)
    op.create_index(op.f(f"ix_{p}credential_source_id"), f"{p}credential", ["source_id"], unique=False, schema=schema)
    op.create_table(
        f"{p}key_source",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failure", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], [f"{s}{p}agency.id"], name=op.f(f"fk_{p}key_source_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}key_source")),
        sa.UniqueConstraint("agency_id", name=op.f(f"uq_{p}key_source_agency_id")),
        schema=schema,
    )


def downgrade() -> None:
    """Drop them."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    op.drop_table(f"{p}key_source", schema=schema)
    op.drop_index(op.f(f"ix_{p}credential_source_id"), table_name=f"{p}credential", schema=schema)
    for name in ("warned_days", "source_id"):
        op.drop_column(f"{p}credential", name, schema=schema)
