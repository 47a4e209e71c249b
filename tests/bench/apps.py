"""The app under measure: a host with nothing in it but notice_intake."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask
from sqlalchemy import select

from notice_intake import NoticeIntake, Storage
from notice_intake.flows.agencies import enrol
from notice_intake.flows.mount import Mount
from notice_intake.store import migrate
from notice_intake.testing import FakeModerators, FakePlatform

SECRET_KEYS = ("benchmark-key-benchmark-key-benchmark-key",)


def open_mount(url: str, schema: str | None, app: Flask | None = None) -> Mount:
    """Mount on an app; its tables must be there."""
    storage = Storage.from_url(url, schema=schema)
    intake = NoticeIntake(
        platform=FakePlatform(),
        moderators=FakeModerators(),
        storage=storage,
        secret_keys=SECRET_KEYS,
        callback_networks=("127.0.0.0/8",),
        # Counted as always, and never reached.
        rate_agency=1_000_000_000,
        rate_address=1_000_000_000,
        rate_failures=1_000_000_000,
        public_url=os.environ.get("BENCH_PUBLIC_URL", ""),
        worker_threads=int(os.environ.get("BENCH_WORKER_THREADS", "8")),
    )
    return intake.init_app(app or Flask("bench"), url_prefix="")


def intake_app() -> Flask:
    """The WSGI app that gunicorn serves; the database's address comes by the environment."""
    app = Flask("bench")
    open_mount(os.environ["BENCH_URL"], os.environ.get("BENCH_SCHEMA"), app)
    return app


def open_app() -> Flask:
    """The same app with a door beside the lock: who sends ``X-Open`` is the first agency, and only that is not proved.

    One server for both: two differ by more than what is measured.
    """
    from notice_intake.flows.agencies import Caller
    from notice_intake.store.known_keys import known_key
    from notice_intake.web.api import access

    app = Flask("bench")
    mount = open_mount(os.environ["BENCH_URL"], os.environ.get("BENCH_SCHEMA"), app)
    with mount.storage.read() as tx:
        key_id, scheme = tx.execute(select(tx.tables.credential.c["key_id", "scheme"])).first() or ("", "")
        key = known_key(tx, key_id, scheme=scheme)
    assert key is not None
    caller, lock = Caller(key, None), access._caller

    def either(mount: Mount, request: Any, **options: Any) -> Caller:
        if "HTTP_X_OPEN" not in request.environ:
            return lock(mount, request, **options)
        request.environ[access.AGENCY] = caller.agency.id
        return caller

    access._caller = either
    return app


def prepared(url: str, schema: str | None) -> tuple[Mount, str, str]:
    """Make the tables and an agency; return the mount, the agency's id and its token."""
    mount = open_mount(url, schema)
    migrate.upgrade(mount.storage)
    names = [code for code in mount.instruments]
    enrolled = enrol(mount, "Unit One", place="BE", instruments=names, callback_url=None, now=mount.clock())
    return mount, enrolled.agency_id, enrolled.token
