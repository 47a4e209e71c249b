"""What the tests of the agency pages share: a small host on SQLite, and people at agencies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agency_house import DeskHouse, Guest, build, enrolled, link_of


@pytest.fixture
def host(tmp_path: Path) -> Iterator[DeskHouse]:
    """A host; its clock stands still until a test moves it."""
    house = build(tmp_path, rate_failures=0)
    yield house
    house.mount.storage.dispose()


@pytest.fixture
def unit(host: DeskHouse) -> str:
    """An agency without any key, that may use every instrument."""
    return enrolled(host)


@pytest.fixture
def guest(host: DeskHouse, unit: str) -> Guest:
    """A person at that agency who has signed in."""
    return Guest(host, link_of(host, unit))


@pytest.fixture
def stranger(host: DeskHouse) -> Guest:
    """A person at another agency who has signed in."""
    return Guest(host, link_of(host, enrolled(host, "Unit FR")))


@pytest.fixture
def refer(guest: Guest) -> Callable[..., str]:
    """Have the person refer something by the form; returns the referral's id."""
    from agency_house import TYPED

    def send(who: Guest = guest, instrument: str = "eu.iru.referral", **typed: str) -> str:
        form = who.open(f"/refer?instrument={instrument}")
        preview = who.fill(form, "/refer", {**TYPED, **typed, "step": "preview"})
        assert preview.status == 200, preview.text
        sent = who.fill(preview, "/refer", {"step": "send"}, follow=False)
        assert sent.status == 303, sent.text
        return sent.where.rpartition("/")[2]

    return send
