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
