"""The queue that stays open all day: filters by keyboard, the focus, and what it says when it is no longer fresh."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from arriving import press_and_arrive
from desk_house import DeskHouse

pytestmark = pytest.mark.browser

SOONER = "const later = setInterval; window.setInterval = (f, ms) => later(f, ms > 5000 ? 300 : ms);"


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.tagName"))


def test_a_filter_is_walked_by_arrow_keys_and_applied_by_enter(come: Callable[..., Any]) -> None:
    page = come()
    page.keyboard.press("/")
    page.locator("#ni-f-kind").focus()
    before = page.url
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    assert page.url == before
    assert focused(page) == "ni-f-kind"
    chosen = page.locator("#ni-f-kind").input_value()
    press_and_arrive(page, "Enter")
    assert f"kind={chosen}" in page.url
    assert focused(page) == "ni-f-kind"
    # Back to the empty choice: the filters would be folded away, and are not, for the focus is there.
    page.keyboard.press("Home")
    press_and_arrive(page, "Enter")
    assert "kind=" not in page.url
    assert focused(page) == "ni-f-kind"
    page.keyboard.press("ArrowDown")
    press_and_arrive(page, "Tab")
    assert "kind=" in page.url
    assert focused(page).startswith("ni-f-")
    assert focused(page) != "ni-f-kind"


def test_a_filter_that_is_chosen_by_hand_applies_at_once_and_keeps_the_focus(come: Callable[..., Any]) -> None:
    page = come()
    page.keyboard.press("/")
    page.locator("#ni-f-kind").focus()
    with page.expect_navigation():
        page.locator("#ni-f-kind").select_option(index=1)
    assert focused(page) == "ni-f-kind"


def test_refreshing_leaves_the_focus_on_what_had_it(house: DeskHouse, come: Callable[..., Any]) -> None:
    page = come()
    page.add_init_script(SOONER)
    page.reload()
    places = ("[data-claim]", ".ni-tabs a", "#ni-counts a", ".ni-row [data-row]")
    for number, place in enumerate(places):
        page.locator(place).last.focus()
        was = page.evaluate("document.activeElement.getAttribute('href') || document.activeElement.formAction")
        new = house.refer(f"https://video.example/new/{number}")
        page.wait_for_selector(f"#row-{new}")
        now = page.evaluate("document.activeElement.getAttribute('href') || document.activeElement.formAction")
        assert now == was, place


def test_a_queue_that_is_no_longer_fresh_says_so_and_how_to_go_on(come: Callable[..., Any], base: str) -> None:
    page = come()
    page.add_init_script(SOONER)
    page.reload()
    page.wait_for_function("() => document.querySelector('[data-live-at]').textContent")
    assert not page.locator("[data-stale]").is_visible()
    page.context.add_cookies([{"name": "who", "value": "", "url": base}])
    page.wait_for_selector("[data-stale]", state="visible")
    assert "log in again" in page.locator("[data-stale]").inner_text()
    assert page.locator("[data-stale] a").get_attribute("href") == "/notices/desk/"
    page.context.add_cookies([{"name": "who", "value": "mona", "url": base}])
    page.wait_for_selector("[data-stale]", state="hidden")


def test_escape_in_the_settings_gives_the_focus_back_to_what_opened_them(come: Callable[..., Any]) -> None:
    page = come()
    for inside in ("#ni-lang", ".ni-menu button[name=keys]"):
        page.locator(".ni-menu summary").click()
        page.locator(inside).focus()
        page.keyboard.press("Escape")
        assert not page.locator(inside).is_visible()
        assert page.evaluate("document.activeElement.matches('.ni-menu > summary')")
