"""The sandbox: a mount of its own beside the real one, where agencies try everything out and nothing happens.

It has tables, keys and agencies of its own, and a platform that does nothing: no query of the desk can meet what is in
it, no credential of one side opens the other, and the host's hooks are out of its reach.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ..core.actions import Action, Confirmation, Evidence, Statement
from ..core.catalogue import TERRITORIES
from ..core.codes import Outcome
from ..core.decisions import Draft
from ..core.scripts import ASK, DECIDE, Step, steps
from ..core.targets import Content, Target
from ..errors import NoticeIntakeError, TemporarilyUnavailable
from ..hooks import Moderator
from ..store import migrate
from ..store import sandbox as store
from . import claims, work
from .decide import decide
from .mount import Mount
from .questions import Question, ask

log = logging.getLogger("notice_intake.worker")
#: What its name ends in, what stands between the prefix and the names of its tables, and its channel.
SUFFIX, TABLES, CHANNEL = "_sandbox", "sandbox_", "sandbox"
#: Who answers there. A lead may answer a complaint about their own decision.
MODERATOR = Moderator("sandbox", "Sandbox", frozenset({"moderator", "lead"}))
_FORGET_EVERY = timedelta(hours=1)
_TEXT = "The sandbox answers by itself: nobody has looked at anything."


class Nothing:
    """A platform that knows nothing and does nothing."""

    def resolve(self, targets: Sequence[Target]) -> Sequence[Content | None]:
        """Know nothing: cases are keyed by what the agency wrote."""
        return [None] * len(targets)

    def capture(self, content_key: str) -> Evidence | None:  # noqa: ARG002
        """Keep nothing."""
        return None

    def apply(self, action: Action, *, key: str) -> Confirmation:  # noqa: ARG002
        """Do nothing, and say that it is done."""
        return Confirmation(reference=CHANNEL)

    def revert(self, action: Action, *, key: str) -> Confirmation:  # noqa: ARG002
        """Do nothing, and say that it is undone."""
        return Confirmation(reference=CHANNEL)

    def inform(self, uploader: str, statement: Statement, *, key: str) -> None:
        """Tell nobody."""


class Nobody:
    """A gate that lets nobody in: a sandbox has no desk."""

    def current(self) -> Moderator | None:
        """Nobody."""
        return None

    def login_url(self, next_url: str) -> str:
        """Nowhere to log in."""
        return next_url


def beside(mount: Mount) -> Mount:
    """Return the sandbox of a mount: what it shares are the database, the settings and the secret keys."""
    settings = replace(mount.settings, channel=CHANNEL, undo_seconds=0, worker_threads=2, checkpoint_file="")
    return replace(
        mount,
        name=mount.name + SUFFIX,
        settings=settings,
        storage=mount.storage.beside(TABLES),
        platform=Nothing(),
        moderators=Nobody(),
        sandbox=True,
    )


def answer(mount: Mount, *, now: datetime) -> int:
    """Do the next step of what agencies wrote into their references; return how many steps were done."""
    with mount.storage.read() as tx:
        rows = store.scripted(tx, prefixes=(ASK, DECIDE), now=now)
    first = {row.id: row for row in reversed(rows)}
    # What came in since this turn began, or by a clock that is ahead, is not answered before it was received.
    now = max(now, mount.clock())
    return sum(_answered(mount, row, now=max(now, row.updated_at)) for row in first.values())


def _answered(mount: Mount, row: Any, *, now: datetime) -> bool:
    todo = steps(row.reference)
    if not todo:
        return False
    # The last word stands: whoever complains once more hears it again.
    step = todo[min(row.decided + row.asked, len(todo) - 1)]
    if step.question is not None and row.decided + row.asked >= len(todo):
        return False
    try:
        claims.claim(mount, row.id, moderator=MODERATOR, now=now)
        if step.question is not None:
            question = Question(str(step.question), _TEXT, (row.referral_id,))
            ask(mount, row.id, question, moderator=MODERATOR, version=_version(mount, row.id), now=now)
        else:
            decide(mount, row.id, _draft(row, step), moderator=MODERATOR, version=_version(mount, row.id), now=now)
    except NoticeIntakeError as refused:
        # Such as an outcome that the instrument does not allow. The claim stays and keeps it from being tried at once.
        log.info("the sandbox cannot answer %s as asked: %s", row.id, refused.detail)
        return False
    return True


def _version(mount: Mount, case_id: str) -> int:
    with mount.storage.read() as tx:
        return store.version(tx, case_id)


def _draft(row: Any, step: Step) -> Draft:
    outcome = str(step.outcome)
    return Draft(
        outcome=outcome,
        territories=tuple(TERRITORIES) if step.outcome is Outcome.ACCESS_DISABLED else (),
        ground_kind="terms",
        ground_reference=_TEXT,
        facts=_TEXT,
        explanation=_TEXT,
        category=row.category,
        impossibility="insufficient_information" if step.outcome is Outcome.NOT_POSSIBLE else "",
    )


def forget(mount: Mount, *, now: datetime) -> int:
    """Delete what has not changed for ``sandbox_days``; return how many referrals that were."""
    before, count = now - timedelta(days=mount.settings.sandbox_days), 0
    while True:
        with mount.storage.begin() as tx:
            gone = store.forget(tx, before=before)
        count += gone
        if not gone:
            return count


class Turn:
    """What the worker of a sandbox does at every turn beside the work that is due."""

    def __init__(self) -> None:
        self._forgot_at: datetime | None = None

    def __call__(self, mount: Mount, now: datetime) -> int:
        """Answer; now and then forget."""
        if self._forgot_at is None or now - self._forgot_at >= _FORGET_EVERY:
            self._forgot_at = now
            forget(mount, now=now)
        return answer(mount, now=now)


@contextmanager
def worked(mount: Mount | None, *, stop: threading.Event, once: bool, within: work.Within) -> Iterator[None]:
    """Work in a sandbox, where there is one, while the block runs; with ``once`` after it, until nothing is due."""
    if mount is None or not _upgraded(mount):
        yield
        return
    if once:
        yield
        work.work(mount, stop=stop, once=True, within=within, also=Turn())
        return
    arguments = {"stop": stop, "within": within, "also": Turn()}
    thread = threading.Thread(target=work.work, args=(mount,), kwargs=arguments, name="notice-intake-sandbox")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _upgraded(mount: Mount) -> bool:
    try:
        if migrate.current(mount.storage) == migrate.head():
            return True
    except TemporarilyUnavailable:
        pass
    log.warning("nobody works in the sandbox: its tables are not upgraded, or cannot be reached")
    return False
