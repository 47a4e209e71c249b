"""How much one agency, one address, and one who guesses may ask for."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time

import pytest
from contract.specimens import INSTRUMENTS  # noqa: F401  the door needs them importable
from door import PREFIX, check_problem, make_door

from notice_intake import Storage
from notice_intake.errors import SettingsError
from notice_intake.store import migrate
from notice_intake.web.api import shared_counting
from notice_intake.web.api.counting import Counters
from notice_intake.web.api.limiting import limits_of


@pytest.fixture
def limited(tmp_path):
    opened = []

    def make(**options):
        storage = Storage.from_url(f"sqlite:///{tmp_path / f'limits{len(opened)}.db'}")
        migrate.upgrade(storage)
        opened.append(storage)
        return make_door(storage, **options)

    yield make
    for storage in opened:
        storage.dispose()


def test_what_is_left_is_told_and_then_refused(limited):
    door = limited(rate_agency=3, rate_address=50)
    for left in (2, 1, 0):
        answer = door.one.get("/v1/referrals")
        assert answer.status_code == 200
        assert answer.headers["RateLimit-Policy"] == '"agency";q=3;w=60, "address";q=50;w=60'
        assert answer.headers["RateLimit"].startswith(f'"agency";r={left};t=')
    refused = door.one.refer()
    problem = check_problem(refused, status=429, slug="quota-exceeded")
    assert problem["violated-policies"] == ["agency"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert door.two.get("/v1/referrals").status_code == 200


def test_an_address_is_limited_before_anybody_asks_who_it_is(limited):
    door = limited(rate_address=2)
    for _ in range(2):
        assert door.client.get(f"{PREFIX}/v1/referrals").status_code == 401
    refused = door.one.get("/v1/referrals")
    assert check_problem(refused, status=429, slug="quota-exceeded")["violated-policies"] == ["address"]
    other = door.client.get(
        f"{PREFIX}/v1/referrals", headers=door.one.headers, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}
    )
    assert other.status_code == 200
    # A header that anybody can write changes nothing.
    forged = door.client.get(f"{PREFIX}/v1/referrals", headers={**door.one.headers, "X-Forwarded-For": "192.0.2.8"})
    assert forged.status_code == 429


def test_whoever_guesses_is_stopped(limited):
    door = limited(rate_failures=5)
    answers = [door.client.get(f"{PREFIX}/v1/referrals", headers={"Authorization": "Bearer x"}) for _ in range(7)]
    assert [one.status_code for one in answers] == [401] * 5 + [429] * 2
    assert answers[-1].json["violated-policies"] == ["credentials"]
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_each_line_of_a_stream_counts(limited):
    door = limited(rate_agency=4)
    lines = b"\n".join(json.dumps(door.one.document()).encode() for _ in range(5))
    answer = door.post(lines, path="/v1/referrals/bulk", Content_Type="application/x-ndjson")
    found = [json.loads(line) for line in answer.data.splitlines()]
    assert [one["status"] for one in found] == [201, 201, 201, 429, 429]
    assert found[-1]["problem"]["retry_after"] >= 1
    assert door.one.get("/v1/referrals").status_code == 429


def streamed(door, lines: list[bytes]) -> list[int]:
    answer = door.post(b"\n".join(lines), path="/v1/referrals/bulk", Content_Type="application/x-ndjson")
    assert answer.status_code == 200, answer.data
    return [json.loads(line)["status"] for line in answer.data.splitlines()]


@pytest.mark.parametrize(("most", "batch", "bad"), [(20, 1024, 0), (50, 20, 40), (200, 64, 33)])
def test_a_stream_larger_than_the_limit_gets_on_each_time_it_is_sent_again(storage, most, batch, bad):
    door = make_door(storage, rate_agency=most, bulk_batch=batch)
    lines = [b"{}"] * bad + [json.dumps(door.one.document()).encode() for _ in range(3 * most - bad)]
    stored, tries = 0, 0
    while stored < len(lines) - bad:
        statuses = streamed(door, lines)
        assert statuses.count(201) > stored, "sending it again brought nothing"
        stored, tries = statuses.count(201), tries + 1
        limits_of(door.mount)._limiter.storage.reset()  # the minute is over
    assert tries <= (len(lines) - bad) // (most - 1 - bad) + 1


@pytest.fixture(params=["memory", "redis"])
def counted_in(request, tmp_path):
    """Where requests are counted."""
    if request.param == "memory":
        yield "memory://"
        return
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        store = pytest.importorskip("redis").Redis(port=port)
        for _ in range(100):
            with contextlib.suppress(Exception):
                store.ping()
                break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(10)


def test_what_was_stored_before_costs_no_more_than_the_request(limited, counted_in):
    door = limited(rate_agency=30, rate_storage=counted_in)
    lines = [json.dumps(door.one.document()).encode() for _ in range(10)]
    assert streamed(door, lines) == [201] * 10
    for again in range(1, 9):
        assert streamed(door, lines) == [201] * 10
        left = door.one.get("/v1/referrals").headers["RateLimit"]
        assert left.startswith(f'"agency";r={30 - 11 - 2 * again};t='), left


def test_lines_that_were_refused_go_on_counting(limited):
    door = limited(rate_agency=5)
    document = door.one.document()
    other = json.dumps({**document, "language": "de"}).encode()
    assert streamed(door, [json.dumps(document).encode(), b"{}", other, other, other]) == [201, 422, 409, 409, 429]


def test_no_limit_tells_nothing(limited):
    door = limited(rate_agency=0, rate_address=0, rate_failures=0)
    answer = door.one.get("/v1/referrals")
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers
    assert "RateLimit-Policy" not in answer.headers
    assert [door.client.get(f"{PREFIX}/v1/referrals").status_code for _ in range(30)] == [401] * 30


def test_a_whole_network_of_ipv6_counts_as_one_address(limited):
    door = limited(rate_address=2)

    def status(address):
        return door.client.get(
            f"{PREFIX}/v1/referrals", headers=door.one.headers, environ_overrides={"REMOTE_ADDR": address}
        ).status_code

    assert [status(f"2001:db8:1:2::{number}") for number in (1, 2, 3)] == [200, 200, 429]
    assert status("2001:db8:1:3::1") == 200
    # What only looks like one network are many addresses.
    assert [status(f"::ffff:192.0.2.{number}") for number in (1, 2, 3)] == [200] * 3


class Store:
    """A store of the host's, which can be away."""

    def __init__(self):
        self.gone, self.asked, self._kept = False, 0, Counters()

    def __getattr__(self, name):
        self.asked += 1
        if self.gone:
            raise ConnectionError("password=hunter2")
        return getattr(self._kept, name)


def test_a_store_that_is_away_stops_no_referral(limited, monkeypatch, caplog):
    store = Store()
    monkeypatch.setattr(shared_counting, "_made", lambda _address: store)
    monkeypatch.setattr(shared_counting, "PAUSE", 30.0)
    door = limited(rate_agency=3, rate_storage="redis://127.0.0.1:1")
    assert door.one.refer(door.one.document()).status_code == 201
    assert door.client.get(f"{PREFIX}/readyz").json["checks"]["limits"] == "ok"
    store.gone = True
    asked = store.asked
    answers = [door.one.refer(door.one.document()).status_code for _ in range(4)]
    assert answers == [201, 201, 201, 429], "counted here meanwhile"
    assert store.asked == asked + 1, "and left alone"
    health = door.client.get(f"{PREFIX}/readyz")
    assert (health.status_code, health.json["checks"]["limits"]) == (503, "counted in each process")
    assert [one.getMessage() for one in caplog.records if "rate limits" in one.getMessage()] == [
        "the store of rate limits does not answer (ConnectionError): each process counts by itself"
    ]
    store.gone = False
    monkeypatch.setattr(shared_counting.time, "monotonic", lambda: 1e9)
    assert door.one.refer(door.one.document()).status_code == 201
    assert door.client.get(f"{PREFIX}/readyz").json["checks"]["limits"] == "ok"
    assert "hunter2" not in caplog.text


def test_a_store_that_was_never_there_is_counted_here(limited):
    pytest.importorskip("redis")
    door = limited(rate_storage="redis://127.0.0.1:1")
    assert door.one.refer().status_code == 201


@pytest.mark.parametrize("address", ["", "nonsense", "redsi://u:hunter2@h", "async+memory://", "redis://h:port"])
def test_an_address_that_names_no_store_stops_the_start(limited, address):
    with pytest.raises(SettingsError, match="NOTICE_INTAKE_RATE_STORAGE names no store") as refused:
        limited(rate_storage=address)
    assert "hunter2" not in refused.value.detail
