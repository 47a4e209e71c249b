"""Where the tables are, and how a transaction on them begins and ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import CursorResult, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from ..errors import SettingsError, TemporarilyUnavailable
from .tables import Tables, make_tables

_BEGIN = "notice_intake_begin"


class Raced(Exception):
    """Another transaction wrote first what this one wanted to write. Look again and repeat."""


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the driver's errors into words that the rest of the package knows."""
    try:
        yield
    except IntegrityError as error:
        raise Raced from error
    except OperationalError as error:
        raise TemporarilyUnavailable from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise TemporarilyUnavailable from error
        raise


@dataclass(slots=True)
class Tx:
    """A transaction that is open: what every function of the store takes."""

    session: Session
    tables: Tables
    connection: Connection
    #: ``sqlite`` or ``postgresql``.
    dialect: str
    #: To be called after the outermost commit.
    after_commit: list[Callable[[], None]] = field(default_factory=list)

    def execute(self, statement: Any, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None) -> CursorResult[Any]:
        """Run a statement on the connection of this transaction, past the ORM."""
        return self.connection.execute(statement, values)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part that can fail alone."""
        with _translated(), self.session.begin_nested():
            yield


class Storage:
    """The database of one mount. Make it with one of the three ``from_`` constructors."""

    def __init__(
        self, factory: Callable[[], Session], *, tables: Tables, engine: Engine | None = None, owned: bool = False
    ) -> None:
        self._factory = factory
        self.tables = tables
        self._engine = engine
        postgresql = engine is not None and engine.dialect.name == "postgresql"
        # PostgreSQL reads what is committed either way; without BEGIN and ROLLBACK a read is one round trip.
        self._reader = engine.execution_options(isolation_level="AUTOCOMMIT") if engine and postgresql else engine
        #: True where the engine is ours: only then may we set how its connections behave.
        self.owned = owned
        # SQLite lets one writer in at a time and its waiters sleep and starve; queueing here is fair and quicker.
        self._writer = threading.Lock() if owned and engine is not None and engine.dialect.name == "sqlite" else None

    @classmethod
    def from_url(cls, url: str, *, prefix: str = "ni_", schema: str | None = None) -> Storage:
        """Use a database of our own. SQLite gets WAL, a busy timeout and foreign keys."""
        parsed = make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise SettingsError(f"Storage must be SQLite or PostgreSQL, not {parsed.get_backend_name()}.")
        if parsed.get_backend_name() == "sqlite":
            engine = _sqlite_engine(url, parsed.database)
        else:
            if parsed.drivername == "postgresql":
                parsed = parsed.set(drivername="postgresql+psycopg")
            engine = create_engine(parsed, pool_size=8, max_overflow=24)
        writer = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        factory = sessionmaker(writer, expire_on_commit=False)
        return cls(factory, tables=make_tables(prefix, schema), engine=engine, owned=True)

    @classmethod
    def from_sessionmaker(
        cls, factory: Callable[[], Session], *, prefix: str = "ni_", schema: str | None = None
    ) -> Storage:
        """Use the host's sessions. Their engine is left as the host set it."""
        return cls(factory, tables=make_tables(prefix, schema))

    @classmethod
    def from_flask_sqlalchemy(
        cls, db: Any, *, bind_key: str | None = None, prefix: str = "ni_", schema: str | None = None
    ) -> Storage:
        """Use a Flask-SQLAlchemy host's engine, in sessions of our own: the host's ``db.session`` stays untouched."""

        def open_session() -> Session:
            return Session(db.engines[bind_key], expire_on_commit=False)

        return cls(open_session, tables=make_tables(prefix, schema))

    @contextmanager
    def begin(self, session: Session | None = None) -> Iterator[Tx]:
        """Open a writing transaction, or join the one of ``session``.

        Owned: commits at the end, rolls back on an exception. Joined: flushes and never commits, so that the host's
        rollback takes everything back.
        """
        if session is not None:
            tx = self._tx(session)
            with _translated():
                yield tx
                session.flush()
            if tx.after_commit:
                _after_outermost_commit(session, tx.after_commit)
            return
        with self._writer or nullcontext(), _translated():
            own = self._factory()
            try:
                tx = self._tx(own)
                yield tx
                own.commit()
            except BaseException:
                own.rollback()
                raise
            finally:
                own.close()
        for call in tx.after_commit:
            call()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a reading transaction; it never waits for a writer of ours."""
        own = self._factory() if self._reader is None else Session(self._reader)
        try:
            with _translated():
                yield self._tx(own)
        finally:
            own.close()

    def dispose(self) -> None:
        """Close the connections, where they are ours: after a fork, or at the end."""
        if self._engine is not None:
            self._engine.dispose()

    def connect(self) -> Connection:
        """Open a bare connection, for migrations."""
        if self._engine is not None:
            return self._engine.connect()
        bind = self._factory().get_bind()
        return bind.connect() if isinstance(bind, Engine) else bind

    def _tx(self, session: Session) -> Tx:
        connection = session.connection()
        return Tx(session, self.tables, connection, connection.dialect.name)


def _sqlite_engine(url: str, database: str | None) -> Engine:
    if database and database != ":memory:":
        Path(database).resolve().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes only before the first write and is deferred: a read-then-write transaction then
        # fails with "database is locked" under load. We say BEGIN ourselves, below.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))

    return engine


def _after_outermost_commit(session: Session, calls: list[Callable[[], None]]) -> None:
    """Run ``calls`` once the host commits for good; a savepoint's release also fires ``after_commit``."""
    waiting = list(calls)

    def committed(session: Session) -> None:
        if session.in_nested_transaction():
            return
        ready, waiting[:] = list(waiting), []
        for call in ready:
            call()

    def rolled_back(session: Session, previous: Any) -> None:
        if not previous.nested:
            waiting.clear()

    event.listen(session, "after_commit", committed)
    event.listen(session, "after_soft_rollback", rolled_back)
