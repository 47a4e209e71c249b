"""Readiness says what an operator has to do something about, and nothing else."""

from __future__ import annotations

from desk import claim_next, run_worker

from notice_intake.flows.health import readiness
from notice_intake.store import migrate

READY = {"database": "ok", "tables": "ok", "worker": "ok"}


def ready(house):
    return readiness(house.mount, now=house.clock.now)


def test_tables_that_were_never_made_are_named(house):
    assert ready(house) == READY
    migrate.downgrade(house.mount.storage, "base")
    assert ready(house) == {"database": "ok", "tables": "not upgraded"}
    answer = house.client.get("/notices/readyz")
    assert (answer.status_code, answer.json) == (503, {"checks": {"database": "ok", "tables": "not upgraded"}})


def test_work_that_no_worker_takes_is_told_after_five_minutes(house, receiver):
    agency = house.agency(callback_url=receiver.url)
    agency.refer()
    house.clock.advance(minutes=4, seconds=59)
    assert ready(house) == READY
    house.clock.advance(seconds=1)
    assert ready(house) == {**READY, "worker": "work is waiting"}


def test_a_receiver_that_fails_does_not_make_the_platform_unready(house, receiver):
    agency = house.agency(callback_url=receiver.url)
    agency.refer()
    claim_next(house)
    for status in (500, 503, 410):
        receiver.status = lambda _, status=status: status
        for _ in range(8):
            run_worker(house, after=60)
        assert ready(house) == READY, status
