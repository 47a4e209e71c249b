"""Purging: what goes, what stays, what is in the way, and what a kill in the middle leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from desk import KEEP, LEAD, REMOVE, case_file, claim_next, decide_case, decide_next, queue, run_worker
from flask import current_app
from sqlalchemy import select, text

from notice_intake import Moderator
from notice_intake.core.retention import Kept
from notice_intake.errors import Conflict, NotFound, PlatformRefused
from notice_intake.flows import own_referrals, retention
from notice_intake.flows.along import stop_along, work_along
from notice_intake.flows.questions import Question, ask
from notice_intake.flows.work import work
from notice_intake.store import agencies
from notice_intake.store.storage import Storage

#: Stands in every place where somebody can write; no part of it stands anywhere else.
CANARY = "kanari"
LINK = f"https://platform.example/{CANARY}-link/p1"
NAMED = Moderator(f"{CANARY}-moderator", f"{CANARY} Moderator")
SAMPLE = sorted((Path(__file__).parents[1] / "data" / "xarf").glob("co*-*.json"))[0]


def tables(house):
    return house.mount.storage.tables


def rows_of(house, name):
    with house.mount.storage.read() as tx:
        return tx.execute(select(getattr(tables(house), name))).all()


def dump(house):
    """Every value of every table, as text, by table."""
    found = {}
    with house.mount.storage.read() as tx:
        for table in tables(house).metadata.sorted_tables:
            values = [value for row in tx.execute(table.select()) for value in row]
            parts = [bytes(one).decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in values]
            found[table.name] = "\x1f".join(parts)
    return found


def with_canary(house, word=CANARY):
    return sorted(name for name, held in dump(house).items() if word in held)


def post(agency, receipt, call, document):
    path = receipt.json["status_path"]
    headers = {"If-Match": agency.get(path).headers["ETag"], **agency.headers}
    return agency._client.post(f"/notices{path}/{call}", json=document, headers=headers)


def purge(house, **options):
    done = retention.purge_due(house.mount, now=house.clock.now, **options)
    retention.destroy_copies(house.mount, now=house.clock.now)
    return done


def pass_days(house, days, *agencies):
    """Let time pass, and give agencies tokens that have not run out."""
    house.clock.advance(days=days)
    for one in agencies:
        done = command(house, "agency", "rotate", one.id, "--json")
        one.headers = {"Authorization": "Bearer " + json.loads(done.stdout)["token"]}


def command(house, *args):
    return house.app.test_cli_runner().invoke(args=["notice-intake", *args])


def a_whole_life(house):
    """A referral and an order with canaries wherever somebody can write; return agency and receipts."""
    agency = house.agency(callback_url=None)
    notice = agency.document(LINK, contact={"name": f"{CANARY} Officer", "email": f"{CANARY}@unit.example"})
    notice["items"][0]["reasons"] = f"{CANARY} reason"
    notice["items"][0]["content"] = {"producer": f"{CANARY} producer"}
    notice["grounds"] = [{"kind": "terms", "reference": "4.2", "explanation": f"{CANARY} ground"}]
    first = agency.refer(notice, **{"Idempotency-Key": "key-of-the-first-one"})
    assert first.status_code == 201, first.json
    case_id = claim_next(house, NAMED)
    version = case_file(house, case_id).row.version
    asked = Question("not_precise", f"{CANARY} question", (first.json["id"],))
    (question,) = ask(house.mount, case_id, asked, moderator=NAMED, version=version, now=house.clock.now)
    answer = {"answers": question, "text": f"{CANARY} answer"}
    assert post(agency, first, "supplements", answer).status_code == 201
    second = agency.refer(agency.order(LINK.replace("p1", "p2")))
    for _ in range(2):
        case_id = claim_next(house, NAMED)
        words = {"facts": f"{CANARY} facts", "explanation": f"{CANARY} why", "ground_reference": f"{CANARY} clause"}
        draft = REMOVE.__class__(
            **{**{name: getattr(REMOVE, name) for name in REMOVE.__dataclass_fields__}, **words, "ground_kind": "law"}
        )
        decide_case(house, case_id, draft, NAMED)
    run_worker(house, after=31)
    run_worker(house)
    complaint = {"items": [first.json["items"][0]["reference"]], "text": f"{CANARY} complaint"}
    assert post(agency, first, "complaints", complaint).status_code == 201
    decide_next(house, moderator=LEAD)
    run_worker(house, after=31)
    run_worker(house)
    return agency, first, second


def test_after_its_period_nothing_of_a_person_stands_in_any_table(make_house, database, tmp_path):
    house = make_house(undo_seconds=0)
    agency, first, _ = a_whole_life(house)
    file = tmp_path / f"{CANARY}.json"
    file.write_bytes(SAMPLE.read_bytes())
    entered = command(house, "import", "xarf", "--yes", "--entered-by", f"{CANARY} operator", str(file))
    assert entered.exit_code == 0, entered.output
    decide_next(house, ground_kind="law")
    run_worker(house, after=31)
    run_worker(house)
    before = with_canary(house)
    assert {"ni_referral", "ni_case", "ni_item", "ni_decision", "ni_message", "ni_opening"} <= set(before)
    told = agency.get(first.json["status_path"]).json

    house.clock.advance(days=364)
    assert not purge(house).counts
    assert with_canary(house) == before
    pass_days(house, 2, agency)
    done = purge(house)
    assert (done.counts["cases"], done.counts["referrals"]) == (3, 3), done
    assert with_canary(house) == []
    assert with_canary(house, "secure-banking") == []
    assert not rows_of(house, "original")
    assert not rows_of(house, "evidence")
    assert len(house.platform.discarded) == 3
    assert not purge(house).counts
    assert command(house, "journal", "seal").exit_code == 0
    assert command(house, "journal", "verify").exit_code == 0
    with house.mount.storage.read() as tx:
        known = agencies.find(tx, agency.id)
    seen = own_referrals.referral_file(house.mount, first.json["id"], agency=known, now=house.clock.now)
    assert [one.view.status for one in seen.items] == [one["status"] for one in told["items"]]
    assert CANARY not in str(seen)

    after = agency.get(first.json["status_path"]).json
    gone = {"questions", "supplements", "complaints", "purged_at", "updated_at"}
    assert {k: v for k, v in after.items() if k not in gone} == {k: v for k, v in told.items() if k not in gone}
    assert after["purged_at"].startswith(f"{house.clock.now:%Y-%m-%d}")
    assert [one["text"] for one in after["questions"]] == [""]
    assert after["complaints"][0]["items"] == told["complaints"][0]["items"]
    (entry,) = [row for row in rows_of(house, "journal") if row.action == "retention.purged"]
    facts = json.loads(entry.payload)["facts"]
    assert (facts["cases"], facts["referrals"], facts["evidence"]) == ("3", "3", "3")
    assert first.json["id"] in facts["referral_ids"]


def test_the_file_of_sqlite_holds_nothing_of_it_any_more(make_house, tmp_path, database):
    url, _ = database
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL overwrites when it vacuums, which is its own")
    house = make_house(undo_seconds=0)
    a_whole_life(house)
    house.clock.advance(days=366)
    purge(house)
    with house.mount.storage.connect() as connection:
        connection.execute(text("COMMIT"))
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    assert CANARY.encode() not in Path(url.removeprefix("sqlite:///")).read_bytes()
    assert not Path(url.removeprefix("sqlite:///") + "-wal").read_bytes()


def test_what_an_agency_gets_of_a_purged_referral(make_house):
    house = make_house(undo_seconds=0)
    agency, first, _ = a_whole_life(house)
    sent = agency.get("/v1/events").json
    assert sent["events"]
    tag = agency.get(first.json["status_path"]).headers["ETag"]
    pass_days(house, 366, agency)
    assert agency.get(first.json["status_path"]).headers["ETag"] == tag
    purge(house)
    # Who has the tag of what there was is not told that nothing changed.
    path, headers = "/notices" + first.json["status_path"], agency.headers
    purged = house.client.get(path, headers={**headers, "If-None-Match": tag})
    assert purged.status_code == 200
    assert purged.json["purged_at"]
    again = house.client.get(path, headers={**headers, "If-None-Match": purged.headers["ETag"]})
    assert again.status_code == 304
    again = agency.document(LINK, agency_reference=first.json["agency_reference"])
    refused = agency.refer(again)
    assert (refused.status_code, refused.json["type"].rpartition("/")[2]) == (409, "reference-taken")
    assert first.json["id"] in refused.json["detail"]
    keyed = agency.refer(agency.document(LINK), **{"Idempotency-Key": "key-of-the-first-one"})
    assert keyed.json["type"].rpartition("/")[2] == "idempotency-key-reused"
    words = {"supplements": {"text": "x"}, "withdrawal": {"reason": "x"}, "complaints": {"items": ["1-1"], "text": "x"}}
    for call, document in words.items():
        answer = post(agency, first, call, document)
        assert answer.status_code == 409, (call, answer.json)
        assert "retention period" in answer.json["detail"]
    assert agency.get("/v1/events").json["events"] == []
    assert agency.get("/v1/referrals").json["referrals"]
    # The same content once more is a case of its own: of the old one nothing is known.
    fresh = agency.refer(agency.document(LINK))
    assert fresh.status_code == 201
    (row,) = queue(house)
    assert row.referrals == 1
    assert agency.get("/v1/events").json["events"]


def test_the_desk_says_that_a_case_is_gone_and_lists_it_nowhere(make_house):
    house = make_house(undo_seconds=0)
    a_whole_life(house)
    (case_id, *_) = [row.id for row in rows_of(house, "case")]
    house.clock.advance(days=366)
    purge(house)
    with pytest.raises(NotFound, match="retention period"):
        case_file(house, case_id)
    for state in ("open", "decided", "failed"):
        assert not queue(house, state=state)
    gone = house.client.get(f"/notices/desk/cases/{case_id}")
    assert (gone.status_code, CANARY in gone.text) == (410, False)
    assert house.client.get("/notices/desk/").status_code in (200, 302, 303)


def closed(house, agency, *links, draft=KEEP):
    """A referral that is decided, carried out and told."""
    receipt = agency.refer(agency.document(*links))
    assert receipt.status_code == 201, receipt.json
    for _ in links or (1,):
        decide_next(house, draft)
    run_worker(house, after=31)
    run_worker(house)
    return receipt


def test_a_referral_goes_with_the_last_of_its_cases(house):
    agency = house.agency()
    both = closed(house, agency, "https://platform.example/p1", "https://platform.example/p2", draft=REMOVE)
    second = both.json["items"][1]["reference"]
    house.clock.advance(days=100)
    assert post(agency, both, "complaints", {"items": [second], "text": "Look again."}).status_code == 201
    decide_next(house, moderator=LEAD)
    run_worker(house, after=31)
    run_worker(house)
    house.clock.advance(days=300)
    # The referral changed with its second item, and with it all that it names.
    assert purge(house).counts == {}
    house.clock.advance(days=65)
    assert purge(house).counts["referrals"] == 1


def test_what_is_under_another_referrals_clock_stays_with_all_that_names_it(house):
    agency, other = house.agency(), house.agency("Unit Two")
    shared, alone = "https://platform.example/p1", "https://platform.example/p2"
    first = closed(house, agency, shared, alone, draft=REMOVE)
    pass_days(house, 360, agency, other)
    late = other.refer(other.document(shared))
    assert late.json["items"][0]["status"] == "effected"
    house.clock.advance(days=10)
    done = purge(house)
    assert (done.counts["cases"], done.counts["referrals"]) == (1, 0)
    assert agency.get(first.json["status_path"]).json.get("purged_at") is None
    answer = post(agency, first, "withdrawal", {"items": [first.json["items"][1]["reference"]]})
    assert answer.status_code == 422, answer.json
    house.clock.advance(days=356)
    assert purge(house).counts["referrals"] == 2


def test_what_waits_for_somebody_is_never_purged(make_house, receiver):
    house = make_house(undo_seconds=0)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    open_one = agency.refer()
    receiver.status = lambda event: 503
    closed(house, agency)
    house.platform.faults = [PlatformRefused("never")]
    agency.refer(agency.document("https://platform.example/p9"))
    for _ in range(2):
        decide_next(house)
    run_worker(house)
    pass_days(house, 1000, agency)
    done = purge(house)
    assert not done.counts
    assert set(done.kept) <= {Kept.UNDELIVERED, Kept.OPEN}
    assert done.kept[Kept.UNDELIVERED] >= 1
    assert agency.get(open_one.json["status_path"]).json.get("purged_at") is None


def test_a_hold_on_what_is_gone_already_is_refused(house):
    closed(house, house.agency(), "https://platform.example/p1")
    house.clock.advance(days=400)
    assert purge(house).counts["cases"] == 1
    for name in ("referral", "case"):
        (row,) = rows_of(house, name)
        told = command(house, "hold", "add", row.id, "--reference", "file 1")
        assert (told.exit_code, "purged already" in told.output) == (2, True), told.output
    assert not rows_of(house, "hold")


def test_a_hold_waits_for_the_purge_that_is_under_way(house):
    closed(house, house.agency(), "https://platform.example/p1")
    (row,) = rows_of(house, "referral")
    now, told = house.clock.now, []

    def hold():
        try:
            told.append(retention.place_hold(house.mount, row.id, reference="file 1", until=None, now=now))
        except Conflict as error:
            told.append(str(error))

    waiting = threading.Thread(target=hold)
    with house.mount.storage.begin() as tx:
        table = tx.tables.referral
        tx.execute(select(table).with_for_update())
        waiting.start()
        waiting.join(0.5)
        assert told == []
        tx.execute(table.update().values(purged_at=now))
    waiting.join(10)
    assert "purged already" in told[0]


def test_a_legal_hold_stops_the_purge_until_it_is_lifted_or_ends(house):
    agency, other = house.agency(), house.agency("Unit Two")
    links = [f"https://platform.example/p{number}" for number in (1, 2, 3)]
    receipts = [closed(house, one, link) for one, link in zip((agency, agency, other), links, strict=True)]
    cases = [row.id for row in rows_of(house, "case")]
    held = [receipts[0].json["id"], cases[1], other.id]
    for place, one in enumerate(held):
        until = ("--until", "2029-01-01") if place == 1 else ()
        assert command(house, "hold", "add", one, "--reference", f"file {place}", *until).exit_code == 0
    assert command(house, "hold", "list").output.count("file ") == 3
    house.clock.advance(days=400)
    done = purge(house)
    assert (done.counts, done.kept) == ({}, {Kept.HELD: 3})
    assert command(house, "hold", "lift", held[0]).output == "1 holds lifted\n"
    house.clock.advance(days=1)
    assert purge(house).counts["cases"] == 1
    house.clock.advance(days=800)
    assert purge(house).counts["cases"] == 1
    assert purge(house).counts == {}
    for wrong in (["hold", "add", "cas_NONE", "--reference", "x"], ["hold", "lift", "cas_NONE"]):
        assert command(house, *wrong).exit_code == 2
    past = command(house, "hold", "add", held[2], "--reference", "x", "--until", "2020-01-01")
    assert (past.exit_code, "later than now" in past.output) == (2, True)
    actions = [row.action for row in rows_of(house, "journal")]
    assert (actions.count("hold.placed"), actions.count("hold.lifted")) == (3, 1)


def test_the_command_says_what_it_would_do_and_what_it_did(house):
    agency = house.agency()
    for _ in range(3):
        closed(house, agency)
    agency.refer()
    assert command(house, "purge").output == "nothing purged\n"
    house.clock.advance(days=200)
    closed(house, agency)
    house.clock.advance(days=170)
    before = dump(house)
    dry = command(house, "purge", "--dry-run")
    assert (dry.exit_code, dry.output) == (0, "3 cases, 3 items would be purged\n")
    assert dump(house) == before
    early = command(house, "purge", "--before", "2027-03-01")
    assert (early.exit_code, early.output) == (0, "nothing purged\n")
    done = command(house, "purge")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("3 cases, 3 items, 3 decisions, 3 referrals")
    assert command(house, "purge", "--limit", "0").exit_code == 2


def test_a_limit_is_kept_and_said(make_house, monkeypatch):
    house = make_house(undo_seconds=0)
    monkeypatch.setattr(retention, "SLICE", 2)
    agency = house.agency()
    for _ in range(5):
        closed(house, agency)
    house.clock.advance(days=400)
    first = command(house, "purge", "--limit", "2")
    assert (first.exit_code, "2 cases" in first.output, "run this again" in first.output) == (1, True, True)
    second = command(house, "purge")
    assert (second.exit_code, "3 cases" in second.output) == (0, True)


def test_periods_by_instrument_and_none_at_all(make_house):
    house = make_house(undo_seconds=0, retention_days=200, retention_of="eu.tco.removal_order=700")
    agency = house.agency()
    closed(house, agency)
    agency.refer(agency.order())
    decide_next(house, ground_kind="law")
    run_worker(house, after=31)
    run_worker(house)
    house.clock.advance(days=201)
    done = purge(house)
    assert (done.counts["cases"], done.kept) == (1, {Kept.PERIOD: 1})
    assert done.looked == 2
    assert purge(house).looked == 0
    house.clock.advance(days=500)
    assert purge(house).counts["cases"] == 1
    never = make_house(retention_days=0)
    assert "nothing is ever purged" in command(never, "purge").output
    assert purge(never).looked == 0


def test_a_copy_is_forgotten_only_once_the_platform_has_destroyed_it(make_house):
    house = make_house(undo_seconds=0)
    closed(house, house.agency(), draft=REMOVE)
    house.clock.advance(days=400)
    house.platform.faults = [ConnectionError("the vault is down")]
    assert purge(house).counts["evidence"] == 1
    (row,) = rows_of(house, "evidence")
    assert row.location.startswith("vault/")
    assert not house.platform.discarded
    purge(house)
    assert house.platform.discarded == {f"discard:{row.id}": row.location}
    assert not rows_of(house, "evidence")


def released(house, agency, count):
    """Copies of so many purged cases, which the platform is to destroy."""
    for number in range(count):
        closed(house, agency, f"https://platform.example/p{number}", draft=REMOVE)
    pass_days(house, 400, agency)
    assert retention.purge_due(house.mount, now=house.clock.now).counts["evidence"] == count
    return [row.location for row in sorted(rows_of(house, "evidence"), key=lambda row: row.id)]


def test_a_copy_that_cannot_be_destroyed_keeps_no_other_waiting(house):
    stuck, *others = released(house, house.agency(), 3)
    gone = []

    def discard(location, *, key):
        if location == stuck:
            raise ConnectionError(key)
        gone.append(location)

    house.platform.discard = discard
    retention.destroy_copies(house.mount, now=house.clock.now, limit=1)
    house.clock.advance(hours=-3)
    for _ in range(3):
        retention.destroy_copies(house.mount, now=house.clock.now, limit=1)
    assert sorted(gone) == sorted(others)
    del house.platform.discard
    retention.destroy_copies(house.mount, now=house.clock.now, limit=1)
    assert list(house.platform.discarded.values()) == [stuck]
    assert not rows_of(house, "evidence")


def test_an_order_does_not_wait_for_copies_to_be_destroyed(house):
    agency = house.agency()
    released(house, agency, 2)
    assert agency.refer(agency.order(LINK)).status_code == 201
    decide_next(house, REMOVE, ground_kind="law")
    carried_out, seen = threading.Event(), []
    apply = house.platform.apply

    def discard(_location, *, key):
        seen.append((key, carried_out.wait(3)))

    house.platform.discard = discard
    house.platform.apply = lambda action, *, key: (apply(action, key=key), carried_out.set())[0]
    run_worker(house)
    assert [done for _, done in seen] == [True, True], "the order was carried out while the first was being destroyed"


def test_a_worker_that_is_to_stop_leaves_the_other_copies_for_later(house):
    released(house, house.agency(), 3)
    stop, seen = threading.Event(), []

    def discard(location, *, key):
        seen.append((location, key))
        stop.set()
        time.sleep(0.3)

    house.platform.discard = discard
    work(house.mount, stop=stop)
    assert len(seen) == 1
    assert len(rows_of(house, "evidence")) == 2


@pytest.mark.parametrize("how", ["along", "celery", "command"])
def test_copies_are_destroyed_within_the_app_of_the_host(house, how):
    agency = house.agency()
    places = released(house, agency, 1)
    seen = []

    def discard(location, *, key):
        assert key
        seen.append((current_app.name, location))

    house.platform.discard = discard
    if how == "celery":
        celery = pytest.importorskip("notice_intake.contrib.celery", reason="needs the extra celery")
        celery.one_round(house.mount, within=house.app.app_context)
    elif how == "command":
        assert "1 copies destroyed by the platform" in command(house, "purge").output
    else:
        work_along(house.mount, within=house.app.app_context)
        agency.refer()
        ends = time.monotonic() + 10
        while not seen and time.monotonic() < ends:
            time.sleep(0.05)
        stop_along(house.mount)
    assert seen == [("host", places[0])]


def test_the_worker_purges_by_itself(house):
    closed(house, house.agency())
    house.clock.advance(days=400)
    run_worker(house)
    assert [row.state for row in rows_of(house, "case")] == ["purged"]


def test_what_somebody_works_on_is_passed_over(make_house, database):
    url, _ = database
    if url.startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time: nobody can be at work on a row meanwhile")
    house = make_house(undo_seconds=0)
    agency = house.agency()
    receipts = [closed(house, agency) for _ in range(3)]
    house.clock.advance(days=400)
    t = tables(house)
    with house.mount.storage.begin() as tx:
        one = select(t.referral.c.id).where(t.referral.c.id == receipts[0].json["id"])
        tx.execute(one.with_for_update())
        tx.execute(select(t.case.c.id).order_by(t.case.c.id.desc()).limit(1).with_for_update())
        began = time.monotonic()
        done = purge(house)
        assert time.monotonic() - began < 5
        assert (done.counts["cases"], done.kept) == (1, {Kept.BUSY: 1})
    house.clock.advance(minutes=6)
    assert purge(house).counts["cases"] == 2


def test_purges_side_by_side_purge_everything_once(make_house, monkeypatch):
    house = make_house(undo_seconds=0)
    monkeypatch.setattr(retention, "SLICE", 3)
    agency = house.agency()
    links = [f"https://platform.example/p{number}" for number in range(12)]
    for number in range(6):
        agency.refer(agency.document(links[2 * number], links[2 * number + 1]))
    for _ in links:
        decide_next(house, KEEP)
    run_worker(house, after=31)
    run_worker(house)
    house.clock.advance(days=400)
    found, faults = [], []

    def run():
        try:
            found.append(purge(house))
        except Exception as fault:  # pragma: no cover  told below
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not faults
    house.clock.advance(minutes=6)
    found.append(purge(house))
    assert sum(one.counts["cases"] for one in found) == 12
    assert sum(one.counts["referrals"] for one in found) == 6
    assert all(row.purged_at is not None and b"purged" in row.body for row in rows_of(house, "referral"))


PROGRAM = """
import sys
from flask import Flask
from notice_intake import NoticeIntake, Storage
from notice_intake.testing import FakeModerators, FakePlatform, FixedClock
from notice_intake.flows import retention
from datetime import datetime
url, schema, at = sys.argv[1:4]
storage = Storage.from_url(url, schema=schema or None)
app = Flask("host")
clock = FixedClock(datetime.fromisoformat(at))
intake = NoticeIntake(
    platform=FakePlatform(), moderators=FakeModerators(), storage=storage, clock=clock, secret_keys=("k" * 40,)
)
mount = intake.init_app(app)
retention.SLICE = 1
print("ready", flush=True)
while True:
    done = retention.purge_slice(mount, now=clock.now)
    if not done.more:
        break
print("done", flush=True)
"""


def test_a_kill_in_the_middle_leaves_every_referral_whole_or_purged(make_house, database, tmp_path):
    url, schema = database
    house = make_house(undo_seconds=0)
    agency = house.agency()
    documents = [agency.document(f"https://platform.example/p{number}") for number in range(40)]
    for document in documents:
        assert agency.refer(document).status_code == 201
    for _ in documents:
        decide_next(house, KEEP, facts=f"{CANARY} facts")
    run_worker(house, after=31)
    run_worker(house)
    house.clock.advance(days=400)
    program = tmp_path / "purge.py"
    program.write_text(PROGRAM)
    arguments = [sys.executable, str(program), url, schema or "", house.clock.now.isoformat()]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    seen = []
    for kill_at in (3, 9, 17, 26):
        child = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "ready\n"
        ends = time.monotonic() + 30
        while child.poll() is None and time.monotonic() < ends and len(_purged(house)) < kill_at:
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        child.wait()
        seen.append(len(_purged(house)))
        _whole_or_purged(house)
    assert seen == sorted(seen)
    assert seen[0] >= 1
    done = purge(house)
    assert done.counts["referrals"] == 40 - seen[-1]
    assert with_canary(house) == []
    assert sum(row.action == "retention.purged" for row in rows_of(house, "journal")) >= seen[-1]


def _purged(house):
    return [row.id for row in rows_of(house, "referral") if row.purged_at is not None]


def _whole_or_purged(house):
    cases = {row.id: row for row in rows_of(house, "case")}
    items = {row.referral_id: row for row in rows_of(house, "item")}
    words = {row.case_id: row.facts for row in rows_of(house, "decision")}
    for row in rows_of(house, "referral"):
        item = items[row.id]
        case = cases[item.case_id]
        parts = {
            row.purged_at is not None,
            b"purged" in row.body,
            case.state == "purged",
            case.locator == "",
            item.target_key.startswith("purged:"),
            words[case.id] == "",
        }
        assert len(parts) == 1, row.id


def test_another_writer_waits_for_one_slice_at_most(make_house):
    house = make_house(undo_seconds=0)
    agency = house.agency()
    for _ in range(30):
        closed(house, agency)
    pass_days(house, 400, agency)
    stop, waits = threading.Event(), []

    def write():
        while not stop.is_set():
            began = time.monotonic()
            assert agency.refer().status_code == 201
            waits.append(time.monotonic() - began)

    thread = threading.Thread(target=write)
    thread.start()
    slices = []
    retention.SLICE, before = 5, retention.SLICE
    try:
        while True:
            began = time.monotonic()
            done = retention.purge_slice(house.mount, now=house.clock.now)
            slices.append(time.monotonic() - began)
            if not done.more:
                break
    finally:
        retention.SLICE = before
        stop.set()
        thread.join()
    assert len(slices) >= 6
    assert max(waits) < 5 * max(slices) + 1


def test_a_signature_goes_with_the_last_referral_that_came_under_it(storage: Storage, house):
    agency = house.agency()
    receipts = [closed(house, agency) for _ in range(2)]
    ids = [one.json["id"] for one in receipts]
    t = storage.tables
    row = {"key_id": "k", "algorithm": "ed25519", "public_key": CANARY, "signature_input": "x", "signature": "x"}
    with storage.begin() as tx:
        purging_row = {**row, "id": "sig_1", "base": "b", "stream": CANARY.encode(), "checked_at": house.clock.now}
        tx.execute(t.signature.insert(), purging_row)
        tx.execute(t.referral.update().values(signature_id="sig_1"))
    retention.place_hold(house.mount, ids[0], reference="1", until=None, now=house.clock.now)
    house.clock.advance(days=400)
    assert purge(house).counts["signatures"] == 0
    retention.lift_hold(house.mount, ids[0], now=house.clock.now)
    house.clock.advance(days=1)
    assert purge(house).counts["signatures"] == 1
    assert with_canary(house) == []
    checked = command(house, "evidence", "verify", ids[0])
    assert "purged" in checked.output


def test_a_case_that_is_opened_again_meanwhile_is_left_alone(house):
    agency = house.agency()
    receipt = closed(house, agency, draft=REMOVE)
    house.clock.advance(days=183)
    reference = receipt.json["items"][0]["reference"]
    assert post(agency, receipt, "complaints", {"items": [reference], "text": "Look again."}).status_code == 201
    house.clock.advance(days=600)
    assert not purge(house).counts
    decide_next(house, moderator=LEAD)
    run_worker(house, after=31)
    run_worker(house)
    assert not purge(house).counts
    house.clock.advance(days=366)
    assert purge(house).counts["cases"] == 1


def test_a_callback_that_was_purged_is_not_sent_again(make_house, receiver):
    house = make_house(undo_seconds=0)
    house.clock.now = datetime.now(UTC)
    agency = house.agency(callback_url=receiver.url)
    receiver.secret = agency.secret
    closed(house, agency)
    assert receiver.verified
    pass_days(house, 400, agency)
    purge(house)
    (delivery, *_) = agency.get("/v1/deliveries").json["deliveries"]
    answer = agency._client.post(f"/notices/v1/deliveries/{delivery['id']}/replay", headers=agency.headers)
    assert answer.status_code == 409, answer.json
    assert "retention period" in answer.json["detail"]
    heard = len(receiver.ids)
    run_worker(house)
    assert len(receiver.ids) == heard


def test_a_referral_that_is_kept_for_another_case_keeps_what_its_agency_was_told(house):
    agency = house.agency()
    receipt = agency.refer(agency.document("https://platform.example/p1", "https://platform.example/p2"))
    case_id = decide_next(house, KEEP)
    run_worker(house, after=31)
    told = agency.get("/v1/events").json["events"]
    pass_days(house, 400, agency)
    purge(house)
    assert {one.id: one.state for one in rows_of(house, "case")}[case_id] == "purged"
    assert agency.get(receipt.json["status_path"]).json["purged_at"] is None
    assert agency.get("/v1/events").json["events"] == told
