"""What is in effect at the platform, and which decision knew of which item.

Frozen as they were released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _added() -> tuple[tuple[str, sa.Column[Any]], ...]:
    return (
        ("item", sa.Column("joined", sa.Integer(), server_default="0", nullable=False)),
        ("decision", sa.Column("version", sa.Integer(), server_default="0", nullable=False)),
        ("decision", sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True)),
    )


def upgrade() -> None:
    """Add the columns; what asks the platform, or tells an uploader, no longer stands in the way of a case's orders."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    for table, column in _added():
        op.add_column(f"{p}{table}", column, schema=schema)
    columns: list[Any] = [sa.column(name) for name in ("id", "kind", "lane", "position")]
    outbox = sa.table(f"{p}outbox", *columns, schema=schema)
    aside = outbox.c.kind.in_(("resolve", "inform"))
    op.execute(outbox.update().where(aside).values(lane=outbox.c.id, position=1))


def downgrade() -> None:
    """Take the columns away. Work that got a lane of its own keeps it."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    for table, column in reversed(_added()):
        op.drop_column(f"{p}{table}", column.name, schema=schema)
