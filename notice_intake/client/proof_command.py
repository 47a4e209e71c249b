"""``notice-intake verify-proof``: what a platform says of its journal, checked from files."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence

from ..auth.checkpoint import Checkpoint, read
from .commands import OK, UsageError, read_bytes
from .proofs import Proved
from .proofs import verify_proof as prove
from .terminal import dump, say


def verify_proof(args: Namespace) -> int:
    """Check a proof that was written to a file."""
    try:
        jwks = json.loads(read_bytes(args.keys))
    except (ValueError, RecursionError):
        jwks = None
    if not isinstance(jwks, dict):
        raise UsageError(f"{args.keys}: not a JWK Set, as notice-intake keys --json writes it")
    if args.body is not None and args.receipt is None:
        raise UsageError("--body needs --receipt: the receipt holds the salt")
    receipt = read_bytes(args.receipt) if args.receipt is not None else None
    checkpoints = [read_bytes(one).decode("utf-8", "replace") for one in args.checkpoint or ()]
    body = read_bytes(args.body) if args.body is not None else None
    found = prove(read_bytes(args.file), jwks, receipt=receipt, body=body, checkpoints=checkpoints)
    if args.json:
        dump(_document(found))
    else:
        _show(found, kept=_kept(receipt, checkpoints), with_receipt=receipt is not None)
    return OK


def _kept(receipt: bytes | None, checkpoints: Sequence[str]) -> list[Checkpoint]:
    """Return the checkpoints of your own that a proof, which holds, was compared with."""
    held = json.loads(receipt)["journal"].get("checkpoint") if receipt is not None else None
    return [read(text).checkpoint for text in (*checkpoints, *([held] if held is not None else []))]


def _show(found: Proved, *, kept: Sequence[Checkpoint], with_receipt: bool) -> None:
    """Say what a proof shows."""
    head = found.checkpoint
    say(found.referral, f"stands in the journal {head.origin}")
    say(f"checkpoint: {head.size} entries, root {head.root.hex()}, signed {head.at}")
    if found.since is not None and any(one.size == found.since.size for one in kept):
        say(f"it begins with the journal of your checkpoint: {found.since.size} entries, signed {found.since.at}")
    elif kept:
        say("it is the journal of your checkpoint")
    elif with_receipt:
        say("nothing shows that it was not written anew since your receipt, which holds no checkpoint")
    else:
        say("it was compared with nothing of yours: give --receipt or --checkpoint to see that it was not written anew")
    for one in found.entries:
        facts = [f"{name}={value}" for name, value in one.facts.items() if value]
        say(f"  {one.index}", one.at.isoformat(), one.action, one.object, *facts)


def _document(found: Proved) -> dict[str, object]:
    """Return the same as JSON."""
    return {
        "referral": found.referral,
        "checkpoint": _checkpoint(found.checkpoint),
        "since": _checkpoint(found.since) if found.since is not None else None,
        "entries": [{"index": one.index, "leaf": one.leaf, **one.raw} for one in found.entries],
    }


def _checkpoint(one: Checkpoint) -> dict[str, object]:
    return {"origin": one.origin, "size": one.size, "root": one.root.hex(), "at": one.at}
