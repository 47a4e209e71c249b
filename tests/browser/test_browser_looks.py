"""How the desk looks in Chromium: nothing breaks, touches or leaves its window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from desk_house import DeskHouse
from test_browser_desk import overflow

pytestmark = pytest.mark.browser


def heights(page: Any, selector: str) -> list[float]:
    """Return the heights of what can be seen of a selector."""
    shown = "(found) => found.filter((one) => one.offsetParent).map((one) => one.getBoundingClientRect().height)"
    return list(page.locator(selector).evaluate_all(shown))


def gap(page: Any, above: str, below: str) -> float:
    """Return how many pixels lie between two things that stand one above the other."""
    first, second = page.locator(above).first.bounding_box(), page.locator(below).first.bounding_box()
    return float(second["y"] - first["y"] - first["height"])


@pytest.mark.parametrize("lang", ["en", "de", "fr", "ar"])
def test_no_word_in_the_bar_breaks_and_nothing_leaves_the_window(
    house: DeskHouse, come: Callable[..., Any], base: str, lang: str
) -> None:
    page = come("lea", lang=lang)
    case = page.locator("[data-row]").first.get_attribute("href").removeprefix("/notices/desk")
    page.goto(base + case)
    for width in (320, 360, 480, 641, 768, 900, 1024, 1180, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        assert overflow(page) == 0, width
        assert max(heights(page, ".ni-bar a, .ni-bar button, .ni-bar summary")) < 40, width


#: How light a colour is, from 0 to 1, whatever notation the browser answers in.
LIGHTNESS = """(one) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.fillStyle = "#fff"; canvas.fillRect(0, 0, 1, 1);
  canvas.fillStyle = getComputedStyle(one)["%s"]; canvas.fillRect(0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data.slice(0, 3).reduce((sum, part) => sum + part, 0) / 765;
}"""


@pytest.mark.parametrize("theme", ["dark", "auto", "light"])
def test_paper_is_white_in_every_theme_and_says_when(
    house: DeskHouse, come: Callable[..., Any], base: str, theme: str
) -> None:
    page = come(width=718, color_scheme="dark")
    page.context.add_cookies([{"name": "notice_intake_theme", "value": theme, "url": base}])
    page.emulate_media(media="print", color_scheme="dark")
    page.reload()
    assert page.locator(".ni-printed").is_visible()
    assert "UTC" in page.locator("[data-left]").first.evaluate("(one) => getComputedStyle(one, '::after').content")
    page.goto(base + page.locator("[data-row]").first.get_attribute("href").removeprefix("/notices/desk"))
    for card in ("h1", ".ni-content", ".ni-referral", ".ni-facts"):
        assert page.locator(card).first.evaluate(LIGHTNESS % "color") < 0.5, card
        assert page.locator(card).first.evaluate(LIGHTNESS % "backgroundColor") > 0.9, card
    assert "As it stood on" in page.locator(".ni-printed").inner_text()
    assert not page.locator(".ni-ask").is_visible()
    assert gap(page, ".ni-case-head", ".ni-standing") >= 8
    assert gap(page, ".ni-standing", ".ni-content") >= 8


def test_the_content_follows_the_title_and_the_buttons_stand_above_the_fold(
    house: DeskHouse, come: Callable[..., Any], base: str
) -> None:
    page = come()
    path = page.locator("[data-row]", has_text="Placeholder post").first.get_attribute("href")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(base + path.removeprefix("/notices/desk"))
    assert 8 <= gap(page, ".ni-case-head", ".ni-content") <= 20
    assert 8 <= gap(page, ".ni-standing", ".ni-deciding") <= 20
    button = page.locator("[data-decide]").bounding_box()
    assert button["y"] + button["height"] <= 900
    page.mouse.wheel(0, 400)
    page.wait_for_timeout(300)
    form = page.locator(".ni-deciding").bounding_box()
    assert 800 < form["y"] + form["height"] <= 900


def test_headings_keep_their_distance_and_heads_stand_over_their_cells(
    house: DeskHouse, come: Callable[..., Any], base: str
) -> None:
    page = come("lea")
    start = "(one) => one.getBoundingClientRect().left + parseFloat(getComputedStyle(one).paddingLeft)"
    start = f"(one) => ({start})(one) + parseFloat(getComputedStyle(one).borderLeftWidth)"
    assert page.locator("thead th").first.evaluate(start) == page.locator("tbody .ni-row > *").first.evaluate(start)
    page.goto(base + "/deliveries")
    assert gap(page, ".ni-main > h2", ".ni-filters") >= 8
    page.goto(f"{base}/agencies/{house.agencies['Unit BE'].id}")
    assert gap(page, ".ni-facts", ".ni-section") >= 12


def test_folds_can_be_told_from_headings_and_facts_do_not_break_in_a_word(
    house: DeskHouse, come: Callable[..., Any]
) -> None:
    page = come(width=360)
    page.locator("[data-row]", has_text="Placeholder gathering").first.click()
    page.wait_for_selector(".ni-facts")
    fold = page.locator(".ni-more > summary").first
    closed = "(one) => getComputedStyle(one, '::before').transform"
    before = fold.evaluate(closed)
    fold.click()
    assert "none" not in (before, fold.evaluate(closed))
    assert before != fold.evaluate(closed)
    line = page.locator(".ni-facts > span", has_text="3 referrals")
    words = """(one) => { const range = document.createRange(), text = one.firstChild;
      range.setStart(text, text.data.indexOf("referrals")); range.setEnd(text, text.data.indexOf("referrals") + 9);
      return range.getClientRects().length; }"""
    assert line.evaluate(words) == 1


def test_a_digit_means_the_same_outcome_on_an_order_and_on_a_referral(
    house: DeskHouse, come: Callable[..., Any], base: str
) -> None:
    page = come()
    paths = [page.locator("[data-row]", has_text=text).first.get_attribute("href") for text in ("gathering", "post")]
    for path in paths:
        page.goto(base + path.removeprefix("/notices/desk"))
        for digit, outcome in (("2", "access_disabled"), ("9", "not_possible")):
            page.keyboard.press(digit)
            assert page.locator("[name=outcome]:checked").get_attribute("value") == outcome
        # An order cannot be answered by restricting visibility: its digit does nothing there.
        page.keyboard.press("1")
        page.keyboard.press("3")
        chosen = "removed" if path == paths[0] else "visibility_restricted"
        assert page.locator("[name=outcome]:checked").get_attribute("value") == chosen
