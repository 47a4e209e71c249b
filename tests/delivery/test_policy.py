"""Which callback addresses pass on their text alone."""

from __future__ import annotations

import socket

import pytest

from notice_intake.delivery.policy import CallbackPolicy, CallbackRefused, check_callback_url, read_destination
from notice_intake.errors import NoticeIntakeError, SettingsError

PUBLIC = CallbackPolicy()
CLOSED = CallbackPolicy(networks=("127.0.0.0/8", "10.20.0.0/16", "fd00:20::/32"))


@pytest.fixture(autouse=True)
def _no_io(monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*args: object, **kwargs: object) -> None:
        raise AssertionError("a check of the text must not touch the network")

    monkeypatch.setattr(socket, "getaddrinfo", touched)
    monkeypatch.setattr(socket, "socket", touched)


@pytest.mark.parametrize(
    "url",
    [
        "https://agency.example/hook",
        "https://agency.example",  # no path at all
        "https://agency.example?tenant=7",  # a query straight after the host
        "https://agency.example:8443/hook",
        "https://agency.example:443/hook",
        "HTTPS://Agency.EXAMPLE/Hook",
        "https://agency.example./hook",  # fully qualified
        "https://xn--bcher-kva.example/hook",  # an international name in its ASCII form
        "https://a-b.1.agency.example/a@b:c?next=http://127.0.0.1/",  # what follows the host is data
        "https://93.184.215.14/hook",
        "https://[2606:4700:4700::1111]:8443/hook",
        "https://agency.example/" + "a" * (2048 - 23),  # exactly the longest
    ],
)
def test_a_public_address_passes(url: str) -> None:
    check_callback_url(url, PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "agency.example/hook",
        "//agency.example/hook",
        "https:/agency.example/hook",
        "http://agency.example/hook",  # would send the callback in the clear
        "https://agency.example:8080/hook",
        "https://agency.example:/hook",  # an empty port: parsers disagree
        "https://agency.example:0443/hook",
        "https://agency.example:99999/hook",
        "https://agency.example:443:443/hook",
        "https://agency.example#/hook",  # a fragment never reaches the receiver
        "https://agency.example/hook#part",
        "https://agency.example/ho ok",
        "https://agency.example/ho\\ok",  # browsers and libraries turn it into a slash
        "https://agency.example/hook\n",  # fullmatch, not match: a final line feed counts
        "https://agency.example/höök",
        "https://-agency.example/",
        "https://agency-.example/",
        "https://agency..example/",
        "https://.agency.example/",
        "https://agency_1.example/",
        "https://" + "a" * 64 + ".example/",  # a label over 63
        "https://" + "a." * 125 + "example/",  # a name over 253
        "https://agency/hook",  # a single label is found by the search domains of our own network
        "https://db.internal/",
        "https://DB.Internal./",
        "https://printer.local/",
        "https://router.home.arpa/",
        "https://[2606:4700:4700::1111/",
        "https://[agency.example]/",
        "https://[::1]:443/",
        "https://10.0.0.1:8443/",
        "https://1.1.1/",  # libc reads it as 1.1.0.1
        "https://agency.example/" + "a" * (2048 - 22),  # one too long
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(CallbackRefused):
        check_callback_url(url, PUBLIC)


def test_the_refusal_is_ours_and_says_what_to_change() -> None:
    with pytest.raises(NoticeIntakeError) as refused:
        check_callback_url("http://agency.example/hook", PUBLIC)
    assert refused.value.code == "callback-refused"
    assert "must use https" in refused.value.detail


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:5001/callbacks",  # the demo
        "http://10.20.3.4/hook",
        "https://10.20.3.4:9443/hook",
        "http://[fd00:20::7]:8080/hook",
        "http://agency:8080/hook",  # a container's name: its addresses decide, at the attempt
        "http://localhost:5001/hook",
        "https://desk.internal/hook",
        "https://agency.example/hook",  # public ones stay allowed
    ],
)
def test_networks_named_by_the_operator_open_http_ports_and_inner_names(url: str) -> None:
    check_callback_url(url, CLOSED)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.21.0.1/hook",  # beside the network
        "https://192.168.0.1/hook",
        "http://93.184.215.14/hook",  # public, so the public rules hold: https
        "https://93.184.215.14:9443/hook",
        "http://[::ffff:127.0.0.1]:5001/",  # another spelling of an allowed address is not that address
        "ftp://127.0.0.1/hook",
        "http://127.0.0.1:70000/",
        "http://user@127.0.0.1:5001/",
        "http://127.1:5001/",
    ],
)
def test_networks_open_nothing_else(url: str) -> None:
    with pytest.raises(CallbackRefused):
        check_callback_url(url, CLOSED)


@pytest.mark.parametrize("url", ["http://[::ffff:127.0.0.1]:5001/", "http://[::ffff:10.0.0.1]/"])
def test_a_wide_ipv6_network_does_not_open_ipv4_in_disguise(url: str) -> None:
    with pytest.raises(CallbackRefused):
        check_callback_url(url, CallbackPolicy(networks=("::/0",)))


@pytest.mark.parametrize(
    ("url", "host", "authority"),
    [
        ("https://Agency.Example./x", "agency.example", "agency.example"),  # the certificate knows no final dot
        ("https://agency.example:443/x", "agency.example", "agency.example"),  # the scheme's own port is left out
        ("https://agency.example:8443/x", "agency.example", "agency.example:8443"),  # any other is kept
        ("https://[2606:4700:4700::1111]:8443/x", "2606:4700:4700::1111", "[2606:4700:4700::1111]:8443"),
    ],
)
def test_name_for_tls_and_host_header(url: str, host: str, authority: str) -> None:
    destination = read_destination(url, PUBLIC)
    assert (destination.host, destination.authority) == (host, authority)


@pytest.mark.parametrize(
    "arguments",
    [
        {"networks": ("10.0.0.1/8",)},  # bits beside the mask: which network was meant?
        {"networks": ("localhost",)},
        {"schemes": ("https", "gopher")},
    ],
)
def test_a_policy_that_cannot_be_meant_stops_the_start(arguments: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(SettingsError):
        CallbackPolicy(**arguments)  # type: ignore[arg-type]
