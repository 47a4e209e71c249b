"""The client signs each try anew, and nothing signed for one address goes to another; it checks signed answers."""

from __future__ import annotations

import io
import json
import re
import stat
import time
from typing import Any

import pytest
import requests
from auth.signers import MAKERS, pem_of
from scripted import RECEIPT, RETRIES, Script, problem, reply

from notice_intake.auth import signing
from notice_intake.auth.signature import Message, verified_base
from notice_intake.client import AnswerKeys, AnswerRefused, IntakeClient, SignatureAuth, Unavailable
from notice_intake.client.command import main
from notice_intake.client.signing import MOST_BYTES
from notice_intake.errors import KeyNotUsable

KEY = "key-0123456789abcdef"


def signed(script: Script, algorithm: str = "ed25519", **options: Any) -> IntakeClient:
    return IntakeClient(script.url, SignatureAuth(pem_of(algorithm)), retries=RETRIES, timeout=(2, 2), **options)


def bases(script: Script, algorithm: str = "ed25519") -> list[str]:
    """Check the signature of everything that came, as a platform does; return the signature bases."""
    public = signing.from_pem(pem_of(algorithm)).public
    found = []
    for one in script.seen:
        headers = {name.lower(): value for name, value in one.headers.items()}
        message = Message(one.method, script.url + one.path, headers)
        found.append(verified_base(message, algorithm=public.algorithm, public_key=public.jwk))
        if one.body:
            assert headers["content-digest"] == signing.content_digest(one.body)
    return found


def nonces(found: list[str]) -> list[str]:
    return [re.search(r'nonce="([^"]+)"', base)[1] for base in found]


@pytest.mark.parametrize("algorithm", MAKERS)
def test_each_try_is_signed_anew_under_the_same_idempotency_key(script, algorithm):
    script.says(reply(503), problem(429, "quota-exceeded", retry=0), reply(201, RECEIPT))
    with signed(script, algorithm) as client:
        assert client.submit({"a": 1}, key=KEY).id == "ref_1"
    found = bases(script, algorithm)
    assert len(set(nonces(found))) == len(found) == 3
    assert {one.headers["Idempotency-Key"] for one in script.seen} == {KEY}
    assert all(f'"idempotency-key": {KEY}' in base for base in found)
    assert "Authorization" not in script.seen[0].headers


def test_when_all_tries_fail_the_key_is_there_to_go_on_with(script):
    script.says(reply(503))
    with signed(script) as client, pytest.raises(Unavailable) as failed:
        client.submit({"a": 1})
    assert {one.headers["Idempotency-Key"] for one in script.seen} == {failed.value.key}
    assert len(set(nonces(bases(script)))) == 4


def test_queries_and_odd_ids_are_signed_as_they_are_sent(script):
    script.says(reply(200, {"referrals": [], "next": None}), reply(404))
    with signed(script) as client:
        list(client.referrals())
        with pytest.raises(Exception, match="404"):
            client.status("a/b ?ü#c")
    assert "%2F" in script.seen[1].path
    assert len(bases(script)) == 2


@pytest.mark.parametrize("body", [io.BytesIO(b'{"a": 1}\n' * 9000), (b'{"a": 1}\n' for _ in range(9000))])
def test_a_body_that_comes_in_pieces_is_read_and_signed_whole(script, body):
    script.says(reply(200))
    requests.post(script.url + "/x", data=body, auth=SignatureAuth(pem_of("ed25519")), timeout=5)
    (sent,) = script.seen
    assert sent.body == b'{"a": 1}\n' * 9000
    assert "Transfer-Encoding" not in sent.headers
    assert '"content-type": application/octet-stream' in bases(script)[0]


def test_a_body_that_is_too_large_to_be_signed_is_not_sent(script):
    pieces = (b"x" * 1_048_576 for _ in range(MOST_BYTES // 1_048_576 + 1))
    with pytest.raises(ValueError, match="cannot be signed"):
        requests.post(script.url, data=pieces, auth=SignatureAuth(pem_of("ed25519")), timeout=5)
    assert script.seen == []


def test_a_redirect_on_the_same_host_is_signed_again_when_the_platform_asks(script):
    """``requests`` follows it with the fields of the first request: those are gone by then."""
    script.says(reply(307, Location="/moved?x=%2F"), reply(401), reply(201))
    auth, headers = SignatureAuth(pem_of("ed25519")), {"Content-Type": "application/json", "Idempotency-Key": KEY}
    answer = requests.post(script.url + "/first", data=b"{}", headers=headers, auth=auth, timeout=5)
    assert answer.status_code == 201
    first, unsigned, again = script.seen
    assert [one.path for one in script.seen] == ["/first", "/moved?x=%2F", "/moved?x=%2F"]
    assert not {"Signature", "Signature-Input", "Content-Digest"} & unsigned.headers.keys()
    script.seen = [first, again]
    found = bases(script)
    assert len(set(nonces(found))) == 2
    assert f'"@target-uri": {script.url}/moved?x=%2F' in found[1]
    assert again.body == b"{}"
    assert again.headers["Idempotency-Key"] == KEY


def test_a_redirect_that_becomes_a_get_loses_the_digest_of_the_body_too(script):
    script.says(reply(303, Location="/moved"), reply(401), reply(200))
    auth = SignatureAuth(pem_of("ed25519"))
    headers = {"Content-Type": "application/json"}
    assert requests.post(script.url + "/first", data=b"{}", headers=headers, auth=auth, timeout=5).status_code == 200
    assert script.seen[2].method == "GET"
    assert "Content-Digest" not in script.seen[2].headers
    script.seen = script.seen[2:]
    assert '"@method": GET' in bases(script)[0]


def test_nothing_is_signed_for_another_host(script):
    elsewhere = script.url.replace("127.0.0.1", "localhost")
    script.says(reply(307, Location=elsewhere + "/x"), reply(401), reply(200))
    auth = SignatureAuth(pem_of("ed25519"))
    answer = requests.post(script.url + "/first", data=b"{}", auth=auth, timeout=5)
    assert answer.status_code == 401, "and it is not asked again"
    assert not {"Signature", "Signature-Input", "Content-Digest"} & script.seen[1].headers.keys()


def test_a_401_to_what_was_signed_is_the_answer(script):
    script.says(reply(401), reply(200))
    assert requests.get(script.url + "/x", auth=SignatureAuth(pem_of("ed25519")), timeout=5).status_code == 401
    assert len(script.seen) == 1


def test_the_client_follows_no_redirect_signed_or_not(script):
    script.says(reply(307, Location="/moved"))
    with signed(script) as client, pytest.raises(Exception, match="307"):
        client.status("ref_1")
    assert len(script.seen) == 1


def test_a_key_has_the_name_that_the_platform_gave_it(script):
    script.says(reply(200, {"keys": []}))
    with IntakeClient(script.url, SignatureAuth(pem_of("ed25519"), key_id="unit-7")) as client:
        client.keys()
    assert 'keyid="unit-7"' in script.seen[0].headers["Signature-Input"]
    bases(script)


@pytest.mark.parametrize("pem", [b"", b"no key", pem_of("ed25519")[:-40]], ids=["empty", "text", "cut"])
def test_what_is_no_key_is_said_before_anything_is_sent(pem):
    with pytest.raises(KeyNotUsable):
        SignatureAuth(pem)


def test_a_key_does_not_show_itself():
    auth = SignatureAuth(pem_of("ed25519"))
    assert repr(auth) == f"SignatureAuth({auth.key_id})"


PLATFORM = signing.new_ed25519()[0]
KNOWN = AnswerKeys({"keys": [{**json.loads(PLATFORM.public.jwk), "kid": PLATFORM.key_id}]})


def answered(
    status: int,
    document: Any,
    *,
    created: float = 0,
    key: Any = PLATFORM,
    change: Any = None,
    leave: tuple[str, ...] = (),
) -> Any:
    """A reply that is signed as the platform signs, but for what the test says; ``change`` comes after it."""
    body = json.dumps(document).encode()

    def say(handler: Any) -> None:
        sent = {"@method": handler.command, "@target-uri": f"http://{handler.headers['Host']}{handler.path}"}
        if "Content-Digest" in handler.headers:
            sent["content-digest"] = handler.headers["Content-Digest"]
        headers = {"content-digest": signing.content_digest(body), "content-type": "application/json"}
        covered = {name: value for name, value in headers.items() if name not in leave}
        asked = {name: value for name, value in sent.items() if name not in leave}
        at = int(time.time() + created)
        made = signing.sign_answer(key, status=status, headers=covered, request=asked, created=at)
        told = {**made, "Content-Digest": headers["content-digest"]}
        reply(status, change(body) if change else body, **{n.replace("-", "_"): v for n, v in told.items()})(handler)

    return say


def test_a_signed_receipt_is_believed(script):
    script.says(answered(201, RECEIPT))
    with signed(script).pin(KNOWN) as client:
        assert client.submit({"a": 1}).id == "ref_1"
    with script.client().pin(KNOWN) as client:
        assert client.submit({"a": 1}).id == "ref_1", "to who shows a token as well"


@pytest.mark.parametrize(
    "wrong",
    [
        {"change": lambda body: body.replace(b"ref_1", b"ref_2")},
        {"key": signing.new_ed25519()[0]},
        {"created": -310},
        {"created": 70},
        {"leave": ("content-digest",)},
        {"leave": ("content-type",)},
        {"leave": ("@method",)},
        {"leave": ("@target-uri",)},
    ],
    ids=["changed", "another-key", "too-old", "too-new", "no-digest", "no-type", "no-method", "no-target"],
)
def test_an_answer_that_is_not_as_it_was_signed_is_not_believed_and_not_asked_for_again(script, wrong):
    script.says(answered(201, RECEIPT, **wrong))
    with signed(script).pin(KNOWN) as client, pytest.raises(AnswerRefused) as refused:
        client.submit({"a": 1}, key=KEY)
    assert (len(script.seen), refused.value.key) == (1, KEY)


def test_the_receipt_of_another_body_is_not_believed(script):
    """Over the request's digest as well: a receipt cannot be moved to what was not sent."""
    script.says(answered(201, RECEIPT, leave=("content-digest",)))
    with signed(script).pin(KNOWN) as client, pytest.raises(AnswerRefused, match="content-digest"):
        client.submit({"a": 1})


def test_without_a_signature_a_success_is_not_believed_and_a_refusal_is(script):
    script.says(reply(201, RECEIPT), reply(503), problem(422, "invalid-document"))
    with signed(script).pin(KNOWN) as client:
        with pytest.raises(AnswerRefused, match="not signed"):
            client.submit({"a": 1})
        with pytest.raises(Exception, match="Why"):
            client.submit({"a": 1})


def test_a_stream_is_proved_at_its_end(script):
    lines = [{"line": 1, "status": 201, "receipt": RECEIPT}]
    script.says(answered(200, lines[0]), answered(200, lines[0], change=lambda body: body.replace(b"ref_1", b"ref_2")))
    with signed(script).pin(KNOWN) as client:
        assert [line.receipt.id for line in client.bulk([{"a": 1}])] == ["ref_1"]
        with pytest.raises(AnswerRefused, match="believe none"):
            list(client.bulk([{"a": 1}]))


def test_keys_that_cannot_have_signed_are_none():
    with pytest.raises(ValueError, match="no key"):
        AnswerKeys({"keys": [{"kty": "oct", "k": "AAAA"}, {}, 7]})  # type: ignore[list-item]
    assert KNOWN.thumbprints == (PLATFORM.key_id,)


def test_the_command_makes_a_key_signs_with_it_and_checks_the_answer(script, tmp_path, capsys, monkeypatch):
    file, known = tmp_path / "agency.pem", tmp_path / "known.json"
    assert main(["keys", "--new", str(file)]) == 0
    told = capsys.readouterr()
    key = signing.from_pem(file.read_bytes())
    assert told.out.startswith(f"keyid  {key.key_id}\n-----BEGIN PUBLIC KEY-----")
    assert "PRIVATE" not in told.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert main(["keys", "--new", str(file)]) == 2, "and never writes over one"
    known.write_text(json.dumps({"keys": [json.loads(PLATFORM.public.jwk)]}))
    document = tmp_path / "referral.json"
    document.write_text("{}")
    monkeypatch.setenv("NOTICE_INTAKE_URL", script.url)
    monkeypatch.delenv("NOTICE_INTAKE_TOKEN", raising=False)
    script.says(answered(201, RECEIPT), reply(201, RECEIPT))
    command = ["submit", str(document), "--key", str(file), "--platform-keys", str(known)]
    assert main(command) == 0
    assert main(command) == 4
    assert "answer-refused" in capsys.readouterr().err
    first, again = (one.headers for one in script.seen)
    assert first["Idempotency-Key"] == again["Idempotency-Key"]
    assert key.key_id in first["Signature-Input"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--key", "/nowhere"], "/nowhere"),
        (["--key-id", "x"], "--key-id"),
        (["--platform-keys", "FILE"], "holds no keys"),
    ],
)
def test_what_the_command_cannot_sign_with_it_says(script, tmp_path, capsys, monkeypatch, options, said):
    file = tmp_path / "FILE"
    file.write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTICE_INTAKE_URL", script.url)
    monkeypatch.setenv("NOTICE_INTAKE_TOKEN", "ni1_AAAA")
    assert main(["status", "ref_1", *options]) == 2
    assert said in capsys.readouterr().err
