"""What the desk's tests share: a small host on SQLite, and people who come to its desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk_house import DeskHouse, Visitor, build


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskHouse]:
    """A host with an empty desk; its clock stands still until a test moves it."""
    house = build(tmp_path)
    yield house
    house.mount.storage.dispose()


@pytest.fixture
def visit(desk: DeskHouse) -> Callable[..., Visitor]:
    """Have a person come to the desk."""

    def come(who: str = "mona", **headers: str) -> Visitor:
        return Visitor(desk, who, **headers)

    return come


@pytest.fixture
def mona(visit: Callable[..., Visitor]) -> Visitor:
    """A moderator at the desk."""
    return visit("mona")


@pytest.fixture
def marc(visit: Callable[..., Visitor]) -> Visitor:
    """Another moderator."""
    return visit("marc")


@pytest.fixture
def lea(visit: Callable[..., Visitor]) -> Visitor:
    """A lead, who may take cases over."""
    return visit("lea")
