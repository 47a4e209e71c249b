"""What becomes of a callback at every kind of receiver, over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from notice_intake.delivery import connections, guard
from notice_intake.delivery.policy import CallbackPolicy
from notice_intake.delivery.sender import Answer, Sender

if TYPE_CHECKING:
    from conftest import Authority, Receiver, Resolver

LOOPBACK = CallbackPolicy(networks=("127.0.0.0/8", "::1/128"))
#: Seconds that stand for the 5, 15 and 20 of the defaults: a busy machine stalls a healthy receiver for less.
CONNECT, READ, TOTAL = 1.0, 1.25, 1.5
#: Seconds by which a busy machine may exceed them.
GRACE = 3.0


def headers(message_id: str = "msg_1") -> dict[str, str]:
    return {"webhook-id": message_id, "webhook-timestamp": "1493107200", "webhook-signature": "v1,abc= v1,def="}


def post(sender: Sender, url: str) -> Answer:
    return sender.post(url, headers=headers(), body=b"{}")


@pytest.fixture(scope="module")
def sender() -> Sender:
    return Sender(LOOPBACK, connect_timeout=CONNECT, read_timeout=READ, total_timeout=TOTAL)


@pytest.mark.parametrize(
    ("path", "status", "failure"),
    [
        ("/ok", 200, None),
        ("/no-content", 204, None),
        ("/chunked", 202, None),
        ("/error", 500, "status"),
        ("/bad", 400, "status"),
        ("/gone", 410, "status"),
        ("/redirect", 302, "status"),  # and not followed, see below
        ("/slow-down", 429, "status"),
        ("/reset", None, "connect"),  # accepted, then torn down
        ("/not-http", None, "connect"),  # something else listens there
        ("/endless-head", None, "connect"),  # 5 MB of header lines: hung up on after 64 kB
        ("/hang", None, "timeout"),  # not a byte
        ("/drip-status", None, "timeout"),  # each byte comes in time, the answer never does
        ("/drip-head", None, "timeout"),
        ("/drip-continue", None, "timeout"),  # interim answers without end
        ("/drip-body", 200, None),  # it has said that it has it; the rest is its own affair
        ("/drip-error-body", 500, "status"),
        ("/large", 200, None),
        ("/stall-after-4096", 200, None),
    ],
)
def test_answer(path: str, status: int | None, failure: str | None, sender: Sender, receiver: Receiver) -> None:
    started = time.monotonic()
    answer = post(sender, receiver.url(path))
    took = time.monotonic() - started
    assert (answer.status, answer.failure) == (status, failure)
    assert took < TOTAL + GRACE
    assert answer.milliseconds <= took * 1000 + 1
    assert [seen.path for seen in receiver.seen] == [path]


def test_nobody_listens(sender: Sender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert post(sender, f"http://127.0.0.1:{port}/").failure == "connect"


def test_a_receiver_that_does_not_take_the_connection_is_a_timeout(sender: Sender) -> None:
    # A full backlog drops the first packet, as a firewall does.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        answer = post(sender, f"http://127.0.0.1:{full.getsockname()[1]}/")
        for filler in fillers:
            filler.close()
    assert answer.failure == "timeout"
    assert CONNECT * 1000 - 10 <= answer.milliseconds < (CONNECT + GRACE) * 1000


@pytest.mark.parametrize(
    "path",
    [
        "/hang",  # after the handshake
        "/drip-head",
    ],
)
def test_the_deadline_holds_over_tls_too(
    path: str, resolver: Resolver, authority: Authority, tls_receiver: Callable[..., Receiver]
) -> None:
    receiver = tls_receiver("127.0.0.1")
    sender = Sender(LOOPBACK, read_timeout=READ, total_timeout=TOTAL, ca_file=str(authority.file))
    answer = post(sender, receiver.url(path))
    assert answer.failure == "timeout"
    assert answer.milliseconds < (TOTAL + GRACE) * 1000


def test_a_handshake_that_never_ends_is_a_timeout(sender: Sender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = post(sender, f"https://127.0.0.1:{silent.getsockname()[1]}/")
    assert answer.failure == "timeout"
    assert answer.milliseconds < (TOTAL + GRACE) * 1000


def test_a_look_up_that_hangs_ends_with_the_deadline(sender: Sender, resolver: Resolver) -> None:
    resolver.script = {"agency.example": [["93.184.215.14"]]}
    resolver.free.clear()
    answer = post(sender, "https://agency.example/hook")
    assert answer.failure == "dns"
    assert TOTAL * 1000 - 1 <= answer.milliseconds < (TOTAL + GRACE) * 1000


@pytest.mark.parametrize(
    ("path", "look_up"),
    [
        ("/drip-then-stall", 0.0),  # silence that starts late may not start the patience anew
        ("/hang", 1.35),  # nor may the answer get what the look-up has used up
    ],
)
def test_all_phases_together_keep_the_deadline(
    path: str, look_up: float, receiver: Receiver, resolver: Resolver
) -> None:
    resolver.script = {"a.example": [["127.0.0.1"]]}
    resolver.free.clear()
    threading.Timer(look_up, resolver.free.set).start()
    answer = post(Sender(LOOPBACK, read_timeout=1.8, total_timeout=1.8), receiver.url(path, host="a.example"))
    assert answer.failure == "timeout"
    assert 1800 <= answer.milliseconds < 2600


def test_the_defaults_are_those_of_the_rules() -> None:
    assert guard.Deadlines() == guard.Deadlines(connect=5.0, read=15.0, total=20.0)


def test_of_a_large_answer_4_kb_are_read_and_1_kb_is_kept(sender: Sender, receiver: Receiver) -> None:
    answer = post(sender, receiver.url("/large"))
    assert answer.excerpt == "x" * 1024
    # The receiver is hung up on: what was pushed is what the kernel's buffers took, not 10 MB.
    time.sleep(0.05)
    assert receiver.pushed < 3_000_000


def test_reading_stops_at_4_kb_and_does_not_wait_for_more(receiver: Receiver) -> None:
    sender = Sender(LOOPBACK, read_timeout=9)
    assert post(sender, receiver.url("/stall-after-4096")).milliseconds < 5000


@pytest.mark.parametrize(
    ("path", "excerpt"),
    [
        ("/ok", "ok"),
        ("/no-content", ""),
        ("/chunked", "abcdef"),
        # Escape sequences, line ends, NUL and a change of direction could forge a log line or a page.
        ("/controls", "red [31m X: 1 txt € end !\N{REPLACEMENT CHARACTER}"),
        # 1,024 bytes, and no half character at the cut.
        ("/long-words", "€" * 341),
        # Compressed although we asked for identity: nothing to read.
        ("/gzip", ""),
        ("/drip-body", ""),
    ],
)
def test_excerpt(path: str, excerpt: str, sender: Sender, receiver: Receiver) -> None:
    assert post(sender, receiver.url(path)).excerpt == excerpt


@pytest.mark.parametrize(
    ("path", "retry_after"),
    [
        ("/slow-down", timedelta(seconds=120)),
        # A date is counted from the receiver's own clock, here nine years behind.
        ("/slow-down-date", timedelta(minutes=10)),
        ("/slow-down-nonsense", None),
        # A time zone no clock has, in the one date or the other.
        ("/slow-down-far-away", None),
        ("/slow-down-odd-clock", timedelta(0)),
        ("/error", None),
    ],
)
def test_retry_after(path: str, retry_after: timedelta | None, sender: Sender, receiver: Receiver) -> None:
    assert post(sender, receiver.url(path)).retry_after == retry_after


def test_the_receiver_gets_these_headers_and_the_bytes_as_they_were_signed(sender: Sender, receiver: Receiver) -> None:
    body = '{"note": "✓",  "spaced" :1}\n'.encode()
    sender.post(receiver.url("/ok") + "?tenant=7", headers=headers(), body=body)
    (seen,) = receiver.seen
    assert seen.body == body
    assert seen.head.startswith("POST /ok?tenant=7 HTTP/1.1\r\n")
    assert seen.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "user-agent": "notice_intake",
        "content-type": "application/json",
        "accept-encoding": "identity",
        "content-length": str(len(body)),
        **headers(),
    }


@pytest.mark.parametrize(
    "given",
    [
        {"webhook-id": "msg_1\r\nX-Injected: 1"},  # a second header
        {"webhook-id": "msg_1\nX-Injected: 1"},
        {"webhook-id": "msg_1\n"},  # what a careless pattern lets through
        {"webhook-id": "msg_1\x00"},
        {"webhook-id": "msg_ü"},
        {"webhook-id": ""},
        {"authorization": "Bearer x"},  # no agency chooses our headers
        {"Host": "elsewhere.example"},
        {"webhook-id\r\nX-Injected": "1"},
    ],
)
def test_no_other_header_can_be_sent(given: dict[str, str], sender: Sender, receiver: Receiver) -> None:
    with pytest.raises(ValueError):
        sender.post(receiver.url(), headers=given, body=b"{}")
    assert receiver.connections == 0


def test_cookies_are_not_kept(sender: Sender, receiver: Receiver) -> None:
    for _ in range(2):
        post(sender, receiver.url("/cookie"))
    assert all("cookie" not in seen.headers for seen in receiver.seen)


@pytest.mark.parametrize("path", ["/ok", "/no-content", "/chunked", "/error", "/redirect", "/slow-down"])
def test_connections_are_kept_alive(path: str, sender: Sender, receiver: Receiver) -> None:
    for _ in range(5):
        post(sender, receiver.url(path))
    assert (len(receiver.seen), receiver.connections) == (5, 1)


def test_a_receiver_that_closes_after_each_answer_gets_every_callback(sender: Sender, receiver: Receiver) -> None:
    answers = []
    for _ in range(5):
        answers.append(post(sender, receiver.url("/close")).status)
        time.sleep(0.01)
    assert answers == [200] * 5


def test_after_a_failure_the_next_callback_gets_a_fresh_connection(sender: Sender, receiver: Receiver) -> None:
    for path in ("/ok", "/reset", "/ok", "/drip-head", "/ok", "/large", "/ok"):
        answer = post(sender, receiver.url(path))
    assert (answer.status, answer.failure, answer.excerpt, answer.address) == (200, None, "ok", "127.0.0.1")
    assert receiver.connections == 4


def test_a_connection_that_was_idle_for_long_is_not_trusted(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_LONGEST_IDLE", 0.05)
    for pause in (0, 0, 0.1):
        time.sleep(pause)
        post(sender, receiver.url())
    assert [seen.connection for seen in receiver.seen] == [1, 1, 2]


def test_two_names_at_one_address_do_not_share_a_connection(
    sender: Sender, receiver: Receiver, resolver: Resolver
) -> None:
    resolver.script = {"a.example": [["127.0.0.1"]], "b.example": [["127.0.0.1"]]}
    for host in ("a.example", "b.example", "a.example"):
        post(sender, receiver.url(host=host))
    assert [(seen.headers["host"].split(":")[0], seen.connection) for seen in receiver.seen] == [
        ("a.example", 1),
        ("b.example", 2),
        ("a.example", 1),
    ]


def test_a_name_that_has_moved_is_followed_at_the_next_callback(
    sender: Sender, receiver: Receiver, resolver: Resolver
) -> None:
    resolver.script = {"a.example": [["127.0.0.1"], ["10.0.0.1"]]}
    # The open connection to the old address must not be used once the name points where we may not go.
    assert [post(sender, receiver.url(host="a.example")).failure for _ in range(2)] == [None, "blocked"]


def test_when_the_first_address_is_down_the_next_one_is_used(
    sender: Sender, receiver: Receiver, resolver: Resolver
) -> None:
    resolver.script = {"a.example": [["::1", "127.0.0.2", "127.0.0.1"]]}
    assert post(sender, receiver.url(host="a.example")).status == 200


def test_an_address_that_has_worked_is_tried_first_as_long_as_the_name_still_has_it(
    sender: Sender, receiver: Receiver, resolver: Resolver
) -> None:
    other = type(receiver)(address=("127.0.0.2", receiver.port))
    resolver.script = {"a.example": [["127.0.0.1"], ["127.0.0.2", "127.0.0.1"], ["127.0.0.2"]]}
    for _ in range(3):
        post(sender, receiver.url(host="a.example"))
    other.stop()
    assert (len(receiver.seen), receiver.connections, len(other.seen)) == (2, 1, 1)


@pytest.mark.parametrize("path", ["/reset", "/hang", "/not-http"])
def test_a_callback_that_may_have_arrived_is_not_sent_again_by_itself(
    path: str, sender: Sender, receiver: Receiver, resolver: Resolver
) -> None:
    other = type(receiver)(address=("127.0.0.2", receiver.port))
    resolver.script = {"a.example": [["127.0.0.1", "127.0.0.2"]]}
    post(sender, receiver.url(path, host="a.example"))
    other.stop()
    assert (len(receiver.seen), len(other.seen)) == (1, 0)


def test_threads_share_a_sender_without_mixing_their_callbacks(receiver: Receiver) -> None:
    sender = Sender(LOOPBACK)

    def one(number: int) -> bool:
        body = f"body {number} ".encode() * 20
        answer = sender.post(receiver.url("/echo"), headers=headers(f"msg_{number}"), body=body)
        return answer.excerpt == f"msg_{number} {body.decode().strip()}"

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(200)))
    assert receiver.connections <= 16
    sender.close()
