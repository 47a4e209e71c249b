"""Trying again: only where a second time changes nothing, as politely as asked, and not for ever."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from scripted import RECEIPT, RETRIES, Script, hang_up, problem, reply

from notice_intake.client import Conflict, RateLimited, Refused, Retries, Unavailable, Unreachable

DOWN = problem(503, "temporarily-unavailable")
STATUS = {**RECEIPT, "updated_at": RECEIPT["received_at"], "sequence": 1}


def keys(script: Script) -> list[str | None]:
    return [one.headers.get("Idempotency-Key") for one in script.seen]


def test_a_referral_is_sent_until_it_is_answered_under_one_key(script: Script):
    script.says(DOWN, hang_up, problem(500, "internal-error"), reply(201, RECEIPT, Idempotency_Replayed="true"))
    receipt = script.client().submit({"agency_reference": "ä"})
    assert receipt.replayed
    assert len(script.seen) == 4
    assert len(set(keys(script))) == 1
    assert len(keys(script)[0]) >= 16
    assert {one.body for one in script.seen} == {'{"agency_reference":"ä"}'.encode()}


def test_two_referrals_have_two_keys(script: Script):
    script.says(reply(201, RECEIPT))
    client = script.client()
    client.submit({})
    client.submit({})
    assert len(set(keys(script))) == 2


def test_it_gives_up_and_names_the_key(script: Script):
    script.says(DOWN)
    with pytest.raises(Unavailable) as error:
        script.client().submit({})
    assert len(script.seen) == RETRIES.tries
    assert keys(script) == [error.value.key] * RETRIES.tries


@pytest.mark.parametrize("answer", [DOWN, hang_up, problem(429, "quota-exceeded")])
def test_without_a_key_nothing_is_sent_twice(script: Script, answer):
    client = script.client()
    calls = (
        lambda: client.set_endpoint("https://unit.example/callbacks"),
        lambda: client.replay("msg_1"),
        client.delete_endpoint,
    )
    for number, call in enumerate(calls, 1):
        script.says(answer)
        with pytest.raises((Unavailable, Unreachable, RateLimited)) as error:
            call()
        assert len(script.seen) == number
        assert error.value.key is None
    assert keys(script) == [None] * len(calls)


def test_a_stream_is_not_sent_twice(script: Script):
    script.says(DOWN)
    with pytest.raises(Unavailable):
        script.client().bulk([b"{}"])
    assert len(script.seen) == 1


def test_reading_is_tried_again_without_a_key(script: Script):
    script.says(DOWN, hang_up, reply(200, STATUS))
    assert script.client().status("ref_1").sequence == 1
    assert keys(script) == [None, None, None]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 422])
def test_a_refusal_is_not_tried_again(script: Script, status):
    script.says(problem(status, "some-problem"))
    with pytest.raises(Exception, match="A title"):
        script.client().submit({})
    assert len(script.seen) == 1


def test_a_first_try_that_still_runs_is_waited_for(script: Script):
    script.says(problem(409, "in-progress", retry=0), reply(201, RECEIPT))
    script.client().submit({})
    assert len(script.seen) == 2
    script.says(problem(409, "in-progress"))
    with pytest.raises(Conflict):
        script.client().submit({})


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_pause_that_is_asked_for_is_kept(script: Script, form):
    asked = "1" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    script.says(problem(429, "quota-exceeded", retry=asked), reply(200, STATUS))
    started = time.monotonic()
    script.client().status("ref_1")
    assert 0.9 < time.monotonic() - started < 6


def test_a_pause_that_is_too_long_is_left_to_the_caller(script: Script):
    script.says(problem(429, "quota-exceeded", retry=3_600))
    started = time.monotonic()
    with pytest.raises(RateLimited) as error:
        script.client().submit({})
    assert error.value.retry_after == timedelta(hours=1)
    assert time.monotonic() - started < 10
    assert len(script.seen) == 1


@pytest.mark.parametrize("asked", ["soon", "-5", "1.5", "9" * 40, "Mon, 99 Foo 2026", "\u00b2"])
def test_a_pause_that_nobody_can_read_is_no_pause(script: Script, asked):
    script.says(problem(503, "temporarily-unavailable", retry=asked), reply(200, STATUS))
    script.client().status("ref_1")
    assert len(script.seen) == 2


def test_a_date_that_has_passed_asks_for_nothing(script: Script):
    script.says(problem(503, "x", retry="Mon, 02 Mar 2020 09:00:00 GMT"), reply(200, STATUS))
    script.client().status("ref_1")
    assert len(script.seen) == 2


@pytest.mark.parametrize("options", [{"tries": 0}, {"tries": 1_000}, {"first": 9.0, "longest": 1.0}, {"first": -1.0}])
def test_retries_without_end_are_refused(options):
    with pytest.raises(ValueError, match="retries need"):
        Retries(**options)


def test_pauses_grow_and_differ():
    retries = Retries(tries=9, first=1.0, longest=20.0)
    pauses = [[retries.pause(attempt, None) for _ in range(50)] for attempt in (1, 3, 9)]
    assert all(0.5 <= one < 1.0 for one in pauses[0])
    assert all(2.0 <= one < 4.0 for one in pauses[1])
    assert all(10.0 <= one < 20.0 for one in pauses[2])
    assert len(set(pauses[0])) > 10


def test_every_try_is_signed_anew(script: Script):
    """A signature has its own time and nonce: the auth is asked for each attempt."""
    from notice_intake.client import BearerAuth, IntakeClient

    class Counting(BearerAuth):
        count = 0

        def __call__(self, request):
            self.count += 1
            request.headers["X-Nonce"] = str(self.count)
            return super().__call__(request)

    script.says(DOWN, DOWN, reply(200, STATUS))
    IntakeClient(script.url, Counting("t" * 40), retries=RETRIES).status("ref_1")
    assert [one.headers["X-Nonce"] for one in script.seen] == ["1", "2", "3"]
    assert {one.headers["Authorization"] for one in script.seen} == {"Bearer " + "t" * 40}


def test_a_problem_of_the_document_is_told_at_once(script: Script):
    script.says(
        problem(422, "invalid-document", errors=[{"pointer": "/language", "code": "required", "detail": "Add."}])
    )
    with pytest.raises(Refused) as refused:
        script.client().submit({})
    assert refused.value.problem.errors[0].pointer == "/language"
    assert len(script.seen) == 1
