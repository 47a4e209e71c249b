"""Ed25519 signatures over bare bytes (RFC 8032): those of checkpoints, which are no HTTP messages."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def verify(message: bytes, *, public: bytes, signature: bytes) -> bool:
    """Say whether a signature over a message is that of a key; ``public`` are the key's 32 bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
