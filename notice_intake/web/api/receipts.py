"""Signing what an agency is answered (RFC 9421 section 2.4): to which request, and what."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request

from ...auth.http_digest import content_digest
from ...auth.signing import sign_answer
from ...flows.mount import Mount
from ...flows.platform_keys import published, signing_key
from .access import AGENCY, target_of
from .answers import json_response

View = Callable[..., Response]


def keys(mount_of: Callable[[], Mount]) -> View:
    """``GET /v1/keys``: the keys that our answers are signed with, as a JWK Set. Public."""

    def view() -> Response:
        mount = mount_of()
        document = published(mount, now=mount.clock())
        return json_response(document, headers={"Cache-Control": "public, max-age=600"})

    return view


def signed_answers(mount_of: Callable[[], Mount]) -> Callable[[Response], Response]:
    """Return what signs each answer to a caller that is known; nobody else's request costs us a signature."""

    def sign(response: Response) -> Response:
        if AGENCY not in request.environ:
            return response
        mount, target = mount_of(), target_of(request)
        if not mount.settings.public_url or not target.startswith("/"):
            return response
        said = _said(response)
        asked = {"@method": request.method, "@target-uri": mount.settings.public_url + target}
        if "Content-Digest" in request.headers:
            asked["content-digest"] = request.headers["Content-Digest"].strip(" \t")
        # What no signature can be over (RFC 9421 section 2) was no request that its sender could prove either.
        if not all(one.isascii() and one.isprintable() for one in asked.values()):
            return response
        now = mount.clock()
        key, created = signing_key(mount, now=now), int(now.timestamp())
        response.headers.update(
            sign_answer(key, status=response.status_code, headers=said, request=asked, created=created)
        )
        return response

    return sign


def _said(response: Response) -> dict[str, str]:
    """Return the fields that describe the body, its digest among them; none for the answer to HEAD and for a 304.

    Those have no body, whatever the response holds here, and lose fields on their way out.
    """
    if request.method == "HEAD" or response.status_code in (204, 304):
        return {}
    if response.is_sequence and "Content-Digest" not in response.headers:
        response.headers["Content-Digest"] = content_digest(response.get_data())
    return {name: response.headers[name] for name in ("content-digest", "content-type") if name in response.headers}
