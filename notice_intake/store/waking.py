"""How a worker notices at once that there is work: PostgreSQL says so, SQLite's file can be asked whether it changed.

Only ever a hint: a worker that hears nothing looks every second all the same, and the outbox is what counts.
"""

from __future__ import annotations

import hashlib
import logging
import time
from typing import Any

from sqlalchemy import Engine

from .storage import Storage

log = logging.getLogger("notice_intake.worker")
#: After its connection was lost, a watch tries again so often, in seconds.
_AGAIN = 5.0


def nudge(storage: Storage) -> None:
    """Wake the workers of other processes. Costs a round trip on PostgreSQL, and nothing on SQLite; never raises."""
    engine = storage.engine
    if engine is None or engine.dialect.name != "postgresql":
        return
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT pg_notify(%s, '')", (_channel(storage),))
    except Exception:  # a hint that got lost: the worker looks by itself
        log.debug("the workers were not woken", exc_info=True)


class Watch:
    """Says whether something changed since it was asked last. Where it cannot know, it never says so."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._driver: Any = None
        self._version = 0
        self._next_try = 0.0

    def changed(self) -> bool:
        """Return whether there may be work that was not there before. Costs some microseconds."""
        engine = self._storage.engine
        if engine is None:
            return False
        try:
            if self._driver is None:
                return time.monotonic() >= self._next_try and self._open(engine)
            return self._asked()
        except Exception:  # the worker's own connections say what is wrong with the database
            log.debug("the watch for work was lost", exc_info=True)
            self.close()
            self._next_try = time.monotonic() + _AGAIN
            return True

    def close(self) -> None:
        """Give the connection up."""
        driver, self._driver = self._driver, None
        if driver is not None:
            try:
                driver.close()
            except Exception:  # it was lost already
                log.debug("the watch could not be closed", exc_info=True)

    def _open(self, engine: Engine) -> bool:
        self._next_try = time.monotonic() + _AGAIN
        fairy = engine.raw_connection()
        self._driver = fairy.driver_connection
        # Ours alone from here on: it listens for as long as the worker lives.
        fairy.detach()
        if engine.dialect.name == "postgresql":
            self._driver.execute(f'LISTEN "{_channel(self._storage)}"')
        return True

    def _asked(self) -> bool:
        raw = getattr(self._driver, "pgconn", None)
        if raw is not None:
            raw.consume_input()
            heard = False
            while raw.notifies() is not None:
                heard = True
            return heard
        version = int(self._driver.execute("PRAGMA data_version").fetchone()[0])
        changed, self._version = version != self._version, version
        return changed


def _channel(storage: Storage) -> str:
    metadata, table = storage.tables.metadata, storage.tables.outbox.name
    return "notice_intake_" + hashlib.sha256(f"{metadata.schema}.{table}".encode()).hexdigest()[:16]
