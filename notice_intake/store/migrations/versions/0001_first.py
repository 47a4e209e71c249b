"""The first tables: agencies, referrals, cases, decisions, outbox, journal.

Frozen as they were released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = ("notice_intake",)
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    _agency(p, schema)
    _credential(p, schema)
    _endpoint(p, schema)
    _referral(p, schema)
    _case(p, schema)
    _item(p, schema)
    _decision(p, schema)
    _evidence(p, schema)
    _outbox(p, schema)
    _journal(p, schema)


def downgrade() -> None:
    schema = context.config.attributes["tables"].metadata.schema
    p = context.config.attributes["prefix"]
    for name in reversed(TABLES):
        op.drop_table(f"{p}{name}", schema=schema)


TABLES = ("agency", "credential", "endpoint", "referral", "case", "item", "decision", "evidence", "outbox", "journal")


def _agency(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}agency",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("instruments", JSON, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}agency")),
        schema=schema,
    )


def _credential(p: str, schema: str | None) -> None:
    s = f"{schema}." if schema else ""
    op.create_table(
        f"{p}credential",
        sa.Column("key_id", sa.String(length=80), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("scheme", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["agency_id"], [f"{s}{p}agency.id"], name=op.f(f"fk_{p}credential_agency_id")),
        sa.PrimaryKeyConstraint("key_id", name=op.f(f"pk_{p}credential")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}credential_agency_id"), f"{p}credential", ["agency_id"], unique=False, schema=schema)


def _endpoint(p: str, schema: str | None) -> None:
    s = f"{schema}." if schema else ""
    op.create_table(
        f"{p}endpoint",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("secrets", JSON, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], [f"{s}{p}agency.id"], name=op.f(f"fk_{p}endpoint_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}endpoint")),
        sa.UniqueConstraint("agency_id", name=op.f(f"uq_{p}endpoint_agency_id")),
        schema=schema,
    )


def _referral(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}referral",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("instrument", sa.String(length=100), nullable=False),
        sa.Column("agency_reference", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("idempotency_key", sa.String(length=128), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=True),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("threat_to_life", sa.Boolean(), nullable=False),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_kind", sa.String(length=10), nullable=False),
        sa.Column("due_rule", sa.String(length=300), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("original", sa.LargeBinary(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}referral")),
        sa.UniqueConstraint("agency_reference", "agency_id", name=op.f(f"uq_{p}referral_agency_reference_agency_id")),
        schema=schema,
        postgresql_with={"toast_tuple_target": "8160"},
    )
    op.create_index(
        f"uq_{p}referral_idempotency",
        f"{p}referral",
        ["agency_id", "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
        schema=schema,
    )
    op.create_index(
        op.f(f"ix_{p}referral_agency_id_updated_at_id"),
        f"{p}referral",
        ["agency_id", "updated_at", "id"],
        unique=False,
        schema=schema,
    )


def _case(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}case",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_kind", sa.String(length=10), nullable=False),
        sa.Column("due_rule", sa.String(length=300), nullable=False),
        sa.Column("instrument", sa.String(length=100), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("locator", sa.Text(), nullable=False),
        sa.Column("target", JSON, nullable=False),
        sa.Column("content", JSON, nullable=True),
        sa.Column("flags", JSON, nullable=False),
        sa.Column("referrals", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.String(length=200), nullable=True),
        sa.Column("claimed_name", sa.String(length=200), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_left", sa.Integer(), nullable=True),
        sa.Column("decision_id", sa.String(length=40), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("announced", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}case")),
        sa.UniqueConstraint("key", name=op.f(f"uq_{p}case_key")),
        schema=schema,
    )
    op.create_index(
        f"ix_{p}case_claim",
        f"{p}case",
        ["claimed_by"],
        unique=False,
        sqlite_where=sa.text("claimed_by IS NOT NULL"),
        postgresql_where=sa.text("claimed_by IS NOT NULL"),
        schema=schema,
    )
    op.create_index(
        f"ix_{p}case_queue",
        f"{p}case",
        ["priority", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
        schema=schema,
    )
    op.create_index(f"ix_{p}case_state", f"{p}case", ["state", "updated_at", "id"], unique=False, schema=schema)


def _item(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}item",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("referral_id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("target_key", sa.String(length=400), nullable=False),
        sa.Column("instrument", sa.String(length=100), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}item")),
        sa.UniqueConstraint("referral_id", "position", name=op.f(f"uq_{p}item_referral_id_position")),
        schema=schema,
    )
    op.create_index(
        op.f(f"ix_{p}item_agency_id_case_id"), f"{p}item", ["agency_id", "case_id"], unique=False, schema=schema
    )
    op.create_index(op.f(f"ix_{p}item_case_id"), f"{p}item", ["case_id"], unique=False, schema=schema)
    op.create_index(
        f"ix_{p}item_operation",
        f"{p}item",
        ["operation", "case_id"],
        unique=False,
        sqlite_where=sa.text("operation IS NOT NULL"),
        postgresql_where=sa.text("operation IS NOT NULL"),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}item_reference"), f"{p}item", ["reference"], unique=False, schema=schema)
    op.create_index(op.f(f"ix_{p}item_target_key"), f"{p}item", ["target_key"], unique=False, schema=schema)


def _decision(p: str, schema: str | None) -> None:
    s = f"{schema}." if schema else ""
    op.create_table(
        f"{p}decision",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("supersedes", sa.String(length=40), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("territories", JSON, nullable=False),
        sa.Column("ground_kind", sa.String(length=10), nullable=True),
        sa.Column("ground_reference", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=False),
        sa.Column("keywords", JSON, nullable=False),
        sa.Column("impossibility", sa.String(length=40), nullable=True),
        sa.Column("moderator_id", sa.String(length=200), nullable=False),
        sa.Column("moderator_name", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effected_as", sa.String(length=300), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], [f"{s}{p}case.id"], name=op.f(f"fk_{p}decision_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}decision")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}decision_case_id"), f"{p}decision", ["case_id"], unique=False, schema=schema)


def _evidence(p: str, schema: str | None) -> None:
    s = f"{schema}." if schema else ""
    op.create_table(
        f"{p}evidence",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("decision_id", sa.String(length=40), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], [f"{s}{p}case.id"], name=op.f(f"fk_{p}evidence_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}evidence")),
        sa.UniqueConstraint("decision_id", name=op.f(f"uq_{p}evidence_decision_id")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}evidence_case_id"), f"{p}evidence", ["case_id"], unique=False, schema=schema)


def _outbox(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}outbox",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("lane", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=40), nullable=True),
        sa.Column("agency_id", sa.String(length=40), nullable=True),
        sa.Column("referral_id", sa.String(length=40), nullable=True),
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("decision_id", sa.String(length=40), nullable=True),
        sa.Column("type", sa.String(length=60), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("last_error", sa.String(length=1200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("feed_number", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}outbox")),
        sa.UniqueConstraint("lane", "position", name=op.f(f"uq_{p}outbox_lane_position")),
        schema=schema,
    )
    op.create_index(
        op.f(f"ix_{p}outbox_agency_id_feed_number"),
        f"{p}outbox",
        ["agency_id", "feed_number"],
        unique=False,
        schema=schema,
    )
    op.create_index(
        f"ix_{p}outbox_case",
        f"{p}outbox",
        ["case_id"],
        unique=False,
        sqlite_where=sa.text("case_id IS NOT NULL"),
        postgresql_where=sa.text("case_id IS NOT NULL"),
        schema=schema,
    )
    op.create_index(
        f"ix_{p}outbox_dead",
        f"{p}outbox",
        ["created_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
        schema=schema,
    )
    op.create_index(
        f"ix_{p}outbox_due",
        f"{p}outbox",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
        schema=schema,
    )
    op.create_index(
        f"ix_{p}outbox_lane",
        f"{p}outbox",
        ["lane", "position"],
        unique=False,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
        schema=schema,
    )


def _journal(p: str, schema: str | None) -> None:
    op.create_table(
        f"{p}journal",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("object", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=200), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{p}journal")),
        schema=schema,
    )
    op.create_index(op.f(f"ix_{p}journal_object"), f"{p}journal", ["object"], unique=False, schema=schema)
