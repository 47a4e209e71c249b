"""The ledger of deliveries in a real browser: readable, usable by keyboard, without scripts, in both directions."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arriving import click_and_arrive
from desk_house import DeskHouse
from receiver import Receiver
from test_browser_desk import faults, overflow

from notice_intake.delivery.webhook import new_secret
from notice_intake.flows.work import work
from notice_intake.ids import new_id
from notice_intake.store import agencies
from notice_intake.store.agencies import Endpoint

pytestmark = pytest.mark.browser
LOOKS = [(360, "en", "light"), (768, "fr", "dark"), (1280, "ar", "light"), (1600, "de", "dark")]


@pytest.fixture
def ledger(house: DeskHouse) -> Any:
    """Three endpoints: one that works, one that refuses, one that is gone; and callbacks in every state."""
    receiver = Receiver()
    receiver.answer = lambda _: (422, b"cannot take this: unknown field <status>")
    units = (("Authority PL", "PL"), ("Unit BE", "BE"), ("Einheit für Hinweise mit einem sehr langen Namen", "DE"))
    for name, country in units:
        one = house.agency(name, country)
        secrets = (house.mount.secrets.encrypt(new_secret()),)
        with house.mount.storage.begin() as tx:
            endpoint = Endpoint(new_id("end"), one.id, receiver.url + "?key=1", secrets, "active", 0, None)
            agencies.set_endpoint(tx, endpoint, now=house.mount.clock())
        house.agencies[name] = replace(one, listening=True)
        house.refer(f"https://video.example/{country}", agency=(name, country))
    work(house.mount, stop=threading.Event(), once=True)
    with house.mount.storage.begin() as tx:
        table = tx.tables.outbox
        mine = table.c.agency_id == house.agencies["Unit BE"].id
        tx.execute(table.update().where(mine, table.c.kind == "callback").values(state="dead"))
        gone = agencies.endpoints(tx, [house.agencies[units[2][0]].id])[house.agencies[units[2][0]].id]
        since = house.mount.clock() - timedelta(days=2)
        agencies.note_endpoint(tx, gone.id, state="disabled", reason="gone", failures=12, failing_since=since)
    yield house
    receiver.close()


def shot(page: Any, name: str) -> None:
    folder = os.environ.get("NOTICE_INTAKE_TEST_SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize(("width", "lang", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(
    ledger: DeskHouse, come: Callable[..., Any], base: str, width: int, lang: str, theme: str
) -> None:
    page = come("eng", width=width, lang=lang, color_scheme=theme)
    page.goto(base + "/deliveries")
    page.evaluate("for (const one of document.querySelectorAll('.ni-sends details')) one.open = true")
    shot(page, f"deliveries-{width}-{lang}-{theme}")
    assert faults(page) == []
    assert overflow(page) == 0
    click_and_arrive(page, "[data-row]")
    page.wait_for_selector(".ni-tries")
    shot(page, f"delivery-{width}-{lang}-{theme}")
    assert faults(page) == []
    assert overflow(page) == 0


def test_what_was_given_up_is_sent_again_by_keyboard_alone(
    ledger: DeskHouse, come: Callable[..., Any], base: str
) -> None:
    page = come("eng")
    page.goto(base + "/deliveries")
    first = page.locator(".ni-endpoint").first
    assert "ni-endpoint-ill" in (first.get_attribute("class") or ""), "what needs a person stands first"
    wanted = page.locator("button[formaction*='/replay']").first
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('formaction') || ''").endswith("/replay"):
            break
    assert wanted.evaluate("one => one === document.activeElement")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=They will be sent again now")


def test_the_ledger_works_without_scripts(ledger: DeskHouse, come: Callable[..., Any], base: str) -> None:
    page = come("eng", java_script_enabled=False)
    page.goto(base + "/deliveries")
    page.locator("#ni-f-state").select_option("dead")
    click_and_arrive(page, ".ni-filters button")
    assert page.locator("[data-row]").count() >= 1
    click_and_arrive(page, "[data-row]")
    assert "HTTP 422" in page.locator(".ni-tries").inner_text()
    click_and_arrive(page, ".ni-next button")
    assert "It will be tried again now." in page.content()


def test_curl_is_copied_without_secrets(ledger: DeskHouse, come: Callable[..., Any], base: str) -> None:
    page = come("eng", permissions=["clipboard-read", "clipboard-write"])
    page.goto(base + "/deliveries")
    click_and_arrive(page, "[data-row]")
    page.locator("[data-copy]").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl -i -X POST ")
    assert "v1,unsigned" in copied
    assert "key=1" not in copied
