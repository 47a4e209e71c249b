"""Each attempt of a callback, how endpoints do, which workers run.

Frozen as they were released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DUE = sa.text("state = 'due'")
DEAD = sa.text("state = 'dead'")


def _added() -> tuple[tuple[str, sa.Column[Any]], ...]:
    return (
        ("endpoint", sa.Column("openings", sa.Integer(), server_default="0", nullable=False)),
        ("endpoint", sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True)),
        ("endpoint", sa.Column("warned", sa.SmallInteger(), server_default="0", nullable=False)),
        ("endpoint", sa.Column("reason", sa.String(length=200), nullable=True)),
        ("case", sa.Column("called_out", sa.DateTime(timezone=True), nullable=True)),
        ("outbox", sa.Column("tries", sa.Integer(), server_default="0", nullable=False)),
        ("outbox", sa.Column("cause", sa.String(length=10), nullable=True)),
    )


def upgrade() -> None:
    """Add tables, columns and indexes; the index of all due work gives way to one by agency."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    for table, column in _added():
        op.add_column(f"{p}{table}", column, schema=schema)
    outbox = f"{p}outbox"
    op.drop_index(f"ix_{p}outbox_due", table_name=outbox, schema=schema)
    where: Any = {"sqlite_where": DUE, "postgresql_where": DUE}
    op.create_index(f"ix_{p}outbox_agency", outbox, ["agency_id", "due_at", "id"], schema=schema, **where)
    where = {"sqlite_where": DEAD, "postgresql_where": DEAD}
    op.create_index(f"ix_{p}outbox_dead_agency", outbox, ["agency_id", "id"], schema=schema, **where)
    _attempt(p, schema)
    _worker(p, schema)


def downgrade() -> None:
    """Take them away."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    for name in ("worker", "attempt"):
        op.drop_table(f"{p}{name}", schema=schema)
    outbox = f"{p}outbox"
    for name in ("outbox_dead_agency", "outbox_agency"):
        op.drop_index(f"ix_{p}{name}", table_name=outbox, schema=schema)
    where: Any = {"sqlite_where": DUE, "postgresql_where": DUE}
    op.create_index(f"ix_{p}outbox_due", outbox, ["due_at", "id"], schema=schema, **where)
    for table, column in reversed(_added()):
        op.drop_column(f"{p}{table}", column.name, schema=schema)


def _attempt(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}attempt",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("failure", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("signed_by", sa.String(length=120), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}attempt")),
        schema=schema,
    )
    op.create_index(f"ix_{p}attempt_message", f"{p}attempt", ["message_id", "id"], schema=schema)


def _worker(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}worker",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}worker")),
        schema=schema,
    )
