"""PostgreSQL compares what machines made by its bytes, not as a language sorts its words.

An id or a key stands in most of nineteen indexes that each referral is written to. With the collation of an ordinary
server, such as en_US.UTF-8, comparing took a fifth of the time of a stream; and indexes over bytes outlive a system
update that sorts differently. All of ours at once: PostgreSQL uses no index to join columns that are compared in two
ways. Frozen as it was released: later changes to ``store.tables`` come with revisions of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = (
    *("agency", "answered", "attempt", "case", "credential", "decision", "endpoint", "entry", "evidence", "hold"),
    *("item", "journal", "key_source", "link", "mention", "message", "nonce", "opening", "original", "outbox"),
    *("platform_key", "referral", "seal", "signature", "visit", "worker"),
)
#: Words for people, who are shown them in their order.
_WORDS = "name"


def _compare(collation: str) -> None:
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        return
    schema = context.config.attributes["tables"].metadata.schema
    quote = bind.dialect.identifier_preparer.quote
    for name in _TABLES:
        table = context.config.attributes["prefix"] + name
        texts = [
            (one["name"], one["type"].length)
            for one in sa.inspect(bind).get_columns(table, schema=schema)
            if isinstance(one["type"], sa.VARCHAR) and one["name"] != _WORDS
        ]
        if not texts:
            continue
        changes = [f"ALTER {quote(column)} TYPE varchar({size}) COLLATE {collation}" for column, size in texts]
        known = ".".join([quote(part) for part in (schema, table) if part])
        # One statement, so that each index is built anew once.
        op.execute(sa.text(f"ALTER TABLE {known} {', '.join(changes)}"))
        # What it knew of their values went with the type.
        op.execute(sa.text(f"ANALYZE {known}"))


def upgrade() -> None:
    """Compare by bytes."""
    _compare('"C"')


def downgrade() -> None:
    """Compare as the database does."""
    _compare('pg_catalog."default"')
