"""Referrals that came by another way: an operator puts them in, the original bytes are kept beside."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..contract.strict_json import read_json
from ..core.journal import Actor, Entry
from ..errors import DocumentRefused, NotFound, NoticeIntakeError
from ..formats.xarf import INSTRUMENT, referral_from_xarf
from ..ids import new_id
from ..store import agencies as store
from ..store import journal
from ..store.agencies import Agency
from .mount import Mount
from .receive import Received, Submission, receive

CHANNEL = "import"
#: ISO 3166-1 leaves this code to its users; here it means that nobody said.
UNKNOWN_COUNTRY = "ZZ"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file."""

    received: Received
    #: What the format has no word for, or the file does not say.
    gaps: tuple[str, ...]


def import_xarf(mount: Mount, raw: bytes, *, agency_id: str | None, now: datetime) -> Imported:
    """Store an X-ARF report as a notice; the same report again gives the same referral.

    Raises ``MalformedBody`` and ``DocumentRefused``; nothing is stored then.
    """
    document = read_json(raw)
    found = referral_from_xarf(document)
    agency = _given(mount, agency_id) if agency_id else _reporter(mount, document, now=now)
    kept = {**found.document, "imported": {"format": "X-ARF 4", "gaps": list(found.gaps)}}
    body = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
    again = f"import:{hashlib.sha256(raw).hexdigest()}"
    submission = Submission(kept, body, CHANNEL, again, checked=False, original=raw)
    return Imported(receive(mount, submission, agency=agency, now=now), found.gaps)


def explain(error: NoticeIntakeError) -> str:
    """Return an error in one line, with its pointers."""
    if isinstance(error, DocumentRefused):
        return "; ".join(f"{one.pointer or '(whole file)'}: {one.detail}" for one in error.errors)
    return error.detail


def _given(mount: Mount, agency_id: str) -> Agency:
    with mount.storage.read() as tx:
        agency = store.find(tx, agency_id)
    if agency is None:
        raise NotFound(f"There is no agency {agency_id}.")
    return agency


def _reporter(mount: Mount, document: Any, *, now: datetime) -> Agency:
    """Find the reporter among the agencies, or add it without any key: it cannot call in, it is only named."""
    name = str(document["reporter"]["org"])[:200]
    with mount.storage.begin() as tx:
        known = next((one for one in store.everyone(tx) if one.name == name), None)
        if known is not None:
            return known
        agency = Agency(new_id("agy"), name, UNKNOWN_COUNTRY, frozenset({INSTRUMENT}), True)
        store.add(tx, agency, now=now)
        journal.append(tx, [Entry(Actor("operator"), "agency.added", agency.id, now, {"channel": CHANNEL})])
        return agency
