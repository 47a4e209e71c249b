"""One mounted notice_intake: everything that a flow needs, in one value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..auth.secrets import Secrets
from ..core.instruments import Instruments
from ..core.targets import Content, Target, storable
from ..hooks import Moderators, Platform
from ..ids import new_id
from ..regimes.regime import Rulebook
from ..settings import Settings
from ..store.storage import Storage

log = logging.getLogger("notice_intake.flows")


def utc_now() -> datetime:
    """The clock of a mount, unless a test sets another."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Mount:
    """What ``NoticeIntake`` was given, checked and put together."""

    name: str
    settings: Settings
    storage: Storage
    platform: Platform
    moderators: Moderators
    rulebook: Rulebook
    secrets: Secrets
    clock: Callable[[], datetime] = utc_now
    #: Whether this is the sandbox of another mount: nothing that happens in it is real, and no listener is told.
    sandbox: bool = False

    @property
    def instruments(self) -> Instruments:
        """The instruments that this mount knows, by code."""
        return self.rulebook.instruments

    def resolve(self, targets: Sequence[Target]) -> Sequence[Content | None] | None:
        """Ask the platform which content the targets name; None where it cannot say now.

        A referral is accepted all the same then: an hour's order must not wait for a search index.
        """
        try:
            contents = self.platform.resolve(targets)
            if len(contents) != len(targets):
                raise ValueError(f"resolve() returned {len(contents)} answers for {len(targets)} targets")
            return [storable(one) if one is not None else None for one in contents]
        except Exception:  # whatever the host's hook raises, the referral is kept
            log.exception("platform.resolve failed (%s); the targets are kept to be resolved later", new_id("err"))
            return None
