"""Where the tables are, and how a transaction on them begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, NestedTransaction, Table, event
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError, UnboundExecutionError
from sqlalchemy.orm import Session, SessionTransaction

from ..errors import SettingsError, TemporarilyUnavailable
from . import engines, joined
from .direct import Query, Rows, Straight, as_sqlalchemys, driver_of, fetch, insert_all, make_ready, time_writer
from .engines import LOG_PAGES, LOG_PAGES_OF_MANY
from .tables import Tables, make_tables
from .turns import Turn
from .writer import Writer

#: What a connection was told of how to commit.
_SYNCED, _MANY = "notice_intake_synced", "notice_intake_many"
#: PostgreSQL's words for a table or column that is not there, a missing grant, and a server that only reads. An
#: operator mends them, and SQLite says each with an OperationalError.
_MENDED_BY_OPERATORS = ("42P01", "42703", "42501", "25006")


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
    except UnboundExecutionError as error:
        raise SettingsError(
            "The sessions of the storage have no engine. Give the sessionmaker one: bind=engine."
        ) from error
    except DBAPIError as error:
        # SQLite says with a bare DatabaseError that a file is damaged, or none of its own.
        state = getattr(error.orig, "sqlstate", None)
        if type(error) is DatabaseError or error.connection_invalidated or state in _MENDED_BY_OPERATORS:
            raise TemporarilyUnavailable from error
        raise


@dataclass(slots=True)
class Tx:
    """A transaction that is open: what every function of the store takes."""

    tables: Tables
    connection: Connection
    #: ``sqlite`` or ``postgresql``.
    dialect: str
    #: The host's session, where the transaction runs in one.
    session: Session | None = None
    #: To be called after the outermost commit.
    after_commit: list[Callable[[], None]] = field(default_factory=list)

    def execute(
        self, statement: Any, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a statement on the connection of this transaction, past the ORM."""
        return self.connection.execute(statement, values)

    def fetch(self, query: Query, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return the rows of a query that is made once and asked often, past SQLAlchemy."""
        return fetch(self.connection, query, values)

    def insert(self, *parts: tuple[Table, Rows]) -> None:
        """Store rows of several tables, in this order; those of one table name the same columns.

        Raises SQLAlchemy's ``IntegrityError`` where a key is taken, which leaves the transaction as ``Raced``.
        """
        insert_all(self.connection, parts)

    @contextmanager
    def savepoint(self) -> Iterator[SessionTransaction | NestedTransaction]:
        """A part that can fail alone, and be rolled back alone."""
        with _translated(), (self.session or self.connection).begin_nested() as nested:
            if self.session is not None:
                self.session.connection()  # a session sets the savepoint only when it is asked for its connection
            yield nested


class Storage:
    """The database of one mount. Make it with one of the three ``from_`` constructors."""

    def __init__(
        self,
        factory: Callable[[], Session] | None,
        *,
        tables: Tables,
        engine: Engine | None = None,
        sync_all: bool = False,
    ) -> None:
        self._factory = factory
        self.tables = tables
        self._engine = engine
        #: True where the engine is ours: only then may we set how its connections behave.
        self.owned = engine is not None
        #: Returns a time as rows for ``insert`` can hold it already; None where SQLAlchemy has to see the time itself.
        self.time_writer = time_writer(engine)
        self._sqlite, self._sync_all = engine is not None and engine.dialect.name == "sqlite", sync_all
        self._turn: AbstractContextManager[Any] = nullcontext()
        #: Only for whoever has the turn.
        self._writer: Writer | None = None
        if engine is not None and self._sqlite:
            self._turn, self._writer = Turn(_beside(engine.url.database)), Writer(engine)

    @property
    def prefix(self) -> str:
        """What the names of all tables begin with."""
        return self.tables.agency.name.removesuffix("agency")

    @property
    def sync_all(self) -> bool:
        """Whether everything is on the disk first: SQLite as it was told, all others always."""
        return self._sync_all or not self._sqlite

    @property
    def takes_turns(self) -> bool:
        """Whether one transaction writes at a time, of all threads and processes: SQLite, where it is ours."""
        return self._sqlite

    @property
    def turn(self) -> AbstractContextManager[Any]:
        """Hold it to write several transactions with nobody else's between them."""
        return self._turn

    def is_at(self, url: str) -> bool:
        """Whether this is the database of an address, where the connections are ours."""
        return self._engine is not None and self._engine.url == engines.address(url)

    @property
    def engine(self) -> Engine | None:
        """The engine, where it is ours."""
        return self._engine

    @classmethod
    def from_url(cls, url: str, *, prefix: str = "ni_", schema: str | None = None, sync_all: bool = False) -> Storage:
        """Use a database of our own. SQLite gets WAL, a busy timeout and foreign keys.

        What is committed is on the disk. For voluntary referrals that come one by one SQLite does that only with
        ``sync_all``: without it a power cut can take the newest of them away.
        """
        engine = engines.opened(engines.address(url))
        return cls(None, tables=make_tables(prefix, schema), engine=engine, sync_all=sync_all)

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
            if bind_key not in db.engines:
                raise SettingsError(f"There is no bind {bind_key!r}: SQLALCHEMY_BINDS does not name it.")
            return Session(db.engines[bind_key], expire_on_commit=False)

        return cls(open_session, tables=make_tables(prefix, schema))

    def beside(self, suffix: str) -> Storage:
        """Return a storage on the same connections, with tables of its own: ``suffix`` follows the prefix of these."""
        tables = make_tables(self.prefix + suffix, self.tables.metadata.schema)
        other = Storage(self._factory, tables=tables, engine=self._engine, sync_all=self._sync_all)
        other._turn, other._writer = self._turn, self._writer
        return other

    @contextmanager
    def begin(self, session: Session | None = None) -> Iterator[Tx]:
        """Open a writing transaction, or join the one of ``session``. On SQLite too it is on the disk when it ends.

        Owned: commits at the end, rolls back on an exception. Joined: flushes and never commits, so that the host's
        rollback takes everything back.
        """
        if session is not None:
            session = joined.plain(session)
            with _translated():
                tx = self._joined(session)
                joined.begin_for_real(tx.connection)
                yield tx
                session.flush()
            if tx.after_commit:
                joined.after_outermost_commit(session, tx.after_commit)
            return
        if self._engine is not None:
            with self._turn, _translated(), self._engine.begin() as connection:
                _say_begin(connection, "BEGIN IMMEDIATE" if self._sqlite else "BEGIN")
                tx = Tx(self.tables, connection, connection.dialect.name)
                yield tx
        else:
            with _translated(), self._session() as own, own.begin():
                tx = self._joined(own)
                joined.begin_for_real(tx.connection)
                yield tx
        for call in tx.after_commit:
            call()

    @contextmanager
    def joint(self) -> Iterator[Session]:
        """Open a writing transaction of our own that several flows join by ``begin(session)``: all of them or none.

        What they have to be called after the commit runs when the transaction is over, as after ``begin``.
        """
        word = "BEGIN IMMEDIATE" if self._sqlite else "BEGIN"
        opened = self._session() if self._engine is None else Session(_with_begin(self._engine, word))
        with self._turn, _translated(), opened as own, joined.kept_calls(own) as calls, own.begin():
            yield own
        # Only now: a listener that writes would wait for its turn, which is ours until here.
        for call in calls:
            call()

    @contextmanager
    def straight(self, *, writing: bool = False, synced: bool = True, many: bool = False) -> Iterator[Straight | Tx]:
        """Open a connection for a few ``fetch``, and with ``writing`` for one ``insert``, which is a transaction.

        On PostgreSQL that begins and ends with the ``insert``: nothing that is read before it is locked. Without
        ``synced`` SQLite may let a power cut take it away; with ``many`` it is ready for hundreds of rows.
        """
        engine = self._engine
        if engine is None:
            with self.begin() if writing else self.read() as tx:
                yield tx
            return
        errors: Any = engine.dialect.loaded_dbapi
        with _translated(), self._turn if writing else nullcontext():
            writer = self._writer if writing else None
            raw = None
            try:
                raw = writer.take() if writer is not None else engine.raw_connection()
                driver: Any = raw.driver_connection
                if writer is not None:
                    _tell(driver, raw.info, synced=synced or self._sync_all, many=many)
                    driver.execute("BEGIN IMMEDIATE")
                yield Straight(driver, engine.dialect, self.tables)
                if writer is not None:
                    driver.commit()
                    writer.keep(raw)
                    raw = None
            except errors.Error as error:
                if raw is not None and engine.dialect.is_disconnect(error, raw.dbapi_connection, None):
                    raw.invalidate(error)
                raise as_sqlalchemys(error, engine.dialect) from error
            finally:
                if raw is not None:
                    raw.close()

    def make_ready(self, parts: Sequence[tuple[str, Rows]]) -> None:
        """Have rows, by the names of their tables, ready for an ``insert`` that another thread makes."""
        if self._engine is not None:
            make_ready(self._engine.dialect, [(getattr(self.tables, name), rows) for name, rows in parts])

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a reading transaction; it never waits for a writer of ours."""
        if self._engine is not None:
            with _translated(), self._engine.begin() as connection:
                # PostgreSQL reads what is committed either way; without BEGIN and COMMIT a read is one round trip.
                if self._sqlite:
                    _say_begin(connection, "BEGIN")
                yield Tx(self.tables, connection, connection.dialect.name)
        else:
            with _translated(), self._session() as own:
                yield self._joined(own)

    def dispose(self) -> None:
        """Close the connections, where they are ours: after a fork, or at the end."""
        if self._writer is not None:
            with self._turn:
                self._writer.close()
        if self._engine is not None:
            self._engine.dispose()

    def connect(self) -> Connection:
        """Open a bare connection, for migrations."""
        if self._engine is not None:
            return _with_begin(self._engine).connect()
        bind = self._session().get_bind()
        return bind.connect() if isinstance(bind, Engine) else bind

    def _session(self) -> Session:
        assert self._factory is not None
        return self._factory()

    def _joined(self, session: Session) -> Tx:
        connection = session.connection()
        return Tx(self.tables, connection, connection.dialect.name, session)


def _beside(database: str | None) -> str | None:
    """Return the file by which processes take turns; None where a URI names the database, and its path is not known."""
    return f"{database}-turn" if database and not database.startswith("file:") else None


def _say_begin(connection: Connection, word: str) -> None:
    """Begin on the driver's own connection, which would otherwise commit each statement by itself."""
    with driver_of(connection) as driver:
        if word == "BEGIN IMMEDIATE":
            _tell(driver, connection.info, synced=True, many=False)
        driver.execute(word)


def _tell(driver: Any, known: dict[Any, Any], *, synced: bool, many: bool) -> None:
    """Say whether SQLite's next commit waits for the disk, and how large its log may be after it.

    What was committed before a commit that waits is on the disk then as well.
    """
    if known.get(_SYNCED) is not synced:
        driver.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
        known[_SYNCED] = synced
    if known.get(_MANY, False) is not many:
        driver.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES_OF_MANY if many else LOG_PAGES}")
        known[_MANY] = many


def _with_begin(engine: Engine, word: str = "BEGIN") -> Engine:
    """The same engine, for those who do not know that they have to say BEGIN."""
    other = engine.execution_options()
    event.listen(other, "begin", lambda connection: _say_begin(connection, word))
    return other
