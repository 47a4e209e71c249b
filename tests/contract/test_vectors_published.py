"""The published signature vectors: checked by our own verifiers, by independent libraries, and by hand."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks.webhooks
from contract import vectors
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from itsdangerous import Signer
from standardwebhooks import Webhook, WebhookVerificationError

from notice_intake.auth import http_digest, signature
from notice_intake.auth.envelope import Credential, Envelope
from notice_intake.auth.keys import thumbprint
from notice_intake.client import CallbackRefused, verify_callback
from notice_intake.errors import CredentialsRefused

FILES = vectors.stored()
KEYS = {one["keyid"]: one for one in FILES["keys.json"]["keys"]}
REQUESTS, ANSWERS, CALLBACKS = (FILES[f"{name}.json"] for name in ("requests", "answers", "callbacks"))
NOW = REQUESTS["now"]


def named(one: Any) -> str:
    return str(one["name"])


def test_the_files_are_what_the_code_makes():
    made = vectors.vectors(FILES)
    assert made.keys() == FILES.keys()
    for name, document in made.items():
        text = (vectors.FOLDER / name).read_text(encoding="utf-8")
        assert vectors.as_text(document) == text, "run: make schemas"


def test_the_readme_checks_the_first_vector_as_printed(monkeypatch):
    monkeypatch.chdir(vectors.FOLDER)
    printed = (vectors.FOLDER / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", printed, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {"open": _read})
    for name in FILES:
        assert f"`{name}`" in printed


def _read(name: str) -> Any:
    return io.StringIO((vectors.FOLDER / name).read_text(encoding="utf-8"))


def test_a_keyid_is_the_thumbprint_of_its_key():
    for key_id, key in KEYS.items():
        assert thumbprint(json.dumps(key["jwk"], separators=(",", ":"), sort_keys=True)) == key_id


def checked(request: dict[str, Any]) -> Any:
    """Check a request as the door does."""
    target = request["target_uri"].removeprefix("https://platform.example")
    headers = {name.lower(): value for name, value in request["headers"].items()}
    body = request.get("body", "").encode()
    if body:
        headers["content-length"] = str(len(body))
    envelope = Envelope(request["method"], target, headers, lambda: body, "https://platform.example")
    if not signature.concerns(envelope):
        raise CredentialsRefused
    claimed = signature.read(envelope, signer=Signer("unused"))
    key = KEYS[claimed.key_id]
    jwk = json.dumps(key["jwk"])
    credential = Credential(claimed.key_id, b"", "agy_1", frozenset(), None, False, key["algorithm"], jwk)
    return signature.check(claimed, credential, envelope=envelope, now=float(NOW))


@pytest.mark.parametrize("one", REQUESTS["accepted"], ids=named)
def test_our_verifier_accepts_what_is_to_be_accepted(one):
    proof = checked(one["request"])
    assert proof.signed.base.split("\n") == one["base"]
    assert proof.credential.key_id == one["keyid"]


@pytest.mark.parametrize("one", REQUESTS["refused"], ids=named)
def test_our_verifier_refuses_what_is_to_be_refused(one):
    with pytest.raises(CredentialsRefused):
        checked(one["request"])


@pytest.mark.parametrize("one", [*REQUESTS["accepted"], *ANSWERS["accepted"]], ids=named)
def test_the_bare_signature_is_over_the_bytes_of_the_base(one):
    """By ``cryptography`` alone, as one would in any language."""
    key = KEYS[one["keyid"]]
    public: Any = load_pem_private_key(key["private_pem"].encode(), None).public_key()
    base = "\n".join(one["base"]).encode()
    fields = one.get("answer", one["request"])["headers"]
    raw = base64.b64decode(fields["Signature"].removeprefix("ni=:").removesuffix(":"))
    verify(public, raw, base)
    with pytest.raises(InvalidSignature):
        verify(public, raw, base + b" ")


def verify(public: Any, raw: bytes, base: bytes) -> None:
    """RFC 9421 section 3.3."""
    if isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(raw, base)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        half = len(raw) // 2
        der = utils.encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
        public.verify(der, base, ec.ECDSA(hashes.SHA256() if half == 32 else hashes.SHA384()))
    else:
        public.verify(raw, base, padding.PSS(padding.MGF1(hashes.SHA512()), salt_length=64), hashes.SHA512())


@dataclass
class Request:
    """What ``http-message-signatures`` takes for a request."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass
class Answer:
    """And for an answer."""

    status_code: int
    headers: dict[str, str]
    request: Request


class Ring(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> Any:
        return load_pem_private_key(KEYS[key_id]["private_pem"].encode(), None).public_key()


class Verifier(HTTPMessageVerifier):
    """The library's own, at the time of the vectors."""

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        assert NOW - 300 <= int(sig_input.params["created"]) <= NOW + 60


ALGORITHMS = {one.algorithm_id: one for one in vars(algorithms).values() if hasattr(one, "algorithm_id")}


def by_library(message: Request | Answer, key_id: str) -> None:
    Verifier(signature_algorithm=ALGORITHMS[KEYS[key_id]["algorithm"]], key_resolver=Ring()).verify(
        message, max_age=None
    )


@pytest.mark.parametrize("one", REQUESTS["accepted"], ids=named)
def test_another_library_accepts_the_requests(one):
    request = one["request"]
    by_library(Request(request["method"], request["target_uri"], request["headers"]), one["keyid"])
    if "body" in request:
        assert http_digest.matches(request["headers"]["Content-Digest"], request["body"].encode())
    with pytest.raises(HTTPMessageSignaturesException):
        by_library(Request("PATCH", request["target_uri"], request["headers"]), one["keyid"])


def answer_of(one: dict[str, Any], **changes: Any) -> Answer:
    answer, request = {**one["answer"], **changes.get("answer", {})}, {**one["request"], **changes.get("request", {})}
    if "body" in answer and not http_digest.matches(answer["headers"]["Content-Digest"], answer["body"].encode()):
        raise HTTPMessageSignaturesException("another body")
    asked = Request(request["method"], request["target_uri"], request["headers"])
    return Answer(answer["status"], answer["headers"], asked)


@pytest.mark.parametrize("one", ANSWERS["accepted"], ids=named)
def test_another_library_accepts_the_answers(one):
    by_library(answer_of(one), one["keyid"])


@pytest.mark.parametrize("one", ANSWERS["refused"], ids=named)
def test_another_library_refuses_what_was_not_answered(one):
    (good,) = [other for other in ANSWERS["accepted"] if other["name"] == one["of"]]
    with pytest.raises(HTTPMessageSignaturesException):
        by_library(answer_of(good, **one), good["keyid"])


def test_digests_are_matched_as_published():
    found = FILES["digests.json"]
    assert all(http_digest.matches(one["content_digest"], one["body"].encode()) for one in found["accepted"])
    assert not any(http_digest.matches(one["content_digest"], one["body"].encode()) for one in found["refused"])


@pytest.fixture
def at_the_time(monkeypatch):
    """Have the independent library believe that it is the time of the vectors."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(CALLBACKS["now"], UTC)

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Then)


@pytest.mark.parametrize("one", CALLBACKS["accepted"], ids=named)
def test_callbacks_verify_by_standard_webhooks_and_by_our_client(one, at_the_time):
    event = Webhook(one["secret"]).verify(one["body"], one["headers"])
    assert event == json.loads(one["body"])
    now = datetime.fromtimestamp(CALLBACKS["now"], UTC)
    assert verify_callback(one["headers"], one["body"].encode(), one["secret"], now=now).type == event["type"]


@pytest.mark.parametrize("one", CALLBACKS["refused"], ids=named)
def test_callbacks_that_are_none_of_ours_verify_by_neither(one, at_the_time):
    with pytest.raises(WebhookVerificationError):
        Webhook(one["secret"]).verify(one["body"], one["headers"])
    now = datetime.fromtimestamp(CALLBACKS["now"], UTC)
    with pytest.raises(CallbackRefused):
        verify_callback(one["headers"], one["body"].encode(), one["secret"], now=now)
