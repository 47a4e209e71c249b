"""Telling whoever works that there is work."""

from __future__ import annotations

from .. import signals
from ..store.storage import Tx
from ..store.waking import nudge
from .mount import Mount


def wake_after(tx: Tx, mount: Mount) -> None:
    """Wake the workers once the transaction is committed: the listeners of this process, and other processes."""

    def wake() -> None:
        signals.send(signals.work_waiting, mount)
        nudge(mount.storage)

    tx.after_commit.append(wake)
