"""One-time links and visits of the agency pages; when a key was last used.

Frozen as it was released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add the tables and the column."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    op.add_column(f"{p}credential", sa.Column("used_at", sa.DateTime(timezone=True), nullable=True), schema=schema)
    _link(p, schema)
    _visit(p, schema)


def downgrade() -> None:
    """Drop them."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    for name in ("visit", "link"):
        op.drop_table(f"{p}{name}", schema=schema)
    op.drop_column(f"{p}credential", "used_at", schema=schema)


def _link(p: str, schema: str | None) -> None:
    s = f"{schema}." if schema else ""
    op.create_table(
        f"{p}link",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], [f"{s}{p}agency.id"], name=op.f(f"fk_{p}link_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}link")),
        sa.UniqueConstraint("digest", name=op.f(f"uq_{p}link_digest")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}link_agency_id"), f"{p}link", ["agency_id"], unique=False, schema=schema)


def _visit(p: str, schema: str | None) -> None:
    s = f"{schema}." if schema else ""
    op.create_table(
        f"{p}visit",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("link_id", sa.String(length=40), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["link_id"], [f"{s}{p}link.id"], name=op.f(f"fk_{p}visit_link_id")),
        sa.ForeignKeyConstraint(["agency_id"], [f"{s}{p}agency.id"], name=op.f(f"fk_{p}visit_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}visit")),
        sa.UniqueConstraint("digest", name=op.f(f"uq_{p}visit_digest")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}visit_agency_id"), f"{p}visit", ["agency_id"], unique=False, schema=schema)
