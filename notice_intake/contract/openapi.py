"""The OpenAPI 3.1 document, put together from the operations and the published schemas. Plain functions: apispec's own
way through docstrings of views would put half of the contract outside this package."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from .operations import OPERATIONS, Answer, Operation
from .parameters import HEADERS, PARAMETERS
from .problem_examples import EXAMPLES, Example
from .problems import explanations
from .published import REFERRAL

#: What ``POST /v1/referrals/bulk`` takes beside ``application/x-ndjson``.
STREAM = "application/x-ndjson"
PROBLEM = "application/problem+json"
#: Fields of every answer; those in brackets may be absent.
_ALWAYS = ("X-Request-Id", "Cache-Control", "X-Content-Type-Options", "(Notice-Intake-Sandbox)")
_TO_THE_KNOWN = ("(RateLimit-Policy)", "(RateLimit)", "(Content-Digest)", "(Signature-Input)", "(Signature)")
#: Fields that come with a problem, by its status.
_WITH_PROBLEM = {
    401: ("WWW-Authenticate", "Accept-Signature"),
    409: ("(Location)",),
    412: ("ETag",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_NOTES = (
    "Referrals in, status out. Objects in answers are open: ignore fields that you do not know. Objects in requests "
    "are closed: an unknown field is refused. Every path answers `OPTIONS` with `Allow`, and `HEAD` where it has "
    "`GET`; another method is a 405 with `Allow`, another path under `/v1/` a 404, both problem documents."
)
_SIGNATURE = (
    "RFC 9421, profile `notice-intake-v1`: `Signature-Input`, `Signature` and, with a body, `Content-Digest` "
    '(RFC 9530). Covers `"@method" "@target-uri"`, with a body `"content-type" "content-digest"`, and '
    '`"idempotency-key"` and `"authorization"` where they are sent; parameters `created`, `keyid`, `nonce` and '
    '`tag="notice-intake-v1"`. `schemas/vectors/` has examples to check against.'
)
_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "ni1_…",
        "description": "The token that the platform gave you. What it opens are its scopes: `x-scope` of each call.",
    },
    "signature": {"type": "apiKey", "in": "header", "name": "Signature-Input", "description": _SIGNATURE},
    "certificate": {
        "type": "mutualTLS",
        "description": "A client certificate, where the platform's proxy checks one (RFC 9440).",
    },
}


def document(schemas: Mapping[str, Mapping[str, Any]], *, server: str, version: str = "1") -> dict[str, Any]:
    """Return the document. ``schemas`` by their published names; ``server``: where the API's root is."""
    parts = _Components(schemas)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for one in OPERATIONS:
        paths[one.path][one.method.lower()] = _operation(one, parts)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "notice_intake",
            "version": version,
            "summary": "Referrals of illegal content, from agencies to a platform.",
            "description": _NOTES,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": server}],
        "paths": dict(paths),
        "webhooks": {"event": {"post": _callback()}},
        "components": {
            "schemas": parts.found,
            "parameters": {name: {"name": name, **one} for name, one in _parameters(schemas).items()},
            "headers": HEADERS,
            "examples": {one.name: {"summary": one.summary, "value": one.answer["body"]} for one in EXAMPLES},
            "securitySchemes": _SCHEMES,
        },
    }


class _Components:
    """The published schemas as components: their own parts beside them, each once."""

    def __init__(self, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        self.found: dict[str, Any] = {}
        self.instruments = [name for name in schemas if name.startswith(REFERRAL)]
        for name, schema in schemas.items():
            self._add(name, schema)

    def _add(self, name: str, schema: Mapping[str, Any]) -> None:
        definitions = schema.get("$defs", {})
        # Two regimes may well have a class of one name each: then the document's name stands before it.
        names = {one: one if self._free(one, definitions) else f"{name}.{one}" for one in definitions}
        for one, inner in definitions.items():
            self.found[names[one]] = _referring(inner, names)
        own = {key: value for key, value in schema.items() if key not in ("$schema", "$id", "$defs")}
        self.found[name] = _referring(own, names)

    def _free(self, one: str, definitions: Mapping[str, Any]) -> bool:
        plainly = {inner: inner for inner in definitions}
        return one not in self.found or self.found[one] == _referring(definitions[one], plainly)


def _referring(value: Any, names: Mapping[str, str]) -> Any:
    """Return a schema that refers to components instead of to its own definitions."""
    if isinstance(value, dict):
        ours = value.get("$ref")
        if isinstance(ours, str):
            return {**value, "$ref": _ref(names[ours.removeprefix("#/$defs/")])["$ref"]}
        return {key: _referring(inner, names) for key, inner in value.items()}
    return [_referring(inner, names) for inner in value] if isinstance(value, list) else value


def _ref(name: str, kind: str = "schemas") -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _parameters(schemas: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parameters, with the names that there are."""
    listed = {"name": [f"{name}.json" for name in schemas], "slug": list(explanations())}
    return {
        name: {**one, "schema": {**one["schema"], "enum": listed[name]}} if name in listed else one
        for name, one in PARAMETERS.items()
    }


def _operation(one: Operation, parts: _Components) -> dict[str, Any]:
    found: dict[str, Any] = {"operationId": one.name, "summary": one.summary}
    if one.about:
        found["description"] = one.about
    found["security"] = [{name: []} for name in _SCHEMES] if one.scope else []
    if one.scope:
        found["x-scope"] = one.scope
    if one.parameters:
        found["parameters"] = [_ref(name, "parameters") for name in one.parameters]
    if one.sends:
        found["requestBody"] = {"required": True, "content": _sent(one.sends, parts)}
    found["responses"] = _responses(one)
    return found


def _sent(name: str, parts: _Components) -> dict[str, Any]:
    if name == "lines":
        says = "Referrals as JSON, one a line; `x-line-schema` is that of each."
        schema = {"description": says, "x-line-schema": _referral(parts)}
        lines = [parts.found[one]["examples"][0] for one in parts.instruments if _told(parts, one)]
        example = "".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines)
        return {STREAM: {"schema": schema, "example": example}}
    if name == "referral":
        examples = {one: {"value": parts.found[one]["examples"][0]} for one in parts.instruments if _told(parts, one)}
        return {"application/json": {"schema": _referral(parts), **({"examples": examples} if examples else {})}}
    return {"application/json": {"schema": _ref(name), "example": parts.found[name]["examples"][0]}}


def _told(parts: _Components, name: str) -> bool:
    return bool(parts.found[name].get("examples"))


def _referral(parts: _Components) -> dict[str, Any]:
    mapping = {name.removeprefix(REFERRAL): _ref(name)["$ref"] for name in parts.instruments}
    choices = [_ref(name) for name in parts.instruments]
    return {"oneOf": choices, "discriminator": {"propertyName": "instrument", "mapping": mapping}}


def _responses(one: Operation) -> dict[str, Any]:
    always = (*_ALWAYS, *(_TO_THE_KNOWN if one.scope else ()))
    found = {str(answer.status): _answer(answer, always) for answer in one.answers}
    for status, names in _problems(one).items():
        headers = (*_ALWAYS, *(_TO_THE_KNOWN if one.scope and status != 401 else ()), *_WITH_PROBLEM.get(status, ()))
        examples = {name: _ref(name, "examples") for slug in names for name in _examples(one, slug)}
        response = {
            "description": "; ".join(f"`{name}`" for name in names),
            "headers": _headers(headers),
            "content": {PROBLEM: {"schema": _ref("problem"), "examples": examples}},
        }
        kept = found.get(str(status))
        if kept is None:
            found[str(status)] = response
        else:
            kept["content"] |= response["content"]
    return dict(sorted(found.items()))


def _examples(one: Operation, slug: str) -> list[str]:
    """Return the examples of a problem that were made with this operation, or else the first there is."""
    known = [example for example in EXAMPLES if example.slug == slug]
    path = re.sub(r"{\w+}", "[^/]+", one.path)
    fits = [example.name for example in known if _fits(example, one.method, path)]
    return fits or [known[0].name]


def _fits(example: Example, method: str, path: str) -> bool:
    return example.sent.method == method and re.fullmatch(path, example.sent.path.partition("?")[0]) is not None


def _problems(one: Operation) -> dict[int, list[str]]:
    known = explanations()
    by_status: dict[int, list[str]] = defaultdict(list)
    for slug in dict.fromkeys(one.problems):
        by_status[known[slug]["status"]].append(slug)
    return by_status


def _answer(answer: Answer, always: tuple[str, ...]) -> dict[str, Any]:
    if answer.schema == "openapi":
        schema: dict[str, Any] = {"type": "object", "required": ["openapi", "paths"]}
    elif answer.schema == "schema":
        schema = {"type": "object", "required": ["$schema", "$id"]}
    elif answer.schema == "lines":
        schema = {"type": "string", "x-line-schema": _ref("bulk_line")}
    else:
        schema = _ref(answer.schema or "")
    found: dict[str, Any] = {"description": answer.says}
    wanted = dict.fromkeys((*always, *answer.headers))
    found["headers"] = _headers(tuple(name for name in wanted if f"({name})" not in always or name in answer.headers))
    if answer.schema is not None:
        found["content"] = {answer.media: {"schema": schema}}
        if answer.schema == "explanation":
            found["content"]["text/html"] = {"schema": {"type": "string"}}
    return found


def _headers(names: tuple[str, ...]) -> dict[str, Any]:
    """Refer to header fields; one in brackets may be absent, which a reference cannot say."""
    found: dict[str, Any] = {}
    for name in names:
        bare = name.strip("()")
        if bare in found and name.startswith("("):
            continue
        found[bare] = _ref(bare, "headers") if name.startswith("(") else {**HEADERS[bare], "required": True}
    return found


def _callback() -> dict[str, Any]:
    """What the platform sends to the agency's address."""
    signed = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "operationId": "callback",
        "summary": "What the platform sends to your address",
        "description": "Standard Webhooks 1.0.0: verify it with any library for that.",
        "security": [],
        "parameters": [
            *({"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in signed),
            {
                "name": "notice-intake-checkpoint",
                "in": "header",
                "required": False,
                "description": "The newest signed checkpoint of the journal, its text in base64.",
                "schema": {"type": "string"},
            },
            {
                "name": "notice-intake-sandbox",
                "in": "header",
                "required": False,
                "description": HEADERS["Notice-Intake-Sandbox"]["description"],
                "schema": HEADERS["Notice-Intake-Sandbox"]["schema"],
            },
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("event")}}},
        "responses": {
            "2XX": {"description": "Heard. To an `endpoint.verification`, with its challenge in the body."},
            "410": {"description": "The address is gone for good: callbacks are held until you name another."},
            "default": {"description": "A failure: it comes again."},
        },
    }
