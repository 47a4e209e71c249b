"""The key of an embedded database, in a file beside it."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from ..errors import SettingsError
from ..settings import MIN_KEY


def key_beside(database: Path) -> str:
    """Return the key that stands beside a database, made on first use and readable by its owner only.

    Raises ``SettingsError`` where the file holds none, and where it is missing beside a database in use.
    """
    path = database.with_suffix(".key")
    if not path.exists():
        if _in_use(database):
            raise SettingsError(
                f"{path} is missing, but {database.name} holds agencies: under another key none of their tokens would "
                "be good. Put the key file back as it was. If it is lost, write a new key of 32 characters or more "
                "there, then give every agency a new token and a new callback secret."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole and then linked: a process that starts at the same moment must never read half a key.
        draft = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    key = path.read_text().strip()
    if len(key) < MIN_KEY:
        raise SettingsError(f"{path} holds no key. Put back what stood there, or delete the file for a new key.")
    return key


def _in_use(database: Path) -> bool:
    """Whether a database holds agencies of any mount, or cannot be read: then it may."""
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(database)) as opened:
            tables = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%agency'")
            looks = [f'SELECT 1 FROM "{name}" LIMIT 1' for (name,) in tables]  # noqa: S608  names of our own tables
            return any(opened.execute(look).fetchone() for look in looks)
    except sqlite3.Error:
        return True
