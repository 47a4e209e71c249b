"""No callback reaches an address that the policy forbids, and TLS keeps the name."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from egress import Egress

from notice_intake.delivery.policy import CallbackPolicy, CallbackRefused, check_callback_url
from notice_intake.delivery.sender import Answer, Sender

if TYPE_CHECKING:
    from conftest import Authority, Receiver, Resolver

CASES = json.loads((Path(__file__).parent.parent / "data" / "ssrf_cases.json").read_text(encoding="utf-8"))
HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
NAME = "callbacks.agency.example"
LOOPBACK = CallbackPolicy(networks=("127.0.0.0/8", "::1/128"))


class Wire:
    """Stands in for the Internet: notes every connection, and refuses it or leads it to a receiver of ours."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.attempted: list[tuple[str, int]] = []
        self.lead_to: Receiver | None = None
        real = socket.socket.connect

        def connect(sock: socket.socket, address: Any) -> None:
            self.attempted.append(address[:2])
            if self.lead_to is None:
                raise ConnectionRefusedError
            real(sock, ("127.0.0.1", self.lead_to.port))

        monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


@pytest.fixture(scope="module")
def public() -> Sender:
    return Sender(CallbackPolicy())


@pytest.fixture(scope="module")
def loopback(authority: Authority) -> Sender:
    return Sender(LOOPBACK, ca_file=str(authority.file), total_timeout=2)


def post(sender: Sender, url: str) -> Answer:
    return sender.post(url, headers=HEADERS, body=b"{}")


def of_layer(*layers: str) -> pytest.MarkDecorator:
    chosen = [case for case in CASES["cases"] if case["layer"] in layers]
    return pytest.mark.parametrize("case", chosen, ids=[case["id"] for case in chosen])


def test_the_case_list_is_complete() -> None:
    layers = [case["layer"] for case in CASES["cases"]]
    assert len(layers) == CASES["counts"]["total"] == 90
    assert set(layers) == {"policy", "address", "resolve", "redirect"}


@of_layer("policy", "address", "resolve")
def test_case(case: dict[str, Any], public: Sender, resolver: Resolver, wire: Wire) -> None:
    resolver.script = case.get("dns", {})
    answer = post(public, case["url"])
    reached = {address for address, _ in wire.attempted}
    first_answers = {address for sets in resolver.script.values() for address in sets[0]}

    if case["expect"] == "allow":
        # Refused by the wire, so the next checked address is tried: all of them are seen, and nothing else.
        assert answer.failure == "connect"
        assert reached == (first_answers or {case["url"].split("/")[2].strip("[]")})
        assert {port for _, port in wire.attempted} == {443}
    elif case["id"] == "dns-rebind-imds":
        # Public at first, metadata at the second look-up: only the address that was checked is ever connected to.
        assert reached == {"93.184.215.14"}
        assert len(resolver.asked) == 1
        assert post(public, case["url"]).failure == "blocked"
        assert reached == {address for address, _ in wire.attempted}
    else:
        assert reached == set()
        # A name that does not resolve may do so later: a failure to retry, not a refusal.
        assert answer.failure == ("dns" if case["id"] == "dns-nxdomain" else "blocked")
        if case["layer"] in ("policy", "address"):
            with pytest.raises(CallbackRefused):
                check_callback_url(case["url"], CallbackPolicy())


@of_layer("redirect")
def test_redirect_case(
    case: dict[str, Any],
    resolver: Resolver,
    wire: Wire,
    authority: Authority,
    tls_receiver: Callable[..., Receiver],
) -> None:
    resolver.script = case["dns"]
    wire.lead_to = tls_receiver(NAME, location=case["redirect_to"])
    answer = post(Sender(CallbackPolicy(), ca_file=str(authority.file)), case["url"])
    assert (answer.status, answer.failure) == (302, "status")
    assert wire.attempted == [("93.184.215.14", 443)]
    assert [seen.headers["host"] for seen in wire.lead_to.seen] == [NAME]


@pytest.mark.parametrize(
    ("url", "answers"),
    [
        # Inner names and http are for hosts that lie in the operator's networks with all of their addresses.
        ("http://agency:5001/hook", ["93.184.215.14"]),
        ("http://agency.example/hook", ["127.0.0.1", "93.184.215.14"]),
        ("https://agency.example:9443/hook", ["93.184.215.14"]),
        ("https://agency.internal/hook", ["93.184.215.14"]),
        # Neither public nor in the networks.
        ("https://agency.example/hook", ["127.0.0.1", "10.0.0.1"]),
        ("https://agency.example/hook", ["::ffff:127.0.0.1"]),
        ("https://agency.example/hook", ["fe80::1%1"]),
    ],
)
def test_the_operators_networks_do_not_open_the_rest(
    url: str, answers: list[str], loopback: Sender, resolver: Resolver, wire: Wire
) -> None:
    resolver.script = {"agency": [answers], "agency.example": [answers], "agency.internal": [answers]}
    assert post(loopback, url).failure == "blocked"
    assert wire.attempted == []


def test_a_host_that_is_partly_inside_and_partly_public_is_called_by_the_public_rules(
    loopback: Sender, resolver: Resolver, wire: Wire
) -> None:
    resolver.script = {"agency.example": [["127.0.0.1", "93.184.215.14"]]}
    assert post(loopback, "https://agency.example/hook").failure == "connect"
    assert wire.attempted == [("127.0.0.1", 443), ("93.184.215.14", 443)]


def test_proxies_and_passwords_of_the_environment_are_not_used(
    loopback: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert post(loopback, receiver.url()).status == 200
    assert "authorization" not in receiver.seen[0].headers


def test_tls_and_host_header_keep_the_name(
    loopback: Sender, resolver: Resolver, tls_receiver: Callable[..., Receiver]
) -> None:
    resolver.script = {NAME + ".": [["127.0.0.1"]]}
    receiver = tls_receiver(NAME)
    answers = [post(loopback, receiver.url(host=NAME + ".")) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert receiver.asked_names == [NAME]  # one connection, one handshake
    assert receiver.seen[0].headers["host"] == f"{NAME}:{receiver.port}"


def test_an_address_in_the_url_is_checked_against_the_certificates_addresses(
    loopback: Sender, tls_receiver: Callable[..., Receiver]
) -> None:
    receiver = tls_receiver("127.0.0.1")
    assert post(loopback, receiver.url()).status == 200


@pytest.mark.parametrize(
    ("names", "days", "own_authority"),
    [
        (["other.agency.example"], 3, True),  # another name
        (["127.0.0.1"], 3, True),  # the address that we connect to, not the name that we were given
        ([NAME], -3, True),  # expired
        ([NAME], 3, False),  # an authority that nobody has named to us
    ],
)
def test_a_certificate_that_does_not_prove_the_name_is_refused(
    names: list[str],
    days: int,
    own_authority: bool,
    resolver: Resolver,
    authority: Authority,
    tls_receiver: Callable[..., Receiver],
) -> None:
    resolver.script = {NAME: [["127.0.0.1"]]}
    receiver = tls_receiver(*names, days=days)
    answer = post(Sender(LOOPBACK, ca_file=str(authority.file) if own_authority else None), receiver.url(host=NAME))
    assert (answer.status, answer.failure, receiver.seen) == (None, "tls", [])


def test_old_tls_is_refused(
    loopback: Sender, resolver: Resolver, authority: Authority, tls_receiver: Callable[..., Receiver]
) -> None:
    resolver.script = {NAME: [["127.0.0.1"]]}
    context = authority.server_context(NAME)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    receiver = tls_receiver(context=context)
    assert post(loopback, receiver.url(host=NAME)).failure == "tls"


def test_a_receiver_without_tls_is_a_tls_failure(loopback: Sender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer_anything() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                connection.recv(10_000)

        thread = threading.Thread(target=answer_anything)
        thread.start()
        answer = post(loopback, f"https://127.0.0.1:{plain.getsockname()[1]}/")
        thread.join()
    assert (answer.status, answer.failure) == (None, "tls")


def test_the_operators_own_proxy_is_asked_for_a_tunnel_to_the_name(
    authority: Authority, resolver: Resolver, tls_receiver: Callable[..., Receiver]
) -> None:
    receiver = tls_receiver(NAME)
    egress = Egress(receiver.port)
    sender = Sender(CallbackPolicy(proxy=egress.url), ca_file=str(authority.file))
    answer = post(sender, f"https://{NAME}/ok")
    assert (answer.status, answer.failure) == (200, None)
    assert egress.asked == [f"CONNECT {NAME}:443 HTTP/1.0"]
    assert resolver.asked == [], "resolving is the proxy's part"
    assert receiver.asked_names == [NAME]
    assert receiver.seen[0].headers["host"] == NAME
    sender.close()
    egress.close()


def test_through_the_proxy_the_policy_and_the_certificate_still_count(
    authority: Authority, tls_receiver: Callable[..., Receiver]
) -> None:
    receiver = tls_receiver("other.agency.example")
    egress = Egress(receiver.port)
    sender = Sender(CallbackPolicy(proxy=egress.url), ca_file=str(authority.file))
    for url in ("https://127.0.0.1/", "http://agency.example/", "https://db.internal/"):
        assert post(sender, url).failure == "blocked"
    assert egress.asked == []
    assert post(sender, f"https://{NAME}/").failure == "tls"
    assert receiver.seen == []
    egress.close()


def test_a_proxy_that_refuses_is_a_failure_to_connect(
    authority: Authority, tls_receiver: Callable[..., Receiver]
) -> None:
    receiver = tls_receiver(NAME)
    egress = Egress(receiver.port, status=b"403 Forbidden")
    answer = post(Sender(CallbackPolicy(proxy=egress.url), ca_file=str(authority.file)), f"https://{NAME}/")
    assert (answer.status, answer.failure) == (None, "connect")
    egress.close()
