"""The tables, made for a prefix and a schema of the host's choice. No foreign key leaves them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from .columns import Id, Json, UtcDateTime
from .columns import reference as _reference
from .decision_tables import decisions as _decisions
from .delivery_tables import deliveries as _deliveries
from .journal_tables import journal as _journal
from .message_tables import messages as _messages
from .original_tables import originals as _originals
from .page_tables import pages as _pages
from .retention_tables import retention as _retention
from .signature_tables import signatures as _signatures

#: A case that waits for a decision. A literal, since SQLite uses a partial index only where it can see the value.
OPEN = text("state = 'open'")
#: One that waits no more: nearly all that is written is open, and stands in the index of the queue.
NOT_OPEN = text("state <> 'open'")
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """All tables under one prefix in one schema. Statements are kept by it: it is compared by what it is."""

    metadata: MetaData
    agency: Table
    credential: Table
    endpoint: Table
    referral: Table
    item: Table
    case: Table
    decision: Table
    evidence: Table
    outbox: Table
    journal: Table
    opening: Table
    seal: Table
    nonce: Table
    signature: Table
    platform_key: Table
    key_source: Table
    message: Table
    mention: Table
    answered: Table
    hold: Table
    original: Table
    entry: Table
    link: Table
    visit: Table
    attempt: Table
    worker: Table


@lru_cache(maxsize=16)
def make_tables(prefix: str = "ni_", schema: str | None = None) -> Tables:
    """Return the tables under ``prefix`` in ``schema``: the same for each storage, with metadata of their own."""
    metadata = MetaData(schema=schema, naming_convention=NAMING)
    makers = (
        *(_agencies, _referrals, _cases, _items, _decisions, _outbox, _journal, _signatures, _messages),
        *(_originals, _pages, _deliveries, _retention),
    )
    named: dict[str, Table] = {}
    for maker in makers:
        named.update(maker(prefix, metadata))
    return Tables(metadata=metadata, **named)


def _agencies(prefix: str, metadata: MetaData) -> dict[str, Table]:
    agency = Table(
        prefix + "agency",
        metadata,
        Column("id", Id, primary_key=True),
        Column("name", String(200), nullable=False),
        Column("country", String(2), nullable=False),
        Column("instruments", Json, nullable=False),
        Column("active", Boolean, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("require_signature", Boolean, nullable=False, server_default=false()),
    )
    credential = Table(
        prefix + "credential",
        metadata,
        Column("key_id", String(80), primary_key=True),
        Column("agency_id", Id, _reference(prefix, "agency", metadata), nullable=False, index=True),
        Column("scheme", String(40), nullable=False),
        Column("digest", LargeBinary(32), nullable=False),
        Column("scopes", Json, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("expires_at", UtcDateTime),
        Column("revoked_at", UtcDateTime),
        Column("algorithm", String(40)),
        Column("public_key", Text),
        # The JWK Set that it was read from, if it was.
        Column("source_id", Id, index=True),
        # The agency was last told so many days before it runs out.
        Column("warned_days", Integer),
        # To within some minutes: a write for each request would cost more than it tells.
        Column("used_at", UtcDateTime),
    )
    endpoint = Table(
        prefix + "endpoint",
        metadata,
        Column("id", Id, primary_key=True),
        Column("agency_id", Id, _reference(prefix, "agency", metadata), nullable=False, unique=True),
        Column("url", String(2048), nullable=False),
        Column("secrets", Json, nullable=False),
        Column("state", String(20), nullable=False),
        Column("failures", Integer, nullable=False, default=0),
        Column("not_before", UtcDateTime),
        Column("last_success_at", UtcDateTime),
        Column("created_at", UtcDateTime, nullable=False),
        # An address that has not proved yet whose it is: url, secret, message, since.
        Column("pending", Json),
        Column("rotated_at", UtcDateTime),
        # The breaker: see core.breakers.
        Column("openings", Integer, nullable=False, server_default="0"),
        Column("failing_since", UtcDateTime),
        Column("warned", SmallInteger, nullable=False, server_default="0"),
        # Why it was disabled: gone, failing, or by whom.
        Column("reason", String(200)),
    )
    return {"agency": agency, "credential": credential, "endpoint": endpoint}


def _referrals(prefix: str, metadata: MetaData) -> dict[str, Table]:
    referral = Table(
        prefix + "referral",
        metadata,
        Column("id", Id, primary_key=True),
        Column("agency_id", Id, nullable=False),
        Column("instrument", String(100), nullable=False),
        Column("agency_reference", String(200), nullable=False),
        Column("channel", String(40), nullable=False),
        Column("idempotency_key", String(128)),
        Column("fingerprint", LargeBinary(32), nullable=False),
        Column("language", String(35), nullable=False),
        Column("operation", String(64)),
        Column("category", String(100), nullable=False),
        Column("threat_to_life", Boolean, nullable=False),
        Column("withheld", Boolean, nullable=False),
        Column("issued_at", UtcDateTime),
        Column("received_at", UtcDateTime, nullable=False),
        Column("due_at", UtcDateTime, nullable=False),
        Column("due_kind", String(10), nullable=False),
        Column("due_rule", String(300), nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("updated_at", UtcDateTime, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("original", LargeBinary),
        Column("receipt", Text, nullable=False),
        Column("signature_id", Id),
        Column("purged_at", UtcDateTime),
        UniqueConstraint("agency_reference", "agency_id"),
        Index(None, "agency_id", "updated_at", "id"),
        # A row holds some 2.5 kB: PostgreSQL would try to compress each body at 2.
        postgresql_with={"toast_tuple_target": "8160"},
    )
    keyed = text("idempotency_key IS NOT NULL")
    columns = (referral.c.agency_id, referral.c.idempotency_key)
    Index(f"uq_{prefix}referral_idempotency", *columns, unique=True, sqlite_where=keyed, postgresql_where=keyed)
    return {"referral": referral}


def _cases(prefix: str, metadata: MetaData) -> dict[str, Table]:
    case = Table(
        prefix + "case",
        metadata,
        Column("id", Id, primary_key=True),
        Column("key", String(400), nullable=False, unique=True),
        Column("state", String(20), nullable=False),
        Column("version", Integer, nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("priority", SmallInteger, nullable=False),
        Column("due_at", UtcDateTime, nullable=False),
        Column("due_kind", String(10), nullable=False),
        Column("due_rule", String(300), nullable=False),
        Column("instrument", String(100), nullable=False),
        Column("category", String(100), nullable=False),
        Column("kind", String(20), nullable=False),
        Column("language", String(35)),
        Column("locator", Text, nullable=False),
        Column("target", Json, nullable=False),
        Column("content", Json),
        Column("flags", Json, nullable=False),
        Column("referrals", Integer, nullable=False),
        Column("opened_at", UtcDateTime, nullable=False),
        Column("updated_at", UtcDateTime, nullable=False),
        Column("claimed_by", String(200)),
        Column("claimed_name", String(200)),
        Column("claimed_until", UtcDateTime),
        Column("reviewed_at", UtcDateTime),
        Column("clock_left", Integer),
        Column("decision_id", Id),
        Column("outcome", String(40)),
        Column("announced", Boolean, nullable=False),
        Column("look_at", UtcDateTime),
        # The deadline that people were warned of.
        Column("called_out", UtcDateTime),
    )
    # In the order of the queue; what it is filtered by stands behind, so that a page that finds little reads no rows.
    queued = (case.c.priority, case.c.due_at, case.c.id, case.c.kind, case.c.language, case.c.instrument)
    Index(f"ix_{prefix}case_queue", *queued, sqlite_where=OPEN, postgresql_where=OPEN)
    past = (case.c.state, case.c.updated_at, case.c.id)
    Index(f"ix_{prefix}case_state", *past, sqlite_where=NOT_OPEN, postgresql_where=NOT_OPEN)
    held = text("claimed_by IS NOT NULL")
    Index(f"ix_{prefix}case_claim", case.c.claimed_by, sqlite_where=held, postgresql_where=held)
    return {"case": case}


def _items(prefix: str, metadata: MetaData) -> dict[str, Table]:
    item = Table(
        prefix + "item",
        metadata,
        Column("id", Id, primary_key=True),
        # No foreign keys on what every referral writes: row and parent come in one transaction, and PostgreSQL would
        # look up and lock each parent for each row.
        Column("referral_id", Id, nullable=False),
        Column("case_id", Id, nullable=False),
        Column("agency_id", Id, nullable=False),
        Column("position", Integer, nullable=False),
        Column("reference", String(200), nullable=False),
        Column("target_key", String(400), nullable=False),
        Column("instrument", String(100), nullable=False),
        Column("operation", String(64)),
        Column("status", String(30), nullable=False),
        Column("outcome", String(40)),
        Column("withheld", Boolean, nullable=False),
        Column("received_at", UtcDateTime, nullable=False),
        Column("updated_at", UtcDateTime, nullable=False),
        # What was left where the clock stopped; where it runs again, until when instead of the referral's own time.
        Column("clock_left", Integer),
        Column("due_at", UtcDateTime),
        # The version of the case with it: a decision on an earlier one did not know of it, whatever clocks say.
        Column("joined", Integer, nullable=False, server_default="0"),
        UniqueConstraint("referral_id", "position"),
        Index(None, "case_id"),
        Index(None, "reference"),
        Index(None, "target_key"),
    )
    part = text("operation IS NOT NULL")
    columns = (item.c.operation, item.c.case_id)
    Index(f"ix_{prefix}item_operation", *columns, sqlite_where=part, postgresql_where=part)
    return {"item": item}


#: Work that somebody still has to do. Literals, for the partial indexes.
PENDING = text("state = 'due'")


def _outbox(prefix: str, metadata: MetaData) -> dict[str, Table]:
    outbox = Table(
        prefix + "outbox",
        metadata,
        Column("id", Id, primary_key=True),
        Column("kind", String(20), nullable=False),
        # Work of one lane is done in order of position: a referral's callbacks, a case's effects.
        Column("lane", Id, nullable=False),
        Column("position", Integer, nullable=False),
        Column("state", String(20), nullable=False),
        Column("due_at", UtcDateTime, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("lease_until", UtcDateTime),
        Column("lease_token", String(40)),
        Column("agency_id", Id),
        Column("referral_id", Id),
        Column("case_id", Id),
        Column("decision_id", Id),
        Column("type", String(60)),
        Column("body", LargeBinary),
        Column("last_error", String(1200), nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("done_at", UtcDateTime),
        # Given when an agency first polls: commit order, not insert order, so that no reader skips a late commit.
        Column("feed_number", BigInteger),
        Column("last_status", Integer),
        # All attempts so far, counted when one begins; ``attempts`` counts those that used up the schedule.
        Column("tries", Integer, nullable=False, server_default="0"),
        # replay, where a person asked for the next attempt.
        Column("cause", String(10)),
        UniqueConstraint("lane", "position"),
        Index(None, "agency_id", "feed_number"),
    )
    Index(f"ix_{prefix}outbox_lane", outbox.c.lane, outbox.c.position, sqlite_where=PENDING, postgresql_where=PENDING)
    dead = text("state = 'dead'")
    Index(f"ix_{prefix}outbox_dead", outbox.c.created_at, outbox.c.id, sqlite_where=dead, postgresql_where=dead)
    cased = text("case_id IS NOT NULL")
    Index(f"ix_{prefix}outbox_case", outbox.c.case_id, sqlite_where=cased, postgresql_where=cased)
    # Each endpoint's work is looked up by itself: what waits for one that rests is never walked over.
    to_tell = (outbox.c.agency_id, outbox.c.due_at, outbox.c.id)
    Index(f"ix_{prefix}outbox_agency", *to_tell, sqlite_where=PENDING, postgresql_where=PENDING)
    Index(f"ix_{prefix}outbox_dead_agency", outbox.c.agency_id, outbox.c.id, sqlite_where=dead, postgresql_where=dead)
    return {"outbox": outbox}
