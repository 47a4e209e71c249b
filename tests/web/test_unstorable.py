"""Characters that no database text can hold, at every address and in every form of the pages: on both databases."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

import pytest
from web.desk.desk_house import Page, path_of

from notice_intake import Moderator
from notice_intake.core.queue import QueueFilter
from notice_intake.flows import page_links

EVERYTHING = Moderator("m-1", "One", frozenset({"moderator", "lead", "engineer"}))
ODD = ("%00", "a%00b", "%ED%A0%80")
QUERIES = {
    "/notices/desk/": [*QueueFilter.__dataclass_fields__, "cursor", "lang", "theme"],
    "/notices/desk/effects": ["state", "cursor"],
    "/notices/desk/deliveries": ["agency", "state", "referral", "cursor"],
    "/notices/agency/": ["state", "reference", "cursor", "lang"],
    "/notices/agency/refer": ["instrument"],
    "/notices/agency/callbacks": ["state", "cursor"],
}
#: What ends the visit, or the agency, that the other forms need; neither takes a text.
ENDING = ("/out", "/revoke")


@pytest.fixture
def browser(house) -> Any:
    """Somebody who may everything at the desk, signed in for an agency too, with a referral, a case and a callback."""
    house.gate.moderator = EVERYTHING
    agency = house.agency(callback_url="https://unit.example/hook")
    house.referral_id = agency.refer().json["id"]
    house.agency_id = agency.id
    made = page_links.make(house.mount, agency.id, purpose="sign-in", now=house.clock.now)
    client = house.client
    offer = Page(client.get(f"/notices/agency/in/{made.secret}"))
    form = offer.form("/in")
    assert client.post(form.action, data=dict(form.fields)).status_code == 303
    return client


def rules(house):
    found = [one for one in house.app.url_map.iter_rules() if re.search(r"_(desk|agency)\.", one.endpoint)]
    return [one for one in found if not one.endpoint.endswith(".static")]


def pages(house):
    with house.mount.storage.read() as tx:
        case_id = tx.execute(tx.tables.case.select()).one().id
        message_id = tx.execute(tx.tables.outbox.select()).first().id
    desk = ["", "deliveries", f"deliveries/{message_id}", "effects", "agencies", f"agencies/{house.agency_id}", "enter"]
    own = ["", "refer?instrument=eu.iru.referral", "callbacks", "keys", f"referrals/{house.referral_id}"]
    found = [f"/notices/desk/{one}" for one in [*desk, f"cases/{case_id}"]]
    return found + [f"/notices/agency/{one}" for one in own]


def test_every_id_in_a_path_that_nothing_can_have_is_not_found(house, browser):
    seen = 0
    for rule in rules(house):
        for odd in ODD if rule.arguments and "GET" in rule.methods else ():
            path = re.sub(r"<[^>]+>", odd, rule.rule)
            answer = browser.get(path)
            # Whoever came back from a form is led to the page, which is not found then.
            wanted = {404} if odd != ODD[-1] else {303, 404}
            assert answer.status_code in wanted, (path, answer.status_code)
            seen += 1
    assert seen > 40


def test_every_filter_that_nothing_can_equal_finds_nothing(house, browser):
    for path, names in QUERIES.items():
        for name in names:
            for odd in ODD:
                answer = browser.get(f"{path}?{name}={odd}")
                assert answer.status_code < 500, (path, name, odd)
    for name in ("instrument", "agency", "operation", "kind", "language", "search"):
        assert "/cases/" not in browser.get(f"/notices/desk/?{name}=a%00b").text, name
    assert house.referral_id not in browser.get("/notices/agency/?reference=a%00b").text
    for name in ("agency", "referral"):
        assert not re.search(r"/deliveries/[a-z]+_", browser.get(f"/notices/desk/deliveries?{name}=%00").text), name
    assert re.search(r"/deliveries/[a-z]+_", browser.get("/notices/desk/deliveries").text)


def test_every_form_refuses_such_a_text_or_takes_it_in_clean(house, browser):
    sent = 0
    for address in pages(house):
        page = Page(browser.get(address))
        assert page.status == 200, address
        ways = sorted(((path_of(action), action, form) for action, form in page.ways()), key=lambda one: one[0])
        for path, same in groupby(ways, key=lambda one: one[0]):
            _, action, form = next(same)
            if path.endswith(ENDING) or form.method.lower() != "post":
                continue
            names = [name for name, _ in form.fields if name not in ("csrf", "csrf_token", "nonce", "version", "seen")]
            for name in [*dict.fromkeys(names), *extra(path)]:
                data: dict[str, Any] = {**dict(form.fields), **defaults(path), name: "a\x00b"}
                answer = browser.post(action.partition("#")[0], data=data)
                assert answer.status_code < 500, (action, name)
                sent += 1
    assert sent > 60
    assert not rows_with_a_nul(house)


def extra(path):
    """Fields that show as a choice only, or only sometimes."""
    known = {
        "/decision": ["outcome", "territories", "keywords", "impossibility", "category", "ground_kind"],
        "/question": ["question_to", "question_reason", "question"],
        "/claim": ["then"],
        "/enter": ["agency", "agency_name", "channel", "instrument", "category", "language", "reference", "text"],
        "/agencies": ["instruments", "scopes", "country", "name"],
        "/complaint": ["items", "text"],
        "/supplement": ["answers", "reference", "url", "items"],
        "/refer": ["step", "add", "zone", "instrument", "/category"],
    }
    return next((names for ending, names in known.items() if path.endswith(ending)), [])


def defaults(path):
    """What is chosen on a form where the choice stands empty: so far that the text counts."""
    if path.endswith("/enter"):
        return {"agency_name": "", "text": "https://platform.example/p1", "channel": "email"}
    return {"step": "send"} if path.endswith("/refer") else {}


def rows_with_a_nul(house):
    with house.mount.storage.read() as tx:
        tables = house.mount.storage.tables.metadata.sorted_tables
        texts = [(table.name, value) for table in tables for row in tx.execute(table.select()) for value in row]
    return [(name, value) for name, value in texts if isinstance(value, str) and "\x00" in value]


def test_the_reason_for_taking_a_case_over_is_refused_beside_its_field(house, browser):
    case = next(one for one in pages(house) if "/cases/" in one)
    house.gate.moderator = Moderator("m-2", "Two", frozenset({"moderator"}))
    page = Page(browser.get(case))
    form = page.form("/claim")
    browser.post(form.action, data=dict(form.fields))
    house.gate.moderator = EVERYTHING
    form = Page(browser.get(case)).form("/takeover")
    answer = browser.post(form.action, data={**dict(form.fields), "reason": "a\x00b"})
    assert (answer.status_code, "Take the NUL character out." in Page(answer).text) == (422, True)
    assert not rows_with_a_nul(house)
