"""The agency's callback address, and what was sent to it."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Response, request

from ...contract.messages import endpoint_contract
from ...contract.queries import DeliveriesQuery
from ...contract.strict_json import read_json
from ...errors import NotFound
from ...flows import delivery_lists, endpoints
from ...flows.endpoints import Kept
from ...flows.mount import Mount
from .. import bodies
from ..problems import root
from .access import agency_of
from .answers import json_response
from .conditions import idempotency_key

View = Callable[..., Response]
MountOf = Callable[[], Mount]
SCOPE = "endpoints:write"
_ID = re.compile(r"[A-Za-z0-9_]{1,40}")


def show(mount_of: MountOf) -> View:
    """``GET /v1/endpoint``."""

    def view() -> Response:
        mount = mount_of()
        agency = agency_of(mount, request, scope=SCOPE, now=mount.clock())
        return json_response(endpoints.show(mount, agency=agency))

    return view


def put(mount_of: MountOf) -> View:
    """``PUT /v1/endpoint``: the address, and once the secret that its callbacks are signed with."""

    def view() -> Response:
        mount = mount_of()
        now = mount.clock()
        agency = agency_of(mount, request, scope=SCOPE, now=now)
        bodies.require(request, "application/json")
        document = read_json(bodies.whole(request, limit=mount.settings.max_body_bytes))
        endpoint_contract().check(document)
        rotate = document.get("rotate_secret", False)
        kept = endpoints.put(mount, agency=agency, url=document["url"], rotate=rotate, now=now)
        return json_response(kept.document, 201 if kept.created else 200)

    return view


def remove(mount_of: MountOf) -> View:
    """``DELETE /v1/endpoint``."""

    def view() -> Response:
        mount = mount_of()
        now = mount.clock()
        endpoints.remove(mount, agency=agency_of(mount, request, scope=SCOPE, now=now), now=now)
        return Response(status=204)

    return view


def test(mount_of: MountOf) -> View:
    """``POST /v1/endpoint/test``: an event that says nothing but that it arrives."""

    def view() -> Response:
        mount = mount_of()
        now = mount.clock()
        agency = agency_of(mount, request, scope=SCOPE, now=now)
        key = idempotency_key(request)
        return _accepted(endpoints.test(mount, agency=agency, key=key, now=now))

    return view


def deliveries(mount_of: MountOf) -> View:
    """``GET /v1/deliveries``: the agency's callbacks, newest first."""

    def view() -> Response:
        mount = mount_of()
        agency = agency_of(mount, request, scope=SCOPE, now=mount.clock())
        wanted = DeliveriesQuery.read(request.args.to_dict(flat=False))
        limit, state = wanted["limit"], wanted.get("state")
        found, cursor = delivery_lists.page(mount, agency=agency, state=state, cursor=wanted.get("cursor"), limit=limit)
        more = f"cursor={cursor}&limit={limit}" + (f"&state={state}" if state else "")
        headers = {"Link": f'<{root()}/v1/deliveries?{more}>; rel="next"'} if cursor else {}
        return json_response({"deliveries": found, "next": cursor}, headers=headers)

    return view


def replay(mount_of: MountOf) -> View:
    """``POST /v1/deliveries/{id}/replay``: the same callback once more, under its old id."""

    def view(delivery_id: str) -> Response:
        mount = mount_of()
        now = mount.clock()
        agency = agency_of(mount, request, scope=SCOPE, now=now)
        if _ID.fullmatch(delivery_id) is None:
            raise NotFound
        key = idempotency_key(request)
        return _accepted(endpoints.replay(mount, delivery_id, agency=agency, key=key, now=now))

    return view


def _accepted(kept: Kept) -> Response:
    return json_response(kept.document, 202, headers={"Idempotency-Replayed": "true"} if kept.replayed else {})
