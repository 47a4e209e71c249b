"""Keys that agencies sign with, made once a run: an RSA key takes its time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

#: By the name of the algorithm that each is good for.
MAKERS: dict[str, Callable[[], Any]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa-p256-sha256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-p384-sha384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa-pss-sha512": lambda: rsa.generate_private_key(65537, 3072),
}


@lru_cache
def key_of(algorithm: str) -> Any:
    return MAKERS[algorithm]()


def pem_of(algorithm: str) -> bytes:
    """The private key in PEM."""
    return key_of(algorithm).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
