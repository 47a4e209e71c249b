"""A journal entry: its canonical bytes and its leaf hash.

The bytes are stored and hashed as they are. Personal data and reported text never stand in an entry: a salted
commitment does, whose salt lies beside the data, so that erasing both leaves the journal verifiable.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: ``agency``, ``moderator``, ``operator`` or ``system``, and which one."""

    kind: str
    id: str = ""
    name: str = ""


SYSTEM = Actor("system")


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, to be written in the transaction of the change."""

    actor: Actor
    #: Dotted, for example ``case.claimed``.
    action: str
    #: The id of what changed: a case, a referral, an agency …
    object: str
    at: datetime
    #: Strings only: ids, codes, counts. Never a name, a link or a text.
    facts: Mapping[str, str] = field(default_factory=dict)


#: Changing what goes into the bytes means a new prefix: old entries must stay verifiable.
LEAF_PREFIX = b"notice-intake:journal:leaf:1\n"


# All entries of a batch are of one moment.
@lru_cache(maxsize=64)
def timestamp(at: datetime) -> str:
    """Return a time as entries hold it: in UTC, to the microsecond."""
    return at.isoformat(timespec="microseconds")


#: Returns a text as entries hold it.
quoted = json.JSONEncoder(ensure_ascii=False).encode
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def canonical_bytes(entry: Entry) -> bytes:
    """Return the entry as JSON with sorted keys, no white space, UTF-8; the time in UTC to the microsecond."""
    document = {
        "action": entry.action,
        "actor": {"id": entry.actor.id, "kind": entry.actor.kind},
        "at": timestamp(entry.at),
        "facts": dict(entry.facts),
        "object": entry.object,
    }
    return _canonical(document).encode()


def leaf_hash(payload: bytes) -> str:
    """Return the SHA-256 of an entry's bytes under this journal's own prefix, in hexadecimal."""
    return hashlib.sha256(LEAF_PREFIX + payload).hexdigest()


def commitment(value: str, salt: bytes) -> str:
    """Return a salted SHA-256 that stands in an entry for a value that must be erasable."""
    return hashlib.sha256(b"notice-intake:commitment:1\n" + salt + value.encode()).hexdigest()
