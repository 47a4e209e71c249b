"""Coming in, staying in, leaving: and everybody who must not."""

from __future__ import annotations

import json

import pytest
from agency_house import PREFIX, Guest, build, enrolled, link_of
from desk_house import Page, Visitor
from sqlalchemy import select

from notice_intake.flows import agencies

COOKIE = "notice_intake_agency"
PAGES = (
    "/",
    "/refer",
    "/refer?instrument=eu.iru.referral",
    "/callbacks",
    "/keys",
    "/welcome",
    "/referrals/ref_x",
    "/nix",
)
FORMS = (
    "/refer",
    "/referrals/ref_x/supplement",
    "/referrals/ref_x/withdrawal",
    "/referrals/ref_x/complaint",
    "/callbacks",
    "/callbacks/test",
    "/callbacks/remove",
    "/deliveries/msg_x/replay",
    "/keys/token",
    "/keys/public",
    "/preferences",
    "/out",
)


def cookie_of(guest):
    return guest.client.get_cookie(COOKIE, path=f"{PREFIX}/")


@pytest.mark.parametrize("path", PAGES)
def test_without_signing_in_every_page_leads_to_the_door(host, path):
    page = Guest(host).open(path)
    assert (page.status, page.where) == (303, f"{PREFIX}/in")


@pytest.mark.parametrize("path", FORMS)
def test_without_signing_in_no_form_is_taken(host, path):
    page = Page(host.app.test_client().post(PREFIX + path, data={"step": "send"}))
    assert page.status == 401
    assert "You are signed out" in page.text


@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_its_token_is_refused(guest, path):
    answer = guest.client.post(PREFIX + path, data={"step": "send"})
    assert answer.status_code == 400


@pytest.mark.parametrize("path", FORMS)
def test_a_form_with_the_token_of_another_agency_or_the_desk_is_refused(host, guest, stranger, path):
    theirs = dict(stranger.open("/keys").form("/keys/token").fields)["csrf"]
    desk = dict(Visitor(host, "eng").open("/agencies").form("/preferences").fields)["csrf"]
    for token in (theirs, desk):
        assert guest.client.post(PREFIX + path, data={"csrf": token}).status_code == 400


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}])
def test_a_form_that_another_site_sends_is_refused_with_the_right_token_too(guest, headers):
    token = dict(guest.open("/keys").form("/keys/token").fields)
    assert guest.client.post(PREFIX + "/keys/token", data=token, headers=headers).status_code == 400


def test_opening_a_link_spends_nothing_and_its_button_does(host, unit):
    secret = link_of(host, unit)
    for scanner in (Guest(host), Guest(host)):
        page = scanner.open(f"/in/{secret}")
        assert (page.status, "Unit BE" in page.text) == (200, True)
        assert scanner.client.head(f"{PREFIX}/in/{secret}").status_code == 200
    guest = Guest(host)
    assert "Your referrals" in guest.come_in(secret).text
    late = Guest(host).open(f"/in/{secret}")
    assert (late.status, "opens nothing any more" in late.text) == (404, True)


def test_a_link_that_was_used_between_looking_and_pressing_opens_nothing(host, unit):
    secret = link_of(host, unit)
    slow = Guest(host)
    page = slow.open(f"/in/{secret}")
    Guest(host, secret)
    assert slow.send(page, "/in").status == 404
    assert slow.open("/").status == 303


def test_an_expired_link_and_one_of_a_revoked_agency_open_nothing(host, unit):
    expired, revoked = link_of(host, unit, minutes=5), link_of(host, unit)
    host.clock.forward(minutes=5)
    assert Guest(host).open(f"/in/{expired}").status == 404
    waiting = Guest(host)
    page = waiting.open(f"/in/{revoked}")
    agencies.revoke(host.mount, unit, now=host.clock())
    assert waiting.send(page, "/in").status == 404
    assert Guest(host).open(f"/in/{revoked}").status == 404


def test_revoking_an_agency_acts_on_the_next_request(host, unit, guest):
    assert guest.open("/").status == 200
    agencies.revoke(host.mount, unit, now=host.clock())
    assert guest.open("/").status == 303


def test_nobody_is_signed_in_by_a_form_that_another_browser_opened(host, unit):
    """An attacker with a link of their own must not be able to sign somebody else in under it."""
    theirs = Guest(host)
    form = theirs.open(f"/in/{link_of(host, unit)}").form("/in")
    victim = host.app.test_client()
    assert victim.post(form.action, data=dict(form.fields)).status_code == 400
    Guest(host).client.get(f"{PREFIX}/in")
    other = Guest(host)
    other.open(f"/in/{link_of(host, unit)}")
    assert other.client.post(form.action, data=dict(form.fields)).status_code == 400
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert theirs.client.post(form.action, data=dict(form.fields), headers=headers).status_code == 400
    assert theirs.open("/").status == 303


def test_signing_in_gives_a_fresh_secret_whatever_the_browser_brought(host, unit):
    """No session is fixed beforehand."""
    guest = Guest(host)
    guest.client.set_cookie(COOKIE, "A" * 43, path=f"{PREFIX}/")
    guest.come_in(link_of(host, unit))
    first = cookie_of(guest).value
    assert first != "A" * 43
    guest.come_in(link_of(host, unit))
    second = cookie_of(guest).value
    assert second != first
    before = Guest(host)
    before.client.set_cookie(COOKIE, first, path=f"{PREFIX}/")
    assert before.open("/").status == 303


def test_the_cookie_is_kept_from_scripts_other_sites_and_other_paths(host, unit):
    guest = Guest(host)
    sent = guest.send(guest.open(f"/in/{link_of(host, unit)}"), "/in", follow=False)
    found = next(one for one in sent.headers.getlist("Set-Cookie") if one.startswith(COOKIE + "="))
    assert "HttpOnly" in found
    assert "SameSite=Lax" in found
    assert f"Path={PREFIX}/" in found
    assert "Max-Age=28800" in found
    assert "Secure" not in found  # this test speaks plain HTTP
    assert not [one for one in sent.headers.getlist("Set-Cookie") if one.startswith("session=")]


@pytest.mark.parametrize("how", ["tls", "public_url"])
def test_the_cookie_goes_over_tls_only_where_there_is_tls(tmp_path, how):
    options = {"public_url": "https://platform.example"} if how == "public_url" else {}
    house = build(tmp_path, **options)
    base = "https://localhost" if how == "tls" else "http://localhost"
    client = house.app.test_client()
    secret = link_of(house, enrolled(house))
    page = Page(client.get(f"{PREFIX}/in/{secret}", base_url=base))
    sent = client.post(f"{PREFIX}/in", data=dict(page.form("/in").fields), base_url=base)
    if how == "public_url":
        # The browser would keep the secure cookie of the door from a plain request; so does the test's.
        assert "; Secure" in page.headers["Set-Cookie"]
        return
    assert all("; Secure" in one for one in sent.headers.getlist("Set-Cookie") if one.startswith(COOKIE + "="))


def test_signing_out_ends_the_visit_in_the_tables_too(host, guest):
    kept = cookie_of(guest).value
    page = guest.send(guest.open("/"), "/out")
    assert "You are signed out" in page.text
    assert cookie_of(guest) is None
    thief = Guest(host)
    thief.client.set_cookie(COOKIE, kept, path=f"{PREFIX}/")
    assert thief.open("/").status == 303


def test_a_moderator_is_nobody_here_and_an_agency_is_nobody_at_the_desk(host, guest):
    moderator = Guest(host)
    moderator.client.set_cookie("who", "lea")
    assert moderator.open("/").status == 303
    answer = guest.client.get("/notices/desk/")
    assert (answer.status_code, answer.headers["Location"].startswith("/login")) == (303, True)


def test_the_cookie_counts_for_nothing_at_the_api(guest):
    assert guest.client.get("/notices/v1/referrals").status_code == 401


def test_the_log_says_why_a_link_was_refused_and_never_the_link(host, unit, caplog):
    caplog.set_level("DEBUG")
    secret = link_of(host, unit)
    Guest(host, secret)
    Guest(host).open(f"/in/{secret}")
    assert "a link was refused: link used, revoked or expired" in caplog.text
    assert secret not in caplog.text


def test_guesses_at_links_are_limited(tmp_path):
    house = build(tmp_path, rate_failures=3)
    guest = Guest(house)
    statuses = [guest.open("/in/" + str(number) * 43).status for number in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
    late = Guest(house).open(f"/in/{link_of(house, enrolled(house))}")
    assert (late.status, "Too many requests" in late.text) == (429, True)
    assert int(late.headers["Retry-After"]) > 0


def test_an_agency_has_the_limit_of_the_api_here_too(tmp_path):
    house = build(tmp_path, rate_agency=3)
    guest = Guest(house, link_of(house, enrolled(house)))
    assert [guest.open("/keys").status for _ in range(4)][-1] == 429


@pytest.mark.parametrize(
    "here",
    ["https://evil.example/", "//evil.example", "/notices/desk/", f"{PREFIX}//evil.example", f"{PREFIX}/\\evil", "/"],
)
def test_nobody_is_sent_elsewhere(guest, here):
    page = guest.send(guest.open("/"), "/preferences", follow=False, here=here, theme="dark")
    assert (page.status, page.where) == (303, f"{PREFIX}/")


def test_line_ends_in_what_is_sent_reach_no_header(guest):
    page = guest.send(
        guest.open("/"),
        "/preferences",
        follow=False,
        here=f"{PREFIX}/\r\nX-Injected: yes",
        lang="de\r\nX-Injected: yes",
    )
    assert "X-Injected" not in page.headers
    answer = guest.client.get(f"{PREFIX}/in/x%0d%0aX-Injected:%20yes")
    assert answer.status_code == 404
    assert "X-Injected" not in answer.headers


@pytest.mark.parametrize("path", ["/in", "/", "/refer?instrument=eu.tco.removal_order", "/callbacks", "/keys", "/nix"])
def test_every_page_forbids_scripts_frames_and_caches(guest, path):
    page = guest.open(path)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert not page.found("script")
    assert not [one for _, one in page.elements if any(name.startswith("on") or name == "style" for name in one)]


def test_the_entry_of_a_referral_says_by_which_link_it_came(host, unit, guest, refer):
    """In the transaction of the referral, so that neither is there without the other."""
    referral_id = refer()
    with host.mount.storage.read() as tx:
        rows = tx.execute(select(tx.tables.journal).where(tx.tables.journal.c.object == referral_id)).all()
        (link,) = tx.execute(select(tx.tables.link.c.id)).scalars()
        referral = tx.execute(select(tx.tables.referral)).one()
        (visit,) = tx.execute(select(tx.tables.visit.c.id)).scalars()
    (entry,) = rows
    facts = json.loads(entry.payload)["facts"]
    assert entry.action == "referral.received"
    assert (facts["channel"], facts["link"], facts["visit"]) == ("page", link, visit)
    canonical = json.dumps(json.loads(entry.payload), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert entry.payload == canonical.encode()
    assert referral.idempotency_key.startswith(f"page:{link}:")
