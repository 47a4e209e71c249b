"""What is typed on a case page: sent as it stands there, and never lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from arriving import click_and_arrive, press_and_arrive
from desk_house import DeskHouse

pytestmark = pytest.mark.browser


def test_a_country_that_was_unticked_stays_out_of_the_decision(house: DeskHouse, come: Callable[..., Any]) -> None:
    page = come()
    click_and_arrive(page, page.locator("[data-row]").nth(1))
    case_id = page.locator("article").get_attribute("data-case")
    page.locator("[name=outcome][value=access_disabled]").check()
    whole, wider = page.locator("[data-preset]").first, page.locator("[data-preset]").last
    whole.check()
    page.locator("[name=territories][value=NO]").check()
    for code in ("DE", "FR"):
        page.locator(f"[name=territories][value={code}]").uncheck()
    assert not whole.is_checked()
    page.reload()
    assert not whole.is_checked()
    assert not page.locator("[name=territories][value=DE]").is_checked()
    page.locator("[name=territories][value=NO]").uncheck()
    page.locator("#facts").fill("Placeholder facts.")
    page.locator("#explanation").fill("Placeholder explanation.")
    assert not wider.is_checked()
    click_and_arrive(page, page.get_by_role("button", name="Decide", exact=True))
    with house.mount.storage.read() as tx:
        table = tx.tables.decision
        (taken,) = tx.execute(table.select().where(table.c.case_id == case_id)).all()
    assert len(taken.territories) == 25
    assert not {"DE", "FR", "NO"} & set(taken.territories)


def test_a_group_of_countries_is_ticked_by_its_countries(come: Callable[..., Any]) -> None:
    page = come()
    click_and_arrive(page, "[data-row]")
    page.locator("[name=outcome][value=access_disabled]").check()
    whole, wider = page.locator("[data-preset]").first, page.locator("[data-preset]").last
    wider.check()
    assert whole.is_checked()
    page.locator("[name=territories][value=IS]").uncheck()
    assert (whole.is_checked(), wider.is_checked()) == (True, False)
    whole.uncheck()
    assert page.locator("[name=territories]:checked").count() == 2


def test_a_refused_question_takes_nothing_from_the_decision(come: Callable[..., Any]) -> None:
    page = come()
    press_and_arrive(page, "n")
    page.locator("#facts").fill("Placeholder facts.")
    page.locator("h1").click()
    page.keyboard.press("a")
    page.locator("#question").fill("Which one?")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    assert page.locator("#ni-ask .ni-problem").is_visible()
    for _ in range(2):
        assert page.locator("#facts").input_value() == "Placeholder facts."
        assert page.locator("#question").input_value() == "Which one?"
        page.goto(page.url.removesuffix("/question"))
    page.locator("#explanation").fill("Typed later.")
    page.reload()
    assert page.locator("#facts").input_value() == "Placeholder facts."
    assert page.locator("#explanation").input_value() == "Typed later."


def test_a_question_survives_the_other_buttons_and_goes_when_it_is_asked(come: Callable[..., Any]) -> None:
    page = come()
    press_and_arrive(page, "n")
    page.locator("#facts").fill("Placeholder facts.")
    page.locator("h1").click()
    page.keyboard.press("a")
    page.locator("#question_reason").select_option("not_precise")
    page.locator("#question").fill("Which one?")
    page.locator("h1").click()
    press_and_arrive(page, "c")
    assert page.locator("[data-notice=extended]").is_visible()
    assert page.locator("#question").is_visible()
    assert page.locator("#question").input_value() == "Which one?"
    assert page.locator("#question_reason").input_value() == "not_precise"
    page.locator("[name=question_to]").first.check()
    click_and_arrive(page, "[data-ask]")
    assert page.locator("[data-notice=asked]").is_visible()
    assert page.locator("#facts").input_value() == "Placeholder facts."
    assert page.locator("#question").count() == 0 or page.locator("#question").input_value() == ""


def test_what_one_person_typed_does_not_come_to_the_next(come: Callable[..., Any], base: str) -> None:
    page = come("mona")
    click_and_arrive(page, "[data-row]")
    page.locator("#facts").fill("Placeholder facts.")
    page.context.add_cookies([{"name": "who", "value": "marc", "url": base}])
    page.reload()
    assert page.locator("#facts").input_value() == ""
    assert not page.locator("[data-restored]").is_visible()
    page.context.add_cookies([{"name": "who", "value": "mona", "url": base}])
    page.reload()
    assert page.locator("#facts").input_value() == "Placeholder facts."


def test_without_scripts_no_button_takes_what_was_typed(come: Callable[..., Any]) -> None:
    page = come(java_script_enabled=False)
    click_and_arrive(page, ".ni-next button")
    page.locator("#facts").fill("Placeholder facts.")
    page.locator("#ni-ask summary").click()
    page.locator("#question").fill("Which one?")
    click_and_arrive(page, page.get_by_role("button", name="Show blurred"))
    assert page.locator("#question").input_value() == "Which one?"
    for button in ("[data-ask]", "[data-alone]"):
        click_and_arrive(page, button)
        assert page.locator("#facts").input_value() == "Placeholder facts."
        assert page.locator("#question").input_value() == "Which one?"
    assert page.locator("[data-notice=extended]").is_visible()


def test_without_scripts_a_phone_shows_at_once_that_nothing_was_decided_and_leads_to_why(
    come: Callable[..., Any],
) -> None:
    page = come(java_script_enabled=False, width=360)
    click_and_arrive(page, ".ni-next button")
    page.locator("input[name=outcome][value=removed]").check(force=True)
    click_and_arrive(page, page.get_by_role("button", name="Decide", exact=True))
    told = page.locator(".ni-far a")
    assert "missing or wrong" in told.inner_text()
    assert in_sight(told)
    told.click()
    assert in_sight(page.locator("#ni-problem"))
    wide = come("lea", java_script_enabled=False)
    click_and_arrive(wide, ".ni-next button")
    wide.locator("input[name=outcome][value=removed]").check(force=True)
    click_and_arrive(wide, wide.get_by_role("button", name="Decide", exact=True))
    assert in_sight(wide.locator("#ni-problem"))
    assert not wide.locator(".ni-far").is_visible()


def in_sight(element: Any) -> bool:
    """Whether it stands within the window as the page is scrolled now."""
    box, window = element.bounding_box(), element.page.viewport_size
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= window["height"]
