"""A host over TLS whose protection asks for a Referer (Flask-WTF as it comes): our own forms bring one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arriving import click_and_arrive
from desk_house import PREFIX, DeskHouse, build
from flask import request
from werkzeug.serving import make_server

from notice_intake.flows import agencies, page_links

pytestmark = pytest.mark.browser
LINK = "https://video.example/watch?v=1"


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[DeskHouse]:
    """A host that protects all its forms, ours among them; it keeps the Referer of each request."""
    flask_wtf = pytest.importorskip("flask_wtf", reason="Flask-WTF is not installed")
    built = build(tmp_path)
    built.app.config["SECRET_KEY"] = "host"
    built.app.add_url_rule("/elsewhere", "elsewhere", lambda: "host")
    built.app.before_request(lambda: REFERERS.append((request.host, request.path, request.referrer)))
    flask_wtf.CSRFProtect(built.app)
    REFERERS.clear()
    yield built
    built.mount.storage.dispose()


REFERERS: list[tuple[str, str, str | None]] = []


@pytest.fixture
def origin(strict: DeskHouse) -> Iterator[str]:
    """The host over TLS; its address."""
    server = make_server("127.0.0.1", 0, strict.app, threaded=True, ssl_context="adhoc")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def tab(browser: Any, origin: str) -> Iterator[Any]:
    """A browser that takes the certificate of the test."""
    context = browser.new_context(ignore_https_errors=True)
    context.add_cookies([{"name": "who", "value": "mona", "url": origin}])
    page = context.new_page()
    page.set_default_timeout(15_000)
    yield page
    context.close()


def test_the_desks_forms_are_taken(strict: DeskHouse, origin: str, tab: Any) -> None:
    case_id = strict.refer(LINK)
    tab.goto(f"{origin}{PREFIX}/")
    tab.locator("button[data-key=n]").first.click()
    tab.wait_for_url(f"**/cases/{case_id}*")
    assert tab.locator("#ni-decision, form[action*=decision]").count()


def test_the_agencys_forms_are_taken(strict: DeskHouse, origin: str, tab: Any) -> None:
    codes = sorted(strict.mount.instruments)
    agency_id = agencies.register(strict.mount, "Unit", place="BE", instruments=codes, now=strict.clock())
    secret = page_links.make(strict.mount, agency_id, purpose="sign-in", now=strict.clock()).secret
    tab.goto(f"{origin}/notices/agency/in/{secret}")
    tab.locator(".ni-door button").click()
    tab.wait_for_url("**/notices/agency/")
    tab.goto(f"{origin}/notices/agency/refer?instrument=eu.iru.referral")
    click_and_arrive(tab, "button.ni-primary[value=preview]")
    assert tab.locator("[aria-invalid=true]").count(), "the form came through, and was refused for what it lacks"


@pytest.mark.parametrize("path", [f"{PREFIX}/", "/notices/agency/in"])
def test_no_other_site_learns_which_page_a_link_stood_on(strict: DeskHouse, origin: str, tab: Any, path: str) -> None:
    other = origin.replace("localhost", "127.0.0.1")
    tab.goto(origin + path)
    tab.evaluate(
        "where => { const a = document.createElement('a'); a.href = where; document.body.append(a); a.click() }",
        f"{other}/elsewhere",
    )
    tab.wait_for_url(f"{other}/elsewhere")
    assert [seen for host, where, seen in REFERERS if where == "/elsewhere"] == [None]
