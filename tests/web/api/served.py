"""A host for a real server: its database and limits come from the environment."""

from __future__ import annotations

import os

from flask import Flask

from notice_intake import NoticeIntake, Storage
from notice_intake.testing import FakeModerators, FakePlatform

PREFIX = "/notices"
LIMITS = {"max_body_bytes": 60_000, "max_line_bytes": 20_000, "bulk_batch": 5}
SECRET = "s" * 40


def create() -> Flask:
    """Return the host. Its own limit lies below ours: it is made for its own forms."""
    app = Flask("served")
    app.config["MAX_CONTENT_LENGTH"] = 30_000
    storage = Storage.from_url(os.environ["SERVED_DATABASE"])
    intake = NoticeIntake(
        platform=FakePlatform(), moderators=FakeModerators(), storage=storage, secret_keys=(SECRET,), **LIMITS
    )
    intake.init_app(app, url_prefix=PREFIX)
    return app


def create_strict() -> Flask:
    """Return a host to which everything is open that can be: signed requests, a proxy that is somewhere else."""
    app = Flask("strict")
    intake = NoticeIntake(
        platform=FakePlatform(),
        moderators=FakeModerators(),
        storage=Storage.from_url(os.environ["SERVED_DATABASE"]),
        secret_keys=(SECRET,),
        public_url="https://platform.example",
        client_cert_proxies=("192.0.2.1/32",),
        client_cert_secret="p" * 40,
        rate_failures=0,
        **LIMITS,
    )
    intake.init_app(app, url_prefix=PREFIX)
    return app
