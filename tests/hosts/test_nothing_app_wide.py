"""A host before and after mounting: nothing app-wide has changed, and its errors stay its own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from flask import Blueprint, Flask
from hosting import OURS, agency_of, intake, opinionated_host, upgraded, whole_state

from notice_intake.testing import FakeAgency


def mounted_twice(app: Flask, where: str) -> None:
    intake(storage_url=f"sqlite:///{where}/one.db").init_app(app, url_prefix="/notices")
    intake(storage_url=f"sqlite:///{where}/two.db", channel="two").init_app(
        app, url_prefix="/two", name="notice_intake_two"
    )


@pytest.mark.parametrize("mounts", [1, 2])
def test_a_host_is_the_same_after_mounting_and_after_use(tmp_path, mounts):
    app = opinionated_host()
    before = whole_state(app)
    if mounts == 1:
        intake(storage_url=f"sqlite:///{tmp_path}/one.db").init_app(app)
    else:
        mounted_twice(app, str(tmp_path))
    assert whole_state(app) == before
    upgraded(app)
    client = app.test_client()
    for path in (
        "/notices/v1/events",
        "/notices/desk/",
        "/notices/agency/",
        "/notices/agency/in",
        "/notices/healthz",
        "/notices/readyz",
        "/notices/v1/none",
    ):
        client.get(path)
    agency_of(app, app.extensions[OURS]["notice_intake"]).refer()
    assert whole_state(app) == before


def test_what_it_adds_is_three_blueprints_one_entry_and_one_group_of_commands(tmp_path):
    app = Flask("host")
    extensions, commands = set(app.extensions), set(app.cli.commands)
    intake(storage_url=f"sqlite:///{tmp_path}/one.db").init_app(app)
    assert set(app.blueprints) == {"notice_intake", "notice_intake_desk", "notice_intake_agency"}
    assert set(app.extensions) - extensions == {OURS}
    assert set(app.cli.commands) - commands == {"notice-intake"}
    assert all(one.rule.startswith(("/notices/", "/static/")) for one in app.url_map.iter_rules())


def test_mounting_opens_no_connection_and_makes_no_database(tmp_path):
    app = Flask("host", instance_path=str(tmp_path / "instance"))
    intake(secret_keys=()).init_app(app)
    assert [one.name for one in (tmp_path / "instance").iterdir()] == ["notice_intake.key"]
    # A server that is not there does not keep the host from starting.
    intake(storage_url="postgresql://nobody@127.0.0.1:1/none").init_app(Flask("host"))


def test_importing_starts_nothing():
    script = """
import logging, socket, sys, threading, warnings
def refuse(*_args, **_options):
    raise AssertionError("a socket was opened")
socket.socket.connect = socket.socket.bind = socket.getaddrinfo = refuse
warnings.simplefilter("error")
import notice_intake, notice_intake.testing
assert threading.active_count() == 1, threading.enumerate()
assert not logging.getLogger().handlers
assert not [m for m in ("celery", "flask_sqlalchemy", "psycopg") if m in sys.modules]
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def host(tmp_path):
    """A host with pages for every error, and ours beside them."""
    app = opinionated_host()
    mounted_twice(app, str(tmp_path))
    upgraded(app)
    upgraded(app, "notice-intake-two")
    return app


def test_the_errors_of_a_host_stay_its_own(host):
    client = host.test_client()
    told = {
        path: (answer.status_code, answer.get_data(as_text=True))
        for path in ("/", "/forbidden", "/broken", "/none", "/notices", "/notices/none", "/v1/referrals")
        for answer in [client.get(path)]
    }
    assert told == {
        "/": (200, "host: home"),
        "/forbidden": (403, "host: 403"),
        "/broken": (500, "host: any fault"),
        "/none": (404, "host: 404"),
        "/notices": (404, "host: 404"),
        "/notices/none": (404, "host: 404"),
        "/v1/referrals": (404, "host: 404"),
    }
    assert client.post("/").get_data(as_text=True) == "host: 405"


@pytest.mark.parametrize("prefix", ["/notices", "/two"])
def test_the_handlers_of_a_host_never_answer_for_us(host, monkeypatch, prefix):
    name = {"/notices": "notice_intake", "/two": "notice_intake_two"}[prefix]
    mount = host.extensions[OURS][name]
    agency = agency_of(host, mount, prefix=prefix)
    nobody = FakeAgency(host.test_client(), "none", prefix=prefix)
    answers = {
        400: agency._client.post(f"{prefix}/v1/referrals", data=b"{", headers={**agency.headers, **JSON}),
        401: nobody.refer(),
        404: agency.get("/v1/none"),
        405: agency._client.delete(f"{prefix}/v1/events"),
        413: agency._client.post(f"{prefix}/v1/referrals", data=b" " * 1_100_000, headers={**agency.headers, **JSON}),
        415: agency._client.post(f"{prefix}/v1/referrals", data=b"x", headers=agency.headers),
        422: agency.refer({"instrument": "eu.iru.referral"}),
    }
    monkeypatch.setattr("notice_intake.web.api.referrals.receive", _broken)
    answers[500] = agency.refer()
    monkeypatch.setattr("notice_intake.web.api.referrals.storing", _away)
    answers[503] = agency.refer()
    for status, answer in answers.items():
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
        assert answer.json["type"].startswith(f"{prefix}/v1/problems/")


JSON = {"Content-Type": "application/json"}


def _broken(*_args, **_options):
    raise ValueError("a fault of ours")


def _away(*_args, **_options):
    from notice_intake.errors import TemporarilyUnavailable

    raise TemporarilyUnavailable


def test_the_errors_of_the_desk_are_pages_of_the_desk(host):
    client = host.test_client()
    for path, status in (("/notices/desk/none", 404), ("/notices/desk/cases/none", 404)):
        answer = client.get(path)
        assert answer.status_code == status
        assert "host:" not in answer.get_data(as_text=True)
        assert "Content-Security-Policy" in answer.headers
    refused = client.post("/notices/desk/next")  # without the form's token
    assert refused.status_code == 400
    assert "host:" not in refused.get_data(as_text=True)


def test_the_errors_of_the_agency_pages_are_pages_of_ours(host):
    client = host.test_client()
    for prefix in ("/notices", "/two"):
        for path, status in (("/agency/in/none", 404), ("/agency/none", 303)):
            answer = client.get(prefix + path)
            assert answer.status_code == status
            assert "host:" not in answer.get_data(as_text=True)
            assert "Content-Security-Policy" in answer.headers
        refused = client.post(f"{prefix}/agency/refer")
        assert (refused.status_code, "host:" in refused.get_data(as_text=True)) == (401, False)


def test_a_blueprint_of_the_host_around_us_keeps_its_handlers_to_itself(tmp_path):
    app = Flask("host")
    parent = Blueprint("internal", "host.internal", url_prefix="/internal")
    for code in (401, 404, Exception):
        parent.register_error_handler(code, lambda _error: ("parent", 418))
    guest = intake(storage_url=f"sqlite:///{tmp_path}/one.db")
    parent.register_blueprint(guest.api_blueprint(), url_prefix="/doors")
    parent.add_url_rule("/broken", "broken", _broken)
    app.register_blueprint(parent)
    client = app.test_client()
    assert client.get("/internal/broken").status_code == 418
    assert client.get("/internal/doors/v1/none").status_code == 404
    assert client.get("/internal/doors/v1/events").json["type"] == "/internal/doors/v1/problems/credentials-refused"
