"""Checkpoints of the journal: signed when a batch is sealed, handed to the log, the host, and every agency."""

from __future__ import annotations

import base64
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from weakref import WeakKeyDictionary

from .. import signals
from ..auth import checkpoint, ed25519, keys
from ..auth.checkpoint import Checkpoint
from ..delivery.sender import CHECKPOINT_HEADER
from ..errors import TemporarilyUnavailable
from ..forks import Lock
from ..store import seals, signatures
from .mount import Mount
from .platform_keys import signing_key

log = logging.getLogger("notice_intake.journal")
#: How old the checkpoint in receipts and callbacks may be before it is looked up again.
FRESH = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _Known:
    text: str | None
    quoted: str
    header: Mapping[str, str]
    read_at: datetime


_of_mount: WeakKeyDictionary[Mount, _Known] = WeakKeyDictionary()
_appending = Lock()


def latest(mount: Mount, *, now: datetime, look: bool = True) -> str:
    """Return the newest checkpoint as JSON: a string, or null. It may be some seconds old; costs next to nothing.

    Without ``look`` the database is not asked: older still, or null where this process knows none.
    """
    if look:
        return _known(mount, now).quoted
    known = _of_mount.get(mount)
    return known.quoted if known is not None else "null"


def headers(mount: Mount, *, now: datetime) -> Mapping[str, str]:
    """Return the same as the header of a callback; nothing where there is none yet."""
    return _known(mount, now).header


def latest_text(mount: Mount) -> str | None:
    """Return the newest checkpoint from the database."""
    return seals.newest_checkpoint(mount.storage)


def sign(mount: Mount, unsigned: Checkpoint, *, now: datetime) -> str:
    """Return the text of a checkpoint, signed with the platform's key of today."""
    key = signing_key(mount, now=now)
    public = keys.unb64u(json.loads(key.public.jwk)["x"])
    return checkpoint.sign(unsigned, public=public, signer=key.sign)


def holds(mount: Mount, signed: checkpoint.Signed) -> bool:
    """Say whether a checkpoint is signed with a key of the platform, of today or of before."""
    return signed.holds(known_keys(mount, signed.checkpoint.origin), ed25519.verify)


def known_keys(mount: Mount, origin: str) -> dict[bytes, bytes]:
    """Return the platform's keys, of today and of before, by what names them in a checkpoint."""
    with mount.storage.read() as tx:
        rows = signatures.platform_keys(tx)
    return checkpoint.keys_by_id(origin, {"keys": [json.loads(row.public_key) for row in rows]})


def new_origin(mount: Mount) -> str:
    """Return a name for a journal that begins: one that no other journal has, even under the same address."""
    place = mount.settings.public_url.partition("://")[2] or "notice-intake"
    return f"{place}/journal/{secrets.token_hex(6)}"


def publish(mount: Mount, text: str, *, now: datetime) -> None:
    """Tell the log, the file of ``checkpoint_file`` and the host's listeners. Never raises: it is committed."""
    found = checkpoint.read(text).checkpoint
    _of_mount[mount] = _Known(text, *_forms(text), now)
    log.info("checkpoint: %s has %d entries, root %s, at %s", found.origin, found.size, found.root.hex(), found.at)
    if mount.settings.checkpoint_file:
        try:
            with _appending, Path(mount.settings.checkpoint_file).open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:
            log.error("the checkpoint was not written to %s: %s", mount.settings.checkpoint_file, error.strerror)
    signals.send(signals.journal_sealed, mount, checkpoint=text, size=found.size)


def _known(mount: Mount, now: datetime) -> _Known:
    known = _of_mount.get(mount)
    if known is not None and abs(now - known.read_at) < FRESH:
        return known
    try:
        text = latest_text(mount)
    except TemporarilyUnavailable:
        # An older one says less and is no less true.
        text = known.text if known is not None else None
    known = _of_mount[mount] = _Known(text, *_forms(text), now)
    return known


def _forms(text: str | None) -> tuple[str, Mapping[str, str]]:
    if text is None:
        return "null", {}
    return json.dumps(text, ensure_ascii=False), {CHECKPOINT_HEADER: base64.b64encode(text.encode()).decode()}
