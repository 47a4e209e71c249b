"""``notice-intake verify-proof``: what a platform says of its journal, checked from files."""

from __future__ import annotations

import json
from argparse import Namespace

from ..auth.checkpoint import Checkpoint
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
    found = prove(
        read_bytes(args.file),
        jwks,
        receipt=read_bytes(args.receipt) if args.receipt is not None else None,
        body=read_bytes(args.body) if args.body is not None else None,
        checkpoints=[read_bytes(one).decode("utf-8", "replace") for one in args.checkpoint or ()],
    )
    if args.json:
        dump(_document(found))
    else:
        _show(found)
    return OK


def _show(found: Proved) -> None:
    """Say what a proof shows."""
    head = found.checkpoint
    say(found.referral, f"stands in the journal {head.origin}")
    say(f"checkpoint: {head.size} entries, root {head.root.hex()}, signed {head.at}")
    if found.since is not None:
        say(f"it begins with the journal of your checkpoint: {found.since.size} entries, signed {found.since.at}")
    else:
        say("nothing shows that it was not written anew since your receipt, which holds no checkpoint")
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
