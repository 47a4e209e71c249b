"""A journal that is sealed: openings beside the entries, seals over them, triggers that refuse to change either.

Frozen as it was released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REFUSED = {"journal": ("UPDATE", "DELETE"), "seal": ("UPDATE", "DELETE"), "opening": ("UPDATE",)}
MESSAGE = "the journal is never changed"


def upgrade() -> None:
    """Add the tables; who did what until now stands beside the entries from here on; then lock."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    s = f'"{schema}".' if schema else ""
    _opening(p, schema)
    _seal(p, schema)
    empty = "'{}'" if op.get_bind().dialect.name == "sqlite" else "'{}'::jsonb"
    salt = "x''" if op.get_bind().dialect.name == "sqlite" else "''::bytea"
    op.execute(
        f"INSERT INTO {s}{p}opening (leaf, person, name, salt, facts) "  # noqa: S608  our own names
        f"SELECT leaf, min(actor_id), min(actor_name), {salt}, {empty} FROM {s}{p}journal "
        "WHERE actor_kind = 'moderator' GROUP BY leaf"
    )
    op.drop_column(f"{p}journal", "actor_name", schema=schema)
    for name in REFUSED:
        _refuse(p, s, name)


def downgrade() -> None:
    """Unlock, put the names back, drop the tables."""
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    s = f'"{schema}".' if schema else ""
    for name, verbs in REFUSED.items():
        if op.get_bind().dialect.name == "sqlite":
            for verb in verbs:
                op.execute(f"DROP TRIGGER IF EXISTS {p}{name}_no_{verb.lower()}")
        else:
            op.execute(f"DROP TRIGGER IF EXISTS {p}{name}_refuse ON {s}{p}{name}")
    if op.get_bind().dialect.name != "sqlite":
        op.execute(f"DROP FUNCTION IF EXISTS {s}{p}journal_refuse()")
    op.add_column(
        f"{p}journal",
        sa.Column("actor_name", sa.String(length=200), server_default="", nullable=False),
        schema=schema,
    )
    op.execute(
        f"UPDATE {s}{p}journal SET actor_name = (SELECT o.name FROM {s}{p}opening o WHERE o.leaf = {p}journal.leaf), "  # noqa: S608
        f"actor_id = (SELECT o.person FROM {s}{p}opening o WHERE o.leaf = {p}journal.leaf) "
        f"WHERE leaf IN (SELECT leaf FROM {s}{p}opening)"
    )
    op.drop_table(f"{p}seal", schema=schema)
    op.drop_table(f"{p}opening", schema=schema)


def _opening(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}opening",
        sa.Column("leaf", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=16), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.PrimaryKeyConstraint("leaf", name=op.f(f"pk_{p}opening")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}opening_person"), f"{p}opening", ["person"], unique=False, schema=schema)


def _seal(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}seal",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Text(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("nodes", sa.LargeBinary(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f(f"pk_{p}seal")),
        sa.UniqueConstraint("size", name=op.f(f"uq_{p}seal_size")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}seal_mark"), f"{p}seal", ["mark"], unique=False, schema=schema)


def _refuse(p: str, s: str, name: str) -> None:
    verbs = REFUSED[name]
    if op.get_bind().dialect.name == "sqlite":
        for verb in verbs:
            op.execute(
                f"CREATE TRIGGER {p}{name}_no_{verb.lower()} BEFORE {verb} ON {p}{name} "
                f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            )
        return
    op.execute(
        f"CREATE OR REPLACE FUNCTION {s}{p}journal_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{MESSAGE}'; END $$"
    )
    told = " OR ".join([*verbs, "TRUNCATE"] if "DELETE" in verbs else verbs)
    op.execute(
        f"CREATE TRIGGER {p}{name}_refuse BEFORE {told} ON {s}{p}{name} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {s}{p}journal_refuse()"
    )
