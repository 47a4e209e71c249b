"""Whether it runs, and whether it is ready. No secrets, no versions."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response

from ...flows.health import readiness
from ...flows.mount import Mount
from .answers import json_response
from .limiting import limits_of

View = Callable[..., Response]


def healthz() -> View:
    """``GET /healthz``: the process answers. Asks no database."""

    def view() -> Response:
        return json_response({"status": "ok"})

    return view


def readyz(mount_of: Callable[[], Mount]) -> View:
    """``GET /readyz``: database reachable, tables at the version that this code needs, work not piling up."""

    def view() -> Response:
        mount = mount_of()
        checks = readiness(mount, now=mount.clock())
        limits = limits_of(mount).state
        if limits is not None:
            checks["limits"] = limits
        return json_response({"checks": checks}, 200 if all(one == "ok" for one in checks.values()) else 503)

    return view
