"""SQLite's log, carried over into the file while others write.

Left to SQLite, the commit that finds the log full does it, and all who wait for their turn wait for that too: some
hundredths of a second, several times a second where most comes in.
"""

from __future__ import annotations

import logging
from contextlib import closing

from .storage import Storage

log = logging.getLogger("notice_intake.store")
_CARRY_OVER = "PRAGMA wal_checkpoint(PASSIVE)"


def carry_over(storage: Storage) -> None:
    """Carry over what stands in the log, nearly all of it while others write; the next to write begins the log anew.

    Only for an SQLite database of our own. What somebody still reads stays in the log, and where it fails nothing is
    lost: a later one does it, or SQLite itself once the log is full.
    """
    assert storage.engine is not None
    try:
        with closing(storage.engine.raw_connection()) as raw:
            driver = raw.driver_connection
            assert driver is not None
            driver.execute(_CARRY_OVER).fetchall()
            # What was written meanwhile. The log begins anew only where nothing is left to be carried over.
            with storage.turn:
                driver.execute(_CARRY_OVER).fetchall()
    except Exception:
        # Whoever is here has stored a referral, which is acknowledged whatever becomes of the log.
        log.warning("SQLite's log was not carried over", exc_info=True)
