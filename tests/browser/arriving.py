"""Steps that lead to another page, and end when it is there."""

from __future__ import annotations

from typing import Any


def press_and_arrive(page: Any, key: str) -> None:
    """Press a key that leads to another page, and wait for it."""
    with page.expect_navigation():
        page.keyboard.press(key)


def click_and_arrive(page: Any, control: Any) -> None:
    """Click on a locator, or on the first that a selector finds; it leads to another page: wait for it."""
    with page.expect_navigation():
        (page.locator(control).first if isinstance(control, str) else control).click()
