"""What a long stream keeps while it is read: as little as can be, and nothing that Python has to look for later.

The cycle collector walks through all objects of the process once a quarter of them is new. A stream that made
thousands of objects of classes would have it walk again and again, through all that belongs to the host.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterator

import pytest

from notice_intake.flows.bulk import Origin, receive_lines
from notice_intake.store import agencies

LINES = 400


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Keep the cycle collector from clearing up."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def of_ours() -> Counter[str]:
    """Count the objects of this package that the cycle collector knows."""
    kinds = (type(one) for one in gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("notice_intake."))


def lines_of(agency, count, *, series):
    for number in range(count):
        links = [f"https://platform.example/{place}{series}-{number}" for place in "pq"]
        yield json.dumps(agency.document(*links)).encode()


def stream(house, lines):
    with house.mount.storage.read() as tx:
        (sender,) = agencies.everyone(tx)
    answers = receive_lines(house.mount, lines, agency=sender, clock=house.clock, origin=Origin())
    return b"".join(answers).count(b'"status":201')


def test_what_waits_to_be_stored_is_nothing_that_the_collector_knows(house):
    agency = house.agency()
    found = []

    def lines():
        yield from lines_of(agency, LINES, series=1)
        gc.collect()
        found.append(of_ours())
        yield from lines_of(agency, LINES, series=2)
        gc.collect()
        found.append(of_ours())

    assert stream(house, lines()) == 2 * LINES
    before, after = found
    assert sum((after - before).values()) < LINES / 8


@pytest.mark.usefixtures("uncollected")
def test_what_was_answered_is_gone_without_the_collector(house):
    agency = house.agency()
    assert stream(house, lines_of(agency, 3, series=1)) == 3
    before = of_ours()
    assert stream(house, lines_of(agency, LINES, series=2)) == LINES
    assert sum((of_ours() - before).values()) < LINES / 8
