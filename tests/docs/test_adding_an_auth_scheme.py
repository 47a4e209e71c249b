"""docs/adding-an-auth-scheme.md: the printed scheme is a file and a line, and withstands the battery of all schemes."""

from __future__ import annotations

import base64
import sys
from types import ModuleType

import pytest
from auth.battery import Battery, Mint, switch_off, told
from auth.test_schemes import MINTS
from printed import block, codes, text

from notice_intake import auth
from notice_intake.auth import bearer, schemes
from notice_intake.store.tables import make_tables

PAGE = text("adding-an-auth-scheme.md")


@pytest.fixture
def registered(monkeypatch):
    """The printed file in its place, and the printed line."""
    module = ModuleType("notice_intake.auth.basic")
    module.__package__ = "notice_intake.auth"
    exec(compile(block(PAGE, "python", "def read("), "auth/basic.py", "exec"), vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(auth, "basic", module, raising=False)
    names = {"__package__": "notice_intake.auth", "__name__": "notice_intake.auth.schemes", "Scheme": schemes.Scheme}
    exec(block(PAGE, "python", "SCHEMES: tuple"), names)
    monkeypatch.setattr(schemes, "SCHEMES", names["SCHEMES"])
    return module


@pytest.fixture
def mints(registered) -> dict[str, Mint]:
    names = {"MINTS": dict(MINTS)}
    exec(block(PAGE, "python", "def basic_pair"), names)
    return names["MINTS"]  # type: ignore[return-value]


@pytest.fixture
def battery(registered, mints, house):
    return Battery(house, house.agency().id, registered, mints["basic"])


def test_the_printed_scheme_is_registered_beside_the_first(registered, mints):
    assert (bearer, registered) == schemes.SCHEMES
    assert list(mints) == [scheme.SCHEME for scheme in schemes.SCHEMES]
    assert schemes.challenge() == 'Bearer realm="notice_intake", Basic realm="notice_intake"'
    names = codes(PAGE[PAGE.index("four names") : PAGE.index("(the protocol")])
    assert names == ["SCHEME", "PURPOSE", "read", "check"]
    assert all(hasattr(registered, name) for name in names)


def test_it_withstands_the_battery(battery):
    assert battery.ask(battery.good()[0]).status_code == 200
    first = told(battery.ask(None))
    assert first[0] == 401
    wrong = list(battery.refused())
    assert {"nothing", "a key of another scheme"} <= {what for what, _ in wrong}
    for what, value in wrong:
        assert told(battery.ask(value)) == first, what
    value, _ = battery.good()
    switch_off(battery.house, battery.agency_id)
    assert told(battery.ask(value)) == first


def test_tokens_go_on_beside_it_and_neither_key_opens_under_the_other_word(battery):
    agency = battery.house.agency("Unit Two", country="PL")
    assert agency.refer().status_code == 201
    token = agency.headers["Authorization"].partition(" ")[2]
    pair = battery.good()[0].partition(" ")[2]
    for value in (f"Basic {token}", f"Bearer {pair}", "Basic " + base64.b64encode(token.encode()).decode()):
        assert battery.ask(value).status_code == 401


def test_a_key_is_handed_out_rotated_around_and_revoked_as_told(registered, house):
    agency = house.agency()
    names: dict[str, object] = {}
    exec(block(PAGE, "python", "def add_password"), names)
    user, password = names["add_password"](house.mount, agency.id, now=house.clock.now)  # type: ignore[operator]
    pair = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def ask() -> int:
        return house.client.get("/notices/v1/referrals", headers={"Authorization": pair}).status_code

    assert ask() == 200
    runner = house.app.test_cli_runner()
    for _ in range(3):
        assert runner.invoke(args=["notice-intake", "agency", "rotate", agency.id]).exit_code == 0
    assert ask() == 200
    assert runner.invoke(args=["notice-intake", "agency", "revoke", agency.id]).exit_code == 0
    assert ask() == 401


def test_what_a_key_may_hold_is_what_the_table_takes():
    columns = make_tables().credential.c
    assert (columns.key_id.type.length, columns.digest.type.length) == (80, 32)
    for words in ("at most 80 characters", "up to 32 bytes"):
        assert words in " ".join(PAGE.split())
