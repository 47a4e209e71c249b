"""Callbacks, deliveries and keys, as the agency looks after them; and the agencies on the desk."""

from __future__ import annotations

import pytest
from agency_house import PREFIX, Guest, build, enrolled, link_of
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from desk_house import Visitor
from sqlalchemy import select

from notice_intake import signals
from notice_intake.flows import agencies, agency_desk, journal_about
from notice_intake.store import agencies as store

ADDRESS = "https://unit.example/callbacks"


def token_on(page):
    return page.text.partition("ni1_")[2].split(" ")[0]


def works(host, token):
    return (
        host.app.test_client()
        .get("/notices/v1/referrals", headers={"Authorization": f"Bearer ni1_{token}"})
        .status_code
    )


def pem(key=None):
    public = (key or ed25519.Ed25519PrivateKey.generate()).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def in_use(host, agency_id):
    """Have the agency's pending address taken into use, as after its challenge."""
    with host.mount.storage.begin() as tx:
        row = tx.execute(select(tx.tables.endpoint).where(tx.tables.endpoint.c.agency_id == agency_id)).one()
        values = {"state": "active", "url": row.pending["url"], "secrets": [row.pending["secret"]], "pending": None}
        tx.execute(tx.tables.endpoint.update().values(values))


def test_a_token_is_shown_once_and_two_are_good_at_a_time(host, unit, guest):
    shown = []
    for _ in range(3):
        page = guest.send(guest.open("/keys"), "/keys/token")
        shown.append(token_on(page))
        assert "not shown again" in page.text
        host.clock.forward(minutes=1)
    assert [works(host, token) for token in shown] == [401, 200, 200]
    assert not any(token in guest.open("/keys").html for token in shown)


def test_reloading_the_page_with_the_token_makes_no_other(host, unit, guest):
    form = guest.open("/keys")
    guest.send(form, "/keys/token")
    again = guest.send(form, "/keys/token")
    assert (again.status, "ni1_" in again.text) == (409, False)
    assert len(agency_desk.own_keys(host.mount, unit, now=host.clock()).keys) == 1


def test_onboarding_leads_through_the_first_steps(host, unit):
    guest = Guest(host)
    page = guest.come_in(link_of(host, unit, purpose="onboard"))
    assert "Welcome" in page.text
    for path in ("/refer", "/keys", "/callbacks"):
        assert [one for one in page.found("a") if one["href"] == PREFIX + path]
    assert agency_desk.own_keys(host.mount, unit, now=host.clock()).keys == ()


def test_a_public_key_is_accepted_and_a_private_one_is_not_shown_again(host, unit, guest):
    done = guest.send(guest.open("/keys"), "/keys/public", key=pem())
    assert "Public key" in done.text
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    refused = guest.send(done, "/keys/public", key=private)
    assert (refused.status, "That is a private key." in refused.text) == (422, True)
    assert private.splitlines()[1] not in refused.html
    wrong = guest.send(done, "/keys/public", key="not a key")
    assert dict(wrong.form("/keys/public").fields)["key"] == "not a key"
    with host.mount.storage.read() as tx:
        rows = tx.execute(select(tx.tables.journal).where(tx.tables.journal.c.action == "agency.key_added")).all()
    assert rows[0].actor_kind == "agency"


def test_an_address_is_named_tested_and_taken_away(host, unit, guest):
    wrong = guest.send(guest.open("/callbacks"), "/callbacks", url="https://10.0.0.1/x")
    assert wrong.status == 422
    assert dict(wrong.forms[-1].fields)["url"] == "https://10.0.0.1/x"
    named = guest.send(guest.open("/callbacks"), "/callbacks", url=ADDRESS)
    assert "whsec_" in named.text
    assert "whsec_" not in guest.open("/callbacks").text
    assert "Waits for its challenge" in guest.open("/callbacks").text
    assert not named.offers("/callbacks/test")
    in_use(host, unit)
    tested = guest.send(guest.open("/callbacks"), "/callbacks/test")
    assert "A test message is on its way." in tested.text
    assert "A test" in tested.text
    gone = guest.send(tested, "/callbacks/remove")
    assert "The address is gone." in gone.text
    assert guest.client.post(PREFIX + "/callbacks/test").status_code == 400


def test_a_secret_that_is_changed_too_often_is_refused_in_words(host, unit, guest):
    guest.send(guest.open("/callbacks"), "/callbacks", url=ADDRESS)
    in_use(host, unit)
    with host.mount.storage.begin() as tx:
        found = store.endpoints(tx, [unit])[unit]
        secrets = store.written(found.secrets * 10, replaced_at=[host.clock()] * 9)
        store.note_endpoint(tx, found.id, secrets=secrets)
    refused = guest.send(guest.open("/callbacks"), "/callbacks", url=ADDRESS, rotate="yes")
    assert (refused.status, "too often within a day" in refused.text) == (409, True)
    assert "whsec_" not in refused.text


def test_deliveries_are_ones_own_and_can_be_sent_again(host, unit, guest, stranger, refer):
    guest.send(guest.open("/callbacks"), "/callbacks", url=ADDRESS)
    in_use(host, unit)
    referral_id = refer()
    with host.mount.storage.begin() as tx:
        table = tx.tables.outbox
        tx.execute(table.update().where(table.c.referral_id == referral_id).values(state="dead", last_error="refused"))
        delivery = tx.execute(select(table.c.id).where(table.c.referral_id == referral_id)).scalar_one()
    page = guest.open("/callbacks")
    assert "Given up" in page.text
    assert "refused" in page.text
    assert delivery not in stranger.open("/callbacks").html
    fields = {"csrf": dict(stranger.open("/keys").form("/keys/token").fields)["csrf"]}
    assert stranger.client.post(f"{PREFIX}/deliveries/{delivery}/replay", data=fields).status_code == 404
    assert "It will be sent once more." in guest.send(page, f"/{delivery}/replay").text


def test_what_the_agency_may_not_do_is_neither_offered_nor_taken(host, unit):
    agencies.rotate(host.mount, unit, now=host.clock(), scopes=frozenset({"referrals:read"}))
    guest = Guest(host, link_of(host, unit))
    home = guest.open("/")
    assert not [one for one in home.found("a") if one["href"] in (f"{PREFIX}/refer", f"{PREFIX}/callbacks")]
    for path in ("/refer", "/callbacks"):
        assert guest.open(path).status == 403
    fields = {"csrf": dict(home.form("/out").fields)["csrf"], "nonce": "A" * 22}
    for path in ("/refer", "/callbacks", "/callbacks/test", "/keys/token", "/keys/public", "/referrals/x/withdrawal"):
        assert guest.client.post(PREFIX + path, data=fields).status_code == 403, path


@pytest.fixture
def eng(host):
    return Visitor(host, "eng")


@pytest.mark.parametrize("who", ["mona", "guest"])
def test_only_who_looks_after_keys_sees_the_agencies(host, unit, who):
    visitor = Visitor(host, who)
    token = dict(Visitor(host, "mona").open("/").form("/preferences").fields)["csrf"]
    assert visitor.open("/agencies").status == 403
    assert visitor.open(f"/agencies/{unit}").status == 403
    for verb in ("link", "token", "revoke", "out", "signatures", "endpoint"):
        answer = visitor.client.post(f"/notices/desk/agencies/{unit}/{verb}", data={"csrf": token, "minutes": "5"})
        assert answer.status_code == 403
    assert visitor.client.post("/notices/desk/agencies", data={"csrf": token}).status_code == 403


def test_an_agency_is_added_on_the_desk_and_comes_in_by_its_link(host, eng):
    page = eng.send(
        eng.open("/agencies"),
        "/agencies",
        name="Unit PT",
        country="PT",
        instruments=["eu.iru.referral"],
        scopes=["referrals:write", "referrals:read"],
    )
    assert page.status == 200
    # Loaded again, the page adds nobody and shows the link no more.
    later = eng.open(page.where or f"/agencies/{page.html.partition('/agencies/')[2].partition('/')[0]}")
    assert "/notices/agency/in/" not in later.text
    secret = page.text.partition("/notices/agency/in/")[2].split(" ")[0]
    guest = Guest(host)
    assert "Welcome" in guest.come_in(secret).text
    assert guest.open("/callbacks").status == 403
    again = eng.send(eng.open("/agencies"), "/agencies", name="Unit PT", country="PT", instruments=["eu.iru.referral"])
    assert again.status == 422
    assert dict(again.form("/agencies").fields)["name"] == "Unit PT"


def test_faults_of_a_new_agency_stand_at_their_fields(eng):
    page = eng.send(eng.open("/agencies"), "/agencies", name="", country="", instruments=[])
    assert page.status == 422
    for said in ("Write the agency's name", "Choose a country.", "Choose at least one instrument."):
        assert said in page.text
    (problem,) = page.found("div", id="ni-problem")
    assert problem["tabindex"] == "-1"
    assert {one["href"] for one in page.found("a") if one["href"].startswith("#")} >= {"#name", "#country"}


def test_closing_out_unsure_is_told_in_one_place_with_the_focus(host, unit, eng):
    page = eng.send(eng.open(f"/agencies/{unit}"), f"/agencies/{unit}/revoke")
    assert page.status == 422
    assert page.found("div", id="ni-problem")
    assert "Nothing was changed" in page.text


def test_a_last_day_is_taken_away_only_by_saying_so(host, unit, eng):
    page = eng.send(eng.open(f"/agencies/{unit}"), "/token")
    token = token_on(page)
    soon = eng.send(page, "/expiry", expires="2026-11-22")
    empty = eng.send(soon, "/expiry", expires="")
    assert empty.status == 422
    assert "Nothing was changed." in empty.text
    host.clock.forward(days=2)
    assert works(host, token) == 401
    endless = eng.send(empty, "/expiry", expires="2026-11-22", end="none")
    assert "The key has no last day any more." in endless.text
    assert works(host, token) == 200
    assert not endless.found("button", name="end")


def test_the_life_of_keys_on_the_desk(host, unit, eng):
    page = eng.open(f"/agencies/{unit}")
    first = eng.send(page, "/token")
    assert eng.send(page, "/token").status == 409  # the same form again
    token = token_on(first)
    assert works(host, token) == 200
    soon = eng.send(first, "/expiry", expires="2026-11-22")
    assert "The key's last day is set." in soon.text
    assert "in 1 day" in eng.open("/agencies").text
    past = eng.send(soon, "/expiry", expires="2026-11-20")
    assert (past.status, "still to come" in past.text) == (422, True)
    assert eng.send(soon, "/expiry", expires="no day").status == 422
    host.clock.forward(days=2)
    assert works(host, token) == 401
    host.clock.forward(days=-2)
    gone = eng.send(eng.open(f"/agencies/{unit}"), "/revoke", follow=True)
    assert works(host, token) == 401
    assert gone.status in (200, 422)


def test_signatures_are_required_only_where_nobody_is_locked_out(host, unit, eng):
    page = eng.open(f"/agencies/{unit}")
    refused = eng.send(page, "/signatures", required="yes")
    assert (refused.status, "locked out" in refused.text) == (409, True)
    from notice_intake.auth import keys
    from notice_intake.flows import agency_keys

    agency_keys.add_public_key(host.mount, unit, key=keys.from_pem(pem().encode()), now=host.clock())
    token = token_on(eng.send(eng.open(f"/agencies/{unit}"), "/token"))
    assert works(host, token) == 200
    eng.send(eng.open(f"/agencies/{unit}"), "/signatures", required="yes")
    assert works(host, token) == 401


def test_an_address_is_disabled_and_enabled_again(host, unit, eng, guest):
    guest.send(guest.open("/callbacks"), "/callbacks", url=ADDRESS)
    assert not eng.open(f"/agencies/{unit}").offers("/endpoint")
    in_use(host, unit)
    eng.send(eng.open(f"/agencies/{unit}"), "/endpoint", enabled="no")
    assert "Disabled" in guest.open("/callbacks").text
    eng.send(eng.open(f"/agencies/{unit}"), "/endpoint", enabled="yes")
    assert "In use" in guest.open("/callbacks").text


@pytest.mark.parametrize("way", ["desk", "command line", "ledger"])
def test_an_address_that_failed_begins_afresh_whoever_enables_it_and_the_workers_hear_of_it(
    host, unit, eng, guest, way
):
    guest.send(guest.open("/callbacks"), "/callbacks", url=ADDRESS)
    in_use(host, unit)
    with host.mount.storage.begin() as tx:
        found = store.endpoints(tx, [unit])[unit]
        failing = {"failures": 12, "openings": 3, "failing_since": host.clock(), "warned": 2, "reason": "failing"}
        store.note_endpoint(tx, found.id, state="disabled", **failing)
    heard = []
    with signals.work_waiting.connected_to(lambda *_, **__: heard.append(way)):
        if way == "desk":
            eng.send(eng.open(f"/agencies/{unit}"), "/endpoint", enabled="yes")
        elif way == "ledger":
            eng.send(eng.open("/deliveries"), f"/deliveries/endpoints/{found.id}/enable")
        else:
            done = host.app.test_cli_runner().invoke(args=["notice-intake", "endpoint", "enable", unit])
            assert done.exit_code == 0, done.output
    with host.mount.storage.read() as tx:
        row = tx.execute(select(tx.tables.endpoint)).one()
    assert (row.state, {name: getattr(row, name) for name in store.FRESH}) == ("active", dict(store.FRESH))
    assert heard
    (entry,) = [one for one in journal_about.about(host.mount, found.id) if one.action == "endpoint.enabled"]
    assert entry.actor_kind == ("operator" if way == "command line" else "moderator")


def test_closing_an_agency_out_asks_first_and_acts_at_once(host, unit, eng, guest):
    page = eng.open(f"/agencies/{unit}")
    asked = eng.send(page, f"/{unit}/revoke")
    assert (asked.status, guest.open("/").status) == (422, 200)
    done = eng.send(page, f"/{unit}/revoke", sure="yes")
    assert "Closed out" in done.text
    assert guest.open("/").status == 303
    (entry,) = [one for one in journal_about.about(host.mount, unit) if one.action == "agency.keys_revoked"]
    assert (entry.actor_kind, entry.actor_id) == ("moderator", "m4")


def test_everybody_of_an_agency_is_signed_out(host, unit, eng, guest):
    eng.send(eng.open(f"/agencies/{unit}"), "/out")
    assert guest.open("/").status == 303


def test_another_agencys_key_is_not_found_under_this_one(host, unit, eng):
    other = enrolled(host, "Unit PL")
    agencies.rotate(host.mount, other, now=host.clock())
    (key,) = agency_desk.own_keys(host.mount, other, now=host.clock()).keys
    token = dict(eng.open("/agencies").form("/preferences").fields)["csrf"]
    for verb in ("revoke", "expiry"):
        path = f"/notices/desk/agencies/{unit}/keys/{key.key_id}/{verb}"
        assert eng.client.post(path, data={"csrf": token, "end": "none"}).status_code == 404
    assert eng.open("/agencies/agy_none").status == 404


@pytest.mark.parametrize("data", [{"purpose": "other", "minutes": "5"}, {"purpose": "sign-in", "minutes": "x"}])
def test_a_link_that_cannot_be_is_not_made_on_the_desk(eng, unit, data):
    page = eng.open(f"/agencies/{unit}")
    assert eng.send(page, "/link", **data).status == 400


def test_the_command_prints_a_link_that_works(tmp_path):
    house = build(tmp_path, public_url="https://platform.example")
    unit = enrolled(house, "Unit Zwei")
    run = house.app.test_cli_runner()
    for named in (unit, "Unit Zwei"):
        done = run.invoke(args=["notice-intake", "agency", "link", named, "--minutes", "10"])
        assert done.exit_code == 0, done.output
        address = done.stdout.strip()
        assert address.startswith("https://platform.example/notices/agency/in/")
        assert "lets one person in" in done.stderr
    assert run.invoke(args=["notice-intake", "agency", "link", "Unit None"]).exit_code == 2
    assert run.invoke(args=["notice-intake", "agency", "link", unit, "--minutes", "0"]).exit_code == 2
    enrolled(house, "Twin")
    agencies.register(house.mount, "Twin", place="FR", instruments=["eu.iru.referral"], now=house.clock())
    twice = run.invoke(args=["notice-intake", "agency", "link", "Twin"])
    assert (twice.exit_code, "Give the id" in twice.output) == (2, True)


def test_only_who_once_had_a_key_or_was_closed_out_is_called_closed_out(host, unit, eng):
    host.refer("https://video.example/1", agency=("Unit by mail", "ZZ"))
    page = eng.open("/agencies")
    assert "Unit BE Belgium No key yet" in page.text
    assert "Unit by mail By mail only" in page.text
    for words in ("Closed out", "Unknown Region", "ZZ"):
        assert words not in page.text
    mailing = host.agencies["Unit by mail"].id
    assert "By mail only" in eng.open(f"/agencies/{mailing}").text
    agencies.rotate(host.mount, mailing, now=host.clock())
    assert "By mail only" not in eng.open("/agencies").text
    (key,) = agency_desk.own_keys(host.mount, mailing, now=host.clock()).keys
    eng.send(eng.open(f"/agencies/{mailing}"), f"{key.key_id}/revoke")
    agencies.revoke(host.mount, unit, now=host.clock())
    assert eng.open("/agencies").text.count("Closed out") == 2


def test_an_agency_whose_keys_have_run_out_is_not_closed_out(host, unit, eng):
    agencies.rotate(host.mount, unit, now=host.clock())
    host.clock.forward(days=366)
    page = eng.open("/agencies")
    assert "has run out" in page.text
    assert "Closed out" not in page.text
