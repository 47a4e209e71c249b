"""What an answer means, for the message and for its endpoint."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notice_intake.delivery.answers import Answer, Failure
from notice_intake.delivery.verdicts import Again, Delivered, Disabled, GivenUp, Verdict, judge

NOW = datetime(2017, 4, 25, 8, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def answer(status: int | None = None, failure: Failure | None = None, retry_after: timedelta | None = None) -> Answer:
    if failure is None and status is not None and not 200 <= status < 300:
        failure = "status"
    return Answer(status, failure, excerpt="", retry_after=retry_after, milliseconds=1)


@pytest.mark.parametrize(
    ("given", "attempts", "expected"),
    [
        # Success is any 2xx, and nothing but a 2xx (Standard Webhooks 1.0.0).
        (answer(200), 1, Delivered()),
        (answer(204), 13, Delivered()),
        (answer(299), 1, Delivered()),
        # A redirect is a failure, whatever its kind: the address of an endpoint is changed by the agency, not by us.
        (answer(301), 1, Again(NOW + 5 * SECOND, "status 301")),
        (answer(307), 1, Again(NOW + 5 * SECOND, "status 307")),
        # "Your fault" answers are retried too: they come from half-deployed receivers and rotated secrets.
        (answer(400), 1, Again(NOW + 5 * SECOND, "status 400")),
        (answer(401), 2, Again(NOW + 1 * MINUTE, "status 401")),
        (answer(404), 6, Again(NOW + 1 * HOUR, "status 404")),
        (answer(500), 1, Again(NOW + 5 * SECOND, "status 500")),
        # Retry-After is honoured for this message on any failure.
        (answer(500, retry_after=3 * HOUR), 1, Again(NOW + 3 * HOUR, "status 500")),
        # Gone means gone, from the first time.
        (answer(410), 1, Disabled("status 410")),
        (answer(410), 13, Disabled("status 410")),
        # Waiting cures no forbidden address; a person must look.
        (answer(failure="blocked"), 1, GivenUp("blocked")),
        # Names, certificates and connections heal.
        (answer(failure="dns"), 1, Again(NOW + 5 * SECOND, "dns")),
        (answer(failure="tls"), 3, Again(NOW + 5 * MINUTE, "tls")),
        (answer(failure="connect"), 12, Again(NOW + 24 * HOUR, "connect")),
        # After the 13th attempt there is no next one.
        (answer(failure="connect"), 13, GivenUp("connect")),
        (answer(500), 13, GivenUp("status 500")),
    ],
)
def test_verdict_for_the_message(given: Answer, attempts: int, expected: Verdict) -> None:
    assert judge(given, attempts=attempts, now=NOW, fraction=0.5) == expected


@pytest.mark.parametrize(
    ("given", "attempts", "expected"),
    [
        # The floor: the second attempt would be due after 5 s, the whole endpoint rests 60 s and the message with it.
        (answer(429), 1, Again(NOW + MINUTE, "status 429", NOW + MINUTE)),
        (answer(502), 1, Again(NOW + MINUTE, "status 502", NOW + MINUTE)),
        (answer(503), 1, Again(NOW + MINUTE, "status 503", NOW + MINUTE)),
        (answer(504), 1, Again(NOW + MINUTE, "status 504", NOW + MINUTE)),
        (answer(failure="timeout"), 1, Again(NOW + MINUTE, "timeout", NOW + MINUTE)),
        # The schedule is longer than the floor.
        (answer(503), 3, Again(NOW + 5 * MINUTE, "status 503", NOW + 5 * MINUTE)),
        # The receiver's wish is longer than both, up to a day.
        (answer(429, retry_after=2 * HOUR), 1, Again(NOW + 2 * HOUR, "status 429", NOW + 2 * HOUR)),
        (answer(429, retry_after=90 * HOUR), 1, Again(NOW + 24 * HOUR, "status 429", NOW + 24 * HOUR)),
        # An old message waits a day for its own turn, but does not silence the endpoint for fresh ones that long.
        (answer(503), 12, Again(NOW + 24 * HOUR, "status 503", NOW + 1 * HOUR)),
        # The last attempt is over, the endpoint's rest is not.
        (answer(failure="timeout"), 13, GivenUp("timeout", NOW + MINUTE)),
        (answer(429, retry_after=2 * HOUR), 13, GivenUp("status 429", NOW + 2 * HOUR)),
    ],
)
def test_a_throttling_answer_rests_the_whole_endpoint(given: Answer, attempts: int, expected: Verdict) -> None:
    assert judge(given, attempts=attempts, now=NOW, fraction=0.5) == expected


def test_the_dice_and_an_own_schedule_reach_the_next_attempt() -> None:
    own = (timedelta(0), 10 * MINUTE)
    assert judge(answer(500), attempts=1, now=NOW, fraction=1.0, schedule=own) == Again(NOW + 12 * MINUTE, "status 500")
    assert judge(answer(500), attempts=2, now=NOW, fraction=1.0, schedule=own) == GivenUp("status 500")
