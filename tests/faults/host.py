"""The platform under fire: ``tests.faults.host:create_app``, for gunicorn and for ``flask notice-intake work``.

What it does to content, and what may go wrong in it, stands in files of ``FAULTS_ROOT``, which every process sees.
"""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, request

from notice_intake import Moderator, NoticeIntake, Storage
from notice_intake.core.decisions import Draft
from notice_intake.core.queue import QueueFilter
from notice_intake.errors import NoticeIntakeError, PlatformRefused
from notice_intake.flows import claims, decide, desk_queries
from notice_intake.flows.mount import Mount
from notice_intake.testing import FakeModerators, FakePlatform

PREFIX = "/notices"
REMOVE = Draft(
    outcome="removed",
    ground_kind="terms",
    ground_reference="Terms, 4.2",
    facts="Seen.",
    explanation="Falls under the clause.",
    category="STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
)
KEEP = Draft(outcome="no_action", facts="Seen; nothing found.")


class Clock:
    """The machine's clock and an offset in seconds that stands in a file: whoever writes it moves all processes."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_text(f"{0:+020d}")
        self._file = os.open(path, os.O_RDWR)

    def __call__(self) -> datetime:
        """Return the time that every process believes."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    @property
    def offset(self) -> int:
        """How far it is ahead."""
        return int(os.pread(self._file, 20, 0))

    def jump(self, seconds: int) -> None:
        """Move on, or back, for everybody at once."""
        os.pwrite(self._file, f"{self.offset + seconds:+020d}".encode(), 0)


class Platform(FakePlatform):
    """Writes down in a file what it carries out. Some content is poisoned, while the file ``poison`` is there."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._log, self._poison = root / "applied", root / "poison"

    def apply(self, action: Any, *, key: str) -> Any:
        """Carry out, and then, with some content, fail, refuse or die: always after it was done, the worst moment."""
        number = int((action.content_key or "p0")[1:])
        if number % 17 == 9:
            raise PlatformRefused("A placeholder refusal.")
        again = key in applied(self._log)
        with self._log.open("a") as log:
            log.write(f"{key}\n")
        if self._poison.exists():
            if number % 11 == 5:
                raise RuntimeError("a poisoned effect")
            if number % 11 == 7 and not again:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().apply(action, key=key)


def applied(log: Path) -> frozenset[str]:
    """Return the keys that the platform has carried out."""
    return frozenset(log.read_text().split()) if log.exists() else frozenset()


def create_app() -> Flask:
    """Return the host."""
    app = Flask("faults")
    app.extensions["faults"] = mount_on(app, Path(os.environ["FAULTS_ROOT"]), os.environ["FAULTS_URL"])

    @app.post("/decide")
    def decide_one() -> tuple[dict[str, Any], int]:
        mount = app.extensions["faults"]
        try:
            return _decide(mount, who=request.args["who"], again=request.args.get("again"))
        except NoticeIntakeError as error:
            return {"error": type(error).__name__}, 409

    return app


def mount_on(app: Flask, root: Path, url: str) -> Mount:
    """Mount notice_intake with short leases and deadlines, so that a fault is over soon."""
    intake = NoticeIntake(
        platform=Platform(root),
        moderators=FakeModerators(),
        storage=Storage.from_url(url),
        clock=Clock(root / "clock"),
        secret_keys=("f" * 40,),
        callback_networks=("127.0.0.0/8",),
        callback_timeout_seconds=2,
        worker_lease_seconds=12,
        worker_stop_seconds=3,
        worker_idle_seconds=0.5,
        worker_threads=8,
        journal_seal_seconds=1,
        undo_seconds=0,
        endpoint_disable_days=0,
        # For referrals the law's half a year counts: only a round with a purge moves the clock that far.
        retention_days=90,
        rate_agency=0,
        rate_address=0,
        rate_failures=0,
    )
    return intake.init_app(app, url_prefix=PREFIX)


def _decide(mount: Mount, *, who: str, again: str | None) -> tuple[dict[str, Any], int]:
    now, moderator = mount.clock(), Moderator(who, f"Moderator {who}", frozenset({"moderator", "lead"}))
    case_id = again or claims.claim_next(mount, QueueFilter(), moderator=moderator, now=now)
    if case_id is None:
        return {}, 200
    file = desk_queries.case_file(mount, case_id, moderator=moderator, now=now)
    keep = (file.row.outcome == "removed") if again else hash_of(case_id) % 4 == 0
    draft = KEEP if keep else replace(REMOVE, facts=f"Seen by {who}.")
    done = decide.decide(mount, case_id, draft, moderator=moderator, version=file.row.version, now=now)
    return {"case": case_id, "decision": done.decision_id}, 200


def hash_of(text: str) -> int:
    """Return a number that is the same in every process."""
    return sum(text.encode())
