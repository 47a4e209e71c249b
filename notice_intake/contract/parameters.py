"""The parameters and header fields of the API, as OpenAPI 3.1 describes them."""

from __future__ import annotations

from typing import Any

from ..core.codes import EffectState
from .fields import TIME_PATTERN
from .referrals import MAX_URL

KEY_PATTERN = r'^("[A-Za-z0-9._:~-]{16,128}"|[A-Za-z0-9._:~-]{16,128})$'
#: RFC 9110 section 13.1: ``*``, or entity tags.
_TAG = r'(W/)?"[!#-~]*"'
TAGS_PATTERN = rf"^(\*|{_TAG}([ \t]*,[ \t]*{_TAG})*)$"
ID_PATTERN = r"^[A-Za-z0-9_]{1,40}$"


def _text(pattern: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern, **more}


def _parameter(place: str, says: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"in": place, "description": says, "schema": schema, "required": place == "path", **more}


#: Their names on the wire are their keys here.
PARAMETERS: dict[str, dict[str, Any]] = {
    "referral_id": _parameter(
        "path", "The id in the receipt.", _text(ID_PATTERN), example="ref_01KM5W6Q1B7Y3F0Z9T4R8C2HDN"
    ),
    "delivery_id": _parameter("path", "The `webhook-id`.", _text(ID_PATTERN), example="msg_01KM5Z3C7Q4M8D2V6J1S9YXKAW"),
    "name": _parameter("path", "The name of a schema, with `.json`.", {"type": "string"}),
    "slug": _parameter("path", "What the `type` of the problem ends in.", {"type": "string"}),
    "limit": _parameter("query", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}),
    "cursor": _parameter(
        "query", "The `next` of the last page.", _text(r"^[^\x00-\x1f\x7f]*$", minLength=1, maxLength=1000)
    ),
    "updated_since": _parameter(
        "query",
        "Only what changed since.",
        _text(TIME_PATTERN, format="date-time"),
        example="2025-03-02T00:00:00Z",
    ),
    "after": _parameter("query", "The `next` of the last call; leave it out to begin.", _text(r"^[0-9]{1,18}$")),
    "state": _parameter("query", "Only those in this state.", {"type": "string", "enum": [*map(str, EffectState)]}),
    "Idempotency-Key": _parameter(
        "header",
        "A key of your own, new for each body, in quotes or bare: the same key and body get the same answer. "
        "Unlike what draft-ietf-httpapi-idempotency-key-header says, a bare key is taken too.",
        _text(KEY_PATTERN),
        example='"example-unit:EX-2025-0031"',
    ),
    "If-Match": _parameter(
        "header",
        "The ETag of the referral as you know it, or `*`: RFC 9110 section 13.1.1.",
        _text(TAGS_PATTERN),
        required=True,
        example='"r2"',
    ),
    "If-None-Match": _parameter(
        "header",
        "The ETag that you have: RFC 9110 section 13.1.2. What is none matches nothing.",
        {"type": "string"},
        example='"r2"',
    ),
}

_SECONDS: dict[str, Any] = {"type": "integer", "minimum": 1}
#: Header fields of answers.
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The id of the request: name it when you ask for help.",
        "schema": _text(r"^req_[0-9A-HJKMNP-TV-Z]{26}$"),
    },
    "Cache-Control": {"description": "`no-store`, but for what is public.", "schema": {"type": "string"}},
    "X-Content-Type-Options": {"description": "Always.", "schema": {"type": "string", "const": "nosniff"}},
    "Notice-Intake-Sandbox": {
        "description": "A sandbox: nobody looks at what it takes in, and nothing will be done. A boolean: RFC 9651.",
        "schema": {"type": "string", "const": "?1"},
    },
    "RateLimit-Policy": {
        "description": "How many requests a minute allows: draft-ietf-httpapi-ratelimit-headers.",
        "schema": _text(r'^"[a-z]+";q=[0-9]+;w=60(, "[a-z]+";q=[0-9]+;w=60)*$'),
        "example": '"agency";q=100000;w=60, "address";q=100000;w=60',
    },
    "RateLimit": {
        "description": "How many are left, and for how many seconds.",
        "schema": _text(r'^"[a-z]+";r=[0-9]+;t=[0-9]+$'),
        "example": '"agency";r=99998;t=42',
    },
    "Signature-Input": {
        "description": "What the platform's signature covers: RFC 9421; `docs/signing.md`.",
        "schema": {"type": "string"},
    },
    "Signature": {
        "description": "The platform's signature: RFC 9421.",
        "schema": _text(r"^ni=:[A-Za-z0-9+/]+={0,2}:$"),
    },
    "Content-Digest": {
        "description": "The digest of the body: RFC 9530.",
        "schema": _text(r"^sha-256=:[A-Za-z0-9+/]{43}=:$"),
    },
    "ETag": {
        "description": "The state that this answer shows: RFC 9110 section 8.8.3.",
        "schema": _text(rf"^{_TAG}$"),
        "example": '"r2"',
    },
    "Location": {"description": "Where the referral is read.", "schema": {"type": "string", "maxLength": MAX_URL}},
    "Link": {"description": 'The next page, `rel="next"`: RFC 8288.', "schema": _text(r'^<[^>]+>; rel="next"$')},
    "Idempotency-Replayed": {
        "description": "The answer is the old one: it had been done before.",
        "schema": {"type": "string", "const": "true"},
    },
    "Retry-After": {"description": "How many seconds to wait.", "schema": _SECONDS},
    "WWW-Authenticate": {"description": "RFC 9110 section 11.6.1.", "schema": {"type": "string"}},
    "Accept-Signature": {
        "description": "What a signature has to cover: RFC 9421 section 5.1.",
        "schema": {"type": "string"},
    },
    "Vary": {"description": "RFC 9110 section 12.5.5.", "schema": {"type": "string"}},
}
