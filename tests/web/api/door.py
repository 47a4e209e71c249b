"""One host with a door for a whole module of tests: a refused request leaves nothing that the next could meet."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from contract.specimens import INSTRUMENTS
from flask import Flask
from flask.testing import FlaskClient
from fresh_tables import open_fresh
from sqlalchemy import create_engine, func, select, text

from notice_intake import NoticeIntake, Storage
from notice_intake.flows import agencies
from notice_intake.flows.mount import Mount
from notice_intake.testing import FakeAgency, FakeModerators, FakePlatform, FixedClock

_numbers = itertools.count()
PREFIX = "/notices"


@dataclass
class Door:
    """A mounted door, and two agencies that know it."""

    app: Flask
    mount: Mount
    platform: FakePlatform
    clock: FixedClock
    one: FakeAgency = field(init=False)
    two: FakeAgency = field(init=False)

    def __post_init__(self) -> None:
        self.one, _ = self.enrol("Unit One")
        self.two, _ = self.enrol("Unit Two")

    @property
    def client(self) -> FlaskClient:
        """A client without credentials."""
        return self.app.test_client()

    def enrol(self, name: str = "Unit", *, instruments: tuple[str, ...] = INSTRUMENTS) -> tuple[FakeAgency, str]:
        """Add an agency; return it with its id."""
        enrolled = agencies.enrol(
            self.mount, name, place="BE", instruments=instruments, callback_url=None, now=self.clock()
        )
        return FakeAgency(self.client, enrolled.token), enrolled.agency_id

    def post(self, body: bytes, *, path: str = "/v1/referrals", **headers: str) -> Any:
        """Send bytes as the first agency, as JSON unless ``headers`` say otherwise."""
        sent = {"Content-Type": "application/json", **self.one.headers}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(PREFIX + path, data=body, headers=sent)

    @contextmanager
    def nothing_stored(self) -> Iterator[None]:
        """Check that what happens inside leaves no row in any table."""
        before = self.rows()
        yield
        assert self.rows() == before

    def rows(self) -> dict[str, int]:
        """Count the rows of every table."""
        tables = self.mount.storage.tables.metadata.sorted_tables
        counts = [select(func.count()).select_from(table).scalar_subquery().label(table.name) for table in tables]
        with self.mount.storage.read() as tx:
            return dict(tx.execute(select(*counts)).one()._mapping)


@pytest.fixture(scope="session")
def sqlite_doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Door]]:
    """Doors on SQLite, one for each module."""
    with ExitStack() as stack:
        yield _kept(lambda: stack.enter_context(_storage(f"sqlite:///{tmp_path_factory.mktemp('door')}/door.db")))


@pytest.fixture(scope="session")
def postgresql_doors(postgres_url: str) -> Iterator[Callable[[str], Door]]:
    """Doors on PostgreSQL, one for each module."""
    with ExitStack() as stack:
        yield _kept(lambda: stack.enter_context(_storage(postgres_url)))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def door(request: pytest.FixtureRequest) -> Door:
    """A door on each database, made when a module first asks for it and shared by its tests, in whatever order."""
    return request.getfixturevalue(f"{request.param}_doors")(request.module.__name__)


def _kept(storage: Callable[[], Storage]) -> Callable[[str], Door]:
    made: dict[str, Door] = {}

    def get(module: str) -> Door:
        if module not in made:
            made[module] = make_door(storage())
        return made[module]

    return get


@contextmanager
def _storage(url: str) -> Iterator[Storage]:
    """Make the tables; in PostgreSQL in a schema of their own."""
    server = schema = None
    if not url.startswith("sqlite"):
        schema = f"door{os.getpid()}_{next(_numbers)}"
        server = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with server.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    storage = open_fresh(url, schema)
    yield storage
    storage.dispose()
    if server is not None:
        with server.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        server.dispose()


def make_door(storage: Storage, **options: Any) -> Door:
    """Mount on a fresh app, with small limits so that the tests stay quick."""
    app = Flask("host")
    platform, clock = FakePlatform(), FixedClock()
    small = {"max_body_bytes": 60_000, "max_line_bytes": 20_000, "bulk_batch": 5, "rate_failures": 0}
    options = {"secret_keys": ("k" * 40,), **small, **options}
    intake = NoticeIntake(platform=platform, moderators=FakeModerators(), storage=storage, clock=clock, **options)
    return Door(app, intake.init_app(app, url_prefix=PREFIX), platform, clock)


def check_problem(answer: Any, *, status: int, slug: str) -> dict[str, Any]:
    """Check that an answer is a problem document (RFC 9457) in every respect; return it."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    document: dict[str, Any] = answer.json
    assert document["type"] == f"{PREFIX}/v1/problems/{slug}"
    assert document["status"] == status
    assert document["instance"] == answer.headers["X-Request-Id"]
    assert document["title"]
    assert document["detail"]
    for fault in document.get("errors", ()):
        assert set(fault) == {"pointer", "code", "detail"}
    return document
