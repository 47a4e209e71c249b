"""A checkpoint: how long a journal was at a moment, and the root over all of it, signed by the platform.

The text is a C2SP ``tlog-checkpoint`` in a C2SP ``signed-note``, with the time as its one extension line:

    <origin>
    <number of entries>
    <root, base64>
    at <time, UTC>

    — <origin> <base64 of 4 bytes that name the key, and of the signature over all before the empty line>
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

#: The algorithm byte of Ed25519 in a signed note's key id.
_ED25519 = b"\x01"
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_NAME = re.compile(r"[\x21-\x2a\x2c-\x7e]{1,400}", re.ASCII)
_NOTES = re.compile(r"((?:[^\n]+\n)+)\n((?:\u2014 [^\n]+\n)+)")
#: The longest text that is looked at.
MOST_BYTES = 8_192


class Verify(Protocol):
    """Says whether a signature over a message is that of an Ed25519 key, given by its 32 bytes."""

    def __call__(self, message: bytes, *, public: bytes, signature: bytes) -> bool:
        """Say it."""
        ...


class NotACheckpoint(ValueError):
    """The text cannot be read as a checkpoint."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed."""

    #: The name of the journal, the same for its whole life.
    origin: str
    size: int
    root: bytes
    #: ISO 8601, UTC, to the microsecond, ending in ``Z``.
    at: str

    def body(self) -> str:
        """Return the text that the signature covers."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\nat {self.at}\n"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint with its signatures: (name, key id and signature)."""

    checkpoint: Checkpoint
    #: The whole text.
    text: str
    signatures: tuple[tuple[str, bytes], ...]

    def holds(self, keys: Mapping[bytes, bytes], verify: Verify) -> bool:
        """Say whether one of the signatures is that of one of ``keys``, which ``keys_by_id`` names."""
        body = self.checkpoint.body().encode()
        for name, blob in self.signatures:
            key = keys.get(blob[:4])
            if name != self.checkpoint.origin or key is None:
                continue
            if verify(body, public=key, signature=blob[4:]):
                return True
        return False


def sign(checkpoint: Checkpoint, *, public: bytes, signer: Callable[[bytes], bytes]) -> str:
    """Return the text of a checkpoint under an Ed25519 key; ``public`` are the 32 bytes of its public half."""
    body = checkpoint.body()
    blob = key_id(checkpoint.origin, public) + signer(body.encode())
    return f"{body}\n\u2014 {checkpoint.origin} {base64.b64encode(blob).decode()}\n"


def read(text: str) -> Signed:
    """Read a signed checkpoint. Raises ``NotACheckpoint`` for everything that ``sign`` would not write."""
    match = _NOTES.fullmatch(text) if len(text) <= MOST_BYTES else None
    if match is None:
        raise NotACheckpoint("this is no signed note")
    lines = match[1].split("\n")
    if len(lines) != 5 or not lines[3].startswith("at "):
        raise NotACheckpoint("a checkpoint has four lines: origin, size, root and time")
    origin, size, root, at = lines[0], lines[1], lines[2], lines[3].removeprefix("at ")
    if not _NAME.fullmatch(origin) or not _SIZE.fullmatch(size) or not _TIME.fullmatch(at):
        raise NotACheckpoint("the origin, the size or the time of the checkpoint is malformed")
    found = Checkpoint(origin, int(size), _bytes(root, of=32), at)
    return Signed(found, text, tuple(_signature(line) for line in match[2].split("\n")[:-1]))


def read_all(text: str) -> Iterator[Signed]:
    """Read the checkpoints of a file: one or several, or a receipt that holds one. Raises ``NotACheckpoint``."""
    if text.lstrip().startswith("{"):
        yield read(of_receipt(text))
        return
    found = list(_NOTES.finditer(text))
    if not found or _NOTES.sub("", text).strip():
        raise NotACheckpoint("the file holds something that is no checkpoint")
    for one in found:
        yield read(one[0])


def of_receipt(text: str) -> str:
    """Return the checkpoint that stands in a receipt. Raises ``NotACheckpoint``."""
    try:
        found = json.loads(text)["journal"]["checkpoint"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = None
    if not isinstance(found, str):
        raise NotACheckpoint("the receipt holds no checkpoint")
    return found


def key_id(name: str, public: bytes) -> bytes:
    """Return the four bytes that name a key in a signed note."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def keys_by_id(origin: str, jwks: Mapping[str, Any]) -> dict[bytes, bytes]:
    """Return the Ed25519 keys of a JWK Set by what names them in a checkpoint of ``origin``; others are left out."""
    found: dict[bytes, bytes] = {}
    keys = jwks.get("keys")
    for one in keys if isinstance(keys, list) else ():
        if isinstance(one, Mapping) and one.get("kty") == "OKP" and one.get("crv") == "Ed25519":
            raw = _raw(one.get("x"))
            if raw is not None:
                found[key_id(origin, raw)] = raw
    return found


def _raw(text: object) -> bytes | None:
    try:
        found = base64.b64decode(str(text) + "=" * (-len(str(text)) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == 32 else None


def _signature(line: str) -> tuple[str, bytes]:
    name, _, blob = line.removeprefix("\u2014 ").rpartition(" ")
    return name, _bytes(blob)


def _bytes(text: str, *, of: int | None = None) -> bytes:
    """Read base64 as it is written, and no other spelling of the same bytes."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found or base64.b64encode(found).decode() != text or (of is not None and len(found) != of):
        raise NotACheckpoint("what should be base64 is not")
    return found
