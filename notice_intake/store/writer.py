"""The connection that referrals are written by, kept out of the pool between two transactions.

One writes at a time. To fetch a connection and to give it back costs as much as two rows, while others wait.
"""

from __future__ import annotations

from sqlalchemy import Engine, PoolProxiedConnection

from ..forks import in_each_child
from .engines import leave_to_parent


class Writer:
    """One connection of an engine, for whoever has the turn to write."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: PoolProxiedConnection | None = None
        in_each_child(self, Writer._leave)

    def take(self) -> PoolProxiedConnection:
        """Return the connection, which is the caller's until it is kept again; else it is to be closed."""
        kept, self._kept = self._kept, None
        return kept if kept is not None else self._engine.raw_connection()

    def keep(self, connection: PoolProxiedConnection) -> None:
        """Keep a connection, on which no transaction is open, for the next to write."""
        self._kept = connection

    def close(self) -> None:
        """Give the connection back to its pool."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _leave(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            leave_to_parent(kept)
