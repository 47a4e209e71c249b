"""Which lines of a stream had been stored before: looked up only where an agency has nothing left to send."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from ..contract.fields import LINE_PATTERN
from ..contract.strict_json import read_json
from ..errors import BodyTooLarge, NoticeIntakeError, TemporarilyUnavailable
from ..store import referrals as store
from ..store.agencies import Agency
from .mount import Mount

_LINE, _LONGEST = re.compile(LINE_PATTERN), 200


def stored_before(mount: Mount, lines: Mapping[int, bytes | BodyTooLarge], *, agency: Agency) -> set[int]:
    """Return the numbers of those lines whose very bytes are stored already, under the reference that they hold."""
    found = {number: reference for number, line in lines.items() if (reference := _reference(line)) is not None}
    if not found:
        return set()
    try:
        with mount.storage.read() as tx:
            rows = store.taken(tx, agency.id, references=sorted(set(found.values())))
    except TemporarilyUnavailable:
        return set()
    known = {(row.agency_reference, row.fingerprint) for row in rows}
    return {
        number
        for number, line in lines.items()
        if number in found and isinstance(line, bytes) and (found[number], hashlib.sha256(line).digest()) in known
    }


def _reference(line: bytes | BodyTooLarge) -> str | None:
    try:
        document = read_json(line) if isinstance(line, bytes) else None
    except NoticeIntakeError:
        return None
    reference = document.get("agency_reference") if isinstance(document, Mapping) else None
    # No database is asked about what no referral can hold.
    if not isinstance(reference, str) or len(reference) > _LONGEST or _LINE.fullmatch(reference) is None:
        return None
    return reference
