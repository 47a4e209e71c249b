"""Two indexes less to write for each item: cases that wait stand in the queue's, and agencies have their referrals'.

Frozen as they were released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_PAST = ("state", "updated_at", "id")


def _replace(**where: Any) -> None:
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    op.drop_index(f"ix_{p}case_state", f"{p}case", schema=schema)
    op.create_index(f"ix_{p}case_state", f"{p}case", [*_PAST], schema=schema, **where)


def upgrade() -> None:
    """Keep cases that wait out of the index of the others; find an agency's items by its referrals."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    past = sa.text("state <> 'open'")
    _replace(sqlite_where=past, postgresql_where=past)
    op.drop_index(f"ix_{p}item_agency_id_case_id", f"{p}item", schema=schema)


def downgrade() -> None:
    """Write both again."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    op.create_index(f"ix_{p}item_agency_id_case_id", f"{p}item", ["agency_id", "case_id"], schema=schema)
    _replace()
