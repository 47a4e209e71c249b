"""docs/mounting.md: what it prints runs, and what it says is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import settings_table
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from flows.desk import ONE, REMOVE
from printed import block, blocks, rows, section, text
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from notice_intake import NoticeIntake, Storage, signals
from notice_intake.core.codes import Outcome
from notice_intake.core.queue import QueueFilter
from notice_intake.flows import claims, decide, desk_queries
from notice_intake.hooks import Moderators, Platform
from notice_intake.settings import PREFIX, Settings
from notice_intake.store import migrate
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform

PAGE = text("mounting.md")
KEYS = ("k" * 40,)


def run(code: str, **names: object) -> dict[str, object]:
    """Run a printed block with the names that its reader would have."""
    found: dict[str, object] = {"OurPlatform": FakePlatform, "OurGate": FakeModerators, "NoticeIntake": NoticeIntake}
    found |= names
    exec(compile(code, "docs/mounting.md", "exec"), found)
    return found


@pytest.fixture
def app(tmp_path):
    return Flask("ours", instance_path=str(tmp_path / "instance"), template_folder=str(tmp_path / "templates"))


def command(app: Flask, *args: str, group: str = "notice-intake") -> str:
    result = app.test_cli_runner().invoke(args=[group, *args])
    assert result.exit_code == 0, result.output
    return result.stdout


def token(app: Flask, **options: str) -> str:
    args = ("agency", "add", "Unit", "--country", "BE", "--instrument", "eu.iru.referral", "--json")
    return str(json.loads(command(app, *args, **options))["token"])


def test_the_five_lines_mount_all_that_they_say(app):
    run(block(PAGE, "python", 'url_prefix="/notices")'), app=app)
    command(app, "db", "upgrade")
    assert {path.name for path in Path(app.instance_path).iterdir()} >= {"notice_intake.db", "notice_intake.key"}
    client = app.test_client()
    for path in ("/notices/desk/", "/notices/healthz", "/notices/readyz"):
        assert client.get(path).status_code == 200
    assert FakeAgency(client, token(app)).refer().status_code == 201


def test_every_hook_is_in_the_table():
    printed = [re.match(r"`(\w+)\(", cells[0])[1] for cells in rows(PAGE, "method")]
    hooks = [name for kind in (Platform, Moderators) for name in vars(kind) if not name.startswith("_")]
    assert printed == hooks


def test_the_check_of_a_platform_is_a_test_to_be_copied():
    run(block(PAGE, "python", "assert_platform_conforms"))["test_our_platform_keeps_its_promises"]()


def test_the_three_constructors_are_called_as_printed():
    code = block(PAGE, "python", "Storage.from_url(")
    found = run(code, OurSession=sessionmaker(create_engine("sqlite://")), db=None)
    named = {method for method in vars(Storage) if method.startswith("from_")}
    assert {cells[0].strip("`") for cells in rows(PAGE, "constructor")} == named
    assert [found[name].tables.agency.name for name in ("own", "shared", "flask_sqlalchemy")] == ["ni_agency"] * 3
    assert found["own"].tables.metadata.schema == "notices"


def test_a_flask_sqlalchemy_hosts_decisions_are_carried_out_by_its_worker(app):
    """The worker's threads need the application context for ``db.engines``, as hooks do for ``db.session``."""
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///ours.db"
    db, platform = SQLAlchemy(app), FakePlatform()
    storage = Storage.from_flask_sqlalchemy(db)
    intake = NoticeIntake(
        platform=platform, moderators=FakeModerators(), storage=storage, secret_keys=KEYS, undo_seconds=0
    )
    mount = intake.init_app(app)
    command(app, "db", "upgrade")
    agency = FakeAgency(app.test_client(), token(app))
    agency.refer(agency.document("https://platform.example/p7"))
    with app.app_context():
        case_id = claims.claim_next(mount, QueueFilter(), moderator=ONE, now=mount.clock())
        version = desk_queries.case_file(mount, case_id, moderator=ONE, now=mount.clock()).row.version
        decide.decide(mount, case_id, REMOVE, moderator=ONE, version=version, now=mount.clock())
    assert "0 faults" in command(app, "work", "--once")
    assert [one.outcome for one in platform.applied.values()] == [Outcome.REMOVED]
    with app.app_context():
        db.engine.dispose()


class Base(DeclarativeBase):
    pass


class Ticket(Base):
    __tablename__ = "ticket"
    id: Mapped[int] = mapped_column(primary_key=True)


def test_a_joined_referral_is_kept_with_the_hosts_rows_or_not_at_all(app, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'ours.db'}")
    Base.metadata.create_all(engine)
    sessions = sessionmaker(engine)
    intake = NoticeIntake(
        platform=FakePlatform(),
        moderators=FakeModerators(),
        storage=Storage.from_sessionmaker(sessions),
        secret_keys=KEYS,
    )
    mount = intake.init_app(app)
    assert app.extensions["notice_intake"]["notice_intake"] is mount
    command(app, "db", "upgrade")
    agency = FakeAgency(app.test_client(), token(app))
    with mount.storage.read() as tx:
        agency_id = tx.execute(tx.tables.agency.select()).one().id
    told: list[str] = []
    with signals.referral_received.connected_to(lambda _, referral_id, **__: told.append(referral_id)):
        keep = run(block(PAGE, "python", "keep_with_ticket"))["keep_with_ticket"]
        for number, kept in enumerate((False, True), 1):
            with sessions() as session:
                document = agency.document()
                received = keep(mount, session, ticket=Ticket(id=number), agency_id=agency_id, document=document)
                assert told == []
                session.commit() if kept else session.rollback()
            assert told == ([received.referral_id] if kept else [])
            there = agency.get(f"/v1/referrals/{received.referral_id}")
            assert there.status_code == (200 if kept else 404)
            with sessions() as session:
                assert (session.get(Ticket, number) is not None) == kept
    engine.dispose()


def test_without_include_name_a_hosts_autogenerate_would_drop_our_tables(app, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'ours.db'}")
    ours = MetaData()
    Table("ours", ours, Column("id", Integer, primary_key=True), Column("name", String(20)))
    ours.create_all(engine)
    storage = Storage.from_sessionmaker(sessionmaker(engine))
    migrate.upgrade(storage)
    configured: dict[str, object] = {}

    class Context:
        @staticmethod
        def configure(**options: object) -> None:
            configured.update(options)

    with engine.connect() as connection:
        run(block(PAGE, "python", "include_name("), context=Context, connection=connection, target_metadata=ours)
        options = {"include_name": configured["include_name"]}
        without, with_it = (
            compare_metadata(MigrationContext.configure(connection, opts=opts), ours) for opts in ({}, options)
        )
    assert ("remove_table", "ni_case") in [(change[0], getattr(change[1], "name", "")) for change in without]
    assert with_it == []
    engine.dispose()


def test_two_mounts_have_commands_tables_and_agencies_of_their_own(app):
    run(block(PAGE, "python", "uk.init_app"), app=app)
    for group in ("uk-notices", "eu-notices"):
        command(app, "db", "upgrade", group=group)
    agency = FakeAgency(app.test_client(), token(app, group="uk-notices"), prefix="/uk/notices")
    assert agency.refer().status_code == 201
    agency._prefix = "/eu/notices"
    assert agency.refer().status_code == 401
    for group in re.findall(r"`flask ([\w-]+) work`", section(PAGE, "## Several mounts")):
        assert "0 faults" in command(app, "work", "--once", group=group)


def test_blueprints_can_be_registered_one_by_one(app):
    app.secret_key = "x" * 40
    run(block(PAGE, "python", "csrf.exempt(api)"), app=app, csrf=CSRFProtect(app))
    command(app, "db", "upgrade")
    client = app.test_client()
    assert FakeAgency(client, token(app), prefix="/api/notices").refer().status_code == 201
    assert "Example" not in client.get("/staff/notices/").text
    assert client.get("/staff/notices/").status_code == 200
    assert client.get("/agencies/").headers["Location"] == "/agencies/in"
    assert "For agencies that refer content" in client.get("/agencies/in").text


@pytest.mark.parametrize("first", [True, False], ids=["CSRFProtect first", "mounted first"])
def test_a_host_with_csrf_protection_keeps_it_and_agencies_come_through(app, first):
    app.secret_key = "x" * 40
    if first:
        CSRFProtect(app)
    NoticeIntake(platform=FakePlatform(), moderators=FakeModerators()).init_app(app)
    if not first:
        csrf = CSRFProtect(app)
        (call,) = re.findall(r"`(csrf\.exempt\(app.*?\))`", section(PAGE, "## CSRF"))
        run(call, csrf=csrf, app=app)
    command(app, "db", "upgrade")
    client = app.test_client()
    assert FakeAgency(client, token(app)).refer().status_code == 201
    fields = dict(re.findall(r'name="(csrf\w*)" value="([^"]+)"', client.get("/notices/desk/").text))
    assert len(fields) == 2, "the desk's own token, and the host's"
    assert client.post("/notices/desk/next", data=fields).status_code == 303
    for missing in fields:
        assert client.post("/notices/desk/next", data={**fields, missing: ""}).status_code == 400


def test_the_desk_takes_the_hosts_layout_templates_and_policy(app, tmp_path):
    templates = tmp_path / "templates"
    (templates / "notice_intake").mkdir(parents=True)
    (templates / "staff.html").write_text(block(PAGE, "html", "desk-theme.css"), encoding="utf-8")
    own = '{% extends "notice_intake/base.html" %}{% block main %}<p>Our own words</p>{% endblock %}'
    (templates / "notice_intake" / "message.html").write_text(own, encoding="utf-8")
    NoticeIntake(platform=FakePlatform(), moderators=FakeModerators(), desk_layout="staff.html").init_app(app)
    command(app, "db", "upgrade")
    client = app.test_client()
    page = client.get("/notices/desk/")
    assert 'href="/static/desk-theme.css"' in page.text
    assert 'class="ni"' in page.text
    assert "Our own words" in client.get("/notices/desk/nowhere").text
    directives = dict(one.strip().split(" ", 1) for one in page.headers["Content-Security-Policy"].split(";"))
    assert directives["frame-ancestors"] == "'none'"
    assert {"script-src", "style-src", "media-src"} <= {name for name, value in directives.items() if value == "'self'"}


def test_a_host_that_writes_a_policy_after_each_request_has_the_last_word(app):
    @app.after_request
    def ours(response):
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    NoticeIntake(platform=FakePlatform(), moderators=FakeModerators()).init_app(app)
    command(app, "db", "upgrade")
    assert app.test_client().get("/notices/desk/").headers["Content-Security-Policy"] == "default-src 'self'"


def test_the_colours_that_a_host_may_set_exist():
    style = (Path(settings_table.PAGE).parents[1] / "notice_intake" / "static" / "desk.css").read_text(encoding="utf-8")
    assert "@layer notice_intake" in style
    for name in re.findall(r"--[\w-]+(?=:)", blocks(PAGE, "css")[0]):
        assert f"var({name})" in style


def test_a_proxy_in_front_is_seen_through(app):
    NoticeIntake(platform=FakePlatform(), moderators=FakeModerators()).init_app(app)
    command(app, "db", "upgrade")
    run(block(PAGE, "python", "ProxyFix("), app=app)
    seen = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "ours.example", "X-Forwarded-Prefix": "/app"}
    agency = FakeAgency(app.test_client(), token(app))
    assert agency.refer(None, **seen).headers["Location"].startswith("/app/notices/v1/referrals/ref_")


def test_listeners_are_connected_as_printed(app):
    sent: list[str] = []
    pager = type("Pager", (), {"send": staticmethod(sent.append)})
    mount = NoticeIntake(platform=FakePlatform(), moderators=FakeModerators()).init_app(app)
    found = run(block(PAGE, "python", "page_somebody"), pager=pager)
    signals.send(signals.effect_given_up, mount, effect_id="msg_1", kind="callback", reason="blocked")
    signals.effect_given_up.disconnect(found["page_somebody"])
    assert sent == ["notice_intake: callback was given up (blocked)"]
    exist = {name for name, value in vars(signals).items() if isinstance(value, signals.NamedSignal)}
    assert {cells[0].strip("`") for cells in rows(PAGE, "signal")} == exist


def test_the_table_of_settings_is_current():
    assert settings_table.current() == settings_table.table(), "run: python tests/docs/settings_table.py"
    printed = {cells[0].strip("`"): cells[1] for cells in rows(PAGE, "key")}
    assert list(printed) == [PREFIX + name.upper() for name in Settings.__dataclass_fields__]
    values = {key: value.strip("`") for key, value in printed.items() if value != "(empty)"}
    assert Settings.from_mapping(values) == Settings(), "every default can be written as it is printed"
