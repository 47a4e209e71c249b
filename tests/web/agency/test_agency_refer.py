"""The referral form: filled in, looked at, sent; and everything that can be wrong with it."""

from __future__ import annotations

import json

import pytest
from agency_house import TYPED, Guest, enrolled, link_of
from sqlalchemy import select

ORDER = {
    "/issued_at": "2026-11-21T08:40",
    "/removal_order/issuing_authority/type": "court",
    "/removal_order/issuing_authority/name": "Placeholder court",
    "/removal_order/issuing_authority/member_state": "BE",
    "/removal_order/addressee/name": "Example platform",
    "/removal_order/terrorist_content_types": ["incitement"],
    "/removal_order/signature/signed_at": "2026-11-21T08:41:30",
    "/removal_order/signature/signatory": "A. Placeholder",
    "/removal_order/redress/0/body": "Placeholder court of appeal",
    "/removal_order/redress/0/deadline": "30 days",
}
NOTICE = {"/good_faith": "yes", "/contact/name": "A. Placeholder", "/contact/email": "a@unit.example"}


def form_of(guest, instrument="eu.iru.referral"):
    return guest.open(f"/refer?instrument={instrument}")


def previewed(guest, instrument="eu.iru.referral", **typed):
    return guest.fill(form_of(guest, instrument), "/refer", {**TYPED, **typed, "step": "preview"})


def stored(host):
    with host.mount.storage.read() as tx:
        return [json.loads(row.body) for row in tx.execute(select(tx.tables.referral))]


def test_a_referral_is_filled_in_looked_at_and_sent(host, guest):
    preview = previewed(guest)
    assert "Nothing is sent yet. 2 items go out" in preview.text
    assert stored(host) == []
    page = guest.fill(preview, "/refer", {"step": "send"})
    assert "Your referral has arrived" in page.text
    (document,) = stored(host)
    assert [one["target"] for one in document["items"]] == [
        {"kind": "url", "url": "hxxps://video[.]example/watch?v=1"},
        {"kind": "account", "handle": "@placeholder"},
    ]
    assert {one["reasons"] for one in document["items"]} == {"Placeholder reasons."}
    assert document["grounds"] == [{"kind": "terms", "reference": "Terms, 4.2"}]


def test_what_the_form_stores_is_what_the_api_would_have_taken(host, guest, refer):
    refer(**{"/content/languages": "ar, fr", "/content/kind": "video", "/content/graphic": "yes"})
    (document,) = stored(host)
    host.mount.rulebook.contracts["eu.iru.referral"].check(document)
    assert document["items"][0]["content"] == {"kind": "video", "languages": ["ar", "fr"], "graphic": True}
    assert "operation" not in document
    assert "urgency" not in document


def test_the_preview_shows_how_each_line_was_understood(guest):
    pasted = "hxxps://video[.]example/a\n@who\nhttps://video.example/a?utm_source=x\nhttps://пример.example/b"
    text = previewed(guest, lines=pasted).text
    assert "hxxps://video[.]example/a" in text
    assert "The same as line 1: left out" in text
    assert "xn--e1afmkfd" in text
    assert "3 items go out" in text


def test_nothing_typed_is_lost_when_something_is_wrong(guest):
    typed = {**TYPED, "/category": "", "/operation/name": "Placeholder operation", "lines": "one\nhttps://a.example/1"}
    page = guest.fill(
        form_of(guest), "/refer", {**typed, "/keywords": ["KEYWORD_TERRORIST_CONTENT"], "step": "preview"}
    )
    assert page.status == 422
    kept = dict(page.form("/refer").fields)
    assert kept["lines"] == typed["lines"]
    assert kept["/operation/name"] == "Placeholder operation"
    assert kept["/keywords"] == "KEYWORD_TERRORIST_CONTENT"
    for said in ("Line 1: This is not a link", "Category: This is missing.", "Code: This is missing."):
        assert said in page.text
    (category,) = page.found("select", name="/category")
    assert category["aria-invalid"] == "true"
    assert page.found("p", id=category["aria-describedby"])


def test_changing_something_after_the_preview_keeps_everything(guest):
    preview = previewed(guest, **{"/urgency/explanation": "Placeholder.", "/urgency/threat_to_life": "yes"})
    again = guest.fill(preview, "/refer", {"step": "change"})
    kept = dict(again.form("/refer").fields)
    assert {name: kept[name].strip() for name in TYPED} == {name: value.strip() for name, value in TYPED.items()}
    assert kept["/urgency/threat_to_life"] == "yes"


def test_an_order_asks_for_what_the_law_asks_for(host, guest):
    page = guest.fill(form_of(guest, "eu.tco.removal_order"), "/refer", {**TYPED, "step": "preview"})
    assert page.status == 422
    for label in ("Issued", "Kind of authority", "Name of the authority", "The content", "Signed by", "Body or court"):
        assert f"{label}: This is missing." in page.text
    preview = previewed(guest, "eu.tco.removal_order", **ORDER, zone="+02:00")
    assert "2026-11-21T08:40:00+02:00" in preview.text
    guest.fill(preview, "/refer", {"step": "send"})
    (document,) = stored(host)
    host.mount.rulebook.contracts["eu.tco.removal_order"].check(document)
    order = document["removal_order"]
    assert document["issued_at"] == "2026-11-21T08:40:00+02:00"
    assert order["signature"]["signed_at"] == "2026-11-21T08:41:30+02:00"
    assert order["redress"] == [{"body": "Placeholder court of appeal", "deadline": "30 days"}]
    assert "home_authority" not in order


def test_a_box_that_is_not_ticked_says_no_once_its_part_is_filled_in(host, guest):
    authority = {"/removal_order/home_authority/name": "Placeholder authority"}
    guest.fill(previewed(guest, "eu.tco.removal_order", **ORDER, **authority), "/refer", {"step": "send"})
    assert stored(host)[0]["removal_order"]["home_authority"] == {"name": "Placeholder authority", "copied": False}


def test_a_notice_asks_for_good_faith_and_a_name(guest):
    page = guest.fill(form_of(guest, "eu.dsa.notice"), "/refer", {**TYPED, "step": "preview"})
    assert page.status == 422
    assert "good faith" in page.text
    assert previewed(guest, "eu.dsa.notice", **NOTICE).status == 200


def test_another_entry_of_a_list_can_be_asked_for_without_scripts(host, guest):
    page = guest.fill(form_of(guest), "/refer", {**TYPED, "add": "/grounds"})
    assert page.found("select", name="/grounds/1/kind")
    assert dict(page.form("/refer").fields)["/grounds/0/reference"] == "Terms, 4.2"
    typed = {"/grounds/1/kind": "law", "/grounds/1/reference": "Example Act", "step": "preview"}
    guest.fill(guest.fill(page, "/refer", typed), "/refer", {"step": "send"})
    assert [one["kind"] for one in stored(host)[0]["grounds"]] == ["terms", "law"]


def test_an_entry_left_empty_is_left_out(host, guest):
    page = guest.fill(form_of(guest), "/refer", {**TYPED, "add": "/grounds"})
    guest.fill(guest.fill(page, "/refer", {"step": "preview"}), "/refer", {"step": "send"})
    assert len(stored(host)[0]["grounds"]) == 1


def test_sending_the_same_form_twice_stores_it_once(host, guest):
    preview = previewed(guest)
    first = guest.fill(preview, "/refer", {"step": "send"}, follow=False)
    second = guest.fill(preview, "/refer", {"step": "send"}, follow=False)
    assert first.where == second.where
    assert "had arrived before" in guest.open(second.where).text
    assert len(stored(host)) == 1


def test_a_form_that_was_sent_is_not_sent_again_with_something_else(host, guest):
    preview = previewed(guest)
    guest.fill(preview, "/refer", {"step": "send"})
    again = guest.fill(preview, "/refer", {"step": "send", "/reasons": "Other reasons."})
    assert (again.status, "was sent before" in again.text) == (409, True)
    assert len(stored(host)) == 1


def test_a_reference_that_was_used_names_the_referral_that_has_it(host, guest, refer):
    referral_id = refer()
    page = guest.fill(previewed(guest, lines="https://video.example/other"), "/refer", {"step": "send"})
    assert page.status == 409
    assert "You have used this reference" in page.text
    assert [one for one in page.found("a") if one["href"].endswith(referral_id)]
    assert dict(page.form("/refer").fields)["lines"] == "https://video.example/other"


def test_another_agencys_reference_is_nobodys_business(host, guest, stranger, refer):
    refer()
    refer(stranger)
    assert len(stored(host)) == 2


@pytest.mark.parametrize("instrument", ["eu.tco.removal_order", "eu.dsa.notice"])
def test_an_instrument_that_is_not_open_to_the_agency_stays_closed(host, instrument):
    guest = Guest(host, link_of(host, enrolled(host, "Unit PL", "eu.iru.referral")))
    assert guest.open(f"/refer?instrument={instrument}").status == 403
    form = guest.open("/refer")  # the only one opens by itself
    assert "IRU referral" in form.text
    for step in ("preview", "send"):
        assert guest.fill(form, "/refer", {**TYPED, "instrument": instrument, "step": step}).status == 403
    assert guest.open("/refer?instrument=none").status == 404


def test_times_to_come_and_times_that_are_none_are_refused(guest):
    page = guest.fill(form_of(guest), "/refer", {**TYPED, "/issued_at": "2027-01-01T00:00", "step": "preview"})
    assert "Issued: This time has not come yet." in page.text
    page = guest.fill(form_of(guest), "/refer", {**TYPED, "/issued_at": "yesterday", "step": "preview"})
    assert "Issued: Write the time as" in page.text
    assert dict(page.form("/refer").fields)["/issued_at"] == "yesterday"


def test_too_many_lines_are_refused_with_all_of_them_kept(guest):
    pasted = "\n".join(f"https://video.example/{number}" for number in range(101))
    page = guest.fill(form_of(guest), "/refer", {**TYPED, "lines": pasted, "step": "preview"})
    assert page.status == 422
    assert dict(page.form("/refer").fields)["lines"] == pasted


@pytest.mark.parametrize(
    "typed",
    [
        {"nonce": ""},
        {"nonce": "x"},
        {"nonce": "../../../../../../../../"},
    ],
)
def test_a_form_that_only_something_broken_can_send_is_refused(guest, typed):
    assert guest.fill(form_of(guest), "/refer", {**TYPED, **typed, "step": "send"}).status == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("/language", "x" * 40),
        ("/category", "NONE"),
        ("/agency_reference", "x" * 201),
        ("/agency_reference", "a\x00b"),
        ("/grounds/0/kind", "other"),
        ("/grounds/999/kind", "law"),
        ("/keywords", ["NONE"]),
        ("/disclosure/uploader", "maybe"),
        ("zone", "+99:00"),
        ("/issued_at", "2026-13-45T99:99"),
        ("lines", "https://a.example/\x00"),
        ("lines", "\ud83d" if False else "‮https://a.example/"),
        ("add", "/none"),
        ("/unknown/field", "x"),
    ],
)
def test_no_value_of_a_field_breaks_the_page(guest, name, value):
    page = guest.fill(form_of(guest), "/refer", {**TYPED, name: value, "step": "preview"})
    assert page.status in (200, 422)


def test_what_was_typed_cannot_act_in_the_page(guest):
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    for step in ("preview", "change"):
        page = guest.fill(
            form_of(guest),
            "/refer",
            {**TYPED, "/agency_reference": evil, "/reasons": evil, "lines": evil, "step": step},
        )
        assert not page.found("script")
        assert not page.found("img")
