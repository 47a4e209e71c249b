"""The conformance kit finds what is wrong with a deployment, and nothing that is not."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from auth.signers import pem_of
from broken import FAULTS, Faulty, served, use_token
from deployments import Deployment, free_port, settings
from flask import Flask

from notice_intake import NoticeIntake, Storage
from notice_intake.client import BearerAuth, SignatureAuth
from notice_intake.client.conformance import RULES, check
from notice_intake.client.conformance.door import Door
from notice_intake.flows import sandbox, work
from notice_intake.store import migrate
from notice_intake.testing import FakeModerators, FakePlatform

#: What a worker has to do for: tried by itself, once.
SLOW = {"life", "endpoint"}
QUICK = [one for one in RULES if one.group not in SLOW or one.id == "endpoint.addresses"]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    """A sandbox on a socket, whose faults can be chosen, and the door to it."""
    where, port = tmp_path_factory.mktemp("broken"), free_port()
    origin = f"http://127.0.0.1:{port}"
    storage = Storage.from_url(f"sqlite:///{where / 'broken.db'}")
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "storage": storage}
    app = Flask("broken", instance_path=str(where))
    mount = NoticeIntake(**parts, public_url=origin, **settings()).init_app(app)
    inside = app.extensions["notice_intake"]["notice_intake_sandbox"]
    migrate.upgrade(storage)
    migrate.upgrade(inside.storage)
    faulty, stop = Faulty(app), threading.Event()
    options = {"stop": stop, "also": sandbox.Turn()}
    worker = threading.Thread(target=work.work, args=(inside,), kwargs=options, daemon=True)
    worker.start()
    with served(faulty, port):
        yield Deployment(origin, app, mount, where), faulty
    stop.set()
    worker.join(10)
    storage.dispose()


@pytest.fixture
def door(deployment):
    made, faulty = deployment
    faulty.name = None
    one, two = made.agency(), made.agency("Unit Two")
    tokens = [Path(each["token"]).read_text() for each in (one, two)]
    use_token(tokens[0])
    signer = SignatureAuth(pem_of("ed25519"))
    if not hasattr(faulty, "signing"):
        faulty.signing = made.agency("Unit Three")
        made.key(faulty.signing["id"], pem_of("ed25519"))
    return Door(
        made.url,
        BearerAuth(tokens[0]),
        signer=signer,
        other=BearerAuth(tokens[1]),
        largest=200_000,
        patience=10,
        sandbox=True,
        until=time.monotonic() + 120,
    )


def broken(report) -> dict[str, str]:
    return {one.rule.id: f"expected {one.expected}; came {one.came}" for one in report.results if one.state == "fail"}


def test_nothing_is_found_where_nothing_is_wrong(door):
    report = check(door, [one for one in RULES if one.group != "endpoint" or one.id == "endpoint.addresses"])
    assert broken(report) == {}
    assert [one.rule.id for one in report.results if one.state == "not tried"] == ["answers.too-many"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_the_rules_that_it_breaks_and_by_no_other(deployment, door, fault):
    _, faulty = deployment
    faulty.name = fault
    wanted = FAULTS[fault][2]
    # What changes a body comes after it was signed here: only a fault of the signatures themselves is asked about them.
    signed = any(rule.startswith("keys.") for rule in wanted)
    try:
        report = check(door, [one for one in QUICK if signed or one.group != "keys"])
    finally:
        faulty.name = None
    found = broken(report)
    assert set(found) == wanted, found


def test_every_group_of_rules_is_broken_by_some_fault():
    found = {rule.partition(".")[0] for _, _, rules in FAULTS.values() for rule in rules}
    assert {one.group for one in QUICK} <= found


def test_without_a_worker_the_sandboxs_answers_are_missed_and_it_says_so(door, deployment):
    door.patience = 0.5
    _, faulty = deployment
    reference = next(one for one in RULES if one.id == "life.decided")
    FAULTS["answers_nothing_by_itself"] = (
        lambda environ, body: body.replace(b"decide:removed", b"decide-removed"),
        None,
        {"life.decided"},
    )
    faulty.name = "answers_nothing_by_itself"
    try:
        report = check(door, [reference])
    finally:
        faulty.name = None
        del FAULTS["answers_nothing_by_itself"]
    assert "is a worker running?" in broken(report)["life.decided"]
