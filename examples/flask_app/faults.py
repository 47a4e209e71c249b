"""What must be refused, and with which answer: the mistakes that senders make."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that must not be taken."""

    name: str
    body: str
    status: int
    #: The last part of the problem's type.
    problem: str
    #: Where one of the errors must point; empty where the problem names no field.
    pointer: str = ""
    #: False to send a token that was never given out.
    own_token: bool = True


def faults_of(document: dict[str, Any]) -> list[Fault]:
    """Return one fault of each kind, made from a good referral of the same agency."""

    def changed(**changes: Any) -> str:
        return json.dumps(document | {"agency_reference": "never-taken"} | changes, ensure_ascii=False)

    item = document["items"][0]
    many = [item | {"reference": f"many-{n}"} for n in range(101)]
    script = item | {"target": {"kind": "url", "url": "javascript:alert(1)"}}
    invalid = "invalid-document"
    return [
        Fault("malformed JSON", changed()[:-1], 400, "malformed-body"),
        Fault("repeated key", changed().replace("{", '{"language": "fr", ', 1), 400, "malformed-body"),
        Fault("unknown field", changed(severity="high"), 422, invalid, "/severity"),
        Fault("101 items", changed(items=many), 422, invalid, "/items"),
        Fault("time without offset", changed(issued_at="2017-04-25T09:12:00"), 422, invalid, "/issued_at"),
        Fault("time in the future", changed(issued_at="2999-01-01T00:00:00Z"), 422, invalid, "/issued_at"),
        Fault("link that is no link", changed(items=[script]), 422, invalid, "/items/0/target/url"),
        Fault("unknown category", changed(category="WEATHER"), 422, invalid, "/category"),
        Fault("wrong token", changed(), 401, "credentials-refused", own_token=False),
    ]
