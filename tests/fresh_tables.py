"""Empty databases with our tables, soon: Alembic makes the first of a process, and each further one is a copy of it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from psycopg import ClientCursor
from sqlalchemy import event

from notice_intake import Storage
from notice_intake.store import migrate

#: What was recorded of PostgreSQL, and the schema that it was recorded in.
_recorded: list[tuple[str, str]] = []


def open_fresh(url: str, schema: str | None = None) -> Storage:
    """Return a storage on an empty database, or schema, with all tables in it."""
    opened = Storage.from_url(url, schema=schema)
    if schema is None:
        Path(url.removeprefix("sqlite:///")).write_bytes(_sqlite_file())
    elif not _recorded:
        _recorded.append((_made(opened), schema))
    else:
        ((script, its_schema),) = _recorded
        with opened.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(script.replace(its_schema, schema))
            connection.commit()
    return opened


@cache
def _sqlite_file() -> bytes:
    with tempfile.TemporaryDirectory() as where:
        file = Path(where) / "tables.db"
        storage = Storage.from_url(f"sqlite:///{file}")
        migrate.upgrade(storage)
        storage.dispose()
        return file.read_bytes()


def _made(storage: Storage) -> str:
    """Make the tables in PostgreSQL; return the statements that made them."""
    made: list[str] = []

    def record(_connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if not statement.lstrip().upper().startswith("SELECT"):
            made.append(ClientCursor(cursor.connection).mogrify(statement, parameters))

    event.listen(storage.engine, "before_cursor_execute", record)
    try:
        migrate.upgrade(storage)
    finally:
        event.remove(storage.engine, "before_cursor_execute", record)
    return ";\n".join(made)
