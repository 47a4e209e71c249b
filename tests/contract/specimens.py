"""Referrals of every instrument with every field that there is, and ways to spoil them. Placeholder text throughout."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Path = tuple[str | int, ...]

_SHARED: dict[str, Any] = {
    "agency_reference": "REF-1",
    "issued_at": "2026-03-01T08:00:00.250+01:00",
    "language": "sr-Latn",
    "operation": {"code": "RAD-2026.03_x", "name": "Joint action"},
    "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "keywords": ["KEYWORD_TERRORIST_CONTENT", "KEYWORD_OTHER"],
    "grounds": [
        {"kind": "terms", "reference": "Terms, 4.2", "explanation": "Placeholder.\nSecond line."},
        {"kind": "law", "reference": "Example Act, s. 1"},
    ],
    "items": [
        {
            "reference": "1-1",
            "target": {
                "kind": "url",
                "url": "hxxps://platform[.]example/p1",
                "hashes": [{"algorithm": "sha-256", "value": "aB" * 32}, {"algorithm": "md5", "value": "0" * 32}],
            },
            "content": {
                "kind": "video",
                "languages": ["ar", "fr-BE"],
                "producer": "Example outlet",
                "published_at": "2026-02-28T23:59:59Z",
                "graphic": True,
                "title": "Placeholder title",
                "also_at": ["https://elsewhere.example/9"],
            },
            "reasons": "Placeholder reasons.",
        },
        {"reference": "1-2", "target": {"kind": "account", "id": "77", "handle": "@example"}, "reasons": "x"},
        {"reference": "1-3", "target": {"kind": "channel", "url": "https://platform.example/c/1"}, "reasons": "x"},
        {
            "reference": "1-4",
            "target": {"kind": "file", "hashes": [{"algorithm": "pdq", "value": "c" * 64}]},
            "reasons": "Placeholder.",
        },
    ],
    "urgency": {"threat_to_life": False, "explanation": "Placeholder."},
    "disclosure": {"uploader": "withhold", "until": "2026-06-01T00:00:00Z"},
    "contact": {"name": "Duty desk", "email": "desk@agency.example", "phone": "+32 2 000 00 00"},
}
_ORDER: dict[str, Any] = {
    "issuing_authority": {
        "type": "court",
        "name": "Example Court",
        "member_state": "BE",
        "representative": {"name": "Officer A", "post": "Registrar"},
        "file_number": "F-1",
        "address": "Street 1\nTown",
        "phone": "+32 2 000 00 01",
        "email": "court@authority.example",
    },
    "addressee": {
        "name": "Example Platform",
        "legal_representative": "Example Representative",
        "member_state": "IE",
        "contact_point": "orders@platform.example",
    },
    "main_establishment": "IE",
    "terrorist_content_types": ["incitement", "threat"],
    "signature": {"signed_at": "2026-03-01T08:00:00Z", "signatory": "Officer A", "value": "QUJD"},
    "redress": [{"body": "Court of Appeal", "deadline": "30 days", "procedure": "Placeholder.", "law": "Act, s. 2"}],
    "home_authority": {"name": "Example Authority", "email": "home@authority.example", "copied": True},
    "follow_up": "Placeholder.",
}
_OWN: dict[str, dict[str, Any]] = {
    "eu.iru.referral": {},
    "eu.dsa.notice": {"good_faith": True},
    "eu.dsa.trusted_flagger_notice": {"good_faith": True, "expertise": "Example field", "awarded_by": "IE"},
    "eu.tco.removal_order": {"removal_order": _ORDER},
}
INSTRUMENTS = tuple(_OWN)
#: Every other body that an agency sends, by the name of its schema, with every field that it knows.
_MESSAGES: dict[str, dict[str, Any]] = {
    "supplement": {
        "answers": "qst_01KM5X0A4B8C2D6E1F9G3H7J5K",
        "text": "Placeholder.\nSecond line.",
        "items": [
            {
                "reference": "1-1",
                "url": "https://platform.example/p1",
                "hashes": [{"algorithm": "sha-256", "value": "aB" * 32}],
                "text": "Placeholder.",
            },
            {"reference": "1-2"},
        ],
    },
    "withdrawal": {"reason": "Placeholder.", "items": ["1-1", "1-2"]},
    "complaint": {"items": ["1-1", "1-2"], "text": "Placeholder."},
    "endpoint": {"url": "https://unit.example/callbacks", "rotate_secret": True},
}
#: Every body that an agency sends: instruments, and what else there is.
BODIES = (*INSTRUMENTS, *_MESSAGES)


def full(instrument: str) -> dict[str, Any]:
    """Return a referral under ``instrument``, or a body of another kind, with every field that it knows."""
    if instrument in _MESSAGES:
        return deepcopy(_MESSAGES[instrument])
    return deepcopy({"instrument": instrument, **_SHARED, **_OWN[instrument]})


def paths(value: Any, here: Path = ()) -> Iterator[Path]:
    """Yield the way to every value inside ``value``, the root first."""
    yield here
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        yield from paths(child, (*here, step))


def at(document: Any, path: Path) -> Any:
    """Return the value at ``path``."""
    for step in path:
        document = document[step]
    return document


def put(document: Any, path: Path, value: Any) -> Any:
    """Return a copy with ``value`` at ``path``."""
    if not path:
        return value
    copy = deepcopy(document)
    at(copy, path[:-1])[path[-1]] = value
    return copy


def without(document: Any, path: Path) -> Any:
    """Return a copy that lacks what stood at ``path``."""
    copy = deepcopy(document)
    del at(copy, path[:-1])[path[-1]]
    return copy


def pointer(path: Path) -> str:
    """Write a path as a JSON Pointer (RFC 6901)."""
    return "".join(f"/{step}" for step in path)
