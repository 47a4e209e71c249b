"""Deciding: what is recorded, what is refused, and that no typed word is lost."""

from __future__ import annotations

from threading import Event

import pytest
from desk_house import PREFIX, DeskHouse, Page, Visitor

from notice_intake.core.catalogue import NOT_SPECIFIED_ORDER, NOTICE_CATEGORIES, ORDER_CATEGORIES
from notice_intake.flows.work import work

REMOVE = {"outcome": "removed", "facts": "Placeholder facts.", "explanation": "Placeholder explanation."}


def typed(page: Page) -> dict[str, str]:
    return dict(page.form("/decision").fields)


def test_decide_and_next_records_and_claims_the_next(desk: DeskHouse, mona: Visitor) -> None:
    first = desk.refer("https://video.example/1")
    desk.clock.forward(seconds=1)
    second = desk.refer("https://video.example/2")
    page = mona.send(mona.open("/"), "/next")
    page = mona.send(page, "/decision", then="next", **REMOVE)
    assert page.found("article", data_case=second)
    assert "Removed." in page.text
    assert "Undo 0 min 30 s" in page.text
    decided = mona.open(f"/cases/{first}")
    for words in (
        "Removed",
        "Placeholder facts.",
        "Placeholder explanation.",
        "Our terms: Terms, 4.2",
        "Mona Beispiel",
    ):
        assert words in decided.text, words
    assert not decided.offers("/decision")


def test_deciding_without_next_leads_to_the_queue_as_it_was_filtered(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer("https://video.example/1", operation={"code": "OP-1"})
    page = mona.open(f"/cases/{case_id}?operation=OP-1")
    assert mona.send(page, "/decision", follow=False, then="queue", **REMOVE).where == f"{PREFIX}/?operation=OP-1"


def test_the_last_decision_of_the_queue_says_that_none_is_left(desk: DeskHouse, mona: Visitor) -> None:
    desk.refer("https://video.example/1")
    page = mona.send(mona.send(mona.open("/"), "/next"), "/decision", then="next", **REMOVE)
    assert "Removed." in page.text
    assert "No free case is left here." in page.text


def test_the_form_starts_with_what_the_referral_says(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{desk.refer('https://video.example/1')}")
    fields = typed(page)
    assert fields["ground_kind"] == "terms"
    assert fields["ground_reference"] == "Terms, 4.2"
    assert fields["category"] == "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY"
    assert ("keywords", "KEYWORD_TERRORIST_CONTENT") in page.form("/decision").fields
    assert "outcome" not in fields


def test_only_the_outcomes_that_every_instrument_allows_are_offered(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{desk.order('https://video.example/1')}")
    offered = [one["value"] for one in page.found("input", name="outcome")]
    assert offered == ["removed", "access_disabled", "already_gone", "not_possible"]


def test_a_refused_form_comes_back_with_all_that_was_typed(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{desk.refer('https://video.example/1')}")
    text = {"facts": "", "explanation": "Line one\nline <two> & so on", "ground_reference": '"quoted"', "category": ""}
    back = mona.send(page, "/decision", outcome="removed", keywords=["KEYWORD_OTHER", "KEYWORD_NUDITY"], **text)
    assert back.status == 422
    assert "2 things are missing or wrong" in back.text
    links = [one["href"] for one in back.found("a") if one["href"].startswith("#")]
    assert {"#facts", "#category"} <= set(links)
    for link in ("facts", "category"):
        (control,) = [values for _, values in back.elements if values.get("id") == link]
        assert control["aria-invalid"] == "true"
        assert [values for _, values in back.elements if values.get("id") in control["aria-describedby"].split()]
    fields = typed(back)
    assert fields["explanation"] == text["explanation"]
    assert fields["ground_reference"] == text["ground_reference"]
    assert fields["outcome"] == "removed"
    ticked = [value for name, value in back.form("/decision").fields if name == "keywords"]
    assert sorted(ticked) == ["KEYWORD_NUDITY", "KEYWORD_OTHER"]


def test_a_line_that_starts_empty_is_kept(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{desk.refer('https://video.example/1')}")
    back = mona.send(page, "/decision", outcome="", facts="\n\nafter two empty lines")
    assert typed(back)["facts"] == "\n\nafter two empty lines"


def test_a_line_end_counts_once(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{desk.refer('https://video.example/1')}")
    lines = "\r\n".join("x" for _ in range(2500))
    assert len(lines.replace("\r\n", "\n")) == 4999
    assert mona.send(page, "/decision", then="queue", **{**REMOVE, "facts": lines}).status == 200


def test_too_long_a_text_is_refused_with_its_limit(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{desk.refer('https://video.example/1')}")
    back = mona.send(page, "/decision", **{**REMOVE, "explanation": "x" * 2001})
    assert back.status == 422
    assert "Use at most 2\u202f000 characters." in back.html
    assert len(typed(back)["explanation"]) == 2001


def test_a_decision_on_a_stale_page_is_refused_with_what_changed(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    page = mona.open(f"/cases/{case_id}")
    desk.clock.forward(minutes=5)
    desk.order("https://video.example/1")
    back = mona.send(page, "/decision", then="next", **REMOVE)
    assert back.status == 409
    assert "The case has changed since you opened it" in back.text
    (problem,) = [part for part in back.html.split('id="ni-problem"')[1:]]
    new = problem.split("</ol>")[0]
    assert "Authority PL" in new
    assert "Unit BE" not in new
    assert typed(back)["facts"] == "Placeholder facts."
    assert typed(back)["outcome"] == "removed"
    assert mona.send(back, "/decision", then="queue").status == 200
    assert "Removed" in mona.open(f"/cases/{case_id}").text


def test_somebody_elses_claim_stops_a_decision_and_shows_what_was_typed(
    desk: DeskHouse, mona: Visitor, marc: Visitor
) -> None:
    case_id = desk.refer("https://video.example/1")
    page = mona.open(f"/cases/{case_id}")
    marc.send(marc.open(f"/cases/{case_id}"), "/claim")
    back = mona.send(page, "/decision", then="next", **REMOVE)
    assert back.status == 409
    assert "Marc Exemple holds this case for" in back.text
    assert "Placeholder facts." in back.text
    assert "Placeholder explanation." in back.text


def test_undo_brings_the_case_back_with_the_text(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    after = mona.send(mona.open(f"/cases/{case_id}"), "/decision", then="queue", **REMOVE)
    assert after.offers("/undo")
    desk.clock.forward(seconds=10)
    assert mona.open("/effects").offers("/undo")
    back = mona.send(mona.open("/"), "/undo")
    assert "The decision is undone." in back.text
    assert back.found("article", data_case=case_id)
    assert typed(back)["facts"] == "Placeholder facts."
    assert typed(back)["outcome"] == "removed"
    assert "This case is yours" in back.text


def test_undo_is_offered_only_while_it_is_possible(desk: DeskHouse, mona: Visitor, marc: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    after = mona.send(mona.open(f"/cases/{case_id}"), "/decision", then="queue", **REMOVE)
    assert not marc.open("/").offers("/undo")
    desk.clock.forward(seconds=31)
    assert not mona.open("/").offers("/undo")
    assert "Removed." not in mona.open("/").text
    late = mona.send(after, "/undo")
    assert late.status == 409
    assert "It is too late to undo this" in late.text


def test_the_banner_does_not_call_immediate_what_was_decided_earlier(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    mona.send(mona.open(f"/cases/{case_id}"), "/decision", then="queue", **REMOVE)
    desk.clock.forward(seconds=31)
    late = mona.open("/").text
    assert "It takes effect at once." not in late
    assert "It can no longer be undone." in late


def test_an_order_takes_effect_at_once(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.order("https://video.example/1")
    after = mona.send(mona.open(f"/cases/{case_id}"), "/decision", then="queue", **REMOVE)
    assert "It takes effect at once." in after.text
    assert not after.offers("/undo")
    assert "Removed." not in mona.open("/").text


def test_a_group_of_countries_is_one_tick(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.order("https://video.example/1")
    fields = {**REMOVE, "outcome": "access_disabled", "territories": ["EU", "NO", "BE"]}
    mona.send(mona.open(f"/cases/{case_id}"), "/decision", then="queue", **fields)
    text = mona.open(f"/cases/{case_id}").text
    for country in ("Norway", "Belgium", "Malta", "Sweden"):
        assert country in text
    assert "Iceland" not in text


@pytest.mark.parametrize("broken", [{"version": "x"}, {"version": "-1"}, {"seen": ""}, {"version": "9" * 40}])
def test_a_broken_hidden_field_is_a_bad_request(desk: DeskHouse, mona: Visitor, broken: dict[str, str]) -> None:
    page = mona.open(f"/cases/{desk.refer('https://video.example/1')}")
    assert mona.send(page, "/decision", **{**REMOVE, **broken}).status == 400


def test_a_reason_for_not_possible_is_asked_for(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.order("https://video.example/1")
    page = mona.open(f"/cases/{case_id}")
    back = mona.send(page, "/decision", outcome="not_possible", facts="Placeholder facts.")
    assert back.status == 422
    assert "Say why it cannot be carried out." in back.text
    mona.send(back, "/decision", then="queue", impossibility="manifest_error")
    assert "The order contains manifest errors" in mona.open(f"/cases/{case_id}").text


def test_a_cookie_that_was_tampered_with_is_forgotten(desk: DeskHouse, mona: Visitor) -> None:
    mona.client.set_cookie("notice_intake_notice", "made.up.value", path=PREFIX + "/")
    page = mona.open("/")
    assert page.status == 200
    assert not page.offers("/undo")


def options(page: Page) -> list[str]:
    """The categories that the form offers, in order."""
    values = [one.get("value", "") for one in page.found("option")]
    return [one for one in values if one.startswith("STATEMENT_CATEGORY_")]


def test_an_order_without_a_category_can_be_decided_as_it_is_filed(desk: DeskHouse, mona: Visitor) -> None:
    case_id = desk.order("https://video.example/1", category=NOT_SPECIFIED_ORDER)
    page = mona.open(f"/cases/{case_id}")
    assert typed(page)["category"] == NOT_SPECIFIED_ORDER
    assert sorted(options(page)) == sorted({*NOTICE_CATEGORIES, *ORDER_CATEGORIES})
    mona.send(page, "/decision", **{**REMOVE, "category": NOT_SPECIFIED_ORDER})
    again = mona.open(f"/cases/{case_id}")
    assert again.text.count("Type of illegal content not specified by the public authority") >= 2


def test_what_only_an_order_can_be_filed_under_is_offered_for_orders_alone(desk: DeskHouse, mona: Visitor) -> None:
    page = mona.open(f"/cases/{desk.refer('https://video.example/1')}")
    assert options(page) == list(NOTICE_CATEGORIES)


def test_a_decision_that_came_second_is_refused_in_words_and_kept(
    desk: DeskHouse, mona: Visitor, marc: Visitor
) -> None:
    case_id = desk.refer("https://video.example/1")
    page = mona.open(f"/cases/{case_id}")
    marc.send(marc.open(f"/cases/{case_id}"), "/decision", then="queue", outcome="no_action", facts="Other facts.")
    back = mona.send(page, "/decision", then="next", question="Which one?", **REMOVE)
    assert back.status == 409
    assert "Nothing was decided: Marc Exemple decided this meanwhile." in back.text
    for words in ("What you typed", "Placeholder facts.", "Placeholder explanation.", "Which one?"):
        assert words in back.text, words
    assert back.text.index("Nothing was decided") < back.text.index("The decision is being carried out")
    assert "Marc Exemple decided this; it has not left yet." in back.text
    assert not back.found("button", data_key="u")
    assert len(back.found("div", id="ni-problem")) == 1


def test_a_question_about_a_case_that_was_decided_meanwhile_is_kept(
    desk: DeskHouse, mona: Visitor, marc: Visitor
) -> None:
    case_id = desk.refer("https://video.example/1")
    page = mona.open(f"/cases/{case_id}")
    marc.send(marc.open(f"/cases/{case_id}"), "/decision", then="queue", outcome="no_action", facts="Other facts.")
    for later in (0, 31):
        desk.clock.forward(seconds=later)
        work(desk.mount, stop=Event(), once=True)
        back = mona.send(page, "/question", question_reason="other", question="Which one?", facts="Typed facts.")
        assert back.status == 409
        assert "Nothing was asked: Marc Exemple decided this meanwhile." in back.text
        assert "Which one?" in back.text
        assert "Nothing was decided" not in back.text
        assert "Typed facts." in back.html
    assert len(back.found("div", id="ni-problem")) == 1


def test_a_banner_undoes_its_own_decision_and_no_other(desk: DeskHouse, mona: Visitor, marc: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    banner = mona.send(mona.open(f"/cases/{case_id}"), "/decision", then="queue", **REMOVE)
    marc.send(marc.open(f"/cases/{case_id}"), "/undo")
    page = marc.open(f"/cases/{case_id}")
    marc.send(page, "/decision", then="queue", outcome="no_action", facts="Other facts.")
    late = mona.send(banner, "/undo")
    assert late.status == 409
    assert "Nothing was undone: Marc Exemple decided this meanwhile." in late.text
    assert "Other facts." in mona.open(f"/cases/{case_id}").text
    assert "The decision is undone." in mona.send(late, "/undo").text
