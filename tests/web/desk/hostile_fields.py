"""What somebody who means harm would write, in every field that can be written in."""

from __future__ import annotations

from desk_house import DeskHouse, part

# Long enough that its value does not stand in an id by chance.
TEMPLATE, TEMPLATE_VALUE = "{{ 1234567*8 }}{% raw %}", "9876536"
PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</textarea><svg onload=alert(1)>",
    "</title><script>alert(1)</script>",
    TEMPLATE,
    '"><iframe srcdoc="<script>alert(1)</script>">',
    "<a href='javascript:alert(1)'>x</a>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u202e<b>gnp.exe",
    "]]><!--<style>*{display:none}</style>",
)


def fill(desk: DeskHouse, payload: str) -> str:
    """Put a payload into every field that an agency or an uploader can write in."""
    link = "https://video.example/" + payload
    desk.content(
        "https://video.example/1",
        kind=payload,
        title=payload,
        uploader=payload,
        uploader_name=payload,
        language=payload,
        parts=(part("text", payload), part("image", payload, "a")),
        facts={payload: payload},
    )
    described = {"producer": payload, "title": payload, "also_at": [link], "kind": "video"}
    grounds = [{"kind": "terms", "reference": payload, "explanation": payload}]
    contact = {"name": payload, "email": "unit@example.org", "phone": payload[:50]}
    common = {"content": described, "reasons": payload, "grounds": grounds, "contact": contact}
    case_id = desk.refer("https://video.example/1", agency=(payload, "BE"), agency_reference=payload, **common)
    order = desk.order("https://video.example/1", **{**common, "grounds": [{"kind": "law", "reference": payload}]})
    assert order == case_id
    desk.refer(link, agency_reference="other", **common)
    return case_id
