"""The queue's index holds what the desk filters by.

Frozen as they were released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ORDER = ("priority", "due_at", "id")
_FILTERS = ("kind", "language", "instrument")


def _replace(*columns: str) -> None:
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    name, is_open = f"ix_{p}case_queue", sa.text("state = 'open'")
    op.drop_index(name, f"{p}case", schema=schema)
    op.create_index(name, f"{p}case", [*columns], schema=schema, sqlite_where=is_open, postgresql_where=is_open)


def upgrade() -> None:
    """Put the filters into it."""
    _replace(*_ORDER, *_FILTERS)


def downgrade() -> None:
    """Leave the order alone in it."""
    _replace(*_ORDER)
