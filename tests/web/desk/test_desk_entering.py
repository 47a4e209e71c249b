"""Received by e-mail or portal: typed in, shown, confirmed; and the files kept."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from desk_house import DeskHouse, Page, Visitor

from notice_intake.core.catalogue import NOT_SPECIFIED_ORDER, NOTICE_CATEGORIES, ORDER_CATEGORIES

DATA = Path(__file__).parents[2] / "data" / "door"
NOTICE = {"instrument": "eu.iru.referral", "category": "STATEMENT_CATEGORY_VIOLENCE"}


def shown(visitor: Visitor, *files: tuple[str, bytes], **typed: str) -> Page:
    """Fill in the form and have it shown."""
    page = visitor.open("/enter")
    fields = {**dict(page.form("/enter").fields), **typed, "files": [(io.BytesIO(raw), name) for name, raw in files]}
    sent = visitor.client.post("/notices/desk/enter", data=fields, content_type="multipart/form-data")
    return Page(sent)


def rows(desk: DeskHouse, table: str) -> list[object]:
    tables = desk.mount.storage.tables
    with desk.mount.storage.read() as tx:
        return list(tx.execute(getattr(tables, table).select()).all())


def test_links_are_pasted_shown_and_stored(desk: DeskHouse, mona: Visitor) -> None:
    desk.content("https://video.example/1", title="Placeholder one")
    page = shown(mona, text="hxxps://video[.]example/1\nhttps://video.example/2", agency_name="Unit New", **NOTICE)
    assert page.status == 200
    assert "Known to the platform" in page.text
    assert "Unknown to the platform" in page.text
    assert "New here" in page.text
    assert rows(desk, "referral") == rows(desk, "original") == rows(desk, "agency") == []
    done = mona.send(page, "/enter/confirm")
    assert "It is stored" in done.text
    (referral,), (original,), (entry,) = rows(desk, "referral"), rows(desk, "original"), rows(desk, "entry")
    assert len(rows(desk, "case")) == 2
    assert original.content == b"hxxps://video[.]example/1\nhttps://video.example/2"
    assert (entry.channel, entry.entered_id, entry.entered_name) == ("email", "m1", "Mona Beispiel")
    assert referral.agency_reference.startswith("text-")
    actions = [(one.action, one.actor_kind) for one in rows(desk, "journal")]
    assert ("referral.entered", "moderator") in actions


def test_of_a_mail_only_what_is_ticked_is_stored(desk: DeskHouse, mona: Visitor) -> None:
    page = shown(mona, ("unit.eml", (DATA / "unit.eml").read_bytes()), agency_name="Unit One", **NOTICE)
    ticked = [value for name, value in page.form("/enter/confirm").fields if name == "taken"]
    assert ticked == ["0.0.0", "0.0.1", "0.0.2"]
    assert "Anybody can write this" in page.text
    assert "quoted, not checked" in page.text
    mona.send(page, "/enter/confirm", taken=["0.0.1"])
    assert [one.target_key for one in rows(desk, "item")] == ["link:https://platform.example/p2"]
    (case,) = rows(desk, "case")
    page = mona.open(f"/cases/{case.id}")
    assert "by Mona Beispiel" in page.text
    assert "unit.eml" in page.text


def test_the_file_comes_back_as_it_was_and_only_as_a_file(
    desk: DeskHouse, mona: Visitor, visit: Callable[..., Visitor]
) -> None:
    raw = (DATA / "unit.eml").read_bytes()
    mona.send(shown(mona, ("<b>.eml", raw), agency_name="Unit One", **NOTICE), "/enter/confirm")
    (link,) = [one for one in mona.open(f"/cases/{rows(desk, 'case')[0].id}").found("a") if "/files/" in one["href"]]
    got = mona.client.get(link["href"])
    assert got.data == raw
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in got.headers["Content-Security-Policy"]
    assert [one.action for one in rows(desk, "journal")][-1] == "original.read"
    for who, status in (("eng", 403), ("guest", 403), ("", 303)):
        assert visit(who).client.get(link["href"]).status_code == status
    assert mona.client.get(link["href"][:-1] + "0").status_code == 404


def test_only_those_who_decide_may_enter(visit: Callable[..., Visitor]) -> None:
    for who in ("eng", "guest"):
        assert visit(who).open("/enter").status == 403
        assert visit(who).open("/enter/template.csv").status == 403


def test_bad_rows_keep_everything_out_until_they_are_left_out(desk: DeskHouse, mona: Visitor) -> None:
    raw = b"reference,url,graphic\nR-1,https://video.example/1,perhaps\nR-1,https://video.example/2,no\n"
    page = shown(mona, ("t.csv", raw), agency_name="Unit One", **NOTICE)
    assert "Write yes or no." in page.text
    assert "Row 2" in page.text
    refused = mona.send(page, "/enter/confirm")
    assert refused.status == 422
    assert rows(desk, "referral") == []
    mona.send(refused, "/enter/confirm", skip_bad="yes")
    assert [one.target_key for one in rows(desk, "item")] == ["link:https://video.example/2"]


def test_the_clock_of_an_order_runs_from_receipt(desk: DeskHouse, mona: Visitor) -> None:
    typed = {"text": "https://video.example/1", "agency_name": "Authority", "channel": "portal"}
    typed |= {"instrument": "eu.tco.removal_order", "category": NOTICE["category"], "received_at": "2026-11-21T08:20"}
    page = shown(mona, **typed)
    assert "There is an order among this" in page.text
    mona.send(page, "/enter/confirm")
    (referral,), (entry,) = rows(desk, "referral"), rows(desk, "entry")
    assert referral.due_at == referral.received_at + timedelta(hours=1)
    assert referral.received_at.isoformat() == "2026-11-21T08:20:00+00:00"
    assert referral.updated_at == entry.entered_at == desk.clock()
    assert entry.channel == "portal"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"text": ""}, "Choose a file, or paste the links."),
        ({"agency_name": ""}, "Choose the agency, or write its name."),
        ({"received_at": "2026-11-21T09:01"}, "This lies in the future."),
        ({"received_at": "yesterday"}, "Write the day and the time"),
        ({"instrument": "nonsense"}, "Choose the instrument from the list."),
        ({"category": "nonsense"}, "Choose a category from the list."),
        ({"channel": "pigeon"}, "Choose how it came."),
        ({"agency": "agy_none", "agency_name": ""}, "Choose the agency from the list"),
    ],
)
def test_a_form_that_cannot_be_read_comes_back_as_typed(mona: Visitor, typed: dict[str, str], says: str) -> None:
    page = shown(mona, **{"text": "https://video.example/1", "agency_name": "Unit One", **NOTICE, **typed})
    assert page.status == 422
    assert says in page.text
    kept = dict(page.form("/enter").fields)
    assert kept["text"] == {"text": "https://video.example/1", **typed}["text"]


def test_what_nobody_was_shown_is_not_stored(desk: DeskHouse, mona: Visitor, marc: Visitor) -> None:
    page = shown(mona, text="https://video.example/1", agency_name="Unit One", **NOTICE)
    fields = dict(page.form("/enter/confirm").fields)
    changed = [
        {"held": "aHR0cHM6Ly92aWRlby5leGFtcGxlLzI="},
        {"held": "!"},
        {"token": fields["token"][:-2]},
        {"token": ""},
        {"csrf": ""},
    ]
    for one in changed:
        assert mona.client.post("/notices/desk/enter/confirm", data={**fields, **one}).status_code == 400
    theirs = dict(shown(marc, text="https://video.example/3", agency_name="Unit One", **NOTICE).form("/confirm").fields)
    mixed = {**theirs, "token": fields["token"], "held": fields["held"]}
    assert marc.client.post("/notices/desk/enter/confirm", data=mixed).status_code == 400
    assert rows(desk, "referral") == []


def test_the_same_twice_stores_nothing_twice(desk: DeskHouse, mona: Visitor) -> None:
    files = ("table.csv", (DATA / "table.csv").read_bytes())
    mona.send(shown(mona, files, agency_name="Unit One", **NOTICE), "/enter/confirm")
    assert len(rows(desk, "referral")) == 2
    page = shown(mona, files, agency_name="unit one", **NOTICE)
    assert "Here already" in page.text
    assert "was here already" in mona.send(page, "/enter/confirm").text
    assert (len(rows(desk, "referral")), len(rows(desk, "agency"))) == (2, 1)


def test_a_file_that_is_not_read_is_kept_with_the_referral(desk: DeskHouse, mona: Visitor) -> None:
    page = shown(mona, ("form.pdf", b"%PDF-1.4"), text="https://video.example/1", agency_name="Unit One", **NOTICE)
    assert "kept, not read" in page.text
    mona.send(page, "/enter/confirm")
    assert sorted(one.file_name for one in rows(desk, "entry")) == ["form.pdf", "pasted.txt"]


def test_large_files_travel_and_too_large_ones_are_told(desk: DeskHouse, mona: Visitor) -> None:
    page = shown(mona, ("f.pdf", b"x" * 3_000_000), text="https://video.example/1", agency_name="Unit One", **NOTICE)
    mona.send(page, "/enter/confirm")
    assert len(rows(desk, "entry")) == 2
    refused = shown(mona, ("f.pdf", b"x" * 8_400_000), text="https://video.example/4", agency_name="Unit One", **NOTICE)
    assert (refused.status, "too large together" in refused.text) == (422, True)
    refused = shown(mona, ("f.pdf", b"x" * 20_000_000), text="https://video.example/4", agency_name="Unit One")
    assert (refused.status, "This is too large" in refused.text) == (413, True)


def test_a_name_cannot_act_on_the_page(mona: Visitor) -> None:
    hostile = '"><script>alert(1)</script>\u202e'
    raw = f"reference,url\n<img src=x onerror=alert(1)>,https://video.example/{hostile}\n".encode()
    page = shown(mona, (hostile + ".csv", raw), agency_name="<b>Unit</b>", **NOTICE)
    assert "<script>alert" not in page.html
    assert "<img src=x" not in page.html
    assert "<b>Unit" not in page.html


def test_the_template_can_be_downloaded(mona: Visitor) -> None:
    got = mona.client.get("/notices/desk/enter/template.csv")
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert got.data.startswith(b"\xef\xbb\xbfagency_reference,")


def test_every_category_of_the_commission_can_be_chosen(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open("/enter")
    offered = {one.get("value") for one in page.found("option")}
    assert {*NOTICE_CATEGORIES, *ORDER_CATEGORIES} <= offered
    order = {"instrument": "eu.tco.removal_order", "category": NOT_SPECIFIED_ORDER}
    typed_in = shown(mona, text="https://video.example/1", agency_name="Authority", **order)
    assert typed_in.status == 200
    mona.send(typed_in, "/enter/confirm")
    assert [one.category for one in rows(desk, "case")] == [NOT_SPECIFIED_ORDER]
    notice = {**order, "instrument": "eu.iru.referral"}
    refused = shown(mona, text="https://video.example/2", agency_name="Unit", **notice)
    assert "not one of the codes" in refused.text or "Must be one of" in refused.text
