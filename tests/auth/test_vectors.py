"""The examples of RFC 9421, and every algorithm from our signing half to the independent verifying one."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from auth.signers import MAKERS, pem_of
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from hypothesis import given
from hypothesis import strategies as st

from notice_intake.auth import http_digest, keys, plain_signature, signing
from notice_intake.auth.signature import verified_base
from notice_intake.errors import KeyNotUsable

RFC = json.loads((Path(__file__).parents[1] / "data" / "rfc9421.json").read_text())
URL = "https://platform.example/notices/v1/referrals?x=%7E&y="


@dataclass
class Request:
    method: str
    url: str
    headers: dict[str, str]


@dataclass
class Answer:
    status_code: int
    headers: dict[str, str]
    request: Request


def rfc_message(vector: dict[str, Any], **headers: str) -> Any:
    signed = {"signature-input": vector["signature_input"], "signature": vector["signature"], **headers}
    asked = RFC["request"]
    request = Request(asked["method"], asked["url"], asked["headers"] | (signed if vector["of"] == "request" else {}))
    return request if vector["of"] == "request" else Answer(200, RFC["response"]["headers"] | signed, request)


def rfc_key(name: str) -> str:
    """The key as a JWK: the RFC's RSA key is shorter than what we register."""
    key: Any = load_pem_public_key(RFC["keys"][name].encode())
    if isinstance(key, rsa.RSAPublicKey):
        n, e = (keys.b64u(one.to_bytes((one.bit_length() + 7) // 8, "big")) for one in (key.public_numbers().n, 65537))
        return json.dumps({"kty": "RSA", "n": n, "e": e})
    return keys.of(key).jwk


@pytest.mark.parametrize("vector", RFC["vectors"], ids=lambda one: one["name"])
def test_the_examples_of_the_rfc_verify_with_the_base_that_it_prints(vector):
    options = {"algorithm": vector["algorithm"], "public_key": rfc_key(vector["key"]), "tag": None}
    assert verified_base(rfc_message(vector), **options).split("\n") == vector["base"]
    later = vector["signature_input"].replace("1618884473", "1618884474")
    with pytest.raises(HTTPMessageSignaturesException):
        verified_base(rfc_message(vector, **{"signature-input": later}), **options)


def test_ed25519_is_signed_byte_for_byte_as_in_the_rfc():
    (vector,) = [one for one in RFC["vectors"] if one["name"] == "B.2.6"]
    key = signing.from_pem(RFC["private"]["test-key-ed25519"].encode())
    made = b64encode(key.sign("\n".join(vector["base"]).encode())).decode()
    assert f"sig-b26=:{made}:" == vector["signature"]


@pytest.mark.parametrize("body", ["request", "response"])
def test_the_digests_of_the_rfc_name_their_bodies(body):
    message = RFC[body]
    assert http_digest.matches(message["headers"]["content-digest"], message["body"].encode())
    assert not http_digest.matches(message["headers"]["content-digest"], message["body"].encode() + b" ")


@pytest.mark.parametrize("algorithm", MAKERS)
def test_what_we_sign_the_other_half_verifies(algorithm):
    key = signing.from_pem(pem_of(algorithm))
    assert key.public.algorithm == algorithm
    headers = {"Content-Type": "application/json", "Idempotency-Key": '"k-0123456789abcdef"'}
    signed = signing.sign_request(key, method="post", url=URL, headers=headers, body=b"{}", created=1618884473)
    request = Request("POST", URL, headers | signed)
    options = {"algorithm": algorithm, "public_key": key.public.jwk}
    assert f'"@target-uri": {URL}\n' in verified_base(request, **options)
    request.headers["Idempotency-Key"] = '"k-0123456789abcdeg"'
    with pytest.raises(HTTPMessageSignaturesException):
        verified_base(request, **options)


def test_an_answer_is_bound_to_its_request():
    key, _ = signing.new_ed25519()
    said = {"content-type": "application/json", "content-digest": http_digest.content_digest(b"{}")}
    asked = {"@method": "POST", "@target-uri": URL, "content-digest": http_digest.content_digest(b"sent")}
    signed = signing.sign_answer(key, status=201, headers=said, request=asked, created=1618884473)
    request = Request("POST", URL, {"content-digest": asked["content-digest"]})
    options = {"algorithm": "ed25519", "public_key": key.public.jwk}
    base = verified_base(Answer(201, said | signed, request), **options)
    assert [line.partition(": ")[0] for line in base.split("\n")] == [
        '"@status"',
        '"content-digest"',
        '"content-type"',
        '"@method";req',
        '"@target-uri";req',
        '"content-digest";req',
        '"@signature-params"',
    ]
    for other in (Request("POST", URL + "z", request.headers), Request("PUT", URL, request.headers)):
        with pytest.raises(HTTPMessageSignaturesException):
            verified_base(Answer(201, said | signed, other), **options)
    with pytest.raises(HTTPMessageSignaturesException):
        verified_base(Answer(200, said | signed, request), **options)


@pytest.mark.parametrize("algorithm", MAKERS)
def test_a_key_is_the_same_from_pem_and_from_jwk(algorithm):
    key = signing.from_pem(pem_of(algorithm)).public
    again = keys.from_jwk(json.dumps({**json.loads(key.jwk), "kid": "whatever", "use": "sig"}))
    assert again == key
    pem = keys.load(key.jwk).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert keys.from_pem(pem) == key


def test_the_thumbprint_is_that_of_rfc_8037():
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert keys.from_jwk(jwk).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


REFUSED_KEYS = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "an unknown kind": b'{"kty":"oct","crv":"x"}',
    "a shared secret": b'{"kty":"oct","k":"AAAA"}',
    "a private key": b'{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}',
    "a point off the curve": b'{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}',
    "X25519": b'{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}',
    "too few bytes": b'{"kty":"OKP","crv":"Ed25519","x":"11qYAYKx"}',
    "letters of other scripts": '{"kty":"OKP","crv":"Ed25519","x":"é"}'.encode(),
    "deep nesting": b"[" * 9000,
    "a tiny RSA key": b'{"kty":"RSA","n":"AQAB","e":"AQAB"}',
}


@pytest.mark.parametrize("document", REFUSED_KEYS.values(), ids=REFUSED_KEYS)
def test_what_is_no_public_key_of_ours_is_refused(document):
    with pytest.raises(KeyNotUsable):
        keys.from_jwk(document)
    with pytest.raises(KeyNotUsable):
        keys.from_pem(document)


def test_an_rsa_key_below_3072_bits_a_weak_curve_and_a_private_pem_are_refused():
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256K1())):
        with pytest.raises(KeyNotUsable):
            keys.of(key.public_key())
    with pytest.raises(KeyNotUsable, match="private"):
        keys.from_pem(pem_of("ed25519"))


def test_a_digest_counts_only_where_it_is_known_and_right():
    right = http_digest.content_digest(b"x")
    both = f"{right}, sha-512=:{b64encode(hashlib.sha512(b'x').digest()).decode()}:"
    assert http_digest.matches(right, b"x")
    assert http_digest.matches(both, b"x")
    assert http_digest.matches(f"md5=:AAAA:, {right}", b"x")
    wrong = ("", "md5=:AAAA:", "sha-256=AAAA", "sha-256=:AAAA:", f"{right}, sha-512=:AAAA:", f"{right}, {right}", "é")
    assert not any(http_digest.matches(one, b"x") for one in wrong)


FIELDS = {
    "content-type": "application/json",
    "content-digest": "sha-256=:AAAA:",
    "idempotency-key": '"k"',
    "x-inner": "a \t b",
    "authorization": "Bearer  two blanks",
    "date": " Tue, 20 Apr 2021 02:07:55 GMT\t",
}


@given(
    names=st.lists(st.sampled_from(["@method", "@target-uri", *FIELDS]), unique=True, min_size=1),
    nonce=st.text("abcXYZ019-_ !#()[]~;,=", max_size=30),
    created=st.integers(0, 10**12),
    path=st.text("abc/%?&=~:@!$'()*+,;.-_019", max_size=30),
)
def test_the_quick_way_makes_the_base_that_the_library_makes(names, nonce, created, path):
    key = signing.from_pem(pem_of("ed25519"))
    told = f'({" ".join(chr(34) + name + chr(34) for name in names)});created={created};nonce="{nonce}";keyid="k"'
    uri = "https://platform.example/" + path
    plain = plain_signature.read(f"ni={told}")
    assert plain is not None
    base = plain_signature.base_of(plain, method="POST", uri=uri, headers=FIELDS)
    if base is None:
        assert "x-inner" in names
        return
    signature = f"ni=:{b64encode(key.sign(base.encode())).decode()}:"
    message = Request("POST", uri, FIELDS | {"signature-input": f"ni={told}", "signature": signature})
    options = {"algorithm": "ed25519", "public_key": key.public.jwk, "tag": None}
    try:
        assert verified_base(message, **options) == base
    except HTTPMessageSignaturesException as refused:
        # A stray percent sign is no URI to the library; to us it is what was signed.
        assert "Invalid URL" in str(refused)  # noqa: PT017
    assert plain_signature.signature_of(plain, signature) is not None


NOT_PLAIN = (
    "",
    "ni=()",
    "ni=();created=1",
    'ni=("@method")',
    'ni=("@method";req);created=1',
    'ni=("@query-param";name="x");created=1',
    'ni=("@method"  "@target-uri");created=1',
    'ni=( "@method");created=1',
    'ni=("@method" "@method");created=1',
    'ni=("@method");created=1;created=2',
    'ni=("@method");created=01',
    'ni=("@method");created=1.0',
    'ni=("@method");created',
    'ni=("@method");nonce="a\\"b"',
    'ni=("@method");nonce="é"',
    'ni=("@method"); created=1',
    'ni=("@method");created=1, b=("@method");created=1',
    'Ni=("@method");created=1',
    'ni=("@Method");created=1',
    'ni=("@method");created=1\n',
)


@pytest.mark.parametrize("field", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_the_library(field):
    assert plain_signature.read(field) is None


def test_components_and_signatures_that_are_not_plain_are_left_to_the_library():
    def base(names: str, headers: dict[str, str], method: str = "POST", uri: str = URL) -> str | None:
        plain = plain_signature.read(f"ni=({names});created=1")
        assert plain is not None
        return plain_signature.base_of(plain, method=method, uri=uri, headers=headers)

    assert base('"@method" "x"', {"x": "1"}) is not None
    for names in ('"@authority"', '"@status"', '"@signature-params"', '"missing"', '"set-cookie"'):
        assert base(names, {"set-cookie": "a=b"}) is None, names
    for value in ("", "a\nb", "\u00e9", "a\x00b"):
        assert base('"x"', {"x": value}) is None, value
    assert base('"@method"', {}, method="post") is None
    for uri in ("https://x/#y", "https://x/a b", "https://x/\u00e9", ""):
        assert base('"@target-uri"', {}, uri=uri) is None, uri
    plain = plain_signature.read('ni=("@method");created=1')
    for field in ("", "ni=:AA==:, b=:AA==:", "b=:AA==:", "ni=AA==", "ni=:A:", "ni=:AA==:;x=1"):
        assert plain_signature.signature_of(plain, field) is None, field
