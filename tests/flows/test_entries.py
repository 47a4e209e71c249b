"""The operator's door on the command line and below: everything or nothing, and never twice."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from desk import ONE, case_file, queue

from notice_intake import signals
from notice_intake.core.journal import Actor
from notice_intake.core.queue import QueueFilter
from notice_intake.errors import DocumentRefused
from notice_intake.flows import claims, entries
from notice_intake.flows.entry_plan import file_of, plan
from notice_intake.flows.entry_values import EntryBlocked, Wish
from notice_intake.store import originals

DATA = Path(__file__).parents[1] / "data" / "door"
SAYS = ("--agency", "Unit One", "--instrument", "eu.iru.referral", "--category", "Violence")
WISH = Wish(agency_name="Unit One", instrument="eu.iru.referral", category="STATEMENT_CATEGORY_VIOLENCE")
BY = Actor("operator", "", "Op Erator")


def run(house, *args: object, given: str | None = None):
    return house.app.test_cli_runner().invoke(args=["notice-intake", "import", *map(str, args)], input=given)


def rows(house, name: str):
    with house.mount.storage.read() as tx:
        return tx.execute(getattr(tx.tables, name).select()).all()


def count(house) -> dict[str, int]:
    return {name: len(rows(house, name)) for name in ("referral", "item", "case", "original", "entry", "agency")}


NOTHING = {"referral": 0, "item": 0, "case": 0, "original": 0, "entry": 0, "agency": 0}


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    return path


def test_a_table_becomes_referrals_with_its_file_and_who_entered_it(house):
    result = run(house, "csv", DATA / "table.csv", *SAYS, "--channel", "portal", "--entered-by", "Op Erator", "--yes")
    assert result.exit_code == 0, result.output
    assert count(house) == {"referral": 2, "item": 3, "case": 3, "original": 1, "entry": 2, "agency": 1}
    file = case_file(house, queue(house)[0].id)
    (one,) = file.referrals[0].files
    assert (one.name, one.channel, one.entered_by) == ("table.csv", "portal", "Op Erator")
    assert rows(house, "original")[0].content == (DATA / "table.csv").read_bytes()
    assert "imported" in file.row.flags
    assert file.history[1].action == "referral.entered" or "referral.entered" in [one.action for one in file.history]


def test_the_same_file_twice_stores_nothing_twice_and_says_so(house):
    for path, kind in ((DATA / "table.csv", "csv"), (DATA / "unit.eml", "eml")):
        run(house, kind, path, *SAYS, "--yes")
        before = count(house)
        again = run(house, kind, path, *SAYS, "--yes")
        other = run(house, kind, path, *SAYS[:4], "--category", "Self-harm", "--yes")
        assert (again.exit_code, other.exit_code) == (0, 0)
        assert "was here already" in again.output
        assert "was here already" in other.output
        assert count(house) == before


@pytest.mark.parametrize("options", [("--dry-run",), ()])
def test_nothing_is_stored_without_a_yes(house, options):
    result = run(house, "csv", DATA / "table.csv", *SAYS, *options)
    assert result.exit_code == (0 if options else 2)
    assert "2 new referrals with 3 items" in result.output
    assert count(house) == NOTHING


def test_one_bad_row_keeps_everything_out_until_it_is_skipped(house, tmp_path):
    bad = table(tmp_path, "reference,url,content kind\nR,https://a.example/1,film\nR,https://a.example/2,video\nR,,\n")
    result = run(house, "csv", bad, *SAYS, "--yes", "--rejected", tmp_path / "back.csv")
    assert result.exit_code == 2
    assert "row 2, content_kind: Must be one of" in result.output
    assert "row 4" not in result.output.split("row 2")[0]
    assert count(house) == NOTHING
    back = (tmp_path / "back.csv").read_text(encoding="utf-8-sig")
    assert "film" in back
    assert "https://a.example/2" not in back
    result = run(house, "csv", bad, *SAYS, "--yes", "--skip-bad")
    assert result.exit_code == 1
    assert [row.locator for row in queue(house)] == ["https://a.example/2"]


def test_a_listener_of_the_host_may_write_and_sees_what_was_entered(house):
    """On SQLite one writes at a time: what is told after an entry is told when its turn is over."""
    claimed = []

    def heard(mount, **_facts):
        claimed.append(claims.claim_next(mount, QueueFilter(), moderator=ONE, now=house.clock.now))

    def enter():
        file = file_of("table.csv", (DATA / "table.csv").read_bytes(), now=house.clock.now)
        entries.enter(house.mount, plan(house.mount, [file], WISH, now=house.clock.now), by=BY, now=house.clock.now)

    signals.referral_received.connect(heard, sender=house.mount)
    entering = threading.Thread(target=enter, daemon=True)
    entering.start()
    entering.join(15)
    assert not entering.is_alive(), "the entry waits for a turn that it holds itself"
    assert len(claimed) == 2
    assert set(claimed) <= {row.id for row in rows(house, "case") if row.claimed_by == ONE.id}


def test_nobody_hears_of_an_entry_that_was_taken_back(house, monkeypatch):
    def heard(_mount, **_facts):
        told.append(1)

    def broken(*_args, **_options):
        raise KeyError

    told = []
    signals.referral_received.connect(heard, sender=house.mount)
    monkeypatch.setattr(originals, "touch", broken)
    file = file_of("table.csv", (DATA / "table.csv").read_bytes(), now=house.clock.now)
    with pytest.raises(KeyError):
        entries.enter(house.mount, plan(house.mount, [file], WISH, now=house.clock.now), by=BY, now=house.clock.now)
    assert count(house) == NOTHING
    assert told == []


def test_a_bad_file_is_left_out_alone(house, tmp_path):
    bad = table(tmp_path, "nothing,known\n1,2\n")
    result = run(house, "csv", bad, DATA / "table.csv", *SAYS, "--yes")
    assert result.exit_code == 1
    assert "rows.csv: not imported: row 1: No column is known here." in result.output
    assert count(house)["referral"] == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Say which agency sent it."),
        (("--agency", "agy_none"), "There is no agency agy_none."),
        ((*SAYS, "--received-at", "2026-03-02T10:00:00"), "with the offset from UTC"),
        ((*SAYS, "--received-at", "2026-03-02T10:00:00Z"), "it cannot have been received later"),
        ((*SAYS[:2], "--instrument", "nonsense"), "Choose one of: eu."),
        ((*SAYS[:4], "--category", "nonsense"), "--category: write one of"),
        ((*SAYS, "--channel", "pigeon"), "pigeon"),
    ],
)
def test_what_the_operator_says_is_checked(house, options, says):
    result = run(house, "eml", DATA / "unit.eml", "--yes", *options)
    assert result.exit_code == 2
    assert says in result.output
    assert count(house) == NOTHING


def test_what_a_mail_cannot_say_must_be_said(house):
    result = run(house, "eml", DATA / "unit.eml", "--agency", "Unit One", "--instrument", "eu.iru.referral", "--yes")
    assert result.exit_code == 2
    assert "category: This field is missing" in result.output


def test_of_a_mail_only_what_it_says_itself_is_taken(house):
    result = run(house, "eml", DATA / "unit.eml", *SAYS, "--yes")
    assert sorted(row.locator for row in queue(house)) == [
        "https://platform.example/p2?utm_source=mail",
        "hxxps://platform[.]example/p1",
        "www.platform.example/p3",
    ]
    assert "NOT TAKEN https://elsewhere.example/logo [signature]" in result.output
    assert "NOT TAKEN https://unit.example/imprint [own]" in result.output


def test_all_links_of_a_mail_can_be_taken(house):
    run(house, "eml", DATA / "unit.eml", *SAYS, "--yes", "--all-links")
    assert count(house)["item"] == 6


def test_the_clock_runs_from_receipt_and_pollers_find_it(house):
    agency = house.agency("Unit One")
    at = (house.clock.now - timedelta(minutes=40)).isoformat()
    said = ("--agency", agency.id, "--instrument", "eu.tco.removal_order", "--category", "Violence")
    result = run(house, "eml", DATA / "unit.eml", *said, "--received-at", at, "--yes")
    assert result.exit_code == 0, result.output
    row = queue(house)[0]
    assert row.due_at == house.clock.now + timedelta(minutes=20)
    assert row.due_kind == "legal"
    since = (house.clock.now - timedelta(minutes=1)).isoformat().replace("+", "%2B")
    assert len(agency.get(f"/v1/referrals?updated_since={since}").json["referrals"]) == 1


def test_an_agency_that_is_added_has_no_key_and_may_use_nothing(house):
    run(house, "eml", DATA / "unit.eml", *SAYS, "--yes")
    (agency,) = rows(house, "agency")
    assert (agency.name, agency.instruments) == ("Unit One", [])
    assert rows(house, "credential") == []


def test_the_template_can_be_filled_in_and_read(house, tmp_path):
    printed = run(house, "csv", "--template")
    path = table(tmp_path, printed.stdout)
    assert run(house, "csv", path, "--agency", "Unit One", "--yes").exit_code == 0
    assert [row.locator for row in queue(house)] == ["hxxps://video[.]example/watch?v=1"]


def test_many_rows_are_one_transaction(house, tmp_path, monkeypatch):
    lines = "".join(f"R-{number},https://a.example/{number}\n" for number in range(1200))
    file = file_of("t.csv", ("reference,url\n" + lines).encode(), now=house.clock.now)
    found = plan(house.mount, [file], WISH, now=house.clock.now)
    assert found.counts == {"referrals": 1200, "items": 1200, "here": 0, "faults": 0}
    calls = []

    def broken(*args, **options):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("the third batch breaks")
        return touch(*args, **options)

    touch = originals.touch
    monkeypatch.setattr(originals, "touch", broken)
    with pytest.raises(RuntimeError):
        entries.enter(house.mount, found, by=BY, now=house.clock.now)
    assert count(house) == NOTHING
    assert rows(house, "journal") == []
    monkeypatch.undo()
    assert len(entries.enter(house.mount, found, by=BY, now=house.clock.now).referrals) == 1200
    assert count(house)["entry"] == 1200


def test_a_reference_of_another_file_is_a_fault(house):
    one = file_of("a.csv", b"reference,url\nR,https://a.example/1\n", now=house.clock.now)
    two = file_of("b.csv", b"reference,url\nR,https://a.example/2\n", now=house.clock.now)
    entries.enter(house.mount, plan(house.mount, [one], WISH, now=house.clock.now), by=BY, now=house.clock.now)
    found = plan(house.mount, [two], WISH, now=house.clock.now)
    assert [fault.code for _, fault in found.faults] == ["reference_taken"]
    with pytest.raises(EntryBlocked):
        entries.enter(house.mount, found, by=BY, now=house.clock.now)
    assert count(house)["referral"] == 1


def test_bytes_are_kept_once_for_two_agencies(house):
    file = file_of("a.csv", b"reference,url\nR,https://a.example/1\n", now=house.clock.now)
    for name in ("Unit One", "Unit Two"):
        wish = Wish(agency_name=name, instrument=WISH.instrument, category=WISH.category)
        entries.enter(house.mount, plan(house.mount, [file], wish, now=house.clock.now), by=BY, now=house.clock.now)
    assert count(house) == {"referral": 2, "item": 2, "case": 1, "original": 1, "entry": 2, "agency": 2}


def test_more_links_than_a_referral_takes_become_several(house):
    lines = "\n".join(f"https://a.example/{number}" for number in range(150))
    mail = file_of("m.eml", f"From: u@unit.example\r\nMessage-ID: <m@u>\r\n\r\n{lines}".encode(), now=house.clock.now)
    found = plan(house.mount, [mail], WISH, now=house.clock.now)
    assert [(one.reference, len(one.items)) for one in found.fresh] == [("m@u", 100), ("m@u part 2", 50)]


def test_a_wish_that_nobody_can_have_is_refused_with_a_pointer(house):
    file = file_of("a.csv", b"url\nhttps://a.example/1\n", now=house.clock.now)
    with pytest.raises(DocumentRefused) as refused:
        plan(house.mount, [file], Wish(channel="pigeon"), now=house.clock.now)
    assert [one.pointer for one in refused.value.errors] == ["/channel"]
