"""The tables of the journal, and the triggers that refuse to change what stands in them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text, event

from .columns import Id, Json, Serial, UtcDateTime

#: What is refused for which table. Openings may go, which is how personal data is erased, but not change.
REFUSED = {"journal": ("UPDATE", "DELETE"), "seal": ("UPDATE", "DELETE"), "opening": ("UPDATE",)}
_MESSAGE = "the journal is never changed"
_SQLITE = """\
CREATE TRIGGER IF NOT EXISTS {p}{name}_no_{verb_small} BEFORE {verb} ON {p}{name}
BEGIN SELECT RAISE(ABORT, '{message}'); END"""
_FUNCTION = """\
CREATE OR REPLACE FUNCTION {s}{p}journal_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{message}'; END $$"""
_POSTGRESQL = """\
CREATE TRIGGER {p}{name}_refuse BEFORE {verbs} ON {s}{p}{name}
FOR EACH STATEMENT EXECUTE FUNCTION {s}{p}journal_refuse()"""


def journal(prefix: str, metadata: MetaData) -> dict[str, Table]:
    """Return the tables of entries, of what their commitments stand for, and of seals; triggers come with them."""
    entries = Table(
        prefix + "journal",
        metadata,
        Column("id", Serial, primary_key=True, autoincrement=True),
        Column("object", Id, nullable=False, index=True),
        Column("action", String(60), nullable=False),
        Column("actor_kind", String(20), nullable=False),
        # Empty for a person, who stands in the opening.
        Column("actor_id", String(200), nullable=False),
        Column("at", UtcDateTime, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("leaf", String(64), nullable=False),
    )
    # Found by the leaf hash of its entry: row ids are given by the database, many at a time.
    opening = Table(
        prefix + "opening",
        metadata,
        Column("leaf", String(64), primary_key=True),
        Column("person", String(200), nullable=False, index=True),
        Column("name", String(200), nullable=False),
        Column("salt", LargeBinary(16), nullable=False),
        Column("facts", Json, nullable=False),
    )
    seal = Table(
        prefix + "seal",
        metadata,
        Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
        Column("size", BigInteger, nullable=False, unique=True),
        Column("entries", Text, nullable=False),
        Column("root", String(64), nullable=False),
        Column("frontier", LargeBinary, nullable=False),
        Column("nodes", LargeBinary, nullable=False),
        Column("mark", BigInteger, nullable=False, index=True),
        Column("gaps", Text, nullable=False),
        Column("at", UtcDateTime, nullable=False),
        Column("checkpoint", Text, nullable=False),
        Column("chain", String(64), nullable=False),
    )
    found = {"journal": entries, "opening": opening, "seal": seal}
    for name, table in found.items():
        for dialect in ("sqlite", "postgresql"):
            for statement in refusals(prefix, name, schema=metadata.schema, dialect=dialect):
                event.listen(table, "after_create", _only_on(dialect, statement))
    return found


def refusals(prefix: str, name: str, *, schema: str | None, dialect: str) -> list[str]:
    """Return the statements that make the triggers of a table.

    On PostgreSQL they also refuse TRUNCATE, except for openings, and refuse before any row is looked at.
    """
    s = f'"{schema}".' if schema else ""
    verbs, words = REFUSED[name], {"p": prefix, "name": name, "message": _MESSAGE}
    if dialect == "sqlite":
        return [_SQLITE.format(verb=verb, verb_small=verb.lower(), **words) for verb in verbs]
    told = " OR ".join([*verbs, "TRUNCATE"] if "DELETE" in verbs else verbs)
    return [_FUNCTION.format(s=s, **words), _POSTGRESQL.format(s=s, verbs=told, **words)]


def _only_on(dialect: str, statement: str) -> Any:
    ddl: Any = DDL
    return ddl(statement.replace("%", "%%")).execute_if(dialect=dialect)
