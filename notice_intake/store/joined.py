"""Working inside a transaction that belongs to the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

_WAITING = "notice_intake_waiting"
_KEPT = "notice_intake_kept"


def plain(session: Session | scoped_session[Any]) -> Session:
    """Return the session itself: what is hung on a scoped one would be hung on every session of the host."""
    return session() if isinstance(session, scoped_session) else session


def begin_for_real(connection: Connection) -> None:
    """Have SQLite's transaction begin now.

    Its driver begins before the first write: a savepoint that comes earlier would be the transaction itself, and its
    release would commit what the host may still roll back.
    """
    driver = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite" and not getattr(driver, "in_transaction", True):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def after_outermost_commit(session: Session, calls: Sequence[Callable[[], None]]) -> None:
    """Run ``calls`` once the host has committed for good; never, where it takes back what they tell of."""
    if _WAITING not in session.info:
        session.info[_WAITING] = []
        event.listen(session, "after_commit", _committed)
        event.listen(session, "after_soft_rollback", _rolled_back)
        event.listen(session, "after_transaction_end", _ended)
    session.info[_WAITING].append((_open_transactions(session), calls))


@contextmanager
def kept_calls(session: Session) -> Iterator[Sequence[Callable[[], None]]]:
    """Have the calls of ``after_outermost_commit`` kept for later; what is yielded has them once it is committed."""
    kept: list[Callable[[], None]] = []
    session.info[_KEPT] = kept
    try:
        yield kept
    finally:
        del session.info[_KEPT]


def _open_transactions(session: Session) -> list[SessionTransaction]:
    """The savepoints that stand now, the innermost first, and the transaction around them."""
    found, one = [], session.get_nested_transaction() or session.get_transaction()
    while one is not None:
        found.append(one)
        one = one.parent
    return found


def _committed(session: Session) -> None:
    # The release of a savepoint comes here too.
    if session.in_nested_transaction():
        return
    ready, session.info[_WAITING] = session.info[_WAITING], []
    for _, calls in ready:
        if _KEPT in session.info:
            session.info[_KEPT] += calls
            continue
        for call in calls:
            call()


def _rolled_back(session: Session, previous: SessionTransaction) -> None:
    session.info[_WAITING] = [one for one in session.info[_WAITING] if previous not in one[0]]


def _ended(session: Session, transaction: SessionTransaction) -> None:
    # A session that is closed rolls back without saying so.
    if transaction.parent is None:
        session.info[_WAITING] = []
