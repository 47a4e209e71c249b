"""Whether anything can be written: a replica, a read-only disk or a missing grant lets reads pass."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, text

from ..errors import TemporarilyUnavailable
from .storage import Storage, Tx

#: The name of a worker that there never is.
_NOBODY = "readiness"
_GRANTED = text("SELECT has_table_privilege(:name, 'INSERT')").bindparams(bindparam("name"))


def writable(storage: Storage) -> bool:
    """Begin to write, as far as one can without writing anything."""
    worker = storage.tables.worker
    try:
        with storage.begin() as tx:
            tx.execute(delete(worker).where(worker.c.id == _NOBODY))
            return tx.dialect != "postgresql" or _granted(tx)
    except TemporarilyUnavailable:
        return False


def _granted(tx: Tx) -> bool:
    names = [
        ".".join(f'"{part}"' for part in (one.schema, one.name) if part) for one in tx.tables.metadata.sorted_tables
    ]
    return all(tx.execute(_GRANTED, {"name": name}).scalar_one() for name in names)
