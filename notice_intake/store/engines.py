"""Engines of our own: which databases they may lead to, and how their connections are set up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import SettingsError
from ..forks import in_each_child

#: The connection that was used last is used first: its cache is warm. Values of statements are what agencies sent: an
#: error that quotes them would carry them into the log.
_ENGINE: Mapping[str, Any] = {"pool_size": 8, "max_overflow": 24, "pool_use_lifo": True, "hide_parameters": True}
#: Of a new file. A referral changes some thirty pages, each by a few bytes, and the log takes whole pages: half the
#: usual size is half as much to write. Streams, which fill theirs, are slower by a twentieth.
PAGE_SIZE = 2048
#: A commit that finds so many pages in SQLite's log carries it over into the file: for single referrals only where
#: ``carry_over`` has not come before it. A batch of a stream writes thousands, most of them once: a log that stays
#: small is written over and over in memory that is still near the processor.
LOG_PAGES, LOG_PAGES_OF_MANY = 16_000, 4000
_PRAGMAS = (
    # Before the log: it is the first to write to a new file.
    f"page_size={PAGE_SIZE}",
    "journal_mode=WAL",
    "foreign_keys=ON",
    "busy_timeout=30000",
    f"wal_autocheckpoint={LOG_PAGES}",
    "cache_size=-8000",
)
#: What ``straight`` and SQLite's pragmas are written for.
_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")
#: Of the parent process: a connection that is thrown away would be closed, for the parent as well.
_left: list[Any] = []


def address(url: str) -> URL:
    """Read the address of a database. Raises ``SettingsError``, which never quotes it: it may hold a password."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise SettingsError(f"Storage must be SQLite or PostgreSQL, not {backend}.")
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise SettingsError(
            "The database address cannot be read. Write sqlite:///path or postgresql://user:password@host/name."
        ) from None
    if parsed.drivername not in _DRIVERS:
        raise SettingsError(f"The database driver must be one of {', '.join(_DRIVERS)}, not {parsed.drivername}.")
    try:
        parsed.get_dialect().import_dbapi()
    except ImportError:
        raise SettingsError("The driver for PostgreSQL is not there: install notice-intake[postgres].") from None
    in_memory = ":memory:" in (parsed.database or "") or parsed.query.get("mode") == "memory"
    if backend == "sqlite" and (in_memory or not parsed.database):
        raise SettingsError("The database address names no file. Write sqlite:///path, with three slashes.")
    return parsed


def opened(url: URL) -> Engine:
    """Return an engine for an address; it opens no connection yet."""
    if url.get_backend_name() == "sqlite":
        engine = _sqlite_engine(url)
    else:
        engine = create_engine(url, isolation_level="AUTOCOMMIT", **_ENGINE)
    in_each_child(engine, _leave)
    return engine


def _sqlite_engine(url: URL) -> Engine:
    if url.database:
        Path(url.database).resolve().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, **_ENGINE)

    @event.listens_for(engine, "do_connect")
    def _on_open(_dialect: Any, _record: Any, _arguments: Any, _options: Any) -> None:
        # SQLite gives a new file to whoever may read the folder; what stands in it is for its owner only.
        if url.database and not url.database.startswith("file:"):
            with suppress(OSError):
                os.close(os.open(url.database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes only before the first write and is deferred: a read-then-write transaction then
        # fails with "database is locked" under load. We say BEGIN ourselves, on PostgreSQL too.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def leave_to_parent(connections: Any) -> None:
    """Leave what holds connections to the process that opened them, in one that was forked from it."""
    _left.append(connections)


def _leave(engine: Engine) -> None:
    leave_to_parent(engine.pool)
    engine.dispose(close=False)
