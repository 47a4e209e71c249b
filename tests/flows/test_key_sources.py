"""Keys that are read at an address: a real server, a real JWK Set, requests signed with its keys."""

from __future__ import annotations

import json
import ssl
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from desk import run_worker
from egress import Authority, Egress
from sqlalchemy import select

from notice_intake.auth import key_sets, keys, signing
from notice_intake.errors import KeyNotUsable
from notice_intake.flows import key_sources
from notice_intake.flows.work import SWEEP_EVERY

ORIGIN = "https://platform.example"
PATH = "/notices/v1/referrals"


class Published:
    """An agency's server with its JWK Set."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.status, self.headers, self.body, self.asked = 200, {}, b"", 0
        #: The answer waits for this.
        self.free = threading.Event()
        self.free.set()
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ours.asked += 1
                ours.free.wait(5)
                self.send_response(ours.status)
                for name, value in {**ours.headers, "Content-Length": str(len(ours.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(ours.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/jwks.json"

    def publish(self, *shown: Any) -> None:
        members = [json.loads(one.public.jwk) if isinstance(one, signing.PrivateKey) else one for one in shown]
        self.body = json.dumps({"keys": members}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def published():
    opened = Published()
    yield opened
    opened.free.set()
    opened.close()


@pytest.fixture
def house(make_house):
    return make_house(public_url=ORIGIN)


@pytest.fixture
def agency(house):
    return house.agency()


def new_key() -> signing.PrivateKey:
    return signing.new_ed25519()[0]


def type_in(house: Any, *args: str, code: int = 0) -> Any:
    result = house.app.test_cli_runner().invoke(args=["notice-intake", *args])
    assert result.exit_code == code, result.output
    return result


def add(house: Any, agency: Any, published: Published, *, code: int = 0) -> Any:
    return type_in(house, "agency", "key-add", agency.id, "--jwks-url", published.url, code=code)


def ask(house: Any, key: signing.PrivateKey) -> int:
    created = int(house.clock.now.timestamp())
    fields = signing.sign_request(key, method="GET", url=ORIGIN + PATH, headers={}, body=None, created=created)
    return int(house.client.get(PATH, headers=fields).status_code)


def journal(house: Any) -> list[str]:
    with house.mount.storage.read() as tx:
        table = tx.tables.journal
        return list(tx.execute(select(table.c.action).order_by(table.c.id)).scalars())


def source(house: Any) -> Any:
    with house.mount.storage.read() as tx:
        return tx.execute(select(tx.tables.key_source)).one()


def test_the_keys_of_a_set_open_the_door(house, agency, published):
    first, second = new_key(), new_key()
    published.publish(first, second)
    assert set(add(house, agency, published).stdout.split()) == {first.key_id, second.key_id}
    assert [ask(house, one) for one in (first, second, new_key())] == [200, 200, 401]
    listed = type_in(house, "agency", "list").stdout
    assert published.url in listed
    assert first.key_id in listed
    # Nobody asks the agency's server to check a signature.
    assert published.asked == 1


def test_an_agency_is_named_by_its_name_too(house, agency, published):
    published.publish(new_key())
    type_in(house, "agency", "key-add", "Unit One", "--jwks-url", published.url)
    house.agency("Unit One")
    said = type_in(house, "agency", "key-add", "Unit One", "--jwks-url", published.url, code=2).stderr
    assert "2 agencies are called Unit One" in said


def test_a_new_key_is_good_at_its_first_use_and_an_old_one_ends(house, agency, published):
    old, new = new_key(), new_key()
    published.publish(old)
    add(house, agency, published)
    published.publish(new)
    house.clock.advance(seconds=31)
    assert ask(house, old) == 200, "nothing has asked for the set yet"
    assert ask(house, new) == 200
    assert ask(house, old) == 401
    assert published.asked == 2
    assert journal(house)[-2:] == ["agency.key_added", "agency.key_withdrawn"]
    published.publish(old, new)
    house.clock.advance(seconds=31)
    assert [ask(house, old), ask(house, new)] == [200, 200], "an agency may take its key back into the set"


def test_a_clock_that_is_set_back_does_not_keep_a_new_key_waiting(house, agency, published):
    published.publish(new_key())
    add(house, agency, published)
    house.clock.advance(seconds=31)
    assert ask(house, new_key()) == 401
    new = new_key()
    published.publish(new)
    house.clock.advance(hours=-5)
    assert ask(house, new) == 200


def test_a_clock_that_is_set_back_does_not_keep_a_withdrawn_key_good(house, agency, published):
    old, new = new_key(), new_key()
    published.publish(old)
    add(house, agency, published)
    published.publish(new)
    house.clock.advance(hours=-5)
    assert key_sources.refresh_due(house.mount, now=house.clock.now) == 1
    assert key_sources.refresh_due(house.mount, now=house.clock.now) == 0
    assert [ask(house, old), ask(house, new)] == [401, 200]


def test_unknown_keys_have_the_set_asked_at_most_every_so_often(house, agency, published):
    published.publish(new_key())
    add(house, agency, published)
    for _ in range(3):
        house.clock.advance(seconds=31)
        before = published.asked
        assert {ask(house, new_key()) for _ in range(20)} == {401}
        assert published.asked == before + 1
    # Another process with the same database holds to it as well.
    key_sources._looked.clear()
    assert ask(house, new_key()) == 401
    assert published.asked == before + 1


def test_garbage_never_has_a_set_asked(house, agency, published):
    published.publish(new_key())
    add(house, agency, published)
    house.clock.advance(seconds=31)
    key = new_key()
    right = signing.sign_request(key, method="GET", url=ORIGIN + PATH, headers={}, body=None, created=1)
    for fields in (
        {},
        {"Authorization": "Bearer ni1_x"},
        {"Signature-Input": 'ni=();tag="notice-intake-v1"'},
        right | {"Signature-Input": right["Signature-Input"].replace(key.key_id, "short")},
    ):
        assert house.client.get(PATH, headers=fields).status_code == 401
    assert published.asked == 1


def test_who_comes_while_a_set_is_asked_is_not_made_to_wait(house, agency, published):
    published.publish(new_key())
    add(house, agency, published)
    house.clock.advance(seconds=31)
    published.free.clear()
    slow = threading.Thread(target=ask, args=(house, new_key()))
    slow.start()
    deadline = time.monotonic() + 5
    while published.asked < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    started = time.monotonic()
    assert ask(house, new_key()) == 401
    assert time.monotonic() - started < 2
    published.free.set()
    slow.join(10)
    assert published.asked == 2


FAILING = {
    "an error": (500, {}, b"{}"),
    "a redirect": (302, {"Location": "http://127.0.0.1:1/"}, b""),
    "no JSON": (200, {}, b"<html>"),
    "no set": (200, {}, b'{"key": []}'),
    "a list": (200, {}, b"[]"),
    "too many keys": (200, {}, json.dumps({"keys": [{}] * 17}).encode()),
    "too large": (200, {}, b" " * 70_000),
    "compressed": (200, {"Content-Encoding": "gzip"}, b'{"keys": []}'),
    "deep": (200, {}, b"[" * 30_000),
}


@pytest.mark.parametrize("name", FAILING)
def test_while_the_address_fails_the_last_keys_stay_good(house, agency, published, name):
    key = new_key()
    published.publish(key)
    add(house, agency, published)
    published.status, published.headers, published.body = FAILING[name]
    for _ in range(3):
        house.clock.advance(seconds=4000)
        run_worker(house)
        assert ask(house, key) == 200
    assert published.asked == 4
    assert source(house).failure != ""
    assert "could not be read since" in type_in(house, "check").stdout
    published.status, published.headers = 200, {}
    published.publish(key)
    house.clock.advance(seconds=601)
    run_worker(house)
    assert source(house).failure == ""
    assert "warning" not in type_in(house, "check").stdout


@pytest.mark.parametrize(
    ("told", "held"),
    [
        ({}, timedelta(hours=1)),
        ({"Cache-Control": "public, max-age=3"}, timedelta(minutes=10)),
        ({"Cache-Control": "max-age=7200"}, timedelta(hours=2)),
        ({"Cache-Control": "max-age=999999999"}, timedelta(hours=24)),
        ({"Cache-Control": "max-age=-5, max-age=soon"}, timedelta(hours=1)),
    ],
)
def test_a_set_holds_as_long_as_its_server_says_within_bounds(house, agency, published, told, held):
    published.headers = told
    published.publish(new_key())
    add(house, agency, published)
    assert source(house).due_at == house.clock.now + held
    house.clock.advance(seconds=held.total_seconds() - SWEEP_EVERY.total_seconds())
    run_worker(house)
    assert published.asked == 1
    house.clock.advance(seconds=SWEEP_EVERY.total_seconds())
    run_worker(house)
    assert published.asked == 2


def test_an_empty_set_ends_all_its_keys(house, agency, published):
    key = new_key()
    published.publish(key)
    add(house, agency, published)
    published.publish()
    house.clock.advance(seconds=4000)
    run_worker(house)
    assert ask(house, key) == 401


def test_revoked_keys_do_not_come_back_and_the_address_is_asked_no_more(house, agency, published):
    key = new_key()
    published.publish(key)
    add(house, agency, published)
    type_in(house, "agency", "revoke", agency.id)
    house.clock.advance(seconds=90_000)
    run_worker(house)
    assert ask(house, key) == 401
    assert published.asked == 1
    said = add(house, agency, published, code=2).stderr
    assert "was revoked" in said
    fresh = new_key()
    published.publish(key, fresh)
    assert add(house, agency, published).stdout.split() == [fresh.key_id]
    assert [ask(house, key), ask(house, fresh)] == [401, 200]


def test_a_key_of_another_agency_is_not_taken_over(house, agency, published, caplog):
    theirs, own = new_key(), new_key()
    other = house.agency("Unit Two")
    published.publish(theirs)
    add(house, agency, published)
    second = Published()
    try:
        second.publish(theirs, own)
        assert add(house, other, second).stdout.split() == [own.key_id]
        assert "a key of another agency, which keeps it" in caplog.text
        second.publish(theirs)
        assert "belongs to another agency" in add(house, house.agency("Unit Three"), second, code=2).stderr
    finally:
        second.close()
    with house.mount.storage.read() as tx:
        table = tx.tables.credential
        owner = tx.execute(select(table.c.agency_id).where(table.c.key_id == theirs.key_id)).scalar_one()
    assert owner == agency.id


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://169.254.169.254/keys", "not a public one"),
        ("http://agency.example:8080\\@x/", "visible ASCII"),
        ("https://user@agency.example/keys", "no user name"),
        ("ftp://agency.example/keys", "must use https"),
        ("http://127.0.0.1:1/keys", "could not be read at this address: connect"),
    ],
)
def test_an_address_that_is_not_allowed_or_silent_is_not_stored(house, agency, url, said):
    answer = type_in(house, "agency", "key-add", agency.id, "--jwks-url", url, code=2)
    assert said in answer.stderr
    assert "callback" not in answer.stderr
    with house.mount.storage.read() as tx:
        assert tx.execute(select(tx.tables.key_source)).all() == []


def test_a_set_without_a_key_that_can_be_used_is_not_stored(house, agency, published):
    published.publish({"kty": "oct", "k": "AAAA"})
    assert "holds no key that can be used" in add(house, agency, published, code=2).stderr


def test_keys_of_a_set_run_out_when_it_says(house, agency, published):
    key = new_key()
    ends = int(house.clock.now.timestamp()) + 100
    published.publish({**json.loads(key.public.jwk), "exp": ends})
    add(house, agency, published)
    house.clock.advance(seconds=99)
    assert ask(house, key) == 200
    house.clock.advance(seconds=1)
    assert ask(house, key) == 401


def jwk(**changes: Any) -> dict[str, Any]:
    return {**json.loads(new_key().public.jwk), **changes}


@pytest.mark.parametrize(
    ("member", "usable"),
    [
        (jwk(), True),
        (jwk(use="sig", alg="EdDSA", kid="anything", key_ops=["verify"]), True),
        (jwk(alg="Ed25519"), True),
        (jwk(alg="ES256"), False),
        (jwk(alg="HS256"), False),
        (jwk(alg="none"), False),
        (jwk(alg=["EdDSA"]), False),
        (jwk(use="enc"), False),
        (jwk(key_ops=["verify", "sign"]), False),
        (jwk(d="AAAA"), False),
        (jwk(kty="oct", k="AAAA"), False),
        (jwk(crv="X25519"), False),
        (jwk(x="AAAA"), False),
        (jwk(nbf=999), True),
        (jwk(nbf=1001), False),
        (jwk(exp=1001), True),
        (jwk(exp=1000), False),
        (jwk(exp="tomorrow"), False),
        (jwk(exp=True), False),
        (jwk(exp=1e300), False),
        (jwk(nbf=float("nan")), False),
        ("words", False),
        (None, False),
    ],
)
def test_which_members_of_a_set_are_used(member, usable):
    found = key_sets.read(json.dumps({"keys": [member]}).encode(), now=1000)
    assert (len(found.keys), found.unusable) == ((1, 0) if usable else (0, 1))


def test_a_key_is_bound_to_its_algorithm_whatever_the_set_calls_it():
    rsa = {"kty": "RSA", "e": "AQAB", "n": keys.b64u((1 << 3071 | 1).to_bytes(384, "big"))}
    for alg, usable in (("PS512", True), ("RS256", False), ("RS512", False), ("PS256", False)):
        found = key_sets.read(json.dumps({"keys": [{**rsa, "alg": alg}]}).encode(), now=0)
        assert [one.key.algorithm for one in found.keys] == (["rsa-pss-sha512"] if usable else [])


@pytest.mark.parametrize("document", [b"", b"\xff", b"1", b"null", b'{"keys": {}}', b'{"keys": null}'])
def test_what_is_no_set_is_said_to_be_none(document):
    with pytest.raises(KeyNotUsable, match="no JWK Set"):
        key_sets.read(document, now=0)


def test_only_an_operator_can_set_the_address(house, agency):
    headers = {**agency.headers, "Content-Type": "application/json"}
    for name in ("jwks_url", "jwks", "jwks_uri"):
        body = json.dumps({"url": "https://unit.example/", name: "https://unit.example/keys"})
        answer = house.client.put("/notices/v1/endpoint", data=body, headers=headers)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, f"/{name}")


def test_keys_are_read_through_the_operators_own_proxy_by_its_authority(make_house, tmp_path):
    authority, key, second = Authority(tmp_path), new_key(), new_key()
    published = Published(authority.server_context("keys.unit.example"))
    published.publish(key)
    egress = Egress(published.port)
    house = make_house(
        public_url=ORIGIN, callback_networks=(), callback_proxy=egress.url, callback_ca_file=str(authority.file)
    )
    agency = house.agency(callback_url=None)
    done = type_in(house, "agency", "key-add", agency.id, "--jwks-url", "https://keys.unit.example/jwks.json")
    assert done.stdout.split() == [key.key_id]
    assert ask(house, key) == 200
    published.publish(key, second)
    house.clock.advance(minutes=1)
    assert ask(house, second) == 200, "a key that nobody knows is looked for by the same way"
    assert egress.asked == ["CONNECT keys.unit.example:443 HTTP/1.0"] * published.asked
    egress.close()
    published.close()
