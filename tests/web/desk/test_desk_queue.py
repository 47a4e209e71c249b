"""The queue: order, filters in the address, counts, taking the next case."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from desk_house import PREFIX, DeskHouse, Page, Visitor, part

from notice_intake.store import queue


def rows(page: Page) -> list[str]:
    return [one["id"].removeprefix("row-") for one in page.found("tr", class_="ni-row")]


def test_what_is_due_next_comes_first_and_the_law_before_the_house(desk: DeskHouse, mona: Visitor) -> None:
    late = desk.refer("https://video.example/1")
    desk.clock.forward(hours=23, minutes=30)
    order = desk.order("https://video.example/2")
    later = desk.refer("https://video.example/3")
    page = mona.open("/")
    assert rows(page) == [order, late, later]
    assert "1 h 00 min legal deadline" in page.text
    assert "30 min house target" in page.text


def test_an_overdue_case_says_so_in_words(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.order("https://video.example/2")
    desk.clock.forward(minutes=63)
    page = mona.open("/")
    assert "3 min 00 s over" in page.text
    (due,) = page.found("time", data_left="")
    assert due["datetime"] == (desk.clock.at - timedelta(minutes=3)).isoformat().replace("+00:00", "Z")
    assert page.found("tr", id=f"row-{case_id}", data_level="overdue")


def test_a_row_says_what_is_known(desk: DeskHouse, mona: Visitor) -> None:
    desk.content("https://video.example/1", title="Placeholder title", language="el", parts=(part("text", "x"),))
    fields = {"operation": {"code": "RAD-2026-11"}, "urgency": {"threat_to_life": True}}
    desk.refer("https://video.example/1", content={"kind": "video", "languages": ["el"], "graphic": True}, **fields)
    desk.refer("https://video.example/1", agency=("Unit EL", "EL"))
    text = mona.open("/").text
    for words in ("Placeholder title", "hxxps://video[.]example/1", "IRU referral", "RAD-2026-11", "Unit BE, Unit EL"):
        assert words in text
    for words in ("2 referrals", "Greek", "Video", "Threat to life", "Graphic"):
        assert words in text


def test_filters_live_in_the_address_and_stay_there(desk: DeskHouse, mona: Visitor) -> None:
    wanted = desk.refer("https://video.example/1", operation={"code": "OP-1"}, content={"languages": ["pl"]})
    desk.clock.forward(seconds=1)
    other = desk.refer("https://video.example/2", operation={"code": "OP-2"}, content={"languages": ["el"]})
    assert rows(mona.open("/?operation=OP-1")) == [wanted]
    assert rows(mona.open("/?language=el")) == [other]
    assert rows(mona.open("/?due=overdue")) == []
    assert rows(mona.open(f"/?agency={desk.agencies['Unit BE'].id}")) == [wanted, other]
    page = mona.open("/?operation=OP-1&kind=url&nonsense=1&claim=whoever")
    chosen = {one["value"] for one in page.found("option", selected="") if one["value"]}
    assert chosen - {"en"} == {"OP-1", "url"}
    case_links = [one["href"] for one in page.found("a", data_row="")]
    assert case_links == [f"{PREFIX}/cases/{wanted}?kind=url&operation=OP-1"]
    assert page.form("/next").action == f"{PREFIX}/next?kind=url&operation=OP-1"


def test_search_finds_by_what_an_agency_calls_it(desk: DeskHouse, mona: Visitor) -> None:
    first = desk.refer("https://video.example/1")
    desk.refer("https://video.example/2")
    for text in ("BE-0001", "1-1", first, "hxxps://video[.]example/1"):
        assert rows(mona.open(f"/?search={text}")) == [first], text
    assert "No case matches this filter" in mona.open("/?search=nothing").text


def test_next_takes_the_most_urgent_free_case_that_the_filter_lets_through(
    desk: DeskHouse, mona: Visitor, marc: Visitor
) -> None:
    order = desk.order("https://video.example/1")
    video = desk.refer("https://video.example/2", operation={"code": "OP-1"})
    page = marc.send(marc.open("/"), "/next")
    assert page.found("article", data_case=order)
    assert "This case is yours for 20 min." in page.text
    page = mona.send(mona.open("/?operation=OP-1"), "/next", follow=False)
    assert page.where == f"{PREFIX}/cases/{video}?operation=OP-1"
    page = mona.send(mona.open("/"), "/next")
    assert "No free case is left here." in page.text
    assert "No free case is left here." not in mona.open("/").text


def test_pages_follow_one_another_without_repeating(desk: DeskHouse, mona: Visitor) -> None:
    everything = []
    for number in range(120):
        everything.append(desk.refer(f"https://video.example/{number}"))
        desk.clock.forward(seconds=1)
    found: list[str] = []
    page = mona.open("/")
    while True:
        found += rows(page)
        following = [one["href"] for one in page.found("a", rel="next")]
        if not following:
            break
        page = mona.open(following[0])
    assert found == everything
    assert "Back to the top" in page.text


def test_who_holds_what_is_shown_until_it_runs_out(desk: DeskHouse, mona: Visitor, marc: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    marc.send(marc.open("/"), "/next")
    page = mona.open("/")
    assert "Marc Exemple until 09:20" in page.text
    assert not page.offers(f"{case_id}/claim")
    assert "You until 09:20" in marc.open("/").text
    assert rows(mona.open("/?claim=free")) == []
    assert rows(marc.open("/?claim=mine")) == [case_id]
    desk.clock.forward(minutes=21)
    page = mona.open("/")
    assert "Marc Exemple" not in page.text
    assert page.offers(f"{case_id}/claim")
    after = mona.send(page, f"{case_id}/claim")
    assert after.found("article", data_case=case_id)


def test_counts_say_how_things_stand(desk: DeskHouse, mona: Visitor) -> None:
    desk.order("https://video.example/1")
    desk.clock.forward(minutes=61)
    desk.order("https://video.example/2")
    desk.refer("https://video.example/3")
    mona.send(mona.open("/"), "/next")
    text = mona.open("/").text
    for words in ("1 overdue", "1 within the hour", "2 orders and threats to life", "1 mine", "Open 3"):
        assert words in text


def test_a_threat_to_life_is_not_counted_as_an_order(desk: DeskHouse, mona: Visitor) -> None:
    desk.refer("https://video.example/1", urgency={"threat_to_life": True, "explanation": "Placeholder."})
    assert "1 order or threat to life" in mona.open("/").text
    desk.order("https://video.example/2")
    page = mona.open("/")
    assert "2 orders and threats to life" in page.text
    assert "2 orders 0" not in page.text


def test_red_is_kept_for_deadlines_in_law(desk: DeskHouse, mona: Visitor) -> None:
    desk.refer("https://video.example/1")
    desk.clock.forward(hours=25)
    assert mona.open("/").found("li", class_="ni-warm")
    assert not mona.open("/").found("li", class_="ni-hot")
    desk.order("https://video.example/2")
    desk.clock.forward(minutes=61)
    assert mona.open("/").found("li", class_="ni-hot")


def test_so_many_overdue_threats_to_life_that_not_all_are_looked_at_are_red_too(
    desk: DeskHouse, mona: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LATE_DEPTH", 2)
    desk.refer("https://video.example/1", urgency={"threat_to_life": True})
    desk.clock.forward(hours=25)
    assert not mona.open("/").found("li", class_="ni-hot")
    desk.refer("https://video.example/2", urgency={"threat_to_life": True})
    desk.clock.forward(hours=25)
    assert mona.open("/").found("li", class_="ni-hot")


def test_an_empty_queue_says_so(mona: Visitor) -> None:
    assert "No case waits for a decision." in mona.open("/").text
    assert "Every decision could be carried out." in mona.open("/?state=failed").text


def test_a_search_says_in_which_other_state_its_case_is(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    mona.send(mona.open(f"/cases/{case_id}"), "/decision", then="queue", outcome="no_action", facts="Facts.")
    for name in ("https://video.example/1", case_id, "BE-0001"):
        page = mona.open(f"/?kind=account&search={quote(name)}")
        (link,) = [
            one["href"]
            for one in page.found("a")
            if "state=decided" in one["href"] and "search" in one["href"] and "kind" not in one["href"]
        ]
        assert "1 in “Decided”" in page.text
        assert mona.open(link).found("tr", id=f"row-{case_id}")
    there = mona.open("/?state=decided&search=BE-0001")
    assert "Found elsewhere" not in there.text
    agency = desk.agencies["Unit BE"].id
    assert "1 in “Decided”" in mona.open(f"/?agency={agency}").text
    assert "Found elsewhere" not in mona.open("/?kind=account").text
    assert "Found elsewhere" not in mona.open("/?search=nothing").text
