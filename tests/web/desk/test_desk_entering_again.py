"""Entering, where the first try is not the last: what is missing is asked for, and nothing is typed twice."""

from __future__ import annotations

from threading import Event

from desk_house import DeskHouse, Visitor
from test_desk_entering import DATA, NOTICE, rows, shown

from notice_intake.flows.work import work

FILED = {"category": NOTICE["category"]}
MAIL = ("unit.eml", (DATA / "unit.eml").read_bytes())


def store_buttons(page) -> list[str]:
    return [one for one in ("Store what is chosen", "Store 1 referral", "Store 2 referrals") if one in page.text]


def test_a_mail_without_an_instrument_can_be_completed_where_it_is_shown(desk: DeskHouse, mona: Visitor) -> None:
    page = shown(mona, MAIL, agency_name="Unit One")
    assert "Row" not in page.text
    assert "Choose the instrument below." in page.text
    assert {"#instrument"} <= {one["href"] for one in page.found("a")}
    assert store_buttons(page) == []
    chosen = mona.send(page, "/enter/confirm", again="yes", taken=["0.0.1"], **NOTICE)
    assert chosen.status == 200
    assert rows(desk, "referral") == []
    assert store_buttons(chosen) == ["Store 1 referral"]
    assert not chosen.found("select", id="instrument")
    assert "It is stored" in mona.send(chosen, "/enter/confirm").text
    assert [one.target_key for one in rows(desk, "item")] == ["link:https://platform.example/p2"]


def test_a_category_that_is_missing_is_asked_for_too(desk: DeskHouse, mona: Visitor) -> None:
    page = shown(mona, MAIL, agency_name="Unit One", instrument=NOTICE["instrument"])
    assert "Choose the category below." in page.text
    assert store_buttons(page) == []
    again = mona.send(page, "/enter/confirm", again="yes", category="nonsense")
    assert (again.status, "Choose a category from the list." in again.text) == (422, True)
    assert dict(again.form("/enter").fields)["agency_name"] == "Unit One"
    chosen = mona.send(page, "/enter/confirm", again="yes", category=NOTICE["category"])
    assert store_buttons(chosen) == ["Store 1 referral"]


def test_an_order_that_is_chosen_late_is_shown_as_one_before_it_is_stored(desk: DeskHouse, mona: Visitor) -> None:
    page = shown(mona, text="https://video.example/1", agency_name="Authority")
    order = {"instrument": "eu.tco.removal_order", "category": NOTICE["category"]}
    chosen = mona.send(page, "/enter/confirm", **order)
    assert rows(desk, "referral") == []
    assert "There is an order among this." in chosen.text
    mona.send(chosen, "/enter/confirm")
    assert len(rows(desk, "referral")) == 1


def test_what_was_entered_can_be_changed_without_typing_it_again(desk: DeskHouse, mona: Visitor) -> None:
    desk.agency("Unit BE", "BE")
    known = desk.agencies["Unit BE"].id
    typed = {"agency": known, "channel": "fax", "received_at": "2026-11-20T08:20", "language": "fr", **NOTICE}
    text = "https://video.example/1\nhttps://video.example/2"
    page = shown(mona, text=text, reference="R-1", **typed)
    form = mona.send(page, "/enter/change", reference="R-2")
    kept = dict(form.form("/enter").fields)
    assert {name: kept[name] for name in typed} == typed
    assert kept["text"].replace("\r\n", "\n") == text
    assert kept["reference"] == "R-2"
    assert "Files have to be chosen again." not in form.text
    assert "Files have to be chosen again." in mona.send(shown(mona, MAIL, text=text, **typed), "/enter/change").text
    assert mona.open("/enter/change").where.endswith("/enter")


def test_rows_of_which_none_can_be_stored_offer_no_button(desk: DeskHouse, mona: Visitor) -> None:
    raw = b"reference,url,graphic\nR-1,https://video.example/1,perhaps\n"
    page = shown(mona, ("t.csv", raw), agency_name="Unit One", **NOTICE)
    assert "Write yes or no." in page.text
    assert store_buttons(page) == []


def test_a_link_that_was_decided_before_leads_to_its_case_and_says_the_answer(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    decided = {"outcome": "removed", "facts": "Placeholder facts.", "explanation": "Placeholder explanation.", **FILED}
    mona.send(mona.open(f"/cases/{case_id}"), "/decision", then="queue", **decided)
    desk.clock.forward(seconds=60)
    work(desk.mount, stop=Event(), once=True)
    done = mona.send(shown(mona, text="https://video.example/1", agency_name="Unit One", **NOTICE), "/enter/confirm")
    assert done.found("article", data_case=case_id)
    assert "Removed. It is stored. The case was decided before; that decision answers it." in done.text
    same = mona.send(shown(mona, text="https://video.example/1", agency_name="Unit One", **NOTICE), "/enter/confirm")
    assert same.found("article", data_case=case_id)
    assert "was here already" in same.text
    # A new link beside it waits in the queue, as before.
    text = "https://video.example/1\nhttps://video.example/2"
    both = mona.send(shown(mona, text=text, agency_name="Unit One", **NOTICE), "/enter/confirm")
    assert "It is stored, and waits in the queue." in both.text
    assert "1 in “Closed”" in both.text
