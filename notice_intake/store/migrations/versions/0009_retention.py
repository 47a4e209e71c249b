"""Retention: what is purged and when it is looked at again, copies to be destroyed, legal holds.

Frozen as it was released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ADDED = (("referral", "purged_at"), ("case", "look_at"), ("evidence", "released_at"))
INDEXES = (
    ("referral", "signature", ("signature_id",), "signature_id IS NOT NULL"),
    ("case", "closed", ("updated_at", "id"), "state = 'closed' AND look_at IS NULL"),
    ("case", "look", ("look_at", "id"), "look_at IS NOT NULL"),
    ("evidence", "released", ("id",), "released_at IS NOT NULL"),
)


def upgrade() -> None:
    """Add the columns, the indexes and the table."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    for table, name in ADDED:
        op.add_column(f"{p}{table}", sa.Column(name, TIME, nullable=True), schema=schema)
    for table, name, columns, condition in INDEXES:
        _index(f"ix_{p}{table}_{name}", f"{p}{table}", columns=columns, condition=condition, schema=schema)
    op.create_table(
        f"{p}hold",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("object", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("placed_at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=True),
        sa.Column("lifted_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}hold")),
        schema=schema,
    )
    _index(f"ix_{p}hold_object", f"{p}hold", columns=("object",), condition="lifted_at IS NULL", schema=schema)


def downgrade() -> None:
    """Take them away."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    op.drop_table(f"{p}hold", schema=schema)
    for table, name, _, _ in reversed(INDEXES):
        op.drop_index(f"ix_{p}{table}_{name}", table_name=f"{p}{table}", schema=schema)
    for table, name in reversed(ADDED):
        op.drop_column(f"{p}{table}", name, schema=schema)


def _index(name: str, table: str, *, columns: tuple[str, ...], condition: str, schema: str | None) -> None:
    where: dict[str, Any] = {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
    op.create_index(name, table, list(columns), schema=schema, **where)
