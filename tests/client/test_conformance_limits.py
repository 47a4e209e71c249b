"""The rule that uses a limit up: on our own sandbox, on others that do it wrong, and never where it would hurt."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from broken import served, use_token
from deployments import Deployment, free_port, settings
from flask import Flask
from limits.limits import Granularity
from sqlalchemy import func, select

from notice_intake import NoticeIntake, Storage
from notice_intake.client import BearerAuth
from notice_intake.client.conformance import RULES, check
from notice_intake.client.conformance.door import Door
from notice_intake.store import migrate
from notice_intake.testing import FakeModerators, FakePlatform
from notice_intake.web.api import limiting

WINDOW = 2
(RULE,) = [one for one in RULES if one.id == "answers.too-many"]


class Changed:
    """A deployment whose answers are changed on their way out."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.status = {}
        self.headers = {}

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            headers = [(name, self.headers.get(name.lower(), value)) for name, value in headers]
            headers = [(name, value) for name, value in headers if value is not None]
            return start_response(self.status.get(status[:3], status), headers, exc_info)

        return self.app(environ, start)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A sandbox with a small limit, whose minute is short."""
    monkeypatch.setattr(limiting, "_WINDOW", WINDOW)
    monkeypatch.setattr(limiting._PerMinute, "GRANULARITY", Granularity(WINDOW, "short"))
    port = free_port()
    storage = Storage.from_url(f"sqlite:///{tmp_path / 'limited.db'}")
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "storage": storage}
    app = Flask("limited", instance_path=str(tmp_path))
    origin = f"http://127.0.0.1:{port}"
    mount = NoticeIntake(**parts, public_url=origin, rate_agency=300, **settings()).init_app(app)
    migrate.upgrade(storage)
    migrate.upgrade(app.extensions["notice_intake"]["notice_intake_sandbox"].storage)
    changed = Changed(app)
    with served(changed, port):
        yield Deployment(origin, app, mount, tmp_path), changed
    storage.dispose()


def door_to(deployment, **changes):
    token = Path(deployment.agency()["token"]).read_text()
    use_token(token)
    values = {"sandbox": True, "until": time.monotonic() + 60, **changes}
    return Door(deployment.url, BearerAuth(token), **values)


def tried(door):
    (result,) = check(door, [RULE]).results
    return result


def test_our_own_sandbox_keeps_it_and_stores_one_referral(made):
    deployment, _ = made
    result = tried(door_to(deployment))
    assert (result.state, result.came) == ("pass", "")
    inside = deployment.app.extensions["notice_intake"]["notice_intake_sandbox"]
    with inside.storage.read() as tx:
        assert tx.execute(select(func.count()).select_from(tx.tables.referral)).scalar_one() == 1


@pytest.mark.parametrize(
    ("headers", "status", "came"),
    [
        ({"retry-after": None}, {}, "no Retry-After"),
        ({"retry-after": "3600"}, {}, "3600"),
        ({"retry-after": "soon"}, {}, "soon"),
        ({}, {"429": "503 Service Unavailable"}, "503 quota-exceeded"),
        ({"ratelimit": '"agency";r=7;t=1'}, {}, "422"),
    ],
)
def test_what_is_wrong_with_it_is_found(made, headers, status, came):
    deployment, changed = made
    changed.headers, changed.status = headers, status
    result = tried(door_to(deployment))
    assert result.state == "fail", result
    assert came in result.came


def test_it_is_not_tried_where_it_would_hurt_or_take_too_long(made):
    deployment, changed = made
    assert "sandbox only" in tried(door_to(deployment, sandbox=False)).came
    assert "leaves no time" in tried(door_to(deployment, until=time.monotonic() + WINDOW + 3)).came
    changed.headers = {"ratelimit-policy": '"agency";q=100000;w=60, "address";q=5;w=60'}
    large = tried(door_to(deployment))
    assert (large.state, "100000 in 60 seconds is too large" in large.came) == ("not tried", True)
    changed.headers = {"ratelimit-policy": None}
    assert "do not say" in tried(door_to(deployment)).came
