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

    @property
    def personal(self) -> bool:
        """Whether this is a person, whom an entry must not name."""
        return self.kind == "moderator"


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
    #: What must be erasable: people and texts. In the entry stands a commitment to each.
    private: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opening:
    """What the commitments of an entry stand for: it is stored beside, and can be deleted alone."""

    salt: bytes
    #: By the names of the commitments.
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as it is stored."""

    payload: bytes
    leaf: str
    opening: Opening | None


#: How many random bytes an entry needs: half of them stand in it, half are the salt of its commitments.
RANDOM_BYTES = 32
#: RFC 6962 section 2.1: what stands before the bytes of a leaf.
LEAF_PREFIX = b"\x00"
#: What stood there before there were seals. It begins with neither 0x00 nor 0x01, so no hash can pass for another.
_FIRST_PREFIX = b"notice-intake:journal:leaf:1\n"
_COMMITMENT_PREFIX = b"notice-intake:commitment:1\n"
#: The commitment to who did it.
ACTOR = "actor"


# All entries of a batch are of one moment.
@lru_cache(maxsize=64)
def timestamp(at: datetime) -> str:
    """Return a time as entries hold it: in UTC, to the microsecond."""
    return at.isoformat(timespec="microseconds")


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def write(entry: Entry, random: bytes) -> Written:
    """Return an entry as it is stored; ``random`` are ``RANDOM_BYTES`` that are used for nothing else.

    The payload is JSON with sorted keys, no white space, UTF-8; the time in UTC to the microsecond. Its ``nonce``
    keeps the leaf hash, which others see in their proofs, from being guessed.
    """
    nonce, salt = random[:16], random[16:]
    values = dict(entry.private)
    if entry.actor.personal:
        values[ACTOR] = actor_value(entry.actor.id, entry.actor.name)
    document = {
        "action": entry.action,
        "actor": {"id": "" if entry.actor.personal else entry.actor.id, "kind": entry.actor.kind},
        "at": timestamp(entry.at),
        "commitments": {name: commitment(name, value, salt=salt) for name, value in values.items()},
        "facts": dict(entry.facts),
        "nonce": nonce.hex(),
        "object": entry.object,
    }
    payload = _canonical(document).encode()
    return Written(payload, leaf_hash(payload), Opening(salt, values) if values else None)


def leaf_hash(payload: bytes) -> str:
    """Return the RFC 6962 leaf hash of an entry's bytes, in hexadecimal."""
    return hashlib.sha256(LEAF_PREFIX + payload).hexdigest()


def first_leaf_hash(payload: bytes) -> str:
    """Return the leaf hash of an entry that was written before there were seals: those have no ``nonce``."""
    return hashlib.sha256(_FIRST_PREFIX + payload).hexdigest()


def commitment(name: str, value: str, *, salt: bytes) -> str:
    """Return the salted SHA-256 that stands in an entry for a value that must be erasable; ``salt`` has 16 bytes."""
    return hashlib.sha256(_COMMITMENT_PREFIX + salt + name.encode() + b"\n" + value.encode()).hexdigest()


def actor_value(actor_id: str, name: str) -> str:
    """Return what the commitment to a person is made of."""
    return _canonical([actor_id, name])


def opens(payload: bytes, opening: Opening) -> bool:
    """Say whether an opening is that of an entry: every commitment of it, and no other."""
    try:
        document = json.loads(payload)
        committed = document["commitments"] if "nonce" in document else {}
    except (ValueError, KeyError, TypeError):
        return False
    try:
        found = {name: commitment(name, value, salt=opening.salt) for name, value in opening.values.items()}
    except (AttributeError, TypeError, ValueError):
        return False
    # An entry from before there were commitments names its actor itself.
    return bool(committed == found) or ("nonce" not in document and not opening.salt)


def person_of(opening: Opening) -> tuple[str, str]:
    """Return id and name of the person in an opening; empty where it names none."""
    found = json.loads(opening.values.get(ACTOR, '["",""]'))
    return str(found[0]), str(found[1])
