"""A host that a worker of its own process serves: ``python worker_host.py URL [SCHEMA] -- arguments of work``."""

from __future__ import annotations

import sys
import time

from flask import Flask

from notice_intake import NoticeIntake, Storage
from notice_intake.testing import FakeModerators, FakePlatform


class Slow(FakePlatform):
    """Takes its time to inform: as a hook of a real platform may."""

    def inform(self, uploader, statement, *, key):
        time.sleep(30)


def main() -> None:
    url, schema, *arguments = sys.argv[1:]
    app = Flask("host")
    intake = NoticeIntake(
        platform=Slow() if "slow" in arguments else FakePlatform(),
        moderators=FakeModerators(),
        storage=Storage.from_url(url, schema=None if schema == "-" else schema),
        secret_keys=("k" * 40,),
        callback_networks=("127.0.0.0/8",),
        callback_timeout_seconds=2,
        worker_lease_seconds=12,
        worker_stop_seconds=3,
        worker_idle_seconds=5,
        undo_seconds=0,
    )
    intake.init_app(app)
    result = app.test_cli_runner().invoke(args=["notice-intake", "work", *[one for one in arguments if one != "slow"]])
    print(result.output, flush=True)
    sys.exit(result.exit_code)


if __name__ == "__main__":
    main()
