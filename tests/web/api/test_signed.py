"""Signed referrals: what is accepted, what is not, and what can be proved of it afterwards."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from auth.signers import MAKERS, key_of, pem_of
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from door import check_problem
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519, HMAC_SHA256
from requests_http_signature import HTTPSignatureAuth
from sqlalchemy import func, select
from werkzeug.serving import make_server

from notice_intake.auth import keys, signing
from notice_intake.auth.signature import Message, verified_base
from notice_intake.testing import FakeAgency

ORIGIN = "https://platform.example"
PATH = "/notices/v1/referrals"
KEY = '"key-0123456789abcdef"'


class Signer:
    """An agency that signs, and can be made to sign wrongly."""

    def __init__(self, house: Any, *, algorithm: str = "ed25519", origin: str = ORIGIN) -> None:
        self.house, self.origin = house, origin
        self.agency: FakeAgency = house.agency()
        self.key = signing.from_pem(pem_of(algorithm))

    def register(self, tmp_path: Any, *, form: str = "--jwk") -> Signer:
        file = tmp_path / "key"
        jwk = self.key.public.jwk
        pem = keys.load(jwk).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        file.write_bytes(pem if form == "--pem" else jwk.encode())
        result = self.command("agency", "key-add", self.agency.id, form, str(file))
        assert (result.exit_code, result.stdout.strip()) == (0, self.key.key_id), result.output
        return self

    def command(self, *args: str) -> Any:
        return self.house.app.test_cli_runner().invoke(args=["notice-intake", *args])

    def document(self) -> bytes:
        return json.dumps(self.agency.document()).encode()

    def headers(self, body: bytes | None, *, method: str = "POST", path: str = PATH, **headers: str) -> dict[str, str]:
        """The fields of a request that is right in all."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent = {"Content-Type": "application/json"} | sent
        created = int(self.house.clock.now.timestamp())
        signed = signing.sign_request(
            self.key, method=method, url=self.origin + path, headers=sent, body=body, created=created
        )
        return sent | signed

    def crafted(self, body: bytes, *, components: str, parameters: str, **headers: str) -> dict[str, str]:
        """The fields of a request that is signed well, over what the test says."""
        sent = {"content-type": "application/json", "content-digest": signing.content_digest(body), **headers}
        values = {"@method": "POST", "@target-uri": ORIGIN + PATH, "@authority": "platform.example", **sent}
        names = components.split()
        input_ = f"({' '.join(chr(34) + one + chr(34) for one in names)}){parameters}"
        base = "".join(f'"{one}": {values[one]}\n' for one in names) + f'"@signature-params": {input_}'
        made = signing.b64encode(self.key.sign(base.encode())).decode()
        return sent | {"Signature-Input": f"x={input_}", "Signature": f"x=:{made}:"}

    def parameters(self, **changes: Any) -> str:
        now = int(self.house.clock.now.timestamp())
        nonce = signing.secrets.token_urlsafe(18)
        values = {"created": now, "nonce": nonce, "keyid": self.key.key_id, "tag": "notice-intake-v1", **changes}
        told = ((name, value) for name, value in values.items() if value is not None)
        return "".join(f";{name}={json.dumps(value)}" for name, value in told)

    def send(self, body: bytes, headers: dict[str, str], *, method: str = "POST", path: str = PATH) -> Any:
        return self.house.client.open(path, method=method, data=body, headers=headers)

    def count(self, name: str = "referral") -> int:
        with self.house.mount.storage.read() as tx:
            table = getattr(tx.tables, name)
            return int(tx.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.fixture
def signer(make_house, tmp_path):
    return Signer(make_house(public_url=ORIGIN)).register(tmp_path)


ALL = "@method @target-uri content-type content-digest"


@pytest.mark.parametrize("form", ["--pem", "--jwk"])
@pytest.mark.parametrize("algorithm", MAKERS)
def test_every_algorithm_opens_the_door(make_house, tmp_path, algorithm, form):
    signer = Signer(make_house(public_url=ORIGIN), algorithm=algorithm).register(tmp_path, form=form)
    body = signer.document()
    answer = signer.send(body, signer.headers(body, Idempotency_Key=KEY))
    assert answer.status_code == 201, answer.json
    result = signer.command("evidence", "verify", answer.json["id"])
    assert result.exit_code == 0, result.output


def test_reading_is_signed_as_well_and_each_signature_is_good_once(signer):
    headers = signer.headers(None, method="GET", path=PATH + "?limit=2")
    first = signer.send(b"", headers, method="GET", path=PATH + "?limit=2")
    assert first.status_code == 200
    again = signer.send(b"", headers, method="GET", path=PATH + "?limit=2")
    check_problem(again, status=401, slug="credentials-refused")


def test_a_replayed_referral_is_refused_and_the_same_one_signed_again_gets_its_receipt(signer):
    body = signer.document()
    headers = signer.headers(body, Idempotency_Key=KEY)
    first = signer.send(body, headers)
    check_problem(signer.send(body, headers), status=401, slug="credentials-refused")
    again = signer.send(body, signer.headers(body, Idempotency_Key=KEY))
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.data == first.data
    assert signer.count() == 1


@pytest.mark.parametrize("body", [b"{}", b"not json", b"[1]"])
def test_what_was_refused_for_its_document_cannot_be_replayed_either(signer, body):
    headers = signer.headers(body)
    assert signer.send(body, headers).status_code in (400, 422)
    check_problem(signer.send(body, headers), status=401, slug="credentials-refused")


def test_a_reference_that_is_taken_is_told_and_the_request_is_not_to_be_repeated(signer):
    body = signer.document()
    assert signer.send(body, signer.headers(body)).status_code == 201
    headers = signer.headers(body)
    check_problem(signer.send(body, headers), status=409, slug="reference-taken")
    check_problem(signer.send(body, headers), status=401, slug="credentials-refused")


def wrong(signer: Signer, body: bytes) -> dict[str, dict[str, Any]]:
    """Every way to be wrong: by name, what differs from a request that is right."""
    right = signer.headers(body, Idempotency_Key=KEY)
    now = int(signer.house.clock.now.timestamp())
    other = signing.new_ed25519()[0]
    hmac = HTTPMessageSigner(
        signature_algorithm=HMAC_SHA256,
        key_resolver=MappingKeyResolver(
            public_keys={}, private_keys={signer.key.key_id: keys.load(signer.key.public.jwk).public_bytes_raw()}
        ),
    )

    def crafted(components: str = ALL, **changes: Any) -> dict[str, Any]:
        return {"headers": signer.crafted(body, components=components, parameters=signer.parameters(**changes))}

    def confused(**options: Any) -> dict[str, Any]:
        sent = {"content-type": "application/json"}
        message = Message("POST", ORIGIN + PATH, sent)
        when = datetime.fromtimestamp(now, UTC)
        nonce = signing.secrets.token_urlsafe(18)
        hmac.sign(
            message, key_id=signer.key.key_id, created=when, nonce=nonce, tag="notice-intake-v1",
            covered_component_ids=ALL.split()[:3], body=body, **options,
        )  # fmt: skip
        return {"headers": sent}

    theirs = signing.sign_request(
        other, method="POST", url=ORIGIN + PATH, headers={"content-type": "application/json"}, body=body, created=now
    )
    many = " ".join(f'"x{number}"' for number in range(20_000))
    twice = right | {
        "Signature-Input": right["Signature-Input"] + ", b" + right["Signature-Input"],
        "Signature": right["Signature"] + ", b" + right["Signature"][:-9] + "AAAAAAA=:",
    }
    return {
        "one byte of the body": {"body": body.replace(b"a", b"b", 1)},
        "a longer body": {"body": body + b" "},
        "the target": {"path": PATH + "?x=1"},
        "the method": {"method": "PUT", "path": PATH + "/bulk"},
        "the content type": {"headers": right | {"Content-Type": "application/json; charset=utf-8"}},
        "the idempotency key": {"headers": right | {"Idempotency-Key": KEY.replace("0", "1")}},
        "a header that was added": {"headers": right | {"Authorization": "Basic eDp4"}},
        "the nonce": {"headers": right | {"Signature-Input": right["Signature-Input"].replace('nonce="', 'nonce="A')}},
        "no signature": {"headers": {n: v for n, v in right.items() if n != "Signature"}},
        "no digest": {"headers": {n: v for n, v in right.items() if n != "Content-Digest"}},
        "another digest": {"headers": right | {"Content-Digest": signing.content_digest(b"x")}},
        "garbage": {"headers": right | {"Signature-Input": 'ni=(((;tag="notice-intake-v1"'}},
        "other letters": {"headers": right | {"Signature-Input": right["Signature-Input"] + "\u00e9"}},
        "20,000 components": {"headers": right | {"Signature-Input": f'ni=({many});tag="notice-intake-v1"'}},
        "the same label twice": {"headers": right | {"Signature-Input": ", ".join([right["Signature-Input"]] * 2)}},
        "a second one with our tag": {"headers": twice},
        "a key that nobody knows": {"headers": {"content-type": "application/json"} | theirs},
        "our key's name, their signature": {"headers": right | {"Signature": theirs["Signature"]}},
        "HMAC with the public key": confused(),
        "HMAC with the public key, not said so": confused(include_alg=False),
        "HMAC with the public key, called Ed25519": confused(include_alg=False),
        "another algorithm by name": crafted(alg="ecdsa-p256-sha256"),
        "an unknown algorithm": crafted(alg="none"),
        "created too long ago": crafted(created=now - 301),
        "created too far ahead": crafted(created=now + 61),
        "created as text": crafted(created=str(now)),
        "not created": crafted(created=None),
        "expired": crafted(created=now - 10, expires=now - 1),
        "lives too long": crafted(expires=now + 301),
        "no nonce": crafted(nonce=None),
        "a short nonce": crafted(nonce="A" * 21),
        "a nonce of other letters": crafted(nonce="!" * 22),
        "no key": crafted(keyid=None),
        "a parameter nobody knows": crafted(context="x"),
        "method not covered": crafted("@target-uri content-type content-digest"),
        "target not covered": crafted("@method @authority content-type content-digest"),
        "type not covered": crafted("@method @target-uri content-digest"),
        "digest not covered": crafted("@method @target-uri content-type"),
        "a foreign tag": crafted(tag="somebody-elses"),
    }


def test_everything_wrong_gets_one_and_the_same_401_and_stores_nothing(signer):
    body = signer.document()
    answers = {}
    for name, changes in wrong(signer, body).items():
        sent = {"body": body, "headers": signer.headers(body, Idempotency_Key=KEY), **changes}
        answer = signer.send(sent.pop("body"), sent.pop("headers"), **sent)
        if name == "the method":
            assert answer.status_code == 405
            continue
        problem = check_problem(answer, status=401, slug="credentials-refused")
        problem.pop("instance")
        kept = sorted((n, v) for n, v in answer.headers if n not in ("X-Request-Id", "Content-Length"))
        answers[name] = json.dumps([problem, kept])
    different = {name for name, one in answers.items() if one != answers["no nonce"]}
    assert not different
    assert signer.count() == 0
    assert signer.count("nonce") == 0
    right = signer.crafted(body, components=ALL, parameters=signer.parameters(alg="ed25519"))
    assert signer.send(body, right).status_code == 201


def test_a_foreign_signature_beside_ours_is_none_of_our_business(signer):
    body = signer.document()
    headers = signer.headers(body)
    headers["Signature-Input"] += ', theirs=("@method");created=1;tag="somebody-elses"'
    headers["Signature"] += ", theirs=:AAAA:"
    assert signer.send(body, headers).status_code == 201


def test_the_edges_of_the_window(signer):
    now = int(signer.house.clock.now.timestamp())
    for created, status in ((now - 299, 201), (now + 59, 201), (now - 302, 401), (now + 62, 401)):
        body = signer.document()
        headers = signer.crafted(body, components=ALL, parameters=signer.parameters(created=created))
        assert signer.send(body, headers).status_code == status, created - now


def test_nonces_are_kept_as_long_as_they_matter_and_no_longer(signer):
    body = signer.document()
    headers = signer.headers(body)
    signer.send(body, headers)
    signer.house.clock.advance(seconds=299)
    check_problem(signer.send(body, headers), status=401, slug="credentials-refused")
    assert signer.count("nonce") == 1
    signer.house.clock.advance(seconds=62)
    assert signer.command("work", "--once").exit_code == 0
    assert signer.count("nonce") == 0
    check_problem(signer.send(body, headers), status=401, slug="credentials-refused")


def test_a_compressed_body_is_refused_for_what_it_is(signer):
    packed = gzip.compress(signer.document())
    headers = signer.headers(packed, Content_Encoding="gzip")
    check_problem(signer.send(packed, headers), status=415, slug="unsupported-media-type")


def test_a_body_that_is_too_large_is_not_read_for_its_signature(make_house, tmp_path):
    signer = Signer(make_house(public_url=ORIGIN, max_body_bytes=2000)).register(tmp_path)
    body = b" " * 2001
    check_problem(signer.send(body, signer.headers(body)), status=413, slug="body-too-large")


def test_without_a_public_address_a_signature_is_refused_by_name_and_a_token_is_not(make_house, tmp_path):
    signer = Signer(make_house()).register(tmp_path)
    body = signer.document()
    check_problem(signer.send(body, signer.headers(body)), status=400, slug="signatures-unavailable")
    answer = signer.agency.refer()
    assert answer.status_code == 201
    assert "Signature" not in answer.headers
    assert signer.house.client.get("/notices/v1/keys").json == {"keys": []}


def test_a_server_that_does_not_tell_the_target_cannot_check_signatures(signer):
    body = signer.document()
    hidden = {"RAW_URI": "", "REQUEST_URI": ""}
    answer = signer.house.client.post(PATH, data=body, headers=signer.headers(body), environ_overrides=hidden)
    check_problem(answer, status=400, slug="signatures-unavailable")


def test_an_agency_that_must_sign_is_not_let_in_by_its_token(signer):
    assert signer.agency.refer().status_code == 201
    assert signer.command("agency", "require-signature", signer.agency.id, "on").exit_code == 0
    refused = signer.agency.refer()
    problem = check_problem(refused, status=401, slug="credentials-refused")
    none = signer.house.client.get(PATH)
    assert {**problem, "instance": 0} == {**none.json, "instance": 0}
    body = signer.document()
    assert signer.send(body, signer.headers(body, Authorization="Bearer whatever")).status_code == 201
    assert signer.command("agency", "require-signature", signer.agency.id, "off").exit_code == 0
    assert signer.agency.refer().status_code == 201


def test_a_switch_that_would_lock_an_agency_out_is_not_turned(make_house):
    signer = Signer(make_house(public_url=ORIGIN))
    result = signer.command("agency", "require-signature", signer.agency.id, "on")
    assert (result.exit_code, "no key" in result.output) == (2, True)
    assert signer.agency.refer().status_code == 201


def test_one_key_belongs_to_one_agency_and_ends_with_the_others(signer, tmp_path):
    second = signer.house.agency("Unit Two")
    file = tmp_path / "again"
    file.write_text(signer.key.public.jwk)
    result = signer.command("agency", "key-add", second.id, "--jwk", str(file))
    assert (result.exit_code, "registered already" in result.output) == (2, True)
    assert signer.command("agency", "revoke", signer.agency.id).exit_code == 0
    body = signer.document()
    check_problem(signer.send(body, signer.headers(body)), status=401, slug="credentials-refused")


@pytest.mark.parametrize("content", [b"", b"{}", pem_of("ed25519")], ids=["empty", "no key", "private"])
def test_a_file_that_holds_no_public_key_is_said_in_a_line(signer, tmp_path, content):
    file = tmp_path / "bad"
    file.write_bytes(content)
    for form in ("--pem", "--jwk", "--cert"):
        result = signer.command("agency", "key-add", signer.agency.id, form, str(file))
        assert result.exit_code == 2
        assert len(result.output.strip().splitlines()) == 1


def tampered(name: str, value: Any) -> Any:
    """The same value with one byte changed."""
    if isinstance(value, bytes):
        return value[:-2] + bytes([value[-2] ^ 1]) + value[-1:]
    place = len(value) // 2
    return value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]


STORED = ("key_id", "algorithm", "public_key", "signature_input", "signature", "base")


def test_evidence_finds_one_changed_byte_wherever_it_is(signer):
    body = signer.document()
    referral_id = signer.send(body, signer.headers(body, Idempotency_Key=KEY)).json["id"]
    storage = signer.house.mount.storage

    def change(name: str, value: Any) -> None:
        with storage.begin() as tx:
            table = tx.tables.referral if name == "body" else tx.tables.signature
            tx.execute(table.update().where(table.c.id == referral_id).values({name: value}))

    with storage.read() as tx:
        kept = tx.execute(select(tx.tables.signature)).one()._mapping
    for name in (*STORED, "body"):
        original = body if name == "body" else kept[name]
        change(name, tampered(name, original))
        result = signer.command("evidence", "verify", referral_id)
        assert result.exit_code == 1, (name, result.output)
        change(name, original)
    for place in range(0, len(kept["base"]), 7):
        change("base", kept["base"][:place] + "~" + kept["base"][place + 1 :])
        assert signer.command("evidence", "verify", referral_id).exit_code == 1, place
    change("base", kept["base"])
    signer.command("agency", "revoke", signer.agency.id)
    assert signer.command("evidence", "verify", referral_id).exit_code == 0


def test_evidence_says_where_there_is_none(signer):
    result = signer.command("evidence", "verify", signer.agency.refer().json["id"])
    assert (result.exit_code, "without a signature" in result.output) == (2, True)
    assert signer.command("evidence", "verify", "ref_none").exit_code == 2


def test_a_signed_stream_is_kept_whole_and_proves_each_of_its_lines(signer):
    stream = b"\n".join([signer.document(), signer.document(), b""])
    path = PATH + "/bulk"
    headers = signer.headers(stream, path=path, Content_Type="application/x-ndjson")
    answer = signer.send(stream, headers, path=path)
    lines = [json.loads(line) for line in answer.data.splitlines()]
    assert [line["status"] for line in lines] == [201, 201]
    assert_signed(signer, answer, method="POST", path=path, digest=headers["Content-Digest"])
    ids = [line["receipt"]["id"] for line in lines]
    assert [signer.command("evidence", "verify", one).exit_code for one in ids] == [0, 0]
    assert signer.count("signature") == 1
    check_problem(signer.send(stream, headers, path=path), status=401, slug="credentials-refused")
    with signer.house.mount.storage.begin() as tx:
        table = tx.tables.referral
        tx.execute(table.update().where(table.c.id == ids[0]).values(body=b"{}"))
    assert [signer.command("evidence", "verify", one).exit_code for one in ids] == [1, 0]


class _Answer:
    def __init__(self, answer: Any, request: Message) -> None:
        self.status_code, self.headers, self.request = answer.status_code, dict(answer.headers), request


def assert_signed(signer: Signer, answer: Any, *, method: str, path: str, digest: str | None = None) -> str:
    """Check an answer's signature with the published key, as an agency would; return its base."""
    (jwk,) = signer.house.client.get("/notices/v1/keys").json["keys"]
    request = Message(method, ORIGIN + path, {"content-digest": digest} if digest else {})
    base = verified_base(_Answer(answer, request), algorithm="ed25519", public_key=json.dumps(jwk))
    assert f'keyid="{jwk["kid"]}"' in base
    if answer.data and method != "HEAD":
        assert f'"content-digest": {signing.content_digest(answer.data)}\n' in base
    return base


def test_answers_are_signed_with_a_key_that_is_published(signer):
    body = signer.document()
    headers = signer.headers(body)
    receipt = signer.send(body, headers)
    base = assert_signed(signer, receipt, method="POST", path=PATH, digest=headers["Content-Digest"])
    assert f'"content-digest";req: {headers["Content-Digest"]}\n' in base
    shown = f"{PATH}/{receipt.json['id']}"
    asked = signer.agency.get(f"/v1/referrals/{receipt.json['id']}")
    assert_signed(signer, asked, method="GET", path=shown)
    tokens = signer.agency.headers
    unchanged = signer.house.client.get(shown, headers={**tokens, "If-None-Match": asked.headers["ETag"]})
    assert unchanged.status_code == 304
    assert_signed(signer, unchanged, method="GET", path=shown)
    assert_signed(signer, signer.house.client.head(shown, headers=tokens), method="HEAD", path=shown)
    missing = signer.house.client.get(PATH + "/ref_none", headers=tokens)
    assert missing.status_code == 404
    assert_signed(signer, missing, method="GET", path=PATH + "/ref_none")
    assert "Signature" not in signer.house.client.get(PATH).headers


def test_the_platforms_key_stays_and_its_private_part_is_stored_encrypted(signer, make_house):
    first = signer.house.client.get("/notices/v1/keys")
    assert set(first.json["keys"][0]) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert first.headers["Cache-Control"] == "public, max-age=600"
    assert make_house(public_url=ORIGIN).client.get("/notices/v1/keys").json == first.json
    with signer.house.mount.storage.read() as tx:
        (row,) = tx.execute(select(tx.tables.platform_key)).all()
    seed = signer.house.mount.secrets.decrypt(row.private_key)
    assert signing.from_seed(seed).key_id == row.key_id
    assert seed not in repr(tuple(row))


@pytest.fixture
def wire(make_house, tmp_path):
    """A house on a real socket, by the real time."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    origin = f"http://127.0.0.1:{port}"
    house = make_house(public_url=origin)
    house.clock.now = datetime.now(UTC)
    server = make_server("127.0.0.1", port, house.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield Signer(house, origin=origin).register(tmp_path)
    server.shutdown()
    thread.join(10)


def test_a_library_that_we_did_not_write_signs_and_is_understood_on_the_wire(wire):
    auth = HTTPSignatureAuth(
        signature_algorithm=ED25519,
        key=pem_of("ed25519"),
        key_id=wire.key.key_id,
        covered_component_ids=("@method", "@target-uri", "content-type", "idempotency-key"),
        tag="notice-intake-v1",
        use_nonce=True,
    )
    url, headers = wire.origin + PATH, {"Content-Type": "application/json", "Idempotency-Key": KEY}
    body = wire.document()
    answer = requests.post(url, data=body, headers=headers, auth=auth, timeout=20)
    assert answer.status_code == 201, answer.text
    assert wire.command("evidence", "verify", answer.json()["id"]).exit_code == 0
    odd = requests.get(url + "?limit=%32&updated_since=2026-01-01T00%3A00%3A00%2b00:00", timeout=20, auth=_bodiless())
    assert odd.status_code == 200, odd.text
    prepared = requests.Request("POST", url, data=body, headers=headers, auth=auth).prepare()
    prepared.body = body.replace(b"a", b"b", 1)
    with requests.Session() as session:
        assert session.send(prepared, timeout=20).status_code == 401


def _bodiless() -> HTTPSignatureAuth:
    key = signing.from_pem(pem_of("ed25519"))
    return HTTPSignatureAuth(
        signature_algorithm=ED25519,
        key=pem_of("ed25519"),
        key_id=key.key_id,
        covered_component_ids=("@method", "@target-uri"),
        tag="notice-intake-v1",
        use_nonce=True,
    )


def test_a_signature_made_by_hand_is_understood_on_the_wire(wire):
    body = wire.document()
    headers = wire.headers(body)
    answer = requests.post(wire.origin + PATH, data=body, headers=headers, timeout=20)
    assert answer.status_code == 201, answer.text
    assert requests.post(wire.origin + PATH, data=body, headers=headers, timeout=20).status_code == 401
    assert key_of("ed25519").public_key().public_bytes_raw() == keys.load(wire.key.public.jwk).public_bytes_raw()
