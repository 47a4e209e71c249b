"""The agency pages in Chromium: a referral by keyboard, every page at every width, without scripts, for everybody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arriving import click_and_arrive
from desk_house import PEOPLE, Clock, DeskHouse, build
from sqlalchemy import select
from test_browser_desk import LOOKS, faults, overflow
from werkzeug.serving import make_server

from notice_intake.core.decisions import Draft
from notice_intake.flows import agencies, decide, page_links, questions
from notice_intake.flows.work import work

pytestmark = pytest.mark.browser
WIDTHS = (360, 768, 1280, 1600)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[DeskHouse]:
    """A host with one agency, by the real clock."""
    built = build(tmp_path, clock=Clock(None), undo_seconds=0)
    agencies.register(
        built.mount, "Unit BE", place="BE", instruments=sorted(built.mount.instruments), now=built.clock()
    )
    yield built
    built.mount.storage.dispose()


@pytest.fixture
def pages(office: DeskHouse) -> Iterator[str]:
    """The agency pages behind a server on loopback; their address."""
    server = make_server("127.0.0.1", 0, office.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/notices/agency"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def sign_in(browser: Any, pages: str, office: DeskHouse) -> Iterator[Callable[..., Any]]:
    """Have a person sign in by a link, without scripts unless they are asked for."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def come(*, width: int = 1280, lang: str = "en", purpose: str = "sign-in", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        with office.mount.storage.read() as tx:
            agency_id = tx.execute(select(tx.tables.agency.c.id)).scalar_one()
        secret = page_links.make(office.mount, agency_id, purpose=purpose, now=office.clock()).secret
        page.goto(f"{pages}/in/{secret}?lang={lang}")
        page.locator(".ni-door button").press("Enter")
        page.wait_for_url(lambda url: "/in" not in url.partition("/agency")[2])
        return page

    yield come
    for context in contexts:
        context.close()
    # A refused form is answered 422: browsers write that down, and it is meant.
    assert [one for one in complaints if "status of 4" not in one] == []


def fill_in(page: Any, reference: str = "BE-1") -> None:
    """Fill the form of a voluntary referral."""
    page.locator("#f-lines").fill("hxxps://video[.]example/" + "a" * 120 + "\n@placeholder\nsha-256: " + "ab" * 32)
    page.locator('[name="/agency_reference"]').fill(reference)
    page.locator('[name="/language"]').fill("en")
    page.locator('[name="/category"]').select_option("STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY")
    page.locator('[name="/grounds/0/kind"]').select_option("terms")
    page.locator('[name="/reasons"]').fill("Placeholder reasons.")


def sent(page: Any, pages: str, reference: str = "BE-1") -> str:
    """Refer something; return the referral's id."""
    page.goto(f"{pages}/refer?instrument=eu.iru.referral")
    fill_in(page, reference)
    click_and_arrive(page, "button.ni-primary[value=preview]")
    click_and_arrive(page, "button[value=send]")
    page.wait_for_selector("[data-notice=sent]")
    return str(page.url.rpartition("/")[2])


def handled(office: DeskHouse, referral_id: str) -> None:
    """Have the first item decided and carried out, and the second one asked about."""
    lea, mount = PEOPLE["lea"], office.mount
    with mount.storage.read() as tx:
        item, case = tx.tables.item, tx.tables.case
        query = select(case.c.id, case.c.version).join(item, item.c.case_id == case.c.id)
        first, second, _ = tx.execute(query.where(item.c.referral_id == referral_id).order_by(item.c.position)).all()
    draft = Draft(
        outcome="removed",
        ground_kind="terms",
        ground_reference="Terms, 4.2",
        facts="Placeholder facts.",
        explanation="Placeholder explanation.",
        category="STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    )
    decide.decide(mount, first.id, draft, moderator=lea, version=first.version, now=office.clock())
    question = questions.Question("not_precise", "Placeholder question?", (referral_id,))
    questions.ask(mount, second.id, question, moderator=lea, version=second.version, now=office.clock())
    work(mount, stop=threading.Event(), once=True)


@pytest.mark.parametrize(("width", "lang", "theme"), LOOKS)
def test_axe_finds_nothing_on_any_page_and_nothing_overflows(
    office: DeskHouse, pages: str, sign_in: Callable[..., Any], width: int, lang: str, theme: str
) -> None:
    page = sign_in(width=width, lang=lang, color_scheme=theme, purpose="onboard")
    wrong = {"welcome": (faults(page), overflow(page))}
    for path in ("/refer", "/refer?instrument=eu.tco.removal_order", "/refer?instrument=eu.dsa.notice", "/callbacks"):
        page.goto(pages + path)
        wrong[path] = (faults(page), overflow(page))
    page.goto(f"{pages}/refer?instrument=eu.iru.referral")
    click_and_arrive(page, "button.ni-primary[value=preview]")
    page.wait_for_selector(".ni-problem")
    wrong["faults"] = (faults(page), overflow(page))
    fill_in(page)
    click_and_arrive(page, "button.ni-primary[value=preview]")
    page.wait_for_selector("button[value=send]")
    wrong["preview"] = (faults(page), overflow(page))
    click_and_arrive(page, "button[value=send]")
    page.wait_for_selector("[data-notice=sent]")
    handled(office, page.url.rpartition("/")[2])
    page.reload()
    for details in page.locator("aside details summary").all():
        details.click()
    wrong["referral"] = (faults(page), overflow(page))
    for path in ("/", "/?state=answered", "/nix"):
        page.goto(pages + path)
        wrong[path] = (faults(page), overflow(page))
    page.goto(f"{pages}/keys")
    click_and_arrive(page, 'form[action$="/keys/token"] button')
    page.wait_for_selector(".ni-secret")
    wrong["keys"] = (faults(page), overflow(page))
    assert {name: found for name, found in wrong.items() if found != ([], 0)} == {}


def test_axe_finds_nothing_on_the_desks_agencies(
    office: DeskHouse, pages: str, sign_in: Callable[..., Any], browser: Any
) -> None:
    page = sign_in()
    page.goto(f"{pages}/keys")
    click_and_arrive(page, 'form[action$="/keys/token"] button')
    page.context.add_cookies([{"name": "who", "value": "eng", "url": pages}])
    desk = pages.removesuffix("/agency") + "/desk"
    wrong: dict[str, Any] = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{desk}/agencies")
        page.locator(".ni-add summary").click()
        wrong[f"list {width}"] = (faults(page), overflow(page))
        click_and_arrive(page, "[data-row]")
        click_and_arrive(page, 'form[action$="/link"] button')
        page.wait_for_selector(".ni-secret")
        wrong[f"agency {width}"] = (faults(page), overflow(page))
    assert {name: found for name, found in wrong.items() if found != ([], 0)} == {}


def test_a_referral_is_made_by_keyboard_alone_and_without_scripts(pages: str, sign_in: Callable[..., Any]) -> None:
    page = sign_in(java_script_enabled=False)
    page.goto(f"{pages}/refer?instrument=eu.iru.referral")
    page.locator("#f-lines").focus()
    page.keyboard.type("hxxps://video[.]example/1")
    for text in ("Placeholder reasons.",):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.locator('[name="/agency_reference"]').focus()
    page.keyboard.type("BE-KEYS")
    page.keyboard.press("Enter")  # looks at it, and never sends
    page.wait_for_selector(".ni-problem")
    assert page.locator("#f-lines").input_value() == "hxxps://video[.]example/1"
    page.locator('[name="/category"]').focus()
    page.keyboard.type("Risk")
    page.locator('[name="/grounds/0/kind"]').focus()
    page.keyboard.type("The plat")
    page.locator("button.ni-primary[value=preview]").press("Enter")
    page.wait_for_selector("button[value=send]")
    page.locator("button[value=send]").press("Enter")
    page.wait_for_selector("[data-notice=sent]")


def test_the_focus_is_always_seen(pages: str, sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.goto(f"{pages}/refer?instrument=eu.iru.referral")
    for _ in range(40):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => { const one = document.activeElement, style = getComputedStyle(one);
            return one === document.body || style.outlineStyle !== "none" || style.boxShadow !== "none"; }"""
        )
        assert seen, page.evaluate("document.activeElement.outerHTML")


def test_a_fault_leads_to_its_field(pages: str, sign_in: Callable[..., Any]) -> None:
    page = sign_in()
    page.goto(f"{pages}/refer?instrument=eu.tco.removal_order")
    click_and_arrive(page, "button.ni-primary[value=preview]")
    links = page.locator(".ni-problem li a").all()
    assert len(links) > 8
    for link in links:
        target = link.get_attribute("href").removeprefix("#")
        assert page.evaluate("id => document.getElementById(id) !== null", target), target


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_every_width_in_every_language(
    office: DeskHouse, pages: str, sign_in: Callable[..., Any], width: int
) -> None:
    page = sign_in(width=width)
    referral_id = sent(page, pages, f"BE-{width}")
    handled(office, referral_id)
    for lang in ("de", "fr", "ar"):
        for path in ("/", f"/referrals/{referral_id}", "/refer?instrument=eu.tco.removal_order", "/callbacks", "/keys"):
            page.goto(f"{pages}{path}{'&' if '?' in path else '?'}lang={lang}")
            assert page.locator(".ni").get_attribute("dir") == ("rtl" if lang == "ar" else "ltr")
            assert overflow(page) == 0, (lang, path)


def test_a_referral_prints_without_what_only_a_screen_needs(
    office: DeskHouse, pages: str, sign_in: Callable[..., Any]
) -> None:
    page = sign_in()
    handled(office, sent(page, pages))
    page.reload()
    page.emulate_media(media="print")
    for hidden in (".ni-bar", ".ni-acting", ".ni-crumbs"):
        assert page.locator(hidden).first.is_hidden(), hidden
    for shown in ("#ni-items", "#ni-sent", "#ni-told", ".ni-reasons"):
        assert page.locator(shown).first.is_visible(), shown
