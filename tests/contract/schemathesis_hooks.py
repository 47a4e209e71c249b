"""For Schemathesis: how a stream goes over the wire, and names of what there is, so that it gets beyond the door.

A schema cannot say which links can be read or which referrals exist. Only requests that are meant to be good are
changed; whatever is meant to be bad goes out as it was made.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

import schemathesis

SEEDED = [one for one in os.environ.get("SEEDED", "").split(",") if one]
#: What the item of each seeded referral is called.
ITEM = "31-1"
_turns = itertools.count()
_MESSAGES = ("supplements", "withdrawal", "complaints")


@schemathesis.serializer("application/x-ndjson")
def _as_it_is(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Give a good request links that can be read, or a referral that there is."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    turn = next(_turns)
    if case.path == "/v1/referrals":
        for item in case.body.get("items", ()):
            if "url" in item.get("target", {}):
                item["target"]["url"] = f"https://platform.example/p{turn % 50}"
    elif case.path.endswith(_MESSAGES) and SEEDED and turn % 3:
        case.path_parameters["referral_id"] = SEEDED[turn % len(SEEDED)]
        case.headers["If-Match"] = "*"
        _name(case.body)


def _name(body: dict[str, Any]) -> None:
    body.pop("answers", None)
    if "items" not in body:
        return
    if isinstance(body["items"][0], dict):
        body["items"] = [{**body["items"][0], "reference": ITEM}]
        if "url" in body["items"][0]:
            body["items"][0]["url"] = "https://platform.example/p1"
    else:
        body["items"] = [ITEM]
