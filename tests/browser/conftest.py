"""A desk behind a real server, and a real Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

# The desk's own small host is shared with its other tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "web" / "desk"))

from desk_house import PREFIX, Clock, DeskHouse, build, part

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """Return the browser to drive: the one that is named, else the first that is installed."""
    named = os.environ.get("NOTICE_INTAKE_TEST_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: browser)")
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed; name one in NOTICE_INTAKE_TEST_CHROMIUM")
    # A container's root may not use the sandbox.
    args = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=args)
        yield opened
        opened.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[DeskHouse]:
    """A desk with an order, referrals by several agencies and content to look at, by the real clock."""
    built = build(tmp_path, clock=Clock(None), undo_seconds=60)
    fill(built)
    yield built
    built.mount.storage.dispose()


@pytest.fixture
def base(house: DeskHouse) -> Iterator[str]:
    """The desk behind a server on loopback; its address."""
    server = make_server("127.0.0.1", 0, house.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def come(browser: Any, base: str) -> Iterator[Callable[..., Any]]:
    """Have a person open the desk; fails at the end if the browser complained of anything."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def open_desk(who: str = "mona", *, width: int = 1280, lang: str = "en", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        cookies = {"who": who, "notice_intake_lang": lang}
        context.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies.items()])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.goto(base + "/")
        return page

    yield open_desk
    for context in contexts:
        context.close()
    # A refused form is answered 422 and a missing page 404: browsers write both down, and both are meant.
    assert [one for one in complaints if "status of 4" not in one] == []


def fill(house: DeskHouse) -> None:
    """Fill the queue: one order, one case of several agencies, some more, one in Arabic."""
    now = house.clock()
    link = "https://video.example/watch?v=7f3a"
    pictures = (part("image", "First frame.", "a"), part("image", "Second frame.", "b"))
    text = part("text", "Placeholder text. " * 12)
    house.content(link, title="Placeholder gathering", language="ar", parts=(*pictures, text), facts={"Views": "1204"})
    house.order(link, content={"kind": "video", "languages": ["ar"], "graphic": True})
    house.refer(link, language="fr", reasons="Motifs fictifs.", operation={"code": "RAD-2026-11"})
    house.refer(link, agency=("Unit EL", "EL"), language="el", reasons="Ενδεικτικό κείμενο.")
    for number in range(6):
        other = f"https://video.example/post/{number}"
        house.content(other, kind="post", title=f"Placeholder post {number}", language="pl", parts=(text,))
        house.refer(other, agency=("Unit PL", "PL"), content={"kind": "post", "languages": ["pl"]})
    house.content("https://video.example/ar", kind="post", title="عنوان نائب", language="ar", parts=(text,))
    house.refer("https://video.example/ar", agency=("Unit PT", "PT"))
    assert house.clock() - now < timedelta(minutes=1)
