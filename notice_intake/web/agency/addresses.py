"""Where a one-time link leads, for whoever hands it on."""

from __future__ import annotations

from flask import current_app, has_request_context, request, url_for
from werkzeug.routing import BuildError

from ...flows.mount import Mount


def address_of(mount: Mount, secret: str, *, otherwise: str = "") -> str:
    """Return the address of a link: under the public address where that is set, else under ``otherwise``.

    Raises ``BuildError`` where this mount's agency pages are not registered on the app.
    """
    ending = f"{mount.name}_agency.offer"
    # A host may have put us into a blueprint of its own, whose name then stands before ours.
    found = [rule.endpoint for rule in current_app.url_map.iter_rules() if ("." + rule.endpoint).endswith("." + ending)]
    if not found:
        raise BuildError(ending, {"secret": secret}, None)
    if mount.settings.public_url:
        with current_app.test_request_context():
            return mount.settings.public_url + url_for(found[0], secret=secret)
    if has_request_context():
        return otherwise.rstrip("/") + url_for(found[0], secret=secret).removeprefix(request.script_root)
    with current_app.test_request_context():
        return otherwise.rstrip("/") + url_for(found[0], secret=secret)
