"""The key of an embedded database, in a file beside it."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ..errors import SettingsError
from ..settings import MIN_KEY


def key_beside(database: Path) -> str:
    """Return the key that stands beside a database, made on first use and readable by its owner only.

    Raises ``SettingsError`` where the file holds none.
    """
    path = database.with_suffix(".key")
    if not path.exists():
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
