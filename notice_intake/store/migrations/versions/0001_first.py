"""The first tables: agencies, referrals, cases, decisions, outbox, journal."""

from __future__ import annotations

from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = ("notice_intake",)
depends_on = None


def upgrade() -> None:
    context.config.attributes["tables"].metadata.create_all(op.get_bind(), checkfirst=False)


def downgrade() -> None:
    context.config.attributes["tables"].metadata.drop_all(op.get_bind(), checkfirst=False)
