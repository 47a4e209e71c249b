"""The table of legal holds, and the indexes by which the purge finds its way through the tables of others.

Columns of theirs that are for it: ``referral.purged_at``, since when its texts are gone; ``case.look_at``, when to look
at it again where it was looked at too early; ``evidence.released_at``, since when the platform is to destroy the copy,
put later each time that it is asked to.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, MetaData, String, Table, text

from .columns import Id, UtcDateTime

#: Table, name, columns, condition: each holds only what the purge looks for.
_INDEXES = (
    ("referral", "signature", ("signature_id",), "signature_id IS NOT NULL"),
    ("case", "closed", ("updated_at", "id"), "state = 'closed' AND look_at IS NULL"),
    ("case", "look", ("look_at", "id"), "look_at IS NOT NULL"),
    ("evidence", "released", ("id",), "released_at IS NOT NULL"),
    ("hold", "object", ("object",), "lifted_at IS NULL"),
)


def retention(prefix: str, metadata: MetaData) -> dict[str, Table]:
    """Return the table ``hold``; the tables that the indexes are on must be there already."""
    hold = Table(
        prefix + "hold",
        metadata,
        Column("id", Id, primary_key=True),
        # A case, a referral or an agency.
        Column("object", Id, nullable=False),
        Column("reference", String(200), nullable=False),
        Column("placed_at", UtcDateTime, nullable=False),
        Column("until", UtcDateTime),
        Column("lifted_at", UtcDateTime),
    )
    schema = f"{metadata.schema}." if metadata.schema else ""
    for name, index, columns, condition in _INDEXES:
        table = metadata.tables[f"{schema}{prefix}{name}"]
        where = text(condition)
        Index(
            f"ix_{prefix}{name}_{index}",
            *[table.c[one] for one in columns],
            sqlite_where=where,
            postgresql_where=where,
        )
    return {"hold": hold}
