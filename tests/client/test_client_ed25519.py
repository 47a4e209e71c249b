"""Ed25519 in the client alone: the RFC's vectors, and the same verdicts as the library that the platform uses."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from notice_intake.auth import ed25519 as library
from notice_intake.client.ed25519 import verify

#: RFC 8032 section 7.1, tests 1 to 3: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_pass(public, message, signature):
    assert verify(bytes.fromhex(message), public=bytes.fromhex(public), signature=bytes.fromhex(signature))


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 127), st.integers(0, 7), st.data())
def test_it_says_what_the_library_says(seed, message, place, bit, data):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert verify(message, public=public, signature=signature)
    parts = bytearray(public + signature + message)
    parts[place % len(parts)] ^= 1 << bit
    forged = {"public": bytes(parts[:32]), "message": bytes(parts[96:]), "signature": bytes(parts[32:96])}
    assert verify(**forged) is library.verify(**forged) is False


def test_a_second_spelling_of_a_signature_is_refused():
    public, message, signature = map(bytes.fromhex, VECTORS[1])
    s = int.from_bytes(signature[32:], "little") + ORDER
    assert not verify(message, public=public, signature=signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("public", [b"", b"\0" * 31, b"\xff" * 32, (2).to_bytes(32, "little")])
def test_what_is_no_key_verifies_nothing(public):
    assert not verify(b"", public=public, signature=bytes.fromhex(VECTORS[0][2]))
