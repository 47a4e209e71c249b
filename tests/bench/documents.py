"""The referral that every benchmark sends: about 1.3 kB, distinct reference and distinct content each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: Stands for the number of a referral where a template is filled in.
NUMBER = "@N@"

_REASON = (
    "Placeholder reason: the unit has looked at the content named here and asks the platform to check it against the "
    "clause of its own terms that is given above."
)


def referral(number: str, *, items: int = 2) -> dict[str, Any]:
    """Return the referral with this number; ``number`` consists of digits."""
    return {
        "instrument": "eu.iru.referral",
        "agency_reference": f"BE-IRU-2017-04-{number}",
        "issued_at": "2017-04-25T09:12:00+02:00",
        "language": "fr",
        "operation": {"code": "RAD-2017-04", "name": "Joint referral action"},
        "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
        "keywords": ["KEYWORD_TERRORIST_CONTENT"],
        "grounds": [{"kind": "terms", "reference": "Terms, 4.2", "explanation": "Placeholder explanation."}],
        "items": [_item(number, index) for index in range(items)],
        "urgency": {"threat_to_life": False},
        "disclosure": {"uploader": "inform"},
        "contact": {"name": "Duty desk", "email": "duty@unit.example"},
    }


def _item(number: str, index: int) -> dict[str, Any]:
    item: dict[str, Any] = {
        "reference": f"{number}-{index + 1}",
        "target": {"kind": "url", "url": f"https://platform.example/watch/p{number}{index}"},
        "content": {"kind": "video", "languages": ["ar"], "published_at": "2017-04-20T18:00:00Z", "graphic": True},
        "reasons": _REASON,
    }
    if index == 0:
        item["target"]["hashes"] = [{"algorithm": "sha-256", "value": "0" * 63 + "1"}]
        item["content"]["producer"] = "Placeholder producer"
    return item


def body(number: str, *, items: int = 2) -> bytes:
    """Return the referral as an agency sends it."""
    return json.dumps(referral(number, items=items), separators=(",", ":")).encode()


def write_lines(path: Path, count: int, *, series: int, items: int) -> None:
    """Write ``count`` referrals, a line each. Two files share no reference where their ``series`` differ."""
    template = body(NUMBER, items=items).decode()
    with path.open("w") as file:
        for number in range(count):
            file.write(template.replace(NUMBER, f"{series:03d}{number:06d}"))
            file.write("\n")
