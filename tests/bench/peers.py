"""A peer of bulk intake, written the usual way: each line through marshmallow, each referral one row by the ORM."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import JSON, DateTime, Engine, String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from notice_intake.regimes.eu_iru import IruReferralSchema

from .servers import Database

_CHUNK = 1_000


class _Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, datetime: DateTime(timezone=True)}


class _Referral(_Base):
    __tablename__ = "referral_by_orm"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: str(uuid.uuid4()))
    received_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    instrument: Mapped[str]
    agency_reference: Mapped[str]
    issued_at: Mapped[str | None]
    language: Mapped[str]
    category: Mapped[str]
    keywords: Mapped[list[Any] | None]
    operation: Mapped[dict[str, Any] | None]
    grounds: Mapped[list[Any]]
    items: Mapped[list[Any]]
    urgency: Mapped[dict[str, Any] | None]
    disclosure: Mapped[dict[str, Any] | None]
    contact: Mapped[dict[str, Any] | None]


def open_engine(database: Database) -> Engine:
    """Make the table; return the engine, with the same pragmas as everybody's."""
    engine = create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))
    if database.engine == "SQLite":
        event.listen(engine, "connect", _pragmas)
    else:
        engine = engine.execution_options(schema_translate_map={None: database.schema})
    _Base.metadata.create_all(engine)
    return engine


def _pragmas(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def load_and_add(engine: Engine, lines: Iterable[bytes]) -> int:
    """Validate each line and store it, 1,000 a transaction; return how many were good."""
    schema, good = IruReferralSchema(), 0
    lines = iter(lines)
    with Session(engine) as session:
        while chunk := list(islice(lines, _CHUNK)):
            rows = []
            for line in chunk:
                try:
                    rows.append(_Referral(**schema.load(json.loads(line))))
                except ValidationError:
                    continue
            session.add_all(rows)
            session.commit()
            good += len(rows)
    return good
