"""No document is fetched from an address that the policy forbids, and none is larger or slower than it may be."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from egress import Egress
from test_guard import NAME, Wire, of_layer

from notice_intake.delivery.fetch import LARGEST, Fetcher, FetchFailed
from notice_intake.delivery.policy import CallbackPolicy

if TYPE_CHECKING:
    from conftest import Authority, Receiver, Resolver

CASES = json.loads((Path(__file__).parent.parent / "data" / "ssrf_cases.json").read_text(encoding="utf-8"))
LOOPBACK = CallbackPolicy(networks=("127.0.0.0/8",))


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def reason(url: str, fetcher: Fetcher) -> str:
    with pytest.raises(FetchFailed) as failed:
        fetcher.get(url)
    return failed.value.reason


@of_layer("policy", "address", "resolve")
def test_every_case_of_the_callbacks_holds_here_too(case: dict[str, Any], resolver: Resolver, wire: Wire) -> None:
    resolver.script = case.get("dns", {})
    found = reason(case["url"], Fetcher(CallbackPolicy()))
    reached = {address for address, _ in wire.attempted}
    first_answers = {address for sets in resolver.script.values() for address in sets[0]}
    if case["expect"] == "allow":
        assert found == "connect"
        assert reached == (first_answers or {case["url"].split("/")[2].strip("[]")})
    elif case["id"] == "dns-rebind-imds":
        assert reached == {"93.184.215.14"}
        assert len(resolver.asked) == 1
    else:
        assert reached == set()
        assert found == ("dns" if case["id"] == "dns-nxdomain" else "blocked")


@of_layer("redirect")
def test_no_redirect_is_followed(
    case: dict[str, Any],
    resolver: Resolver,
    wire: Wire,
    authority: Authority,
    tls_receiver: Callable[..., Receiver],
) -> None:
    resolver.script = case["dns"]
    wire.lead_to = tls_receiver(NAME, location=case["redirect_to"])
    fetcher = Fetcher(CallbackPolicy(), ca_file=str(authority.file))
    assert reason(case["url"].replace("/hook", "/redirect"), fetcher) == "status 302"
    assert wire.attempted == [("93.184.215.14", 443)]
    assert [seen.headers["host"] for seen in wire.lead_to.seen] == [NAME]


def test_a_whole_document_is_returned_and_nothing_of_ours_goes_with_the_question(receiver: Receiver) -> None:
    fetched = Fetcher(LOOPBACK).get(receiver.url("/ok"))
    assert (fetched.body, fetched.max_age) == (b"ok", None)
    (seen,) = receiver.seen
    assert set(seen.headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"} - (
        set() if "connection" in seen.headers else {"connection"}
    )
    assert seen.head.startswith("GET /ok HTTP/1.1")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/error", "status 500"),
        ("/no-content", "status 204"),
        ("/chunked", "status 202"),
        ("/gone", "status 410"),
        ("/gzip", "status 400"),
        ("/large", "too large"),
        ("/endless-head", "connect"),
        ("/not-http", "connect"),
        ("/reset", "connect"),
    ],
)
def test_anything_else_is_a_failure_with_a_class(receiver: Receiver, path: str, found: str) -> None:
    assert reason(receiver.url(path), Fetcher(LOOPBACK)) == found
    assert receiver.pushed < 3_000_000


@pytest.mark.parametrize("path", ["/hang", "/drip-head", "/drip-body", "/drip-status", "/drip-continue"])
def test_the_whole_deadline_holds_however_slowly_it_drips(receiver: Receiver, path: str) -> None:
    started = time.monotonic()
    assert reason(receiver.url(path), Fetcher(LOOPBACK, total_timeout=0.5)) in ("timeout", "connect")
    assert time.monotonic() - started < 4


def test_a_certificate_of_another_name_is_refused(
    resolver: Resolver, wire: Wire, authority: Authority, tls_receiver: Callable[..., Receiver]
) -> None:
    resolver.script = {NAME: [["93.184.215.14"]]}
    wire.lead_to = tls_receiver("other.example")
    assert reason(f"https://{NAME}/ok", Fetcher(CallbackPolicy(), ca_file=str(authority.file))) == "tls"
    assert wire.lead_to.seen == []


def test_the_limit_is_below_what_the_guard_takes_off_the_wire() -> None:
    assert LARGEST < 65_536


def test_the_operators_own_proxy_is_asked_for_a_tunnel_to_the_name(
    authority: Authority, resolver: Resolver, tls_receiver: Callable[..., Receiver]
) -> None:
    receiver = tls_receiver(NAME)
    egress = Egress(receiver.port)
    fetcher = Fetcher(CallbackPolicy(proxy=egress.url), ca_file=str(authority.file))
    assert fetcher.get(f"https://{NAME}/ok").body == b"ok"
    assert egress.asked == [f"CONNECT {NAME}:443 HTTP/1.0"]
    assert resolver.asked == [], "resolving is the proxy's part"
    assert receiver.asked_names == [NAME]
    (seen,) = receiver.seen
    assert seen.head.startswith("GET /ok HTTP/1.1")
    assert (seen.headers["host"], seen.headers["accept"]) == (NAME, "application/json")
    egress.close()


def test_through_the_proxy_the_policy_the_certificate_and_the_limits_still_count(
    authority: Authority, tls_receiver: Callable[..., Receiver]
) -> None:
    receiver, other = tls_receiver(NAME), tls_receiver("other.agency.example")
    egress, astray = Egress(receiver.port), Egress(other.port)
    fetcher = Fetcher(CallbackPolicy(proxy=egress.url), ca_file=str(authority.file), total_timeout=2)
    for url in ("https://127.0.0.1/", "http://agency.example/", "https://db.internal/"):
        assert reason(url, fetcher) == "blocked"
    assert egress.asked == []
    assert reason(f"https://{NAME}/redirect", fetcher) == "status 302"
    assert reason(f"https://{NAME}/large", fetcher) == "too large"
    assert receiver.pushed < 3_000_000
    for path in ("/hang", "/drip-head", "/drip-body"):
        started = time.monotonic()
        assert reason(f"https://{NAME}{path}", fetcher) in ("timeout", "connect")
        assert time.monotonic() - started < 6
    assert reason(f"https://{NAME}/", Fetcher(CallbackPolicy(proxy=astray.url), ca_file=str(authority.file))) == "tls"
    assert other.seen == []
    egress.close()
    astray.close()


def test_a_proxy_that_refuses_is_a_failure_to_connect() -> None:
    egress = Egress(9, status=b"403 Forbidden")
    assert reason(f"https://{NAME}/", Fetcher(CallbackPolicy(proxy=egress.url))) == "connect"
    assert len(egress.asked) == 1
    egress.close()


def test_nothing_goes_past_a_proxy_that_is_down(wire: Wire) -> None:
    assert reason(f"https://{NAME}/", Fetcher(CallbackPolicy(proxy="http://127.0.0.1:9"))) == "connect"
    assert wire.attempted == [("127.0.0.1", 9)]
