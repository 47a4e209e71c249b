"""What a signed request leaves behind: a nonce that is spent, and evidence that anybody can check again."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import http_sf
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from ..auth import http_digest, keys
from ..auth.envelope import Signed
from ..auth.signature import FUTURE, PAST, TAG
from ..errors import CredentialsRefused, NotFound
from ..ids import new_id
from ..store import signatures as store
from ..store.storage import Raced, Tx
from .mount import Mount

_REPLAYED = "replayed"


def spend(tx: Tx, signed: Signed) -> None:
    """Spend a nonce in the transaction of its request. Raises ``CredentialsRefused`` where it was seen before."""
    if store.is_spent(tx, signed):
        raise CredentialsRefused(_REPLAYED)
    store.spend(tx, signed)


def spend_alone(mount: Mount, signed: Signed) -> None:
    """Spend the nonce of a request that stores nothing. Raises ``CredentialsRefused`` where it was seen before."""
    try:
        with mount.storage.straight(writing=True, synced=False) as tx:
            store.spend(tx, signed)
    except Raced:
        raise CredentialsRefused(_REPLAYED) from None


def keep_stream(mount: Mount, signed: Signed, *, body: bytes, now: datetime) -> str:
    """Spend the nonce of a stream and keep the signature with the whole of it; return the id for its referrals."""
    signature_id = new_id("sig")
    try:
        with mount.storage.begin() as tx:
            store.spend(tx, signed)
            store.keep(tx, store.evidence_row(signed, signature_id, now=now, stream=body))
    except Raced:
        raise CredentialsRefused(_REPLAYED) from None
    return signature_id


def forget(mount: Mount, *, now: datetime) -> int:
    """Forget the nonces that are too old to matter; return how many."""
    with mount.storage.begin() as tx:
        return store.forget_nonces(tx, now=now)


def verify(mount: Mount, referral_id: str) -> list[str] | None:
    """Check the signature of a stored referral again, from the stored bytes alone; return all that is wrong.

    None for a referral that came without one. Raises ``NotFound``. Nothing outside the database is asked: not the
    agency's key as it is now, nor the request.
    """
    with mount.storage.read() as tx:
        referral, kept = store.of_referral(tx, referral_id)
    if referral is None:
        raise NotFound(f"There is no referral {referral_id}.")
    if referral.signature_id is None:
        return None
    if referral.purged_at is not None:
        return ["the referral is purged: what was signed is deleted"]
    if kept is None:
        return ["the signature is gone"]
    return list(_faults(referral, kept))


def _faults(referral: Any, kept: Any) -> Iterator[str]:
    try:
        if not hmac.compare_digest(keys.thumbprint(kept.public_key), kept.key_id):
            yield "the public key is not the one of its thumbprint"
        parameters, signature = _fields(kept)
        lines = dict(line.split(": ", 1) for line in kept.base.split("\n"))
        if lines['"@signature-params"'] != parameters:
            yield "the signature base is not the one that Signature-Input describes"
        algorithm = keys.ALGORITHMS[kept.algorithm](public_key=keys.load(kept.public_key))
        algorithm.verify(signature=signature, message=kept.base.encode("ascii"))
    except (HTTPMessageSignaturesException, ValueError, KeyError, TypeError):
        yield "the stored signature cannot be read"
        return
    except Exception:  # each algorithm has its own way to say no
        yield "the signature does not match the signature base"
        return
    yield from _of_message(referral, kept, lines)


def _of_message(referral: Any, kept: Any, lines: dict[str, str]) -> Iterator[str]:
    body = referral.body if kept.stream is None else kept.stream
    if not http_digest.matches(lines.get('"content-digest"', ""), body):
        yield "the body is not the one that was signed"
    if kept.stream is not None and referral.body not in kept.stream.split(b"\n"):
        yield "the referral is no line of the stream that was signed"
    created = _parsed(kept.signature_input)[1]["created"]
    if f'keyid="{kept.key_id}"' not in lines['"@signature-params"']:
        yield "the signature names another key"
    if not created - FUTURE <= kept.checked_at.timestamp() <= created + PAST + 1:
        yield "the time of the check does not fit the time of the signature"


def _fields(kept: Any) -> tuple[str, bytes]:
    """Return the parameters as they stand in the base, and the signature of our label."""
    label, (components, parameters) = _labelled(kept.signature_input)
    signatures: Any = http_sf.parse(kept.signature.encode("ascii"), tltype="dictionary")
    signature = signatures[label][0]
    if not isinstance(signature, bytes) or base64.b64encode(signature).decode() not in kept.signature:
        raise ValueError("not the bytes that were received")
    return http_sf.ser([(components, parameters)]), signature


def _parsed(field: str) -> Any:
    return _labelled(field)[1]


def _labelled(field: str) -> tuple[str, Any]:
    members: Any = http_sf.parse(field.encode("ascii"), tltype="dictionary")
    found = [(label, one) for label, one in members.items() if isinstance(one[0], list) and one[1].get("tag") == TAG]
    ((label, member),) = found
    return label, member
