"""Supplements, withdrawals and complaints."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Response, request

from ...contract.strict_json import read_json
from ...core.codes import MessageKind
from ...errors import NotFound
from ...flows.exchange import Sent, send
from ...flows.mount import Mount
from .. import bodies
from .access import agency_of
from .answers import json_response
from .conditions import etag, expected_sequences, idempotency_key

View = Callable[..., Response]
_ID = re.compile(r"[A-Za-z0-9_]{1,40}")


def post(mount_of: Callable[[], Mount], kind: MessageKind) -> View:
    """``POST /v1/referrals/{id}/…``: 201 with what became of each item, and the referral's new tag."""

    def view(referral_id: str) -> Response:
        mount = mount_of()
        now = mount.clock()
        agency = agency_of(mount, request, scope="referrals:write", now=now)
        bodies.require(request, "application/json")
        if _ID.fullmatch(referral_id) is None:
            raise NotFound
        key, expected = idempotency_key(request), expected_sequences(request)
        body = bodies.whole(request, limit=mount.settings.max_body_bytes)
        sent = Sent(kind, referral_id, read_json(body), body, expected, key)
        accepted = send(mount, sent, agency=agency, now=now)
        headers = {"ETag": etag(accepted.sequence)}
        if accepted.replayed:
            headers["Idempotency-Replayed"] = "true"
        return json_response(accepted.answer, 201, headers=headers)

    return view
