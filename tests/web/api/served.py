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
