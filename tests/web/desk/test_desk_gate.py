"""Who comes in, from where, and what every page carries."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from desk_house import PREFIX, DeskHouse, Visitor

from notice_intake.web import csrf

PAGES = ("/", "/?state=closed", "/effects", "/nowhere", "/cases/cas_unknown")
POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "media-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


def post_rules(house: DeskHouse) -> list[str]:
    """Every address of the desk that takes a form, with a name where it needs one."""
    rules = [rule for rule in house.app.url_map.iter_rules() if rule.rule.startswith(PREFIX) and "POST" in rule.methods]
    return [re.sub(r"<(?:\w+:)?\w+>", "some_id", rule.rule) for rule in rules]


@pytest.mark.parametrize("path", PAGES)
def test_whoever_is_not_logged_in_is_sent_to_the_log_in_and_back(visit: Callable[..., Visitor], path: str) -> None:
    page = visit("").open(path)
    assert page.status == 303
    sent = urlsplit(page.where)
    assert sent.path == "/login"
    assert page.where.endswith(PREFIX + path)


def test_a_form_sent_without_log_in_leads_back_to_the_page_that_it_stands_on(
    desk: DeskHouse, visit: Callable[..., Visitor]
) -> None:
    for path in post_rules(desk):
        answer = visit("").client.post(path)
        assert answer.status_code == 303, path
        page = path.removeprefix(PREFIX)
        named = next((one for one in ("/cases/some_id", "/agencies/some_id") if page.startswith(one)), "")
        section = next((one for one in ("/agencies", "/enter", "/effects", "/deliveries") if page.startswith(one)), "/")
        back = named or section
        assert parse_qs(urlsplit(answer.location).query)["next"] == [PREFIX + back], path
    filtered = visit("").client.post(f"{PREFIX}/cases/some_id/decision?kind=url")
    assert parse_qs(urlsplit(filtered.location).query)["next"] == [f"{PREFIX}/cases/some_id?kind=url"]


def test_a_person_without_a_role_sees_nothing(visit: Callable[..., Visitor]) -> None:
    guest = visit("guest")
    for path in PAGES:
        page = guest.open(path)
        assert page.status == 403
        assert "This is not open to you" in page.text
        assert not page.found("a", class_="ni-button")


def test_an_engineer_sees_effects_and_no_case(desk: DeskHouse, visit: Callable[..., Visitor]) -> None:
    case_id = desk.refer("https://video.example/1")
    engineer = visit("eng")
    assert engineer.open("/").where == f"{PREFIX}/effects"
    assert engineer.open("/effects").status == 200
    assert engineer.open(f"/cases/{case_id}").status == 403


@pytest.mark.parametrize("path", [*PAGES, "/cases/{case}"])
def test_every_page_carries_the_strict_headers(desk: DeskHouse, mona: Visitor, path: str) -> None:
    page = mona.open(path.format(case=desk.refer("https://video.example/1")))
    assert {one.strip() for one in page.headers["Content-Security-Policy"].split(";")} == POLICY
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_files_may_be_kept_and_change_their_address_when_they_change(mona: Visitor) -> None:
    page = mona.open("/")
    addresses = [one["href"] for one in page.found("link")] + [one["src"] for one in page.found("script")]
    assert len(addresses) == 3
    for address in addresses:
        assert re.search(r"\?v=[0-9a-f]{12}$", address)
        answer = mona.client.get(address)
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_form_is_accepted_without_the_token(desk: DeskHouse, mona: Visitor) -> None:
    rules = post_rules(desk)
    assert len(rules) >= 10
    for path in rules:
        answer = mona.client.post(path, data={"reason": "x"})
        assert answer.status_code == 400, path
        assert "This form could not be accepted" in answer.text


def test_a_token_opens_the_forms_of_one_person_only(desk: DeskHouse, mona: Visitor, marc: Visitor) -> None:
    case_id = desk.refer("https://video.example/1")
    token = dict(mona.open(f"/cases/{case_id}").form("/claim").fields)["csrf"]
    address = f"{PREFIX}/cases/{case_id}/claim"
    assert marc.client.post(address, data={"csrf": token}).status_code == 400
    assert mona.client.post(address, data={"csrf": token}).status_code == 303


def test_a_token_runs_out(desk: DeskHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    token = csrf.issue(desk.mount.secrets, "m1")
    assert csrf.holds(desk.mount.secrets, token, moderator_id="m1")
    monkeypatch.setattr(csrf, "MAX_AGE", -1)
    assert not csrf.holds(desk.mount.secrets, token, moderator_id="m1")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "https://elsewhere.example"}, 400),
        ({"Origin": "null"}, 303),
    ],
)
def test_a_form_from_elsewhere_is_refused_even_with_the_token(
    desk: DeskHouse, visit: Callable[..., Visitor], headers: dict[str, str], status: int
) -> None:
    case_id = desk.refer("https://video.example/1")
    visitor = visit("mona", **headers)
    page = visitor.open(f"/cases/{case_id}")
    assert visitor.send(page, "/claim", follow=False).status == status


def test_a_host_with_tokens_of_its_own_finds_them_in_every_form(desk: DeskHouse, mona: Visitor) -> None:
    desk.app.jinja_env.globals["csrf_token"] = lambda: "host<token>"
    page = mona.open("/")
    assert page.forms
    for form in page.forms:
        if form.method == "post" and form.action:
            assert ("csrf_token", "host<token>") in form.fields


@pytest.mark.parametrize(
    "wish", ["//evil.example", "/\\evil.example", "https:evil.example", "/elsewhere", "/notices/desk//x"]
)
def test_preferences_lead_back_to_the_desk_only(mona: Visitor, wish: str) -> None:
    page = mona.open("/")
    sent = mona.send(page, "/preferences", follow=False, here=wish, theme="dark")
    assert (sent.status, sent.where) == (303, f"{PREFIX}/")


def test_the_choice_of_theme_and_shortcuts_is_kept_for_the_desk_alone(mona: Visitor) -> None:
    page = mona.open("/?state=closed")
    assert page.found("div", class_="ni")[0]["data-theme"] == "auto"
    after = mona.send(page, "/preferences", theme="dark")
    assert after.found("div", class_="ni")[0]["data-theme"] == "dark"
    assert "Closed" in [one.strip() for one in after.text.split("Filter")[0].split(" ")]
    answer = mona.client.post(f"{PREFIX}/preferences", data={**dict(after.forms[0].fields), "keys": "off"})
    cookie = answer.headers["Set-Cookie"]
    assert f"Path={PREFIX}/" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert mona.open("/").found("div", class_="ni")[0]["data-keys"] == "off"


def test_an_unknown_address_is_answered_by_the_desk_itself(desk: DeskHouse, mona: Visitor) -> None:
    desk.app.register_error_handler(404, lambda error: ("the host's own", 404))
    page = mona.open("/no/such/page")
    assert page.status == 404
    assert "There is nothing here" in page.text
    assert mona.open("/?cursor=made-up").status == 404


def test_the_host_may_put_its_own_layout_around(desk: DeskHouse, mona: Visitor) -> None:
    from jinja2 import ChoiceLoader, DictLoader

    around = (
        "<html><head>{% block head %}{% endblock %}</head><body>host{% block content %}{% endblock %}</body></html>"
    )
    loader = desk.app.jinja_env.loader
    desk.app.jinja_env.loader = ChoiceLoader([DictLoader({"notice_intake/layout.html": around}), loader])
    page = mona.open("/")
    assert page.html.lstrip().startswith("<html><head>")
    assert page.found("div", class_="ni", dir="ltr")
    assert len(page.found("script")) == 1
