"""What is X-ARF version 4: the core schema's rules as checks, with a pointer for each fault.

Names, limits and closed objects are those of xarf/xarf-spec, ``schemas/v4/xarf-core.json``. Written out here because a
JSON Schema says what is wrong in words that no reporter can act on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from ..core.targets import UNSTORABLE
from ..errors import DocumentRefused, FieldError

CATEGORIES: Final = ("messaging", "content", "copyright", "connection", "vulnerability", "infrastructure", "reputation")
#: A document made of faults is answered with the first of them.
MOST_FAULTS: Final = 50
_DEPTH = 8

_VERSION = re.compile(r"4\.[0-9]+\.[0-9]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME = re.compile(
    r"((?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EMAIL = re.compile(r"[^@\x00-\x20\x7f]+@[^@\x00-\x20\x7f]+\.[^@\x00-\x20\x7f]+")
_LINE = re.compile(r"[^\x00-\x1f\x7f]+")
_DIGEST = re.compile(r"(?:md5|sha1|sha256|sha512):[0-9A-Fa-f]+")
_ANY = re.compile(r".*", re.DOTALL)


class _Rule(NamedTuple):
    """What a field that holds a text must be."""

    pattern: re.Pattern[str]
    advice: str
    longest: int = 20_000
    required: bool = True


_REPORT: Mapping[str, _Rule] = {
    "xarf_version": _Rule(_VERSION, "This reader takes X-ARF version 4, for example 4.2.0."),
    "report_id": _Rule(_UUID, "Send a UUID."),
    "timestamp": _Rule(_TIME, "Send a time such as 2025-01-11T15:15:24Z, with Z or the offset from UTC."),
    "source_identifier": _Rule(_LINE, "Send an IP address, a domain or another identifier.", 500),
    "category": _Rule(re.compile("|".join(CATEGORIES)), f"Use one of {', '.join(CATEGORIES)}."),
    "type": _Rule(_LINE, "Send the type of abuse in one line of text.", 100),
    "description": _Rule(_ANY, "Send a text.", 1000, required=False),
    **{
        name: _Rule(_ANY, "Send a text.", required=False)
        for name in ("evidence_source", "url", "infringing_url", "domain")
    },
}
_CONTACT: Mapping[str, _Rule] = {
    "org": _Rule(_LINE, "Send the organisation's name in one line of text.", 200),
    "contact": _Rule(_EMAIL, "Send an e-mail address.", 320),
    "domain": _Rule(_LINE, "Send the organisation's domain.", 253),
}
_EVIDENCE: Mapping[str, _Rule] = {
    "content_type": _Rule(_LINE, "Send a media type such as image/png.", 255),
    "payload": _Rule(_ANY, "Send the evidence in base64, at most 5 MiB of it.", 7_000_000),
    "description": _Rule(_ANY, "Send a text.", 500, required=False),
    "hash": _Rule(_DIGEST, "Send a digest as sha256:hex.", 200, required=False),
}


def check(document: object) -> Mapping[str, object]:
    """Return the document where it is X-ARF v4. Else raise ``DocumentRefused``, and nothing else."""
    if not isinstance(document, Mapping):
        raise DocumentRefused([FieldError("", "not_an_object", "Send one X-ARF report: a JSON object.")])
    faults = list(islice(_unreadable(document, "", _DEPTH), MOST_FAULTS)) or list(_core_faults(document))
    if faults:
        raise DocumentRefused(faults[:MOST_FAULTS])
    return document


def referral_time(text: str) -> str:
    """Write a checked time as a referral takes it: in capitals, with at most six digits of a second."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, clock, fraction, offset = found.groups()
    return f"{day}T{clock}{(fraction or '')[:7]}{offset.upper()}"


def _unreadable(value: object, where: str, depth: int) -> Iterator[FieldError]:
    """Find what is no JSON, or no text that a database or a page could hold."""
    if isinstance(value, str):
        if UNSTORABLE.search(value):
            yield FieldError(where, "bad_character", "Take out the NUL character or the half of a surrogate pair.")
    elif isinstance(value, Mapping):
        yield from _unreadable_inside(value.items(), where, depth)
    elif isinstance(value, list):
        yield from _unreadable_inside(((str(index), inner) for index, inner in enumerate(value)), where, depth)
    elif isinstance(value, int) and value.bit_length() > 64:
        yield FieldError(where, "invalid", "Send a number of at most 64 bits.")
    elif isinstance(value, float) and not math.isfinite(value):
        yield FieldError(where, "invalid", "Send a finite number.")
    elif not isinstance(value, int | float | None):
        yield FieldError(where, "invalid", "Send JSON: objects, lists, texts, numbers, true, false and null.")


def _unreadable_inside(pairs: Iterable[tuple[object, object]], where: str, depth: int) -> Iterator[FieldError]:
    if depth == 0:
        yield FieldError(where, "too_deep", f"X-ARF is not nested deeper than {_DEPTH} levels. Check the document.")
        return
    for name, inner in pairs:
        if not isinstance(name, str) or UNSTORABLE.search(name):
            yield FieldError(where, "bad_character", "Name every field by a text without NUL and surrogates.")
            continue
        step = name[:100].replace("~", "~0").replace("/", "~1")
        yield from _unreadable(inner, f"{where}/{step}", depth - 1)


def _core_faults(document: Mapping[str, object]) -> Iterator[FieldError]:
    """Check the core schema's required fields, and those optional ones that are read."""
    yield from _object_faults(document, _REPORT, where="")
    if not _is_time(document.get("timestamp")):
        yield FieldError("/timestamp", "invalid", "There is no such day or time.")
    for role in ("reporter", "sender"):
        if role not in document:
            yield FieldError(f"/{role}", "required", "This field is missing. Send org, contact and domain.")
        else:
            yield from _object_faults(document[role], _CONTACT, where=f"/{role}", also=())
    yield from _list_faults(document, "tags", most=20)
    yield from _list_faults(document, "evidence", most=50)
    pieces = document.get("evidence")
    for index, piece in enumerate(pieces[:50] if isinstance(pieces, list) else ()):
        yield from _object_faults(piece, _EVIDENCE, where=f"/evidence/{index}", also=("size",))
        if isinstance(piece, Mapping) and not _is_size(piece.get("size", 0)):
            yield FieldError(f"/evidence/{index}/size", "invalid", "Send a number of octets.")


def _object_faults(
    value: object, rules: Mapping[str, _Rule], *, where: str, also: tuple[str, ...] | None = None
) -> Iterator[FieldError]:
    """Check an object by its rules; where ``also`` is given, fields beyond them and it are faults."""
    if not isinstance(value, Mapping):
        yield FieldError(where, "not_an_object", f"Send an object with {', '.join(rules)}.")
        return
    for name, rule in rules.items():
        if name not in value:
            if rule.required:
                yield FieldError(f"{where}/{name}", "required", f"This field is missing. {rule.advice}")
        elif fault := _text_fault(value[name], rule):
            yield FieldError(f"{where}/{name}", *fault)
    if also is not None and (unknown := sorted(value.keys() - rules.keys() - set(also))):
        found = ", ".join(unknown)[:200]
        detail = f"X-ARF allows no further fields in this object. Move them to the report itself. Found: {found}."
        yield FieldError(where, "unknown_field", detail)


def _text_fault(value: object, rule: _Rule) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return "invalid", rule.advice
    if len(value) > rule.longest:
        return "too_long", f"Use at most {rule.longest} characters."
    return None if rule.pattern.fullmatch(value) else ("invalid", rule.advice)


def _list_faults(document: Mapping[str, object], name: str, *, most: int) -> Iterator[FieldError]:
    value = document.get(name, [])
    if not isinstance(value, list):
        yield FieldError(f"/{name}", "invalid", "Send a list.")
    elif len(value) > most:
        yield FieldError(f"/{name}", "too_many", f"X-ARF allows at most {most} of these.")


def _is_time(value: object) -> bool:
    """Say whether what has the form of a time is one; other values are for other rules to refuse."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return True
    try:
        datetime.fromisoformat(referral_time(value))
    except ValueError:
        return False
    return True


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
