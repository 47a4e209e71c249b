"""Requests that are signed, and answers that are (RFC 9421)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.auth import AuthBase

from ..errors import AnswerRefused
from . import expect
from .door import Door, Reply
from .expect import that
from .rules import Broken, NotTried, rule

if TYPE_CHECKING:
    from ..answers import AnswerKeys
    from ..signing import SignatureAuth

_SIGN, _ANSWERS = "signing.md#for-the-agency", "signing.md#answers"


class _Changed(AuthBase):
    """Signs, and then changes the request: what is sent is not what was signed."""

    def __init__(self, signer: AuthBase, change: Callable[[Any], None]) -> None:
        self._signer, self._change = signer, change

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        signed = self._signer(request)
        self._change(signed)
        return signed


def _signer(door: Door) -> SignatureAuth:
    if door.signer is None:
        raise NotTried("needs a key that the platform knows: --key")
    return cast("SignatureAuth", door.signer)


def _refused(door: Door, change: Callable[[Any], None]) -> None:
    changed = _Changed(_signer(door), change)
    reply = door.send("POST", "/v1/referrals", body=json.dumps(door.document()).encode(), auth=changed)
    expect.problem(reply, 401, "credentials-refused")


@rule("signed.accepted", "A signed request needs no token", _SIGN)
def _accepted(door: Door) -> None:
    signer = _signer(door)
    expect.status(door.send("GET", "/v1/referrals?limit=1", auth=signer), 200)
    body = json.dumps(door.document()).encode()
    key = f"conformance:{door.run}:{door.count}"
    first, again = (door.send("POST", "/v1/referrals", body=body, auth=signer, Idempotency_Key=key) for _ in range(2))
    expect.status(first, 201)
    expect.status(again, 201)
    expect.equal(again.json(), first.json(), "the receipt of the same body, signed again under its key")


@rule("signed.body", "One changed byte of the body is refused", _SIGN)
def _body(door: Door) -> None:
    def change(request: Any) -> None:
        request.body = request.body.replace(b"Placeholder", b"placeholder", 1)

    _refused(door, change)


@rule("signed.target", "A signature for another address, method or key of idempotency is refused", _SIGN)
def _target(door: Door) -> None:
    def elsewhere(request: Any) -> None:
        request.url += "?x=1"

    def other_key(request: Any) -> None:
        request.headers["Idempotency-Key"] = "another-key-than-signed"

    for change in (elsewhere, other_key):
        _refused(door, change)


@rule("signed.once", "A signature is good once", _SIGN)
def _once(door: Door) -> None:
    signer, kept = _signer(door), {}

    def keep(request: Any) -> None:
        kept.update({name: request.headers[name] for name in ("Signature", "Signature-Input")})

    def use_again(request: Any) -> None:
        request.headers.update(kept)

    expect.status(door.send("GET", "/v1/referrals?limit=1", auth=_Changed(signer, keep)), 200)
    again = door.send("GET", "/v1/referrals?limit=1", auth=_Changed(signer, use_again))
    expect.problem(again, 401, "credentials-refused")


@rule("signed.window", "A signature from six minutes ago, or two minutes ahead, is refused", _SIGN)
def _window(door: Door) -> None:
    signer = _signer(door)
    for off in (-360, 120):
        late = signer.at(off)
        expect.problem(door.send("GET", "/v1/referrals?limit=1", auth=late), 401, "credentials-refused")


@rule("signed.covered", "A signature that leaves out the digest of the body is refused", _SIGN)
def _covered(door: Door) -> None:
    _refused(door, lambda request: request.headers.pop("Content-Digest"))


@rule("signed.key", "A key that the platform does not know is refused", _SIGN)
def _key(door: Door) -> None:
    stranger = _signer(door).stranger()
    expect.problem(door.send("GET", "/v1/referrals?limit=1", auth=stranger), 401, "credentials-refused")


def _keys(door: Door) -> AnswerKeys:
    found = expect.document(door.send("GET", "/v1/keys", auth=None), 200)
    listed = expect.objects(found, "keys")
    if not listed:
        raise NotTried("the platform publishes no key: its answers are not signed")
    try:
        from ..answers import AnswerKeys
    except ModuleNotFoundError as missing:
        raise NotTried(f"needs {missing.name}, to check signatures") from None
    try:
        return AnswerKeys(listed)
    except ValueError:
        raise Broken("a key that can have signed an answer", listed_kinds(listed)) from None


def listed_kinds(listed: list[dict[str, Any]]) -> str:
    """Say of what kinds keys are."""
    return ", ".join(f"{one.get('kty')} {one.get('crv', '')}".strip() for one in listed)


@rule("keys.published", "The keys that answers are signed with are public, and hold nothing private", _ANSWERS)
def _published(door: Door) -> None:
    reply = door.send("GET", "/v1/keys", auth=None)
    for one in expect.objects(expect.document(reply, 200), "keys"):
        that(not {"d", "p", "q", "k"} & one.keys(), "public members only", sorted(one))
        expect.member(one, "kid", str)


def _check(door: Door, keys: AnswerKeys, reply: Reply, method: str, path: str, digest: str | None = None) -> None:
    from ..answers import Answered

    try:
        keys.check(Answered(reply.status, reply.headers, method, door.base + path, digest), reply.body)
    except AnswerRefused as refused:
        raise Broken(f"a signed answer to {method} {path}", refused.detail) from None


@rule("keys.answers", "Every answer to a caller that is known is signed, over its status, body and request", _ANSWERS)
def _answers(door: Door) -> None:
    keys = _keys(door)
    one = door.one()
    for path in (one.path, "/v1/events?limit=1", "/v1/referrals/ref_none"):
        _check(door, keys, door.get(path), "GET", path)
    _check(door, keys, one.reply, "POST", "/v1/referrals")


@rule("keys.receipts", "The answer to a signed request is bound to the body that was sent", _ANSWERS)
def _receipts(door: Door) -> None:
    keys, sent = _keys(door), {}

    def keep(request: Any) -> None:
        sent["digest"] = request.headers["Content-Digest"]

    body = json.dumps(door.document()).encode()
    reply = door.send("POST", "/v1/referrals", body=body, auth=_Changed(_signer(door), keep))
    expect.status(reply, 201)
    _check(door, keys, reply, "POST", "/v1/referrals", sent["digest"])
