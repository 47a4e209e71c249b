"""Requests as bytes under a real server, whose parser comes before ours: nothing is stored, nothing leaks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from door import PREFIX
from sqlalchemy import select
from test_gunicorn import Server, _served

PERSON = "Canary Person"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _served("gthread", tmp_path_factory.mktemp("raw"), app="create_strict") as running:
        yield running


def body(server: Server) -> bytes:
    return json.dumps(server.agency.document(contact={"name": PERSON})).encode()


def request(server: Server, *fields: str, path: str = f"{PREFIX}/v1/referrals", data: bytes | None = None) -> bytes:
    """A whole request with these fields beside the usual ones; ``Authorization`` is up to the caller."""
    sent = body(server) if data is None else data
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(sent)}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + sent


def token(server: Server) -> str:
    return f"Authorization: {server.agency.headers['Authorization']}"


CERT = f":{base64.b64encode(b'x' * 600).decode()}:"
MANY = " ".join(f'"x{number}"' for number in range(20_000))
FILLED = 'ni=("@method" "@target-uri");created=1;nonce="nnnnnnnnnnnnnnnnnnnnnnnn";keyid="k";tag="notice-intake-v1"'
#: What is sent beside a good body and no credentials: 401, or refused by the server itself.
STRANGERS = {
    "nothing": (),
    "Client-Cert from nowhere": (f"Client-Cert: {CERT}",),
    "Client-Cert with the proxy's secret from elsewhere": (f"Client-Cert: {CERT}", f"Notice-Intake-Proxy: {'p' * 40}"),
    # An underscore is the same letter as a hyphen to WSGI.
    "Client_Cert": (f"Client_Cert: {CERT}", f"Notice_Intake_Proxy: {'p' * 40}"),
    "forwarded from the proxy": (
        "X-Forwarded-For: 192.0.2.1",
        "X-Real-IP: 192.0.2.1",
        "Forwarded: for=192.0.2.1",
        f"Client-Cert: {CERT}",
        f"Notice-Intake-Proxy: {'p' * 40}",
    ),
    "PROXY protocol": ("Remote_Addr: 192.0.2.1", "X-Remote-User: agency"),
    "20,000 components": (f'Signature-Input: ni=({MANY});tag="notice-intake-v1"', "Signature: ni=:AAAA:"),
    "8,000 bytes of components": (
        f'Signature-Input: ni=({MANY[:7900]}x");tag="notice-intake-v1"',
        "Signature: ni=:AA==:",
    ),
    "a signature of nothing": (f"Signature-Input: {FILLED}", "Signature: ni=:AAAA:"),
    "a field of 100,000 bytes": ("X-Long: " + "x" * 100_000,),
    "200 fields": tuple(f"X-{number}: x" for number in range(200)),
    "letters beyond ASCII": ("Authorization: Bearer \u00fc\u00df", "Signature-Input: \u00fc"),
    "a token of 7,000 bytes": (f"Authorization: Bearer {'A' * 7000}",),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_is_refused_however_he_dresses(server, name):
    answer = server.raw(request(server, *STRANGERS[name]))
    assert status(answer) in (401, 400, 431), answer[:300]
    _nothing_happened(server, answer)


def spoiled(server: Server) -> dict[str, bytes]:
    """Requests of the right agency that are broken as HTTP."""
    good, sent, auth = request(server, token(server)), body(server), token(server)
    framing = f"Content-Length: {len(sent)}"
    return {
        "two lengths": good.replace(b"Content-Length:", b"Content-Length: 3\r\nContent-Length:", 1),
        "a negative length": request(server, auth).replace(framing.encode(), b"Content-Length: -1"),
        "a length with a sign": request(server, auth, data=sent).replace(framing.encode(), b"Content-Length: +9"),
        "length and chunks": request(server, auth, "Transfer-Encoding: chunked"),
        "an unknown coding": request(server, auth, "Transfer-Encoding: gzip, chunked"),
        "a chunk that is none": _chunked(server, auth, b"zz\r\nabc\r\n0\r\n\r\n"),
        "a chunk of a negative size": _chunked(server, auth, b"-1\r\nabc\r\n0\r\n\r\n"),
        "NUL in a field": good.replace(b"Host: localhost", b"Host: local\0host"),
        "a folded field": good.replace(b"Host: localhost", b"Host: localhost\r\n folded"),
        "a blank before the colon": good.replace(b"Host:", b"Host :"),
        "no version": good.replace(b" HTTP/1.1", b"", 1),
        "version 9": good.replace(b"HTTP/1.1", b"HTTP/9.9", 1),
        "an address of 10,000": request(server, auth, path=f"{PREFIX}/v1/" + "x" * 10_000),
        "an address beyond ASCII": request(server, auth, path=f"{PREFIX}/v1/referrals/\u00fc"),
        "a digest beyond ASCII": request(server, auth, "Content-Digest: \u00fc", path=f"{PREFIX}/v1/none"),
        "a compressed body": request(server, auth, "Content-Encoding: gzip"),
        "lines ended by LF": good.replace(b"\r\n", b"\n"),
        "a second request in the body": request(server, auth, data=b"GET /healthz HTTP/1.1\r\n\r\n"),
        "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 200 + b"\r\n\r\n",
    }


def _chunked(server: Server, auth: str, chunks: bytes) -> bytes:
    whole = request(server, auth, "Transfer-Encoding: chunked", data=b"")
    return whole.replace(b"Content-Length: 0\r\n", b"") + chunks


NAMES = (
    "two lengths", "a negative length", "a length with a sign", "length and chunks", "an unknown coding",
    "a chunk that is none", "a chunk of a negative size", "NUL in a field", "a folded field",
    "a blank before the colon", "no version", "version 9", "an address of 10,000", "an address beyond ASCII",
    "a digest beyond ASCII", "a compressed body", "lines ended by LF", "a second request in the body", "not HTTP",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_request_that_is_broken_as_http_stores_nothing(server, name):
    found = spoiled(server)
    assert set(found) == set(NAMES)
    answer = server.raw(found[name])
    assert answer == b"" or 400 <= status(answer) < 500 or status(answer) in (501, 505), answer[:300]
    _nothing_happened(server, answer)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def _nothing_happened(server: Server, answer: bytes) -> None:
    assert server.referrals() == 0
    secret = server.agency.headers["Authorization"].split("_", 2)[2]
    for place in (answer.decode("latin-1"), server.log.read_text(errors="replace"), _dump(server)):
        assert not [one for one in (secret, PERSON, "s" * 40, "p" * 40, "Traceback") if one in place]
    alive = server.raw(b"GET /notices/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status(alive) == 200


def _dump(server: Server) -> str:
    tables = server.storage.tables.metadata.sorted_tables
    with server.storage.read() as tx:
        return "\n".join(f"{tuple(row)!r}" for table in tables for row in tx.execute(select(table)))


#: The journal cannot be emptied, and holds nothing that must not be found.
KEPT = ("agency", "credential", "endpoint", "platform_key", "journal", "seal")


def test_a_good_request_comes_in_through_the_same_door(server):
    answer: Any = server.raw(request(server, token(server)))
    assert status(answer) == 201, answer[:300]
    assert server.referrals() == 1
    with server.storage.begin() as tx:
        # The other tests count from nothing, in whatever order they run.
        for table in reversed(tx.tables.metadata.sorted_tables):
            if table.name.removeprefix("ni_") not in KEPT:
                tx.execute(table.delete())
