"""A platform on SQLite that says on its standard output what it has acknowledged, and is killed when all is said.

``python power_host.py DIRECTORY [sync_all]``: under ``strace`` its output stands among its writes to the disk.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from flask import Flask

from notice_intake import NoticeIntake, Storage
from notice_intake.core.decisions import Draft
from notice_intake.core.queue import QueueFilter
from notice_intake.flows import claims, decide
from notice_intake.flows.agencies import enrol
from notice_intake.hooks import Moderator
from notice_intake.store import migrate
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform

REMOVE = Draft(
    outcome="removed",
    ground_kind="law",
    ground_reference="Placeholder law, 1",
    facts="Seen.",
    explanation="Falls under the clause.",
    category="STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
)
ONE = Moderator("m-1", "Moderator One")


def main(where: Path, *options: str) -> None:
    """Prepare a database; then, in the words of its acknowledgements, take in and decide."""
    storage = Storage.from_url(f"sqlite:///{where / 'power.db'}", sync_all="sync_all" in options)
    app = Flask("host")
    intake = NoticeIntake(
        platform=FakePlatform(), moderators=FakeModerators(), storage=storage, secret_keys=("k" * 40,)
    )
    mount = intake.init_app(app)
    migrate.upgrade(storage)
    names = [*mount.instruments]
    enrolled = enrol(mount, "Unit One", place="BE", instruments=names, callback_url=None, now=mount.clock())
    agency = FakeAgency(app.test_client(), enrolled.token)
    # The last connection that closes brings everything into the database's own file.
    storage.dispose()
    _say("begin")
    for _ in range(2):
        for _ in range(3):
            _refer(agency, "voluntary", agency.document())
        _refer(agency, "order", agency.order())
        _refer(agency, "voluntary", agency.document())
        _refer(agency, "threat", agency.document(urgency={"threat_to_life": True}))
        _refer(agency, "voluntary", agency.document())
        _decide(mount)
    _refer(agency, "voluntary", agency.document())
    os.kill(os.getpid(), signal.SIGKILL)


def _refer(agency: FakeAgency, kind: str, document: dict[str, Any]) -> None:
    answer = agency.refer(document)
    assert answer.status_code == 201, answer.json
    _say(f"{kind} {answer.json['id']}")


def _decide(mount: Any) -> None:
    case_id = claims.claim_next(mount, QueueFilter(), moderator=ONE, now=mount.clock())
    assert case_id is not None
    decide.decide(mount, case_id, REMOVE, moderator=ONE, version=1, now=mount.clock())
    _say(f"decision {case_id}")


def _say(what: str) -> None:
    os.write(1, f"acknowledged {what}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
