"""Is this in the platform's journal, and was that journal never written anew? Checked without asking the platform."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ..auth import checkpoint, merkle
from ..auth.checkpoint import Checkpoint, NotACheckpoint
from . import fields
from .ed25519 import verify
from .errors import BadAnswer, ProofRefused
from .fields import Document

FORMAT: Final = "notice-intake-proof/1"
_COMMITMENT_PREFIX: Final = b"notice-intake:commitment:1\n"
_MOST_ENTRIES: Final = 10_000
_MOST_STEPS: Final = 2 * merkle.MOST_LEVELS


@dataclass(frozen=True, slots=True)
class ProvedEntry:
    """An entry that is shown to stand in the journal."""

    action: str
    #: The id of what it is about.
    object: str
    #: When the platform says it happened.
    at: datetime
    facts: Mapping[str, str]
    #: Its place in the journal, from 0.
    index: int
    #: The RFC 6962 leaf hash, hexadecimal: a receipt names that of its own entry.
    leaf: str
    raw: Document = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof shows."""

    referral: str
    #: The checkpoint that it is shown against, and which keys' holder signed it.
    checkpoint: Checkpoint
    entries: tuple[ProvedEntry, ...]
    #: The older checkpoint whose journal is the beginning of this one, where the proof shows that.
    since: Checkpoint | None


def verify_proof(
    proof: str | bytes,
    keys: Mapping[str, Any],
    *,
    receipt: str | bytes | None = None,
    body: bytes | None = None,
    checkpoints: Iterable[str] = (),
) -> Proved:
    """Return what a proof shows (``flask notice-intake journal prove``). Raises ``ProofRefused``.

    ``keys`` is the platform's JWK Set as you have kept it, from ``GET /v1/keys``: one that came with the proof shows
    nothing. With ``receipt``, the text of yours, its entry must be among those that are proved, and the journal of the
    checkpoint in it must be the beginning of this one; with ``body`` as well, the bytes that you sent must be what the
    platform journalled. ``checkpoints`` are further ones that you have kept: each must be the one of the proof, or the
    older one that the proof begins with.
    """
    try:
        document = _document(proof)
        key = _Keys(keys)
        head = key.read(fields.text(document, "checkpoint"))
        since = _since(document.get("since"), head, key)
        entries = tuple(_entry(one, head) for one in _list(document, "entries", most=_MOST_ENTRIES))
        found = Proved(fields.text(document, "referral"), head, entries, since)
        for text in checkpoints:
            _known(found, key.read(text))
        if receipt is not None:
            _of_receipt(found, _json(receipt, "receipt"), key, body)
    except (BadAnswer, NotACheckpoint) as error:
        raise ProofRefused(f"The proof cannot be read: {error}") from None
    if not entries:
        raise ProofRefused("The proof holds no entry.")
    return found


class _Keys:
    """The keys that are believed, and what reads a checkpoint with them."""

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        self._jwks = jwks

    def read(self, text: str) -> Checkpoint:
        signed = checkpoint.read(text)
        if not signed.holds(checkpoint.keys_by_id(signed.checkpoint.origin, self._jwks), verify):
            raise ProofRefused("The checkpoint is not signed with a key of the platform that you know.")
        return signed.checkpoint


def _document(proof: str | bytes) -> Document:
    document = _json(proof, "proof")
    if document.get("format") != FORMAT:
        raise ProofRefused(f"This is no proof in the form {FORMAT}.")
    return document


def _json(text: str | bytes, what: str) -> Document:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ProofRefused(f"The {what} is not JSON.") from None
    fields.check_object(found, what)
    document: Document = found
    return document


def _since(given: Any, head: Checkpoint, keys: _Keys) -> Checkpoint | None:
    if given is None:
        return None
    fields.check_object(given, "since")
    old = keys.read(fields.text(given, "checkpoint"))
    path = _hashes(given)
    if old.origin != head.origin:
        raise ProofRefused("The older checkpoint is of another journal.")
    if not merkle.consistent(path, old=old.size, old_root=old.root, new=head.size, new_root=head.root):
        raise ProofRefused("The journal does not begin with the one of the older checkpoint: it was written anew.")
    return old


def _entry(given: Any, head: Checkpoint) -> ProvedEntry:
    fields.check_object(given, "entries")
    payload, index = fields.text(given, "payload"), fields.number(given, "index")
    leaf = merkle.leaf_hash(payload.encode("utf-8", "surrogatepass"))
    if not merkle.includes(leaf, _hashes(given), index=index, size=head.size, root=head.root):
        raise ProofRefused(f"The entry at {index} does not stand in the journal.")
    said = _json(payload, "entry")
    facts = said.get("facts")
    fields.check_object(facts, "facts")
    return ProvedEntry(
        action=fields.text(said, "action"),
        object=fields.text(said, "object"),
        at=fields.time(said, "at"),
        facts=facts if isinstance(facts, dict) else {},
        index=index,
        leaf=leaf.hex(),
        raw=said,
    )


def _known(found: Proved, kept: Checkpoint) -> None:
    """Refuse a checkpoint that the proof says nothing about, or contradicts."""
    if kept.origin != found.checkpoint.origin:
        raise ProofRefused("The checkpoint that you kept is of another journal.")
    if kept in (found.checkpoint, found.since):
        return
    for one in (found.checkpoint, found.since):
        if one is not None and one.size == kept.size and one.root != kept.root:
            raise ProofRefused("The checkpoint that you kept contradicts the proof: the journal was written anew.")
        if one is not None and one.size == kept.size:
            return
    raise ProofRefused(
        f"The proof does not show that the journal begins with your checkpoint of {kept.size} entries: "
        "ask the platform for one that does."
    )


def _of_receipt(found: Proved, receipt: Document, keys: _Keys, body: bytes | None) -> None:
    journal = receipt.get("journal")
    fields.check_object(journal, "journal")
    held: Document = journal if isinstance(journal, dict) else {}
    leaf = fields.text(held, "leaf")
    mine = [one for one in found.entries if one.leaf == leaf]
    if not mine or mine[0].object != receipt.get("id"):
        raise ProofRefused("The entry that the receipt names is not among those that are proved.")
    kept = fields.maybe_text(held, "checkpoint")
    if kept is not None:
        _known(found, keys.read(kept))
    if body is not None and mine[0].facts.get("body") != _commitment(body, fields.text(held, "salt")):
        raise ProofRefused("The body is not the one that the platform journalled.")


def _commitment(body: bytes, salt: str) -> str:
    try:
        prefix = _COMMITMENT_PREFIX + bytes.fromhex(salt)
    except ValueError:
        raise ProofRefused("The salt of the receipt is malformed.") from None
    return hashlib.sha256(prefix + b"body_sha256\n" + hashlib.sha256(body).hexdigest().encode()).hexdigest()


def _hashes(given: Document) -> Sequence[bytes]:
    try:
        return [bytes.fromhex(one) for one in _list(given, "path", most=_MOST_STEPS)]
    except (ValueError, TypeError):
        raise ProofRefused("A path of the proof is malformed.") from None


def _list(document: Document, name: str, *, most: int) -> list[Any]:
    found = document.get(name)
    if not isinstance(found, list) or len(found) > most:
        raise ProofRefused(f"The proof has no list {name}, or one that is too long.")
    return found
