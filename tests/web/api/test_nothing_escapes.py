"""Bad input of every kind in one house with planted secrets: right status, no row, and the secrets stay where they are.

What one kind of bad input is answered in detail is checked beside it (``docs/security.md`` has the list). Here all of
it comes to one house, and afterwards every answer, every line of the log and every row of every table is searched.
"""

from __future__ import annotations

import base64
import gzip
import json
import logging
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from auth.battery import PROXY_SECRET, SETTINGS
from sqlalchemy import select
from test_bad_bodies import MALFORMED, TYPES
from test_once_only import BAD_KEYS
from test_reading import QUERIES
from test_signed import PATH, Signer, wrong

from notice_intake.auth import signing
from notice_intake.flows.platform_keys import signing_key

SECRET_KEY = "canary-secret-key-" + "q" * 30
PERSON = "Canary Person canary.person@unit.example +32 470 99 88 77"
PREFIX = "/notices"


class Planted:
    """A house with a secret in every place that can hold one."""

    def __init__(self, house: Any, tmp_path: Any) -> None:
        self.house = house
        self.signer = Signer(house).register(tmp_path)
        self.agency = self.signer.agency
        secret = house.app.test_cli_runner().invoke(
            args=["notice-intake", "endpoint", "set", self.agency.id, "https://unit.example/h", "--without-challenge"]
        )
        assert secret.exit_code == 0, secret.output
        mount = house.mount
        private = signing_key(mount, now=house.clock.now)
        with mount.storage.read() as tx:
            row = tx.execute(select(tx.tables.platform_key)).one()
            endpoint = tx.execute(select(tx.tables.endpoint)).one()
        seed = mount.secrets.decrypt(row.private_key)
        assert signing.from_seed(seed).key_id == private.key_id
        token = self.agency.headers["Authorization"].split()[1]
        self.canaries = {
            "token": token.split("_", 2)[2],
            "secret part of the token": token.split("_", 2)[2].rpartition(".")[0],
            "secret key": SECRET_KEY,
            "callback secret": mount.secrets.decrypt(endpoint.secrets[0]).removeprefix("whsec_"),
            "private key": seed,
            "private key, base64": base64.b64encode(base64.urlsafe_b64decode(seed + "==")).decode().rstrip("="),
            "private key, hex": base64.urlsafe_b64decode(seed + "==").hex(),
            "proxy's secret": PROXY_SECRET,
            "person": PERSON,
            "mail address": "canary.person@unit.example",
        }

    def dump(self) -> str:
        """Every row of every table, bytes as text."""
        tables = self.house.mount.storage.tables.metadata.sorted_tables
        with self.house.mount.storage.read() as tx:
            return "\n".join(f"{table.name} {tuple(row)!r}" for table in tables for row in tx.execute(select(table)))

    def found_in(self, text: str) -> list[str]:
        return [name for name, value in self.canaries.items() if value in text]

    def send(self, *, body: bytes = b"", method: str = "POST", path: str = PATH, **options: Any) -> Any:
        headers = {"Content-Type": "application/json", **self.agency.headers, **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return self.house.client.open(path, method=method, data=body, headers=headers, **options)

    def document(self, **changes: Any) -> bytes:
        """A good referral with personal data in it, spoiled as the test says."""
        named = {"contact": {"name": PERSON, "email": "canary.person@unit.example"}}
        return json.dumps(self.agency.document(**{**named, **changes})).encode()

    def attacks(self) -> Iterator[tuple[str, set[int], Any]]:
        """Yield (what it is, the statuses that are right, the answer)."""
        yield from self.bodies()
        yield from self.documents()
        yield from self.credentials()
        yield from self.signatures()
        yield from self.headers()
        yield from self.queries()

    def bodies(self) -> Iterator[tuple[str, set[int], Any]]:
        for name, body in MALFORMED.items():
            # Personal data in front, where a reader that goes on after a fault would have kept it.
            marked = body.replace(b"BODY-1", PERSON.encode()) if b"BODY-1" in body else body
            yield f"body: {name}", {400}, self.send(body=marked)
        for name, headers in TYPES.items():
            sent = {field.replace("_", "-"): value for field, value in headers.items()}
            yield f"type: {name}", {415}, self.send(body=self.document(), headers=sent)
        for name, packed in (
            ("gzip", gzip.compress(self.document())),
            ("deflate", zlib.compress(self.document())),
            ("a bomb", gzip.compress(b" " * 30_000_000)),
        ):
            coding = {"Content-Encoding": "gzip" if name != "deflate" else name}
            yield f"compressed: {name}", {415}, self.send(body=packed, headers=coding)
        yield "too large", {413}, self.send(body=self.document().ljust(1_048_577))
        plain = self.send(body=self.document(), headers={"Content-Encoding": "br"})
        yield "not compressed though said so", {415}, plain

    def documents(self) -> Iterator[tuple[str, set[int], Any]]:
        for name, value in {
            "status": "decided",
            "agency_id": "agy_x",
            "priority": 1,
            "decision": {"outcome": "removed"},
            "id": "ref_x",
            "sequence": 9,
            "received_at": "2020-01-01T00:00:00Z",
            "channel": "desk",
            "__class__": "x",
            "constructor": {"prototype": {}},
        }.items():
            yield f"mass assignment: {name}", {422}, self.send(body=self.document(**{name: value}))
        one = self.agency.document()["items"][0]
        long = "https://a.example/".ljust(2049, "x")
        many = [{**one, "reference": str(number)} for number in range(101)]
        for name, changes in {
            "101 items": {"items": many},
            "no items": {"items": []},
            "a text of 20,001": {"items": [{**one, "reasons": PERSON.ljust(20_001, "x")}]},
            "an address of 2,049": {"items": [{**one, "target": {"kind": "url", "url": long}}]},
            "CR LF in a reference": {"agency_reference": "A\r\nX-Injected: 1"},
            "a reference that is a list": {"agency_reference": [PERSON]},
            "another type": {"category": {"$ne": PERSON}},
            "SQL": {"instrument": "'; DROP TABLE ni_referral; --"},
            "a path": {"instrument": "../../etc/passwd"},
        }.items():
            yield f"document: {name}", {422}, self.send(body=self.document(**changes))
        for name, key in BAD_KEYS.items():
            yield f"key: {name}", {400}, self.send(body=self.document(), headers={"Idempotency-Key": key})

    def credentials(self) -> Iterator[tuple[str, set[int], Any]]:
        good = self.agency.headers["Authorization"]
        for name, value in {
            "none": None,
            "cut": good[:-1],
            "longer": good + "x",
            "twice": f"{good}, {good}",
            "another scheme": good.replace("Bearer", "Basic"),
            "without a scheme": good.removeprefix("Bearer "),
            "CR LF": good[:30] + "%0d%0aX: 1",
            "the scheme alone": "Bearer ",
            "very long": "Bearer " + "A" * 60_000,
            "other script": "Bearer \u00fc\u00df",
        }.items():
            yield f"token: {name}", {401}, self.send(body=self.document(), headers={"Authorization": value})
        token = good.split()[1]
        for name in ("access_token", "token", "api_key", "authorization"):
            answer = self.send(body=self.document(), path=f"{PATH}?{name}={token}", headers={"Authorization": None})
            yield f"in the address: {name}", {401}, answer
        cookie = {"Authorization": None, "Cookie": f"session={token}; token={token}"}
        yield "in a cookie", {401}, self.send(body=self.document(), headers=cookie)

    def signatures(self) -> Iterator[tuple[str, set[int], Any]]:
        body = self.document()
        for name, changes in wrong(self.signer, body).items():
            sent = {"body": body, "headers": self.signer.headers(body), **changes}
            answer = self.signer.send(sent.pop("body"), sent.pop("headers"), **sent)
            yield f"signature: {name}", {405} if name == "the method" else {401}, answer

    def headers(self) -> Iterator[tuple[str, set[int], Any]]:
        forged = {
            "X-Forwarded-For": "127.0.0.1",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Prefix": "/evil",
            "X-Real-IP": "127.0.0.1",
            "Forwarded": "for=127.0.0.1;host=evil.example;proto=https",
            "X-Original-URL": "/notices/desk/",
            "X-HTTP-Method-Override": "GET",
            "Client-Cert": f":{base64.b64encode(b'x' * 600).decode()}:",
            "X-SSL-Client-Cert": "x",
            "X-Client-Verify": "SUCCESS",
            "X-Remote-User": self.agency.id,
            "Notice-Intake-Proxy": "p" * 39,
        }
        # From elsewhere than the proxy, and from the proxy's address with another secret.
        for peer in ("203.0.113.9", "127.0.0.1"):
            for one, alone in [*((name, {name: value}) for name, value in forged.items()), ("all of them", forged)]:
                sent = {"Authorization": None, **alone}
                answer = self.send(body=self.document(), headers=sent, environ_overrides={"REMOTE_ADDR": peer})
                assert "evil.example" not in answer.get_data(as_text=True) + str(answer.headers)
                yield f"forged from {peer}: {one}", {401}, answer
        # Fields that go into the signature over the answer.
        for name, value in {
            "letters": "\u00fc\u00df",
            "nothing": "",
            "a tab": "sha-256=:\tAAAA=:",
            "long": "x" * 20_000,
        }.items():
            answer = self.send(method="GET", path=f"{PREFIX}/v1/none", headers={"Content-Digest": value})
            yield f"digest: {name}", {404}, answer
            answer = self.send(method="GET", headers={"Content-Digest": value}, path=f"{PATH}/ref_\u00fc")
            yield f"digest and target: {name}", {404}, answer
        secret = {"Authorization": None, "Client-Cert": forged["Client-Cert"], "Notice-Intake-Proxy": PROXY_SECRET}
        for name, change in {
            "the proxy's secret from elsewhere": {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}},
            "the proxy's secret, an unknown certificate": {},
        }.items():
            yield name, {401}, self.send(body=self.document(), headers=secret, **change)

    def queries(self) -> Iterator[tuple[str, set[int], Any]]:
        for path in QUERIES:
            yield f"query: {path}", {422}, self.send(method="GET", path=PREFIX + path)
        good = self.send(method="GET", path=f"{PATH}?limit=1").json.get("next") or "a.b.c"
        garbage = ("A" * 4000, good[:-3], good + "x", good[::-1], "..", "%F0%9F", "ni1_x", "null", "[1,2]", "eyJ.A.B")
        for cursor in garbage:
            yield f"cursor: {cursor[:20]}", {422}, self.send(method="GET", path=f"{PATH}?cursor={cursor}")
        for name in ("../../x", "%2e%2e%2f", "ref_" + "A" * 40, "'--", "%00", "\u202e", "ref_x;y", "*"):
            for path in (f"{PATH}/{name}", f"{PREFIX}/v1/deliveries/{name}/replay"):
                method = "GET" if path.startswith(PATH) else "POST"
                yield f"id: {path}", {404, 405}, self.send(method=method, path=path)


@pytest.fixture
def planted(make_house, tmp_path):
    return Planted(make_house(secret_keys=(SECRET_KEY,), **SETTINGS), tmp_path)


def test_bad_input_has_the_right_status_leaves_no_row_and_carries_no_secret(planted, caplog):
    caplog.set_level(logging.DEBUG)
    planted.agency.refer()  # so that pages and cursors have something to go over
    before, seen, kinds = planted.dump(), 0, set()
    assert planted.found_in(before) == []
    for what, right, answer in planted.attacks():
        seen += 1
        kinds.add(what.partition(":")[0])
        assert answer.status_code in right, (what, answer.status_code, answer.get_data(as_text=True))
        said = answer.get_data(as_text=True) + str(answer.headers)
        assert planted.found_in(said) == [], what
        assert "Traceback" not in said, what
        # Nothing that was sent may become a field of the answer.
        assert "X-Injected" not in answer.headers, what
    assert seen > 200, kinds
    # Signed requests whose document is refused spend their nonce; of these, none was signed well.
    assert planted.dump() == before
    assert planted.found_in(caplog.text) == []
    assert "Traceback" not in caplog.text


def test_the_search_finds_a_secret_that_does_escape(planted, caplog):
    for name, value in planted.canaries.items():
        assert name in planted.found_in(f"... {value} ...")
    with planted.house.mount.storage.begin() as tx:
        table = tx.tables.agency
        tx.execute(table.update().values(name=planted.canaries["callback secret"]))
    assert planted.found_in(planted.dump()) == ["callback secret"]
    logging.getLogger("notice_intake.api").warning("%s", planted.canaries["token"])
    assert "token" in planted.found_in(caplog.text)


def test_a_whole_life_of_keys_leaves_no_secret_in_a_table_or_a_log(planted, caplog):
    caplog.set_level(logging.DEBUG)
    run = planted.house.app.test_cli_runner()
    shown = []
    for args in (
        ("agency", "rotate", planted.agency.id),
        ("endpoint", "rotate-secret", planted.agency.id),
        ("endpoint", "set", planted.agency.id, "https://other.example/hook"),
        ("secrets", "reencrypt"),
        ("agency", "list"),
        ("endpoint", "show", planted.agency.id),
        ("check",),
    ):
        result = run.invoke(args=["notice-intake", *args])
        assert result.exit_code == 0, result.output
        shown.append(result.stdout)
    secrets = [
        word.removeprefix("whsec_") if word.startswith("whsec_") else word.split("_", 2)[2]
        for text in shown[:3]
        for word in text.split()
        if word.startswith(("ni1_", "whsec_"))
    ]
    assert len(secrets) == 3
    for place in (planted.dump(), caplog.text, *shown[3:]):
        assert planted.found_in(place) == []
        assert not [one for one in secrets if one in place]


def test_no_field_breaks_a_line_of_the_log(planted, caplog):
    caplog.set_level(logging.DEBUG)
    forged = "x\r\nWARNING forged\u2028line\x85\x0b"
    planted.send(body=planted.document(agency_reference=forged, language=forged))
    planted.send(
        body=planted.document(), headers={"Idempotency-Key": "x\u0085forged", "Authorization": "Bearer \u0085"}
    )
    planted.send(method="GET", path=f"{PATH}/%0d%0aforged")
    planted.send(method="GET", path=f"{PATH}?cursor=%0d%0aforged&sort=%E2%80%A8")
    assert [one for one in caplog.records if one.name.startswith("notice_intake")]
    for record in caplog.records:
        if record.name.startswith("notice_intake"):
            assert len(record.getMessage().splitlines()) == 1
            assert "forged" not in record.getMessage()
