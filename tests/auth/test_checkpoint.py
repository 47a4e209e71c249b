"""Checkpoints: the signed-note form, byte by byte, and everything that is not one."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from notice_intake.auth import checkpoint, ed25519
from notice_intake.auth.checkpoint import Checkpoint, NotACheckpoint
from notice_intake.client import ed25519 as alone

SEED = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = KEY.public_key().public_bytes_raw()
ORIGIN = "platform.example/notices/journal/0123456789ab"
TOLD = Checkpoint(ORIGIN, 12345, hashlib.sha256(b"root").digest(), "2026-03-02T09:00:00.000000Z")
TEXT = checkpoint.sign(TOLD, public=PUBLIC, signer=KEY.sign)
JWKS = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(PUBLIC).decode().rstrip("=")}]}
KEYS = checkpoint.keys_by_id(ORIGIN, JWKS)


def test_the_text_is_a_signed_note():
    body, _, signatures = TEXT.partition("\n\n")
    assert body.split("\n") == [
        ORIGIN,
        "12345",
        base64.b64encode(TOLD.root).decode(),
        "at 2026-03-02T09:00:00.000000Z",
    ]
    dash, name, blob = signatures.rstrip("\n").split(" ")
    assert (dash, name) == ("\u2014", ORIGIN)
    raw = base64.b64decode(blob)
    assert raw[:4] == hashlib.sha256(ORIGIN.encode() + b"\n\x01" + PUBLIC).digest()[:4]
    KEY.public_key().verify(raw[4:], (body + "\n").encode())


@pytest.mark.parametrize("verify", [ed25519.verify, alone.verify])
def test_it_is_read_again_and_holds_under_its_key_alone(verify):
    signed = checkpoint.read(TEXT)
    assert signed.checkpoint == TOLD
    assert signed.holds(KEYS, verify)
    assert not signed.holds({}, verify)
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert not signed.holds({checkpoint.key_id(ORIGIN, PUBLIC): other}, verify)


def test_a_signature_under_another_name_does_not_count():
    foreign = TEXT.replace("\u2014 " + ORIGIN, "\u2014 elsewhere.example/journal")
    assert not checkpoint.read(foreign).holds(KEYS, ed25519.verify)


@settings(deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.characters(max_codepoint=0x2020))
def test_one_character_changed_and_nothing_holds(place, character):
    forged = TEXT[:place] + character + TEXT[place + 1 :]
    if forged == TEXT:
        return
    try:
        signed = checkpoint.read(forged)
    except NotACheckpoint:
        return
    assert not signed.holds(KEYS, ed25519.verify)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        ORIGIN,
        TEXT[:-1],
        TEXT + "\n",
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("12345", "012345"),
        TEXT.replace("12345", "-1"),
        TEXT.replace("12345", "1" * 20),
        TEXT.replace("at 2026-03-02T09:00:00.000000Z", "at noon"),
        TEXT.replace("\nat ", "\nmore\nat "),
        TEXT.replace("=\nat", "\nat"),
        TEXT.replace(ORIGIN + "\n", "two words\n"),
        "x" * 9000,
    ],
)
def test_what_is_no_checkpoint_is_not_read(text):
    with pytest.raises(NotACheckpoint):
        checkpoint.read(text)


def test_a_file_of_several_and_a_receipt_are_read():
    found = list(checkpoint.read_all(TEXT + "\n" + TEXT))
    assert [one.checkpoint for one in found] == [TOLD, TOLD]
    import json

    receipt = json.dumps({"journal": {"leaf": "x", "checkpoint": TEXT}})
    assert [one.checkpoint for one in checkpoint.read_all(receipt)] == [TOLD]
    for other in ('{"journal": {}}', "{", '{"journal": {"checkpoint": null}}', TEXT + "junk", "no checkpoint"):
        with pytest.raises(NotACheckpoint):
            list(checkpoint.read_all(other))


def test_keys_that_are_none_are_left_out():
    odd = [
        1,
        {"kty": "RSA"},
        {"kty": "OKP", "crv": "Ed25519", "x": "???"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
    ]
    assert checkpoint.keys_by_id(ORIGIN, {"keys": odd}) == {}
    assert checkpoint.keys_by_id(ORIGIN, {"keys": None}) == {}
