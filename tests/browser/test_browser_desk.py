"""The desk in Chromium: by keyboard, by hand, without scripts, for everybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from arriving import click_and_arrive, press_and_arrive
from desk_house import DeskHouse
from hostile_fields import PAYLOADS
from hostile_fields import fill as fill_hostile

pytestmark = pytest.mark.browser
DATA = Path(__file__).parents[1] / "data"

#: Every width with each theme and each direction of writing.
LOOKS = ((360, "en", "light"), (1280, "en", "dark"), (1280, "ar", "light"), (360, "ar", "dark"))
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def overflow(page: Any) -> int:
    """Return by how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def faults(page: Any) -> list[str]:
    """Return what axe finds wrong with a page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (extra: browser)")
    found = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    return [f"{one['id']}: {node['html'][:120]}" for one in found.response["violations"] for node in one["nodes"]]


@pytest.mark.parametrize(("width", "lang", "theme"), LOOKS)
def test_a_case_is_claimed_decided_and_undone_by_keyboard_alone(
    house: DeskHouse, come: Callable[..., Any], width: int, lang: str, theme: str
) -> None:
    page = come(width=width, lang=lang, color_scheme=theme)
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.evaluate("document.activeElement.href")
    press_and_arrive(page, "o")
    assert page.url == second
    press_and_arrive(page, "c")
    case_id = page.locator("article").get_attribute("data-case")
    page.keyboard.press("1")
    page.keyboard.press("d")
    page.keyboard.type("n u c 1 2 3 typed, and no key acts")
    page.locator("#explanation").focus()
    page.keyboard.type("Placeholder explanation.")
    assert page.url == second
    press_and_arrive(page, "Control+Enter")
    assert page.locator("article").get_attribute("data-case") != case_id
    assert page.locator("[data-notice=decided]").get_attribute("data-case") == case_id
    press_and_arrive(page, "u")
    assert page.locator("article").get_attribute("data-case") == case_id
    assert page.locator("#facts").input_value() == "n u c 1 2 3 typed, and no key acts"
    assert overflow(page) == 0
    page.keyboard.press("?")
    assert page.locator("dialog[open]").is_visible()


@pytest.mark.parametrize(("width", "lang", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(
    house: DeskHouse, come: Callable[..., Any], base: str, width: int, lang: str, theme: str
) -> None:
    page = come(width=width, lang=lang, color_scheme=theme)
    case = page.locator("[data-row]").first.get_attribute("href")
    for path in ("/", "/?state=closed&kind=url", "/effects?state=due", "/nowhere"):
        page.goto(base + path)
        assert faults(page) == [], path
        assert overflow(page) == 0, path
    page.goto(base.removesuffix("/notices/desk") + case)
    page.keyboard.press("v")
    page.keyboard.press("2")
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert faults(page) == []
    assert overflow(page) == 0
    press_and_arrive(page, "Control+Enter")
    assert page.locator("#ni-problem").is_visible()
    assert page.evaluate("document.activeElement.id") == "ni-problem"
    assert faults(page) == []
    page.keyboard.press("?")
    assert faults(page) == []


def test_everything_fits_a_window_of_320_pixels(come: Callable[..., Any], base: str) -> None:
    page = come(width=320, lang="de")
    case = page.locator("[data-row]").first.get_attribute("href")
    for path in ("/", case.removeprefix("/notices/desk"), "/effects", "/nowhere"):
        page.goto(base + path)
        assert overflow(page) == 0, path


def test_no_control_is_hidden_behind_the_bar_at_the_bottom(come: Callable[..., Any]) -> None:
    page = come(width=360)
    click_and_arrive(page, "[data-row]")
    covered = page.evaluate(
        """() => {
          const bar = document.querySelector(".ni-jump").getBoundingClientRect();
          const controls = document.querySelectorAll(".ni-reading :is(button, summary), .ni-form :is(input, button)");
          return [...controls].filter((one) => one.offsetParent).filter((one) => {
            one.focus();
            const box = one.getBoundingClientRect();
            const shown = document.querySelector(".ni-jump").offsetParent !== null;
            return shown && box.height > 0 && box.top >= bar.top;
          }).map((one) => one.outerHTML);
        }"""
    )
    assert covered == []


def test_the_way_to_the_form_leaves_when_the_form_is_there(come: Callable[..., Any]) -> None:
    page = come(width=360)
    click_and_arrive(page, "[data-row]")
    page.locator(".ni-jump a").click()
    page.wait_for_selector(".ni-jump", state="hidden")
    page.keyboard.press("Home")
    page.wait_for_selector(".ni-jump", state="visible")


def test_single_keys_can_be_switched_off(come: Callable[..., Any]) -> None:
    page = come()
    page.locator(".ni-menu summary").click()
    page.locator("button[name=keys]").click()
    page.wait_for_selector("[data-keys=off]")
    before = page.url
    for key in ("j", "n", "?"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert page.url == before
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    assert page.locator("dialog[open]").count() == 0


def test_keys_work_by_place_on_keyboards_of_other_scripts(come: Callable[..., Any]) -> None:
    page = come()
    event = "new KeyboardEvent('keydown', {key: 'ت', code: 'KeyJ', bubbles: true, cancelable: true})"
    page.evaluate(f"document.body.dispatchEvent({event})")
    assert page.evaluate("document.activeElement.hasAttribute('data-row')")


def test_media_are_fetched_only_when_asked_for_and_first_blurred(come: Callable[..., Any]) -> None:
    page = come()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "/media/" in request.url else None)
    click_and_arrive(page, "[data-row]")
    page.locator("#facts").fill("half a sentence")
    page.locator("h1").click()
    page.wait_for_timeout(300)
    assert fetched == []
    page.keyboard.press("v")
    page.wait_for_function("() => document.querySelector('img.ni-seen').naturalWidth > 0")
    assert len(fetched) == 2
    picture = page.locator("img.ni-seen").first
    assert "blur" in picture.evaluate("one => getComputedStyle(one).filter")
    assert "grayscale" in picture.evaluate("one => getComputedStyle(one).filter")
    page.keyboard.press("v")
    page.wait_for_function("() => getComputedStyle(document.querySelector('img.ni-seen')).filter === 'none'")
    page.keyboard.press("h")
    assert not picture.is_visible()
    assert page.locator("#facts").input_value() == "half a sentence"


def test_what_was_typed_survives_a_reload_and_can_be_discarded(come: Callable[..., Any]) -> None:
    page = come()
    click_and_arrive(page, "[data-row]")
    page.locator("#facts").fill("half a sentence")
    page.locator("[name=outcome]").first.check()
    page.reload()
    assert page.locator("#facts").input_value() == "half a sentence"
    assert page.locator("[name=outcome]").first.is_checked()
    assert page.locator("[data-restored]").is_visible()
    page.locator("[data-forget]").click()
    page.reload()
    assert page.locator("#facts").input_value() == ""
    assert not page.locator("[data-restored]").is_visible()


def test_the_countdown_runs_by_the_servers_clock_and_says_when_it_is_over(
    house: DeskHouse, come: Callable[..., Any], base: str
) -> None:
    house.clock.at = datetime.now(UTC) - timedelta(minutes=59, seconds=56)
    house.order("https://video.example/late", issued_at=(house.clock.at - timedelta(hours=1)).isoformat())
    house.clock.at = None
    page = come()
    # The desk's own machine is a day wrong; what counts is the server's clock.
    page.add_init_script("const real = Date.now; Date.now = () => real() - 86400000;")
    click_and_arrive(page, "[data-row]")
    clock = page.locator(".ni-clock")
    assert clock.get_attribute("data-level") == "hour"
    page.wait_for_selector(".ni-clock[data-level=overdue]")
    assert "over" in clock.inner_text()
    assert clock.locator(".ni-bars").get_attribute("data-bars") == "4"
    assert page.title().startswith("0 min 0")
    assert page.locator("[data-says]").inner_text() == "The deadline has passed."


def test_a_claim_runs_out_before_ones_eyes(house: DeskHouse, come: Callable[..., Any]) -> None:
    page = come()
    press_and_arrive(page, "n")
    strip = page.locator(".ni-claim")
    assert "This case is yours for 1" in strip.inner_text()
    page.add_init_script("const real = Date.now, start = real(); Date.now = () => real() + (real() - start) * 1200;")
    page.reload()
    page.wait_for_selector("text=Your claim has run out.")
    assert "This case is yours" not in strip.inner_text()


def test_the_queue_keeps_itself_fresh_and_the_focus_where_it_was(house: DeskHouse, come: Callable[..., Any]) -> None:
    page = come()
    page.add_init_script("const later = setInterval; window.setInterval = (f, ms) => later(f, ms > 5000 ? 300 : ms);")
    page.reload()
    page.keyboard.press("j")
    page.keyboard.press("j")
    row = page.evaluate("document.activeElement.closest('tr').id")
    new = house.order("https://video.example/new")
    page.wait_for_selector(f"#row-{new}")
    assert page.evaluate("document.activeElement.closest('tr').id") == row
    page.locator("[data-live-switch]").uncheck()
    page.wait_for_timeout(400)
    other = house.order("https://video.example/newer")
    page.wait_for_timeout(900)
    assert page.locator(f"#row-{other}").count() == 0


def test_counters_keywords_and_countries_follow_what_is_chosen(come: Callable[..., Any]) -> None:
    page = come()
    click_and_arrive(page, "[data-row]")
    page.locator("#explanation").fill("x" * 2001)
    counter = page.locator("[data-counter=explanation]")
    assert counter.inner_text() == "2001 / 2000"
    assert counter.get_attribute("data-over") is not None
    page.locator("#category").select_option("STATEMENT_CATEGORY_SELF_HARM")
    assert page.locator("[data-group=STATEMENT_CATEGORY_SELF_HARM]").get_attribute("open") is not None
    assert not page.locator("[data-group=STATEMENT_CATEGORY_ANIMAL_WELFARE]").is_visible()
    assert not page.locator("#territories").is_visible()
    page.locator("[name=outcome][value=access_disabled]").check()
    assert page.locator("#territories").is_visible()
    page.locator("[data-preset]").first.check()
    assert page.locator("[name=territories][value=MT]").is_checked()
    assert not page.locator("[name=territories][value=NO]").is_checked()


def test_the_whole_job_without_scripts(come: Callable[..., Any]) -> None:
    page = come(java_script_enabled=False)
    click_and_arrive(page, ".ni-next button")
    case_id = page.locator("article").get_attribute("data-case")
    page.locator("#facts").fill("Placeholder facts.")
    page.get_by_role("button", name="Show blurred").click()
    assert page.locator("img.ni-seen").first.get_attribute("src") == "/media/a.svg"
    assert page.locator("#facts").input_value() == "Placeholder facts."
    page.locator("[name=outcome][value=removed]").check()
    click_and_arrive(page, page.get_by_role("button", name="Decide and next"))
    assert page.locator("#ni-problem").is_visible()
    page.locator("#explanation").fill("Placeholder explanation.")
    click_and_arrive(page, page.get_by_role("button", name="Decide and next"))
    assert page.locator("[data-notice=decided]").get_attribute("data-case") == case_id
    page.locator(".ni-menu summary").click()
    page.locator("#ni-lang").select_option("ar")
    click_and_arrive(page, "form:has(#ni-lang) button")
    assert page.locator("html").get_attribute("dir") == "rtl"
    click_and_arrive(page, ".ni-wide button[value=dark]")
    assert page.locator(".ni").evaluate("one => getComputedStyle(one).colorScheme") == "dark"


def test_hostile_text_runs_nowhere(house: DeskHouse, come: Callable[..., Any], base: str) -> None:
    cases = [fill_hostile(house, PAYLOADS[0])]
    page = come()
    for path in ("/", *(f"/cases/{one}" for one in cases)):
        page.goto(base + path)
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.locator("script").count() == 1
        assert overflow(page) == 0


def test_paper_shows_the_case_and_no_controls(come: Callable[..., Any]) -> None:
    page = come()
    click_and_arrive(page, "[data-row]")
    page.emulate_media(media="print")
    assert not page.locator("#decision").is_visible()
    assert not page.locator(".ni-bar").is_visible()
    assert page.locator("h1").is_visible()
    assert page.locator(".ni-referral").first.is_visible()


@pytest.mark.parametrize(("width", "lang", "theme"), LOOKS)
def test_an_agency_is_asked_by_keyboard_alone(come: Callable[..., Any], width: int, lang: str, theme: str) -> None:
    page = come(width=width, lang=lang, color_scheme=theme)
    press_and_arrive(page, "n")
    case_id = page.locator("article").get_attribute("data-case")
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.id") == "question_reason"
    assert faults(page) == []
    page.locator("#question").focus()
    # In the question's field, Ctrl + Enter asks: it never decides.
    press_and_arrive(page, "Control+Enter")
    assert page.evaluate("document.activeElement.id") == "ni-problem"
    assert page.locator("#ni-ask .ni-error").count() == 3
    assert faults(page) == []
    assert overflow(page) == 0
    page.locator("#question_reason").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.locator("[name=question_to]").first.focus()
    page.keyboard.press("Space")
    page.locator("#question").focus()
    page.keyboard.type("a d 1 placeholder, and no key acts " * 8)
    press_and_arrive(page, "Control+Enter")
    assert page.locator("article").get_attribute("data-case") == case_id
    assert page.locator("[data-notice=asked]").is_visible()
    assert page.locator("#ni-messages").is_visible()
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert faults(page) == []
    assert overflow(page) == 0


@pytest.mark.parametrize(("width", "lang", "theme"), LOOKS)
def test_what_came_by_mail_is_entered_by_keyboard(
    house: DeskHouse, come: Callable[..., Any], base: str, width: int, lang: str, theme: str
) -> None:
    page = come(width=width, lang=lang, color_scheme=theme)
    page.goto(base + "/enter")
    assert (faults(page), overflow(page)) == ([], 0)
    page.set_input_files("#files", str(DATA / "door" / "unit.eml"))
    page.locator("#text").focus()
    page.keyboard.type("https://video.example/watch?v=7f3a\nno link here")
    page.locator("#agency_name").focus()
    page.keyboard.type("Unit One")
    page.locator("#instrument").select_option("eu.iru.referral")
    page.locator("#category").select_option("STATEMENT_CATEGORY_VIOLENCE")
    page.locator("#language").focus()
    press_and_arrive(page, "Enter")
    assert page.evaluate("document.activeElement.id") == "ni-problem"
    assert (faults(page), overflow(page)) == ([], 0)
    assert page.locator("[name=taken]:checked").count() == 3
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.locator("[name=taken]").nth(1).focus()
    page.keyboard.press("Space")
    page.locator("#reference").focus()
    press_and_arrive(page, "Enter")
    assert page.locator("[data-notice=entered]").is_visible()
    with house.mount.storage.read() as tx:
        keys = {one.target_key for one in tx.execute(tx.tables.item.select()).all()}
    assert {"link:https://platform.example/p1", "link:https://www.platform.example/p3"} <= keys
    assert "link:https://platform.example/p2" not in keys


@pytest.mark.parametrize("script", [True, False])
def test_a_form_with_nothing_in_it_says_what_is_missing(come: Callable[..., Any], base: str, script: bool) -> None:
    page = come(java_script_enabled=script)
    page.goto(base + "/enter")
    click_and_arrive(page, ".ni-enter .ni-primary")
    page.wait_for_selector("#ni-problem")
    assert page.locator("#ni-problem a[href='#files']").is_visible()
