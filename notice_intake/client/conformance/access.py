"""Who may call, and what everybody is told the same way."""

from __future__ import annotations

import base64
import re

import requests
from requests.auth import AuthBase

from . import expect
from .door import Door, Reply
from .expect import that
from .rules import NotTried, rule

#: What belongs to one request by itself: how much is left, and the signature over all that.
_OF_THIS_REQUEST = ("ratelimit", "content-digest", "signature", "signature-input")
_REFUSED = "refer-to-us.md#when-it-is-refused"


class _Field(AuthBase):
    """Puts something into ``Authorization``."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


def _without(door: Door, auth: AuthBase | None) -> Reply:
    return door.send("GET", "/v1/referrals", auth=auth)


@rule("access.no-credentials", "Without credentials the answer is 401, which says how to call", _REFUSED)
def _no_credentials(door: Door) -> None:
    reply = _without(door, None)
    expect.problem(reply, 401, "credentials-refused")
    that("WWW-Authenticate" in reply.headers, "WWW-Authenticate (RFC 9110 section 15.5.2)", "none")


@rule("access.one-answer", "Whatever is wrong with credentials, the 401 is one and the same", _REFUSED)
def _one_answer(door: Door) -> None:
    replies = {"no credentials": _without(door, None), "garbage": _without(door, _Field("Bearer x"))}
    replies["another scheme"] = _without(door, _Field(f"Basic {base64.b64encode(b'unit:secret').decode()}"))
    prepared = requests.Request("GET", door.base, auth=door.auth).prepare()
    token = str(prepared.headers.get("Authorization", ""))
    if token:
        changed = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
        replies["a token with another end"] = _without(door, _Field(changed))
    expect.all_same(replies)


@rule(
    "access.before-the-body",
    "Who calls is asked before anything is said of the body",
    "how-a-referral-flows.md#1-the-agency-sends-it",
)
def _before_the_body(door: Door) -> None:
    expect.problem(door.refer(b"not json", auth=None), 401, "credentials-refused")


@rule("access.other-agency", "Another agency's referral is answered as one that does not exist", _REFUSED)
def _other_agency(door: Door) -> None:
    if door.other is None:
        raise NotTried("needs the credentials of a second agency: --other-token-file")
    path = door.one().path
    replies = {"an id of none": door.send("GET", path[:-6] + "AAAAAA", auth=door.other)}
    replies["another agency's id"] = door.send("GET", path, auth=door.other)
    expect.problem(replies["an id of none"], 404, "not-found")
    expect.all_same(replies, but=_OF_THIS_REQUEST)
    changed = door.send("POST", f"{path}/withdrawal", body=b'{"reason":"x"}', auth=door.other, If_Match="*")
    expect.problem(changed, 404, "not-found")


@rule("access.unknown-id", "An id of no referral is 404, whatever is in it", _REFUSED)
def _unknown_id(door: Door) -> None:
    for name in ("ref_AAAAAAAAAAAAAAAAAAAAAAAAAA", "x" * 300, "%00", "%F0%9F%98%80"):
        expect.problem(door.get(f"/v1/referrals/{name}"), 404, "not-found")


def _samples(door: Door) -> dict[str, Reply]:
    """Return answers of many kinds."""
    return {
        "a receipt": door.one().reply,
        "a referral": door.get(door.one().path),
        "the events": door.get("/v1/events?limit=1"),
        "a 401": _without(door, None),
        "a 404": door.get("/v1/referrals/ref_none"),
        "a 422": door.refer({}),
        "an unknown path": door.get("/v1/nothing/here"),
        "a method that is not allowed": door.send("DELETE", "/v1/referrals"),
    }


@rule("answers.no-store", "No answer about a referral may be kept by a cache", "refer-to-us.md#what-became-of-it")
def _no_store(door: Door) -> None:
    for name, reply in _samples(door).items():
        that("no-store" in reply.headers.get("Cache-Control", ""), f"Cache-Control: no-store on {name}", _cache(reply))


def _cache(reply: Reply) -> str:
    return reply.headers.get("Cache-Control", "no Cache-Control")


@rule("answers.request-id", "Each answer has an X-Request-Id of its own; a problem names it as its instance", _REFUSED)
def _request_id(door: Door) -> None:
    seen: dict[str, str] = {}
    for name, reply in _samples(door).items():
        found = reply.headers.get("X-Request-Id", "")
        that(bool(found), f"an X-Request-Id on {name}", "none")
        that(found not in seen, f"another X-Request-Id on {name} than on {seen.get(found)}", found)
        seen[found] = name
        if reply.status >= 400:
            expect.equal(reply.object().get("instance"), found, f"the instance of {name}")


@rule("answers.problems", "Each refusal is a problem document with type, title, status and detail", _REFUSED)
def _problems(door: Door) -> None:
    refused = {name: reply for name, reply in _samples(door).items() if reply.status >= 400}
    for name, reply in refused.items():
        that(reply.kind == "application/problem+json", f"application/problem+json for {name}", expect.seen(reply))
        found = reply.object()
        for part in ("type", "title", "detail"):
            that(bool(expect.member(found, part, str)), f"a {part} for {name}", "an empty one")
        expect.equal(found.get("status"), reply.status, f"the status in the problem for {name}")


@rule("answers.problem-types", "The type of a problem leads to what it means", _REFUSED)
def _problem_types(door: Door) -> None:
    reply = door.refer({})
    place = str(reply.object().get("type", ""))
    path = place[place.rindex("/v1/") :] if "/v1/" in place else place
    found = expect.document(door.send("GET", path, auth=None), 200)
    that(bool(found.get("title")), "a title", found)


@rule("answers.unknown-path", "A path that is none is a 404 problem", _REFUSED)
def _unknown_path(door: Door) -> None:
    for method in ("GET", "POST", "DELETE"):
        expect.problem(door.send(method, "/v1/nothing/here"), 404, "not-found")


@rule("answers.method", "A method that is not allowed is a 405 problem, with Allow", _REFUSED)
def _method(door: Door) -> None:
    for name, path in (("DELETE", "/v1/referrals"), ("PUT", "/v1/events"), ("PATCH", door.one().path)):
        reply = door.send(name, path)
        expect.problem(reply, 405, "method-not-allowed")
        that("GET" in reply.headers.get("Allow", ""), "Allow that names GET", reply.headers.get("Allow", "no Allow"))


@rule(
    "answers.rate-limit", "Answers say what is allowed, what is left and until when", "refer-to-us.md#how-much-at-once"
)
def _rate_limit(door: Door) -> None:
    reply = door.get("/v1/referrals?limit=1")
    policy, left = reply.headers.get("RateLimit-Policy", ""), reply.headers.get("RateLimit", "")
    that(re.search(r'"[^"]+";q=\d+;w=\d+', policy) is not None, 'RateLimit-Policy such as "agency";q=1000;w=60', policy)
    that(re.search(r'"[^"]+";r=\d+;t=\d+', left) is not None, 'RateLimit such as "agency";r=999;t=60', left or "none")
    that("RateLimit" not in _without(door, None).headers, "no RateLimit for who is not known", "RateLimit on a 401")
