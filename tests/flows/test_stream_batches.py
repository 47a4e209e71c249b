"""How the lines of a stream come together in batches: soon, with the time at which they came, and each stored once."""

from __future__ import annotations

import gc
import json
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from notice_intake import signals
from notice_intake.contract.strict_json import MAX_DEPTH
from notice_intake.flows import bulk_batch
from notice_intake.flows.allowance import Allowance
from notice_intake.flows.bulk import Origin, receive_lines
from notice_intake.store import agencies
from notice_intake.store import referrals as referral_rows


def lines_of(agency, count, *, series, reasons=""):
    documents = [agency.document(f"https://platform.example/{series}-{number}") for number in range(count)]
    for document in documents:
        document["items"][0] |= {"reasons": reasons} if reasons else {}
    return [json.dumps(document, separators=(",", ":")).encode() for document in documents]


def stream(house, lines):
    with house.mount.storage.read() as tx:
        (sender,) = agencies.everyone(tx)
    answers = receive_lines(house.mount, iter(lines), agency=sender, clock=house.clock, origin=Origin())
    return [json.loads(line) for line in b"".join(answers).splitlines()]


def stored(house):
    with house.mount.storage.read() as tx:
        return tx.execute(select(func.count()).select_from(tx.tables.referral)).scalar_one()


@pytest.mark.parametrize("reasons", [20, 9_000], ids=["short", "long"])
def test_what_came_is_stored_while_the_rest_is_on_its_way(house, reasons):
    agency = house.agency()
    # Of long lines fewer are read at once, so that their number may never be a round one.
    first, rest = (lines_of(agency, 130, series=series, reasons="x" * reasons) for series in "ab")
    seen = []

    def lines():
        yield from first
        # What is read on is read in groups: some of it has to come before anything else is looked at.
        yield from rest[:66]
        until = time.monotonic() + 20
        while not stored(house) and time.monotonic() < until:
            time.sleep(0.01)
        seen.append(stored(house))
        yield from rest[66:]

    assert {one["status"] for one in stream(house, lines())} == {201}
    assert 128 <= seen[0] <= 160
    assert stored(house) == 260


def test_lines_that_come_later_were_received_later(house):
    lines = lines_of(house.agency(), 96, series="a")

    def slowly():
        for number, line in enumerate(lines):
            if number % 32 == 0 and number:
                house.clock.advance(seconds=7)
            yield line

    began = house.clock()
    received = [one["receipt"]["received_at"] for one in stream(house, slowly())]
    steps = [began + timedelta(seconds=7 * step) for step in range(3)]
    # Groups are closed with the line that fills them: the clock has gone on by the time that the next one is begun.
    assert sorted(set(received)) == [one.isoformat(timespec="milliseconds") for one in steps]
    assert received == sorted(received)


@pytest.mark.parametrize("again", ["first", "middle", "last"])
def test_one_line_that_was_sent_before_is_found_among_new_ones(house, again):
    agency = house.agency()
    before, lines = lines_of(agency, 1, series="a"), lines_of(agency, 300, series="b")
    (receipt,) = (one["receipt"] for one in stream(house, before))
    place = {"first": 0, "middle": 200, "last": 300}[again]
    lines[place:place] = before
    answers = stream(house, lines)
    assert [one["status"] for one in answers] == [201] * 301
    assert [one["line"] for one in answers if one.get("replayed")] == [place + 1]
    assert answers[place]["receipt"] == receipt
    assert stored(house) == 301


def test_after_new_lines_nothing_is_looked_up_and_after_old_ones_it_is(house, monkeypatch):
    monkeypatch.setattr(bulk_batch, "_WORTH_IT", ())
    object.__setattr__(house.mount, "settings", house.mount.settings.__class__(bulk_batch=32))
    agency, looked = house.agency(), []
    any_taken = referral_rows.any_taken
    old, new = lines_of(agency, 32, series="a"), lines_of(agency, 128, series="b")
    stream(house, old)

    def looking(tx, agency_id, references):
        looked.append(references[0])
        return any_taken(tx, agency_id, references)

    monkeypatch.setattr(referral_rows, "any_taken", looking)
    stream(house, [*new[:64], *old, *new[64:]])
    first, second, after = (json.loads(line)["agency_reference"] for line in (new[0], new[32], new[64]))
    # The first, since nothing is known of the stream, and the one after those that were there already.
    assert looked[:2] == [first, after]
    assert second not in looked
    assert stored(house) == 160


def test_a_line_that_is_too_deep_says_so_whatever_else_is_wrong_with_it(house):
    deep = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)
    far = b"[" * 300 + b"]" * 300
    good = lines_of(house.agency(), 1, series="a")
    answers = stream(house, [b'{"a":' + deep + b"}", *good, b'{"a":' + far + b"}"])
    assert [one["status"] for one in answers] == [400, 201, 400]
    assert all("deeper than 32" in one["problem"]["detail"] for one in (answers[0], answers[2]))


def test_what_waits_to_be_stored_is_nothing_for_the_cycle_collector_to_visit(house, monkeypatch):
    # What a host's listeners are told, those that other tests left too, has to be kept for them.
    monkeypatch.setattr(signals.referral_received, "receivers", {})
    lines = lines_of(house.agency(), 640, series="a")
    with house.mount.storage.read() as tx:
        (sender,) = agencies.everyone(tx)
    batch = bulk_batch.Batch(bulk_batch.Source(house.mount, sender, house.clock, Origin(), Allowance()))
    # The first lines fill what is kept of statements, clocks and languages.
    batch.add(dict(enumerate(lines[:128])), counted=True)
    gc.collect()
    # A collection on the way would leave out some of what it had to visit first.
    gc.disable()
    try:
        before = len(gc.get_objects())
        batch.add(dict(enumerate(lines[128:], 128)), counted=True)
        kept = len(gc.get_objects()) - before
    finally:
        gc.enable()
    assert len(batch.lines) == 640
    assert kept < 128
