"""Bring the tables to what this version needs. The version is kept in a table of our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from ..errors import SettingsError, TemporarilyUnavailable
from .storage import Storage

SCRIPTS = Path(__file__).with_name("migrations")


def upgrade(storage: Storage, revision: str = "head") -> None:
    """Upgrade to ``revision``. Safe to call by several processes at once, and again."""
    with _said(), storage.connect() as connection:
        _one_at_a_time(connection)
        command.upgrade(_config(storage, connection), revision)
        connection.commit()


def downgrade(storage: Storage, revision: str) -> None:
    """Go back to ``revision``; ``base`` drops every table of ours."""
    with _said(), storage.connect() as connection:
        command.downgrade(_config(storage, connection), revision)
        connection.commit()


@contextmanager
def _said() -> Iterator[None]:
    """Turn what Alembic and the driver say into words that the rest of the package knows."""
    try:
        yield
    except CommandError as error:
        raise SettingsError(str(error)) from None
    except DBAPIError as error:
        raise TemporarilyUnavailable from error


def current(storage: Storage) -> str | None:
    """Return the revision that the database stands at, or None where it has none."""
    with _said(), storage.connect() as connection:
        options = {"version_table": version_table(storage), "version_table_schema": storage.tables.metadata.schema}
        return MigrationContext.configure(connection, opts=options).get_current_revision()


def head() -> str | None:
    """Return the revision that this version of the package needs."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return ScriptDirectory.from_config(config).get_current_head()


def version_table(storage: Storage) -> str:
    """The name of the table that holds the version."""
    return storage.tables.agency.name.removesuffix("agency") + "alembic_version"


def _config(storage: Storage, connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes.update(
        connection=connection,
        tables=storage.tables,
        prefix=storage.tables.agency.name.removesuffix("agency"),
        version_table=version_table(storage),
    )
    return config


def _one_at_a_time(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7310264)"))


def include_name(prefix: str) -> Any:
    """Return an ``include_name`` for a host's own ``env.py``: without it, autogenerate would drop our tables."""

    def include(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "table" or name is None or not name.startswith(prefix)

    return include
