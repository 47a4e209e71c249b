"""The sandbox: everything is answered as it would be, and nothing of it is real."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from blinker import NamedSignal
from flask import Flask
from flows.desk import ONE, claim_next, queue
from flows.sandboxes import PREFIX, Sandbox, scripted, told
from sqlalchemy import update

from notice_intake import NoticeIntake, signals
from notice_intake.core.codes import Outcome, QuestionReason
from notice_intake.core.queue import QueueFilter
from notice_intake.core.scripts import Step, steps
from notice_intake.flows import desk_queries
from notice_intake.flows import sandbox as sandboxes
from notice_intake.store import migrate
from notice_intake.testing import FakeModerators, FakePlatform


@pytest.fixture
def sandbox(make_house):
    return Sandbox(make_house)


REMOVED, ASK = Step(outcome=Outcome.REMOVED), Step(question=QuestionReason.NOT_PRECISE)


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        ("decide:removed", (REMOVED,)),
        ("decide:removed 31-1", (REMOVED,)),
        ("decide:removed#31-1", (REMOVED,)),
        ("ask:not_precise+decide:removed", (ASK, REMOVED)),
        ("31-1", ()),
        ("31-1 decide:removed", ()),
        ("decide:removedx", ()),
        ("decide:removed-1", ()),
        ("decide:not_precise", ()),
        ("ask:removed", ()),
        ("ask:not_precise+decide:nothing", ()),
        ("decide:", ()),
        ("", ()),
    ],
)
def test_what_a_reference_says(reference, wanted):
    assert steps(reference) == wanted


def test_a_receipt_says_that_it_is_one_of_a_sandbox(sandbox):
    agency = sandbox.agency()
    answer = agency.refer()
    assert answer.status_code == 201
    assert answer.json["sandbox"] is True
    assert answer.headers["Notice-Intake-Sandbox"] == "?1"
    assert answer.headers["Location"] == f"{PREFIX}/v1/referrals/{answer.json['id']}"
    shown = agency.get(f"/v1/referrals/{answer.json['id']}")
    assert (shown.json["sandbox"], shown.headers["Notice-Intake-Sandbox"]) == (True, "?1")
    again = agency.refer(agency.document(), **{"Idempotency-Key": "k" * 20})
    assert again.json["sandbox"] is True


def test_the_lines_of_a_stream_say_so_too(sandbox):
    agency = sandbox.agency()
    stream = "\n".join([json.dumps(agency.document()), "not json", json.dumps(agency.document())])
    headers = {**agency.headers, "Content-Type": "application/x-ndjson"}
    answer = sandbox.house.client.post(f"{PREFIX}/v1/referrals/bulk", data=stream, headers=headers)
    lines = [json.loads(line) for line in answer.data.splitlines()]
    assert [line["status"] for line in lines] == [201, 400, 201]
    assert [line["receipt"]["sandbox"] for line in lines if "receipt" in line] == [True, True]


def test_a_real_receipt_does_not(sandbox):
    answer = sandbox.house.agency().refer()
    assert "sandbox" not in answer.json
    assert "Notice-Intake-Sandbox" not in answer.headers


def test_the_credentials_of_one_side_do_not_open_the_other(sandbox):
    trying, real = sandbox.agency(), sandbox.house.agency()
    document = json.dumps(real.document())
    for headers, prefix in ((trying.headers, "/notices"), (real.headers, PREFIX)):
        sent = {**headers, "Content-Type": "application/json"}
        answer = sandbox.house.client.post(f"{prefix}/v1/referrals", data=document, headers=sent)
        assert answer.status_code == 401
    assert sandbox.counts() == sandbox.counts(sandbox.house.mount) == {}


def test_keys_of_one_side_are_not_those_of_the_other(make_house):
    sandbox = Sandbox(make_house, public_url="https://platform.example")
    trying, real = sandbox.agency(), sandbox.house.agency()
    trying.refer()
    real.refer()
    published = [sandbox.house.client.get(f"{p}/v1/keys").json["keys"][0]["kid"] for p in ("/notices", PREFIX)]
    assert published[0] != published[1], "a receipt of the sandbox must never pass for a real one"


def test_the_same_content_is_two_cases_that_never_meet(sandbox):
    """The strongest instrument, the same link, the same reference: neither side sees the other."""
    trying, real = sandbox.agency(), sandbox.house.agency()
    link = "https://platform.example/p7"
    for _ in range(2):
        assert trying.refer(trying.order(link, agency_reference=f"T-{_}")).status_code == 201
    assert queue(sandbox.house) == []
    assert claim_next(sandbox.house) is None
    counts = desk_queries.queue_counts(sandbox.house.mount, moderator=ONE, now=sandbox.house.clock.now)
    assert (counts.open, counts.first) == (0, 0)
    before = sandbox.counts()
    assert real.refer(real.document(link)).status_code == 201
    (row,) = queue(sandbox.house)
    assert (row.instrument, row.referrals, row.due_kind) == ("eu.iru.referral", 1, "house")
    assert sandbox.counts() == before
    assert desk_queries.queue_page(
        sandbox.house.mount, QueueFilter(search=link), moderator=ONE, now=sandbox.house.clock.now
    ).rows == (row,)


def test_the_platform_is_never_asked_and_never_told_to_do_anything(sandbox):
    """Content that the platform knows, by the reference that has it removed: no hook is called, no listener told."""
    platform, heard = sandbox.house.platform, []

    def listener(sender, **facts):
        heard.append((sender.name, facts))

    for name in ("resolve", "capture", "apply", "revert", "inform"):
        setattr(platform, name, lambda *_args, name=name, **_options: heard.append(name))
    listened = [one for one in vars(signals).values() if isinstance(one, NamedSignal)]
    for signal in listened:
        signal.connect(listener)
    agency = sandbox.agency()
    answer = agency.refer(scripted(agency, "decide:removed", "decide:account_terminated#2"))
    assert answer.status_code == 201
    sandbox.work()
    statuses = [item["status"] for item in agency.get(f"/v1/referrals/{answer.json['id']}").json["items"]]
    assert statuses == ["effected", "effected"]
    assert heard == []
    assert len(listened) >= 5
    assert sandbox.mount.platform is not platform


@pytest.mark.parametrize(
    ("reference", "events"),
    [
        ("31-1", []),
        ("decide:removed 1", ["item.in_review", ("item.decided", "removed"), ("item.effected", "removed")]),
        ("decide:no_action", ["item.in_review", ("item.decided", "no_action")]),
        ("decide:not_possible", []),
        ("decide:access_disabled", ["item.in_review", ("item.decided", "access_disabled"), "item.effected"]),
        ("ask:not_precise", ["item.in_review", "item.needs_clarification"]),
    ],
)
def test_an_item_is_answered_as_its_reference_says(sandbox, reference, events):
    agency = sandbox.agency()
    assert agency.refer(scripted(agency, reference)).status_code == 201
    sandbox.work()
    found = told(agency)
    assert found[0] == ("referral.received", None)
    wanted = [one if isinstance(one, tuple) else (one, None) for one in events]
    if reference == "decide:not_possible":
        # A voluntary referral is never answered so: nothing is decided, and nothing breaks.
        assert ("item.decided", "not_possible") not in found
        return
    assert [one[0] for one in found[1:]] == [one[0] for one in wanted]
    assert [one[1] for one, want in zip(found[1:], wanted, strict=True) if want[1]] == [w[1] for w in wanted if w[1]]


def test_nothing_is_answered_before_it_was_received(sandbox):
    """A referral that comes in while a turn of the worker is under way, or by a process whose clock is ahead."""
    agency, clock = sandbox.agency(), sandbox.house.clock
    for ahead in (0, 3):
        began = clock()
        clock.advance(seconds=2)
        receipt = agency.refer(scripted(agency, "ask:not_precise", "decide:removed")).json
        clock.advance(seconds=-ahead)
        sandboxes.answer(sandbox.mount, now=began)
        events = [one for one in agency.get("/v1/events").json["events"] if one["data"]["referral"] == receipt["id"]]
        assert len(events) >= 3
        times = [one["timestamp"] for one in events]
        assert times == sorted(times)
        assert min(times) >= receipt["received_at"]
        clock.advance(seconds=10)


def test_an_order_is_answered_too(sandbox):
    agency = sandbox.agency()
    order = agency.order()
    order["items"][0]["reference"] = "decide:not_possible"
    assert agency.refer(order).status_code == 201
    sandbox.work()
    assert told(agency)[-1] == ("item.not_possible", "not_possible")


def post(sandbox, agency, path: str, document: object, etag: str):
    headers = {**agency.headers, "If-Match": etag}
    return sandbox.house.client.post(f"{PREFIX}{path}", json=document, headers=headers)


def test_the_whole_life_question_answer_decision_complaint_and_another_decision(sandbox):
    agency = sandbox.agency()
    reference = "ask:not_precise+decide:removed+decide:no_action"
    path = f"/v1/referrals/{agency.refer(scripted(agency, reference)).json['id']}"
    sandbox.work()
    shown = agency.get(path)
    (question,) = shown.json["questions"]
    assert (question["reason_code"], question["answered_at"]) == ("not_precise", None)
    supplement = {"text": "Placeholder.", "answers": question["id"]}
    assert post(sandbox, agency, f"{path}/supplements", supplement, shown.headers["ETag"]).status_code == 201
    sandbox.work()
    shown = agency.get(path)
    assert shown.json["items"][0]["outcome"] == "removed"
    complaint = {"text": "Placeholder.", "items": [reference]}
    assert post(sandbox, agency, f"{path}/complaints", complaint, shown.headers["ETag"]).status_code == 201
    sandbox.work()
    shown = agency.get(path)
    assert shown.json["items"][0]["status"] == "restored"
    assert ("complaint.decided", "reversed") in told(agency)
    assert post(sandbox, agency, f"{path}/complaints", complaint, shown.headers["ETag"]).status_code == 201
    sandbox.work()
    assert told(agency).count(("complaint.decided", "upheld")) == 1, "the last word stands"


def test_what_is_withdrawn_is_not_answered_any_more(sandbox):
    agency = sandbox.agency()
    made = agency.refer(scripted(agency, "decide:removed")).json
    path = f"/v1/referrals/{made['id']}"
    assert post(sandbox, agency, f"{path}/withdrawal", {"reason": "Placeholder."}, '"r1"').status_code == 201
    sandbox.work()
    assert agency.get(path).json["items"][0]["status"] == "withdrawn"


def test_callbacks_come_and_say_that_they_are_of_a_sandbox(sandbox, receiver):
    seen = []
    take = receiver.take
    receiver.take = lambda headers, body: seen.append(headers.get("notice-intake-sandbox")) or take(headers, body)
    agency = sandbox.agency("--callback-url", receiver.url)
    receiver.secret = agency.secret
    sandbox.house.clock.now = datetime.now(UTC)
    agency.refer(scripted(agency, "decide:removed"))
    sandbox.work()
    assert [event["type"] for event in receiver.verified][-1] == "item.effected"
    assert receiver.rejected == []
    assert set(seen) == {"?1"}


def test_the_workers_command_works_on_both_sides(sandbox):
    trying, real = sandbox.agency(), sandbox.house.agency()
    trying.refer(scripted(trying, "decide:removed"))
    real.refer(scripted(real, "decide:removed"))
    assert sandbox.command("work", "--once").exit_code == 0
    assert ("item.decided", "removed") in told(trying)
    assert told(real) == [("referral.received", None)], "a reference means nothing on the real side"


def test_everything_is_forgotten_after_a_while_and_nothing_else(sandbox):
    trying, real = sandbox.agency(), sandbox.house.agency()
    real.refer()
    reference = "ask:not_precise+decide:removed"
    path = f"/v1/referrals/{trying.refer(scripted(trying, reference)).json['id']}"
    sandbox.work()
    supplement = {"text": "Placeholder."}
    assert post(sandbox, trying, f"{path}/supplements", supplement, trying.get(path).headers["ETag"]).status_code == 201
    sandbox.work()
    sandbox.house.clock.advance(days=13)
    link = "https://platform.example/p5"
    trying.refer(trying.document(link))
    untouched = sandbox.counts(sandbox.house.mount)
    sandbox.house.clock.advance(days=1, seconds=1)
    result = sandbox.command("sandbox", "purge")
    assert result.output == "1 referrals forgotten\n"
    assert sandbox.counts() == {"referral": 1, "item": 1, "case": 1, "outbox": 1}
    assert sandbox.counts(sandbox.house.mount) == untouched
    assert trying.get(path).status_code == 404
    sandbox.house.clock.advance(days=14)
    sandbox.work()
    assert sandbox.counts() == {}, "the worker forgets by itself"


def test_a_feed_goes_on_counting_after_everything_was_forgotten(sandbox):
    """An agency that keeps its place hears of what comes after, whatever was deleted meanwhile."""
    agency, other = sandbox.agency(), sandbox.agency()
    place = "0"
    for _ in range(3):
        for one in (agency, other):
            one.refer(scripted(one, "decide:removed"))
        sandbox.work()
        page = agency.get(f"/v1/events?after={place}").json
        assert page["events"][0]["type"] == "referral.received", "none is missed"
        assert len(page["events"]) == 4
        assert int(page["next"]) == int(place) + 4
        place = page["next"]
        sandbox.house.clock.advance(days=15)
        purged = sandbox.command("sandbox", "purge")
        assert purged.output == "2 referrals forgotten\n", purged.exception
        assert agency.get("/v1/referrals").json["referrals"] == []
        again = agency.get(f"/v1/events?after={place}").json
        assert (again["events"], again["next"]) == ([], place)
        assert agency.get("/v1/events").json["events"] == [], "what is kept of it says nothing"
    assert sandbox.counts() == {"outbox": 1}, "the last of the one feed that was read"
    refused = agency.get(f"/v1/events?after={int(place) + 1}")
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/after")
    assert place in refused.json["errors"][0]["detail"]
    assert other.get("/v1/events?after=1").status_code == 422, "the numbers are each agency's own"


def test_a_case_that_a_newer_referral_names_stays(sandbox):
    agency, link = sandbox.agency(), "https://platform.example/p5"
    agency.refer(agency.document(link))
    sandbox.house.clock.advance(days=10)
    kept = agency.refer(agency.document(link)).json["id"]
    sandbox.house.clock.advance(days=5)
    assert sandbox.command("sandbox", "purge").output == "1 referrals forgotten\n"
    assert sandbox.counts() == {"referral": 1, "item": 1, "case": 1, "outbox": 1}
    assert agency.get(f"/v1/referrals/{kept}").status_code == 200


def test_a_step_that_cannot_be_taken_is_not_tried_at_every_turn(sandbox, caplog):
    caplog.set_level("INFO", "notice_intake.worker")
    agency = sandbox.agency()
    order = agency.order()
    order["items"][0]["reference"] = "decide:no_action"  # not an answer to an order
    agency.refer(order)
    sandbox.work()
    assert caplog.text.count("cannot answer") == 1


def test_without_the_setting_there_is_no_sandbox(house):
    assert house.client.get(f"{PREFIX}/v1/keys").status_code == 404
    result = house.app.test_cli_runner().invoke(args=["notice-intake", "sandbox", "agency", "list"])
    assert (result.exit_code, "NOTICE_INTAKE_SANDBOX_DAYS" in result.output) == (2, True)
    assert list(house.app.extensions["notice_intake"]) == ["notice_intake"]


def test_there_is_no_desk_in_it(sandbox):
    assert sandbox.house.client.get(f"{PREFIX}/desk/").status_code == 404


def test_its_blueprint_can_be_registered_by_the_host(storage, tmp_path):
    app = Flask("host", instance_path=str(tmp_path))
    parts = {"platform": FakePlatform(), "moderators": FakeModerators(), "storage": storage}
    intake = NoticeIntake(**parts, secret_keys=("k" * 40,), sandbox_days=3)
    app.register_blueprint(intake.api_blueprint(), url_prefix="/doors")
    app.register_blueprint(intake.sandbox_blueprint(), url_prefix="/tries")
    assert app.test_client().get("/tries/healthz").headers["Notice-Intake-Sandbox"] == "?1"
    assert "Notice-Intake-Sandbox" not in app.test_client().get("/doors/healthz").headers


def test_time_of_forgetting_is_counted_from_the_last_change(sandbox):
    """A referral that is still talked about is kept."""
    agency = sandbox.agency()
    made = agency.refer().json["id"]
    with sandbox.mount.storage.begin() as tx:
        table = tx.tables.referral
        later = sandbox.house.clock.now + timedelta(days=13)
        tx.execute(update(table).where(table.c.id == made).values(updated_at=later))
    sandbox.house.clock.advance(days=20)
    assert sandbox.command("sandbox", "purge").output == "0 referrals forgotten\n"


def test_check_looks_at_both_sides(sandbox):
    assert sandbox.command("check").output.splitlines()[4:] == [
        "sandbox database: ok",
        "sandbox tables: ok",
        "sandbox keys: ok",
        "sandbox worker: ok",
    ]
    migrate.downgrade(sandbox.mount.storage, "base")
    result = sandbox.command("check")
    assert (result.exit_code, "sandbox tables: not upgraded" in result.output) == (1, True)
    assert "tables: ok" in result.output, "the real side is as it was"
    assert sandbox.command("work", "--once").exit_code == 0, "and is worked for all the same"
    assert sandbox.command("db", "upgrade").exit_code == 0
    assert sandbox.command("check").exit_code == 0
