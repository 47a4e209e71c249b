"""Settings: read once, checked once, and every refusal says what to change."""

from __future__ import annotations

import stat
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from notice_intake import Moderator, NoticeIntake, Settings, Storage
from notice_intake.errors import SettingsError
from notice_intake.testing import FakeModerators, FakePlatform

KEY = "k" * 40
PARTS = {"platform": FakePlatform(), "moderators": FakeModerators()}


def read(**config: object) -> Settings:
    return Settings.from_mapping({f"NOTICE_INTAKE_{name}": value for name, value in config.items()})


#: What stands in a config or an environment, and what it is read as.
READ = [
    ("undo_seconds", 45, 45),
    ("undo_seconds", "45", 45),  # environments know only text
    ("undo_seconds", " 45 ", 45),
    ("undo_seconds", 45.0, 45),
    ("undo_seconds", 0, 0),  # no undo at all
    ("worker_idle_seconds", "0.25", 0.25),
    ("worker_idle_seconds", 2, 2.0),
    ("secret_keys", KEY, (KEY,)),
    ("secret_keys", f"{KEY}, {KEY}2,", (KEY, f"{KEY}2")),
    ("secret_keys", [KEY, f"{KEY}2"], (KEY, f"{KEY}2")),
    ("callback_networks", "127.0.0.0/8,fd00::/8", ("127.0.0.0/8", "fd00::/8")),
    ("callback_networks", "", ()),
    ("schema", "notices", "notices"),
    ("schema", "", ""),
    ("table_prefix", "uk_ni_", "uk_ni_"),
    ("platform_name", "Hafen & Söhne", "Hafen & Söhne"),
]


@pytest.mark.parametrize(("name", "given", "read_as"), READ)
def test_values_are_read_as_what_they_are(name, given, read_as):
    found = getattr(read(**{name.upper(): given}), name)
    assert (found, type(found)) == (read_as, type(read_as))


#: What is unsafe or no value at all, and a word of the refusal.
REFUSED = [
    ("secret_keys", "short", "at least 32"),
    ("secret_keys", [KEY, "short"], "at least 32"),
    ("secret_keys", 5, "must be tuple"),
    ("claim_seconds", 0, "at least 1"),
    ("max_body_bytes", -1, "at least 1"),
    ("max_line_bytes", 0, "at least 1"),
    ("bulk_batch", 0, "at least 1"),
    ("worker_threads", 0, "at least 1"),
    ("undo_seconds", -1, "not be negative"),
    ("undo_seconds", "soon", "must be int"),
    ("undo_seconds", 1.5, "must be int"),
    ("undo_seconds", True, "must be int"),
    ("undo_seconds", None, "must be int"),
    ("worker_idle_seconds", 0, "more than 0"),  # would never rest
    ("worker_idle_seconds", "nan", "more than 0"),
    ("worker_idle_seconds", "inf", "at most 3600"),
    ("channel", "", "1 to 40"),
    ("channel", "x" * 41, "1 to 40"),  # the column's end: every referral would fail
    ("table_prefix", "", "a-z"),
    ("table_prefix", "ni;drop", "a-z"),
    ("table_prefix", "x" * 21, "20"),
    ("schema", "a.b", "A-Z"),
    ("claim_seconds", 10**12, "at most 31536000"),
    ("journal_seal_seconds", 10**12, "at most 31536000"),
    ("retention_days", 4_000_000, "at most 36500"),
    ("page_visit_minutes", 10**10, "at most 525600"),
    ("worker_threads", 501, "at most 500"),
    ("callback_proxy", "http://egress.example:99999", "must be like"),
    ("public_url", "https://platform.example:99999", "must be like"),
    ("public_url", "https://platform.example:port", "must be like"),
    ("callback_networks", "10.0.0.0/33", "cannot be read"),
    ("callback_networks", "10.0.0.1/8", "cannot be read"),  # host bits set: a typing error
    ("callback_networks", "localhost", "cannot be read"),
]


@pytest.mark.parametrize(("name", "given", "says"), REFUSED)
def test_what_is_unsafe_is_refused_with_what_to_change(name, given, says):
    with pytest.raises(SettingsError) as refused:
        read(**{name.upper(): given})
    assert f"NOTICE_INTAKE_{name.upper()}" in refused.value.detail
    assert says in refused.value.detail


#: A key as it is mistyped, and the nearest that there is.
MISTYPED = [
    ("SECRET_KEY", "SECRET_KEYS"),
    ("STORAGE_URI", "STORAGE_URL"),
    ("DATABASE_STORAGE_URL", "STORAGE_URL"),
    ("UNDO_SECOND", "UNDO_SECONDS"),
    ("CALLBACK_NETWORK", "CALLBACK_NETWORKS"),
    ("MAXBODYBYTES", "MAX_BODY_BYTES"),
    ("WORKER_THREAD", "WORKER_THREADS"),
]


@pytest.mark.parametrize(("typed", "nearest"), MISTYPED)
def test_an_unknown_key_names_the_nearest(typed, nearest):
    with pytest.raises(SettingsError) as refused:
        read(**{typed: "x"})
    assert refused.value.detail == (f"NOTICE_INTAKE_{typed} is not a setting. Did you mean NOTICE_INTAKE_{nearest}?")


def test_a_key_that_is_near_nothing_names_nothing():
    with pytest.raises(SettingsError, match=r"^NOTICE_INTAKE_QQQ is not a setting\.$"):
        read(QQQ="x")


def test_keys_of_others_are_none_of_our_business():
    assert Settings.from_mapping({"SECRET_KEY": "x", "NOTICES": 1, "NOTICE_INTAKEX": 1}) == Settings()


def test_an_option_wins_over_the_config_and_the_config_over_the_environment(monkeypatch):
    monkeypatch.setenv("NOTICE_INTAKE_UNDO_SECONDS", "1")
    monkeypatch.setenv("NOTICE_INTAKE_CLAIM_SECONDS", "1")
    monkeypatch.setenv("NOTICE_INTAKE_BULK_BATCH", "1")
    app = Flask("host")
    app.config.update(NOTICE_INTAKE_CLAIM_SECONDS=2, NOTICE_INTAKE_BULK_BATCH=2)
    mount = NoticeIntake(**PARTS, secret_keys=(KEY,), bulk_batch=3).init_app(app)
    found = mount.settings
    assert (found.undo_seconds, found.claim_seconds, found.bulk_batch) == (1, 2, 3)


def test_a_mistake_in_an_option_is_told_where_it_is_made():
    with pytest.raises(SettingsError, match="NOTICE_INTAKE_UNDO_SECONDS"):
        NoticeIntake(**PARTS, undo_secnods=3)
    with pytest.raises(SettingsError, match="must be int"):
        NoticeIntake(**PARTS, undo_seconds="soon")


def test_a_mistake_in_the_config_is_told_when_mounting():
    app = Flask("host")
    app.config["NOTICE_INTAKE_SECRET_KEY"] = KEY
    with pytest.raises(SettingsError, match="Did you mean NOTICE_INTAKE_SECRET_KEYS"):
        NoticeIntake(**PARTS).init_app(app)


def test_settings_cannot_be_changed_afterwards():
    settings = Settings()
    with pytest.raises(FrozenInstanceError):
        settings.undo_seconds = 5  # type: ignore[misc]
    assert (settings.undo, settings.claim) == (timedelta(seconds=30), timedelta(minutes=20))


def test_every_setting_says_what_it_is():
    source = Path(sys.modules[Settings.__module__].__file__ or "").read_text().splitlines()
    for one in fields(Settings):
        (line,) = [number for number, text in enumerate(source) if text.startswith(f"    {one.name}: ")]
        assert source[line - 1].startswith("    #: "), one.name


#: Storage that machines may share: they need the same key, so none is made up.
SHARED = {
    "a storage_url": lambda where: {"storage_url": f"sqlite:///{where}/x.db"},
    "PostgreSQL by address": lambda _where: {"storage_url": "postgresql://nobody@127.0.0.1:1/none"},
    "a storage of the host's": lambda where: {"storage": Storage.from_url(f"sqlite:///{where}/x.db")},
    "a sessionmaker": lambda _where: {"storage": Storage.from_sessionmaker(lambda: None)},  # type: ignore[arg-type]
}


@pytest.mark.parametrize("kind", SHARED)
def test_a_storage_that_machines_may_share_is_refused_without_a_key(tmp_path, kind):
    app = Flask("host", instance_path=str(tmp_path / "instance"))
    with pytest.raises(SettingsError, match=r"NOTICE_INTAKE_SECRET_KEYS is not set\. .* python -c"):
        NoticeIntake(**PARTS, **SHARED[kind](tmp_path)).init_app(app)
    assert not (tmp_path / "instance" / "notice_intake.key").exists()


def test_the_embedded_database_gets_a_key_of_its_own_once_and_for_its_owner_only(tmp_path):
    where = tmp_path / "instance"
    mounts = [NoticeIntake(**PARTS).init_app(Flask("host", instance_path=str(where))) for _ in range(2)]
    path = where / "notice_intake.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text()) >= 32
    assert [one.name for one in where.iterdir()] == ["notice_intake.key"], "no draft is left"
    assert mounts[1].secrets.decrypt(mounts[0].secrets.encrypt("kept")) == "kept"


def test_a_key_that_is_missing_beside_a_database_in_use_is_not_replaced(tmp_path):
    app = Flask("host", instance_path=str(tmp_path / "instance"))
    NoticeIntake(**PARTS).init_app(app)
    run = app.test_cli_runner().invoke
    key = tmp_path / "instance" / "notice_intake.key"
    again = Flask("host", instance_path=app.instance_path)
    assert run(args=["notice-intake", "db", "upgrade"]).exit_code == 0
    assert stat.S_IMODE((tmp_path / "instance" / "notice_intake.db").stat().st_mode) == 0o600
    key.unlink()
    NoticeIntake(**PARTS).init_app(again)  # nobody has a token yet
    added = ["notice-intake", "agency", "add", "Unit", "--country", "BE", "--instrument", "eu.iru.referral"]
    assert run(args=added).exit_code == 0
    kept = key.rename(tmp_path / "kept.key")
    third = Flask("host", instance_path=app.instance_path)
    with pytest.raises(SettingsError, match=r"notice_intake\.key is missing.* Put the key file back"):
        NoticeIntake(**PARTS).init_app(third)
    assert not key.exists()
    kept.rename(key)
    NoticeIntake(**PARTS).init_app(third)


def test_processes_that_start_at_once_find_the_same_key(tmp_path):
    script = f"""
from flask import Flask
from notice_intake import NoticeIntake
from notice_intake.testing import FakeModerators, FakePlatform
app = Flask("host", instance_path={str(tmp_path / "instance")!r})
mount = NoticeIntake(platform=FakePlatform(), moderators=FakeModerators()).init_app(app)
print(mount.secrets.signer("x").sign(b"same").decode())
"""
    started = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(3)]
    said = {one.communicate(timeout=60)[0] for one in started}
    assert [one.returncode for one in started] == [0, 0, 0]
    assert len(said) == 1


@pytest.mark.parametrize("content", ["", "short"])
def test_a_key_file_that_holds_no_key_is_never_used(tmp_path, content):
    (tmp_path / "notice_intake.key").write_text(content)
    with pytest.raises(SettingsError, match=r"notice_intake\.key holds no key"):
        NoticeIntake(**PARTS).init_app(Flask("host", instance_path=str(tmp_path)))


@pytest.mark.parametrize("url", ["nonsense", "postgres//user:hunter2@host/x", "://hunter2"])
def test_an_address_that_cannot_be_read_is_refused_without_being_repeated(url):
    with pytest.raises(SettingsError, match="address cannot be read") as refused:
        NoticeIntake(**PARTS, secret_keys=(KEY,), storage_url=url).init_app(Flask("host"))
    assert "hunter2" not in refused.value.detail


#: A setting, what the storage beside it has, and what to do about it.
IGNORED = [
    ({"table_prefix": "uk_"}, {}, r"Pass prefix='uk_' to Storage\.from_"),
    ({"table_prefix": "uk_"}, {"prefix": "eu_"}, r"Pass prefix='uk_'"),
    ({"schema": "uk"}, {}, r"Pass schema='uk'"),
    ({"sqlite_sync_all": True}, {}, r"Pass sync_all=True"),
    ({"storage_url": "sqlite:///elsewhere.db"}, {}, r"NOTICE_INTAKE_STORAGE_URL is set"),
]


@pytest.mark.parametrize(("options", "built", "says"), IGNORED)
def test_a_setting_that_the_storage_beside_it_would_ignore_is_refused(tmp_path, options, built, says):
    storage = Storage.from_url(f"sqlite:///{tmp_path / 'x.db'}", **built)
    with pytest.raises(SettingsError, match=says):
        NoticeIntake(**PARTS, secret_keys=KEY, storage=storage, **options).init_app(Flask("host"))


def test_a_setting_that_the_storage_beside_it_has_as_well_is_fine(tmp_path):
    url = f"sqlite:///{tmp_path / 'x.db'}"
    storage = Storage.from_url(url, prefix="uk_", sync_all=True)
    options = {"table_prefix": "uk_", "sqlite_sync_all": True, "storage_url": url}
    mount = NoticeIntake(**PARTS, secret_keys=KEY, storage=storage, **options).init_app(Flask("host"))
    assert mount.storage is storage
    other = Storage.from_sessionmaker(lambda: None, prefix="eu_")  # type: ignore[arg-type]
    NoticeIntake(**PARTS, secret_keys=KEY, storage=other).init_app(Flask("host"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:kept?mode=memory&uri=true", "names no file"),
        ("postgresql://u:hunter2@h:port/x", "cannot be read"),
        ("postgresql+nosuch://u:hunter2@h/x", r"driver must be one of .*, not postgresql\+nosuch"),
        ("sqlite+nosuch:///x.db", r"driver must be one of .*, not sqlite\+nosuch"),
    ],
)
def test_an_address_that_leads_nowhere_stops_the_start(url, says):
    with pytest.raises(SettingsError, match=says) as refused:
        NoticeIntake(**PARTS, secret_keys=(KEY,), storage_url=url).init_app(Flask("host"))
    assert "hunter2" not in refused.value.detail


#: A setting that names what is not there.
NOT_THERE = [
    ({"retention_of": "eu.none=30"}, "unknown instrument eu.none. There are: eu.dsa.notice"),
    ({"callback_ca_file": "/nope/ca.pem"}, r"CALLBACK_CA_FILE: /nope/ca.pem .*No such file"),
    ({"callback_ca_file": __file__}, r"CALLBACK_CA_FILE: .* in PEM"),
    ({"checkpoint_file": "/nope/kept.txt"}, r"CHECKPOINT_FILE: the folder of /nope/kept.txt is not there"),
    ({"regimes": [1]}, r"regimes= must hold objects of .*Regime, not 1"),
]


@pytest.mark.parametrize(("options", "says"), NOT_THERE)
def test_what_names_something_that_is_not_there_stops_the_start(options, says):
    with pytest.raises(SettingsError, match=says):
        NoticeIntake(**PARTS, secret_keys=(KEY,), storage_url="sqlite:///x.db", **options).init_app(Flask("host"))


def test_a_layout_that_is_not_there_is_told_by_the_check(tmp_path):
    app = Flask("host", instance_path=str(tmp_path))
    NoticeIntake(**PARTS, desk_layout="ours/none.html").init_app(app)
    run = app.test_cli_runner().invoke
    run(args=["notice-intake", "db", "upgrade"])
    said = run(args=["notice-intake", "check"])
    assert (said.exit_code, "desk_layout: there is no template ours/none.html" in said.output) == (1, True)
    assert "page_layout" not in said.output


@pytest.mark.parametrize("roles", [["lead"], {"lead"}, "lead", frozenset({"lead"})])
def test_roles_may_come_in_any_shape(roles):
    assert Moderator("1", "Mona", roles=roles).roles == frozenset({"lead"})


#: What is no platform and no gate, and what the refusal says.
NO_HOOKS = [
    ({"platform": None}, r"platform=NoneType lacks resolve\(\), capture\(\)"),
    ({"platform": object()}, r"platform=object lacks resolve\(\)"),
    ({"platform": FakePlatform}, r"Write FakePlatform\(\)"),
    ({"moderators": FakeModerators}, r"Write FakeModerators\(\)"),
    ({"moderators": FakePlatform()}, r"moderators=FakePlatform lacks current\(\), login_url\(\)"),
]


@pytest.mark.parametrize(("hooks", "says"), NO_HOOKS)
def test_hooks_that_are_not_there_are_told_where_they_are_given(hooks, says):
    with pytest.raises(TypeError, match=says):
        NoticeIntake(**{**PARTS, **hooks})


def test_an_app_that_matches_hosts_is_refused():
    with pytest.raises(SettingsError, match="host_matching"):
        NoticeIntake(**PARTS, secret_keys=(KEY,)).init_app(Flask("host", host_matching=True, static_host="x"))


@pytest.mark.parametrize("url", ["mysql://x@localhost/y", "oracle://x"])
def test_another_kind_of_database_is_refused(url):
    with pytest.raises(SettingsError, match="SQLite or PostgreSQL"):
        NoticeIntake(**PARTS, secret_keys=(KEY,), storage_url=url).init_app(Flask("host"))
