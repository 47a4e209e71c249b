"""A host's own tests make an app for each: what is gone must not stay in memory because it was mounted once."""

from __future__ import annotations

import gc
import json
import weakref

from flask import Flask
from fresh_tables import open_fresh

from notice_intake import NoticeIntake
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform


def used(folder):
    """Make an app, mount on it, send it a referral, do the work; return weak references to all that this made."""
    folder.mkdir()
    app = Flask("host", instance_path=str(folder))
    storage = open_fresh(f"sqlite:///{folder / 'test.db'}")
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "storage": storage}
    mount = NoticeIntake(**parts, secret_keys=("k" * 40,)).init_app(app)
    run = app.test_cli_runner().invoke
    added = ["agency", "add", "Unit One", "--country", "BE", "--instrument", "eu.iru.referral", "--json"]
    agency = FakeAgency(app.test_client(), json.loads(run(args=["notice-intake", *added]).stdout)["token"])
    receipt = agency.refer(agency.document("https://platform.example/p1"))
    assert receipt.status_code == 201
    assert agency.get(receipt.json["status_path"]).status_code == 200
    assert app.test_client().get("/notices/desk/").status_code == 200
    assert run(args=["notice-intake", "work", "--once"]).exit_code == 0
    storage.dispose()
    return [weakref.ref(one) for one in (app, mount, storage, storage.engine)]


def test_an_app_that_is_gone_leaves_nothing_behind(tmp_path):
    made = [one for number in range(3) for one in used(tmp_path / str(number))]
    gc.collect()
    assert [type(one()).__name__ for one in made if one() is not None] == []
