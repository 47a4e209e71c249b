"""Hosts of every shape: factories, several mounts, nesting, single blueprints, prefixes, other extensions."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint, Flask, session
from hosting import OURS, agency_of, intake, upgraded

from notice_intake.errors import SettingsError
from notice_intake.flows import page_links
from notice_intake.flows.agencies import register
from notice_intake.testing import FakeModerators


def on_disk(where, name="one", **options):
    return intake(storage_url=f"sqlite:///{where}/{name}.db", **options)


def opened(answer):
    """The path that a redirect leads to."""
    return answer.headers["Location"]


def assets_of(page):
    """Every file that a page of the desk loads."""
    return re.findall(r'(?:href|src)="([^"]*/assets/[^"]+)"', page.get_data(as_text=True))


def check_desk(client, prefix):
    """Check that the desk works under ``prefix``: its page, its files, and the way back into itself."""
    page = client.get(f"{prefix}/")
    assert page.status_code == 200
    files = assets_of(page)
    assert {one.partition("?")[0].rpartition("/")[2] for one in files} >= {"desk.css", "desk.js"}
    for file in files:
        assert file.startswith(f"{prefix}/assets/")
        assert client.get(file).status_code == 200
    links = re.findall(r'(?:href|action)="(/[^"]*)"', page.get_data(as_text=True))
    assert links
    assert all(one.startswith(f"{prefix}/") for one in links), links


def test_an_app_factory_called_twice_makes_two_apps_that_share_nothing(tmp_path):
    guest = intake(secret_keys=())

    def create(name):
        app = Flask("host", instance_path=str(tmp_path / name))
        guest.init_app(app)
        upgraded(app)
        return app

    check_apart(create("a"), create("b"))


def test_blueprints_made_once_serve_every_app_that_registers_them(tmp_path):
    guest = intake(secret_keys=())
    api, desk = guest.api_blueprint(), guest.desk_blueprint()

    def create(name):
        app = Flask("host", instance_path=str(tmp_path / name))
        app.register_blueprint(api, url_prefix="/notices")
        app.register_blueprint(desk, url_prefix="/notices/desk")
        upgraded(app)
        return app

    check_apart(create("a"), create("b"))


def check_apart(first, second):
    agencies = [agency_of(app, app.extensions[OURS]["notice_intake"]) for app in (first, second)]
    assert first.extensions[OURS]["notice_intake"].storage is not second.extensions[OURS]["notice_intake"].storage
    receipts = [agency.refer() for agency in agencies]
    assert [one.status_code for one in receipts] == [201, 201]
    for agency, receipt in zip(agencies, receipts, strict=True):
        assert [one["id"] for one in agency.get("/v1/referrals").json["referrals"]] == [receipt.json["id"]]
    stranger = second.test_client().get("/notices/v1/referrals", headers=agencies[0].headers)
    assert stranger.status_code == 401
    for app in (first, second):
        check_desk(app.test_client(), "/notices/desk")


def test_two_mounts_have_their_own_settings_storage_channel_and_commands(tmp_path):
    app = Flask("host")
    app.config["NOTICE_INTAKE_PLATFORM_NAME"] = "Both"
    uk = on_disk(tmp_path, "uk", channel="uk", max_body_bytes=100).init_app(app, url_prefix="/uk", name="uk")
    eu = on_disk(tmp_path, "eu", channel="eu", table_prefix="eu_").init_app(app, url_prefix="/eu", name="eu")
    upgraded(app, "uk")
    upgraded(app, "eu")
    assert (uk.settings.platform_name, eu.settings.platform_name) == ("Both", "Both")
    unit_uk, unit_eu = agency_of(app, uk, prefix="/uk"), agency_of(app, eu, prefix="/eu")
    assert unit_uk.refer().status_code == 413
    receipt = unit_eu.refer()
    assert receipt.headers["Location"] == f"/eu/v1/referrals/{receipt.json['id']}"
    with eu.storage.read() as tx:
        assert tx.execute(tx.tables.referral.select()).one().channel == "eu"
        assert tx.tables.referral.name == "eu_referral"
    assert app.test_client().get("/uk/v1/referrals", headers=unit_eu.headers).status_code == 401
    for prefix in ("/uk/desk", "/eu/desk"):
        check_desk(app.test_client(), prefix)


def test_two_mounts_on_one_storage_are_one_queue_with_two_doors(tmp_path):
    app = Flask("host")
    front = on_disk(tmp_path, channel="front").init_app(app, url_prefix="/front", name="front")
    back = on_disk(tmp_path, channel="back").init_app(app, url_prefix="/back", name="back")
    upgraded(app, "front")
    agency = agency_of(app, front, prefix="/front")
    other = agency_of(app, back, prefix="/back", name="Other")
    assert [agency.refer().status_code, other.refer().status_code] == [201, 201]
    other.headers = agency.headers
    assert len(other.get("/v1/referrals").json["referrals"]) == 1
    with back.storage.read() as tx:
        channels = sorted(row.channel for row in tx.execute(tx.tables.referral.select()))
    assert channels == ["back", "front"]


def test_a_name_that_is_taken_is_refused_with_what_to_do(tmp_path):
    app = Flask("host")
    guest = on_disk(tmp_path)
    guest.init_app(app)
    with pytest.raises(SettingsError, match="Give the second mount another name"):
        guest.init_app(app, url_prefix="/again")
    with pytest.raises(SettingsError, match="Give the second mount another name"):
        on_disk(tmp_path, "two").init_app(app, url_prefix="/two")


def test_two_guests_under_two_blueprints_of_the_host_never_share_a_mount_unseen(tmp_path):
    """Flask lets both be called notice_intake, since their parents' names differ."""
    app = Flask("host")
    for parent, guest in (("uk", on_disk(tmp_path, "uk")), ("eu", on_disk(tmp_path, "eu"))):
        around = Blueprint(parent, f"host.{parent}", url_prefix=f"/{parent}")
        around.register_blueprint(guest.api_blueprint())
        if parent == "uk":
            app.register_blueprint(around)
        else:
            with pytest.raises(SettingsError, match="Give the second mount another name"):
                app.register_blueprint(around)


def test_nested_under_a_blueprint_of_the_host(tmp_path):
    app = Flask("host")
    around = Blueprint("staff", "host.staff", url_prefix="/staff")
    guest = on_disk(tmp_path)
    around.register_blueprint(guest.api_blueprint(), url_prefix="/doors")
    around.register_blueprint(guest.desk_blueprint(), url_prefix="/moderation")
    app.register_blueprint(around)
    upgraded(app)
    agency = agency_of(app, app.extensions[OURS]["notice_intake"], prefix="/staff/doors")
    receipt = agency.refer()
    assert receipt.headers["Location"] == f"/staff/doors/v1/referrals/{receipt.json['id']}"
    assert app.test_client().get(receipt.headers["Location"], headers=agency.headers).status_code == 200
    check_desk(app.test_client(), "/staff/moderation")


PREFIXES = ["/notices", "/notices/", "/a/b/c", "/v1", "/desk", "/"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_everything_works_under_any_prefix(tmp_path, prefix):
    app = Flask("host")
    mount = on_disk(tmp_path).init_app(app, url_prefix=prefix)
    upgraded(app)
    root = prefix.rstrip("/")
    receipt = agency_of(app, mount, prefix=root).refer()
    assert receipt.headers["Location"] == f"{root}/v1/referrals/{receipt.json['id']}"
    check_desk(app.test_client(), f"{root}/desk")


@pytest.mark.parametrize("prefix", ["/api/doors", "/"])
def test_the_api_alone_with_its_commands(tmp_path, prefix):
    app = Flask("host")
    app.register_blueprint(on_disk(tmp_path).api_blueprint(), url_prefix=prefix)
    upgraded(app)
    root = prefix.rstrip("/")
    agency = agency_of(app, app.extensions[OURS]["notice_intake"], prefix=root)
    assert agency.refer().status_code == 201
    assert app.test_client().get(f"{root}/desk/").status_code == 404
    shown = app.test_cli_runner().invoke(args=["notice-intake", "agency", "list"])
    assert agency.id in shown.output


@pytest.mark.parametrize("prefix", ["/moderation", "/"])
def test_the_desk_alone(tmp_path, prefix):
    """The other half runs elsewhere, on the same tables."""
    elsewhere = Flask("elsewhere")
    on_disk(tmp_path).init_app(elsewhere)
    upgraded(elsewhere)
    app = Flask("host")
    app.add_url_rule("/home", "home", lambda: "host: home")
    app.register_blueprint(on_disk(tmp_path).desk_blueprint(), url_prefix=prefix)
    check_desk(app.test_client(), prefix.rstrip("/"))
    assert app.test_client().get("/home").get_data(as_text=True) == "host: home"
    assert "notice-intake" not in app.cli.commands


def test_api_and_desk_at_unrelated_addresses_share_one_mount(tmp_path):
    app = Flask("host")
    guest = on_disk(tmp_path)
    app.register_blueprint(guest.desk_blueprint(name="doors_desk"), url_prefix="/staff/notices")
    app.register_blueprint(guest.api_blueprint(name="doors"), url_prefix="/api/notices")
    assert set(app.extensions[OURS]) == {"doors"}
    upgraded(app, "doors")
    agency = agency_of(app, app.extensions[OURS]["doors"], prefix="/api/notices")
    agency.refer(agency.document("https://platform.example/p1"))
    assert "Post 1" in app.test_client().get("/staff/notices/").get_data(as_text=True)


def test_under_a_prefix_that_headers_cannot_carry_as_it_is(tmp_path):
    app = Flask("host")
    mount = on_disk(tmp_path).init_app(app, url_prefix="/hafen/größe")
    upgraded(app)
    agency = agency_of(app, mount, prefix="/hafen/größe")
    receipt = agency.refer()
    assert receipt.headers["Location"] == f"/hafen/gr%C3%B6%C3%9Fe/v1/referrals/{receipt.json['id']}"
    assert agency.refer().status_code == 201
    pages = agency.get("/v1/referrals?limit=1")
    assert pages.headers["Link"].startswith("</hafen/gr%C3%B6%C3%9Fe/v1/referrals?")
    assert app.test_client().get(agency.get("/v1/none").json["type"]).status_code == 200


def test_under_a_prefix_with_a_variable_that_the_host_takes_out(tmp_path):
    app = Flask("host")
    guest = on_disk(tmp_path)
    api, seen = guest.api_blueprint(), []
    api.url_value_preprocessor(lambda _endpoint, values: seen.append(values.pop("tenant")))
    app.register_blueprint(api, url_prefix="/<tenant>/notices")
    upgraded(app)
    agency = agency_of(app, app.extensions[OURS]["notice_intake"], prefix="/north/notices")
    receipt = agency.refer()
    assert receipt.headers["Location"] == f"/north/notices/v1/referrals/{receipt.json['id']}"
    assert agency.get("/v1/x/y").json["type"] == "/north/notices/v1/problems/not-found"
    assert seen == ["north", "north"]


def test_behind_a_proxy_path(tmp_path):
    app = Flask("host")
    mount = on_disk(tmp_path).init_app(app)
    upgraded(app)
    agency = agency_of(app, mount)
    base = "https://platform.example/behind"
    receipt = app.test_client().post(
        "/notices/v1/referrals", json=agency.document(), headers=agency.headers, base_url=base
    )
    assert receipt.headers["Location"] == f"/behind/notices/v1/referrals/{receipt.json['id']}"
    page = app.test_client().get("/notices/desk/", base_url=base)
    assert assets_of(page)
    assert all(one.startswith("/behind/notices/desk/assets/") for one in assets_of(page))


def test_who_is_not_logged_in_is_sent_to_the_hosts_own_log_in(tmp_path):
    app = Flask("host")
    gate = FakeModerators()
    gate.moderator = None
    on_disk(tmp_path, moderators=gate).init_app(app)
    answer = app.test_client().get("/notices/desk/?instrument=eu.iru.referral")
    assert answer.status_code == 303
    assert opened(answer).startswith("/log-in?next=/notices/desk/")


def test_a_host_with_csrf_protection_lets_agencies_in_and_keeps_the_desk_protected(tmp_path):
    flask_wtf = pytest.importorskip("flask_wtf", reason="Flask-WTF is not installed")
    app = Flask("host")
    app.config["SECRET_KEY"] = "host"
    app.add_url_rule("/own", "own", lambda: "host", methods=["POST"])
    app.add_url_rule("/session", "session", lambda: dict(session))
    flask_wtf.CSRFProtect(app)
    mount = on_disk(tmp_path).init_app(app)
    upgraded(app)
    agency = agency_of(app, mount)
    assert agency.refer(agency.document("https://platform.example/p1")).status_code == 201
    client = app.test_client()
    assert client.post("/own").status_code == 400, "the host's own pages stay protected"
    assert client.post("/notices/desk/next").status_code == 400
    page = client.get("/notices/desk/").get_data(as_text=True)
    form = re.search(r'<form[^>]+action="(/notices/desk/next[^"]*)".*?</form>', page, re.DOTALL)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0]))
    assert "csrf_token" in fields, "the host's own token goes with ours"
    claimed = client.post(form[1], data=fields)
    assert claimed.status_code == 303
    assert "/notices/desk/cases/" in opened(claimed)
    del fields["csrf_token"]
    assert client.post(form[1], data=fields).status_code == 400


def person_by_link(app, mount, client, *, prefix="/notices/agency"):
    """Have a person at a new agency sign in by a one-time link; returns what the button sends."""
    agency_id = register(mount, "Unit", place="BE", instruments=["eu.iru.referral"], now=mount.clock())
    secret = page_links.make(mount, agency_id, purpose="sign-in", now=mount.clock()).secret
    page = client.get(f"{prefix}/in/{secret}").get_data(as_text=True)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    assert client.post(f"{prefix}/in", data=fields).status_code == 303
    return fields


def test_the_agency_pages_leave_the_session_of_a_host_with_csrf_protection_alone(tmp_path):
    flask_wtf = pytest.importorskip("flask_wtf", reason="Flask-WTF is not installed")
    app = Flask("host")
    app.config["SECRET_KEY"] = "host"
    app.add_url_rule("/session", "session", lambda: dict(session))
    flask_wtf.CSRFProtect(app)
    mount = on_disk(tmp_path).init_app(app)
    upgraded(app)
    client = app.test_client()
    assert "csrf_token" not in person_by_link(app, mount, client)
    assert "Your referrals" in client.get("/notices/agency/").get_data(as_text=True)
    assert client.get("/session").json == {}
    assert client.get_cookie("session") is None
    assert client.post("/notices/agency/out").status_code == 400


def test_agency_pages_that_a_host_registers_alone_work_under_its_own_protection(tmp_path):
    flask_wtf = pytest.importorskip("flask_wtf", reason="Flask-WTF is not installed")
    app = Flask("host")
    app.config["SECRET_KEY"] = "host"
    flask_wtf.CSRFProtect(app)
    guest = on_disk(tmp_path)
    app.register_blueprint(guest.api_blueprint(), url_prefix="/api")
    app.register_blueprint(guest.agency_blueprint(), url_prefix="/unrelated/pages")
    mount = app.extensions["notice_intake"]["notice_intake"]
    upgraded(app)
    client = app.test_client()
    assert "csrf_token" in person_by_link(app, mount, client, prefix="/unrelated/pages")
    assert client.get("/unrelated/pages/").status_code == 200
    printed = app.test_cli_runner().invoke(args=["notice-intake", "agency", "link", "Unit"])
    assert "/unrelated/pages/in/" in printed.output


def test_two_mounts_keep_their_agencies_apart(tmp_path):
    app = Flask("host")
    one = on_disk(tmp_path).init_app(app)
    two = intake(storage_url=f"sqlite:///{tmp_path}/two.db").init_app(app, url_prefix="/two", name="notice_intake_two")
    upgraded(app)
    upgraded(app, "notice-intake-two")
    client = app.test_client()
    person_by_link(app, one, client)
    assert client.get("/notices/agency/").status_code == 200
    assert client.get("/two/agency/").status_code == 303
    person_by_link(app, two, client, prefix="/two/agency")
    assert client.get("/two/agency/").status_code == 200
    assert client.get("/notices/agency/").status_code == 200


def test_a_host_without_agency_pages_is_told_so_by_the_command(tmp_path):
    app = Flask("host")
    app.register_blueprint(on_disk(tmp_path).api_blueprint(), url_prefix="/api")
    mount = app.extensions["notice_intake"]["notice_intake"]
    upgraded(app)
    register(mount, "Unit", place="BE", instruments=["eu.iru.referral"], now=mount.clock())
    told = app.test_cli_runner().invoke(args=["notice-intake", "agency", "link", "Unit"])
    assert (told.exit_code, "not mounted" in told.output) == (2, True)
