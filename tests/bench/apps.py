"""The app under measure: a host with nothing in it but notice_intake."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask

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
    """The same app without a lock: whoever comes is the first agency. All but the proof of it stays as it is."""
    from notice_intake.store import agencies
    from notice_intake.web.api import access

    app = Flask("bench")
    mount = open_mount(os.environ["BENCH_URL"], os.environ.get("BENCH_SCHEMA"), app)
    with mount.storage.read() as tx:
        agency = agencies.everyone(tx)[0]

    def anybody(_mount: Mount, request: Any, **_options: Any) -> agencies.Agency:
        request.environ[access.AGENCY] = agency.id
        return agency

    access._authenticated = anybody
    return app


def prepared(url: str, schema: str | None) -> tuple[Mount, str, str]:
    """Make the tables and an agency; return the mount, the agency's id and its token."""
    mount = open_mount(url, schema)
    migrate.upgrade(mount.storage)
    names = [code for code in mount.instruments]
    enrolled = enrol(mount, "Unit One", place="BE", instruments=names, callback_url=None, now=mount.clock())
    return mount, enrolled.agency_id, enrolled.token
