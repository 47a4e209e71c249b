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
