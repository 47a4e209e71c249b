"""What is done for an agency's callback address by whoever runs the platform: an operator, or somebody at the desk."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from ..core.journal import Actor, Entry
from ..delivery.webhook import new_secret
from ..errors import Conflict, DocumentRefused, NotFound, SettingsError
from ..ids import new_id
from ..store import agencies, deliveries, journal
from ..store.agencies import Agency, Endpoint
from ..store.storage import Tx
from . import callback_secrets, endpoints
from .mount import Mount
from .waking import wake_after

OPERATOR = Actor("operator")


def assign(mount: Mount, agency: Agency, *, url: str, challenged: bool, now: datetime) -> dict[str, Any]:
    """Name the address for an agency's callbacks; the answer holds the secret where there is a new one.

    ``challenged`` as when the agency names it: used once it has given a challenge back. Otherwise it is used at once,
    which is for an address that the operator has made sure of. Raises ``SettingsError`` for one that is not allowed.
    """
    try:
        if challenged:
            return endpoints.put(mount, agency=agency, url=url, rotate=False, now=now, actor=OPERATOR).document
        endpoints.check(mount, url)
    except DocumentRefused as refused:
        raise SettingsError(refused.errors[0].detail) from None
    secret = new_secret()
    with mount.storage.begin() as tx:
        agencies.lock(tx, agency.id)
        found = agencies.endpoints(tx, [agency.id]).get(agency.id)
        if found is not None and found.pending is not None:
            deliveries.cancel(tx, found.pending["message"], now=now)
        fresh = Endpoint(found.id if found else new_id("end"), agency.id, url, (), "active", 0, None)
        agencies.set_endpoint(tx, replace(fresh, secrets=(mount.secrets.encrypt(secret),)), now=now)
        _note(tx, "endpoint.set", fresh, now)
    return {**endpoints.show(mount, agency=agency), "secret": secret}


def rotate_secret(mount: Mount, agency: Agency, *, at_once: bool, now: datetime) -> str:
    """Give an agency a new callback secret; each old one signs beside it for a day, or with ``at_once`` no more.

    Raises ``NotFound`` where there is no address in use, ``Conflict`` where it was changed too often within a day.
    """
    with mount.storage.begin() as tx:
        endpoint = _present(tx, agency)
        if not endpoint.url:
            raise NotFound(f"{agency.name} has no address in use yet: its first one comes with a secret of its own.")
        secret = new_secret()
        values = callback_secrets.renewed(endpoint, mount.secrets.encrypt(secret), now=now, at_once=at_once)
        agencies.note_endpoint(tx, endpoint.id, **values)
        _note(tx, "endpoint.secret_rotated", endpoint, now)
    return secret


def switch(mount: Mount, agency: Agency, *, on: bool, now: datetime, by: Actor = OPERATOR) -> None:
    """Send callbacks to an address again, first what has waited; or hold them back, none of them dropped.

    Raises ``NotFound``, or ``Conflict`` where the address has never given its challenge back.
    """
    with mount.storage.begin() as tx:
        endpoint = _present(tx, agency)
        if endpoint.state not in agencies.LISTENING:
            raise Conflict(
                f"The address of {agency.name} has not given its challenge back yet: there is nothing to do."
            )
        turn(mount, tx, endpoint, on=on, by=by, now=now)


def turn(mount: Mount, tx: Tx, endpoint: Endpoint, *, on: bool, by: Actor, now: datetime) -> None:
    """Switch a locked endpoint on, as if it had never failed, or off; journal it, and wake the workers."""
    state = "active" if on else "disabled"
    values: dict[str, Any] = {"state": state} | (dict(agencies.FRESH) if on else {"reason": None})
    agencies.note_endpoint(tx, endpoint.id, **values)
    _note(tx, "endpoint.enabled" if on else "endpoint.disabled", endpoint, now, by=by)
    wake_after(tx, mount)


def _present(tx: Tx, agency: Agency) -> Endpoint:
    agencies.lock(tx, agency.id)
    endpoint = agencies.endpoints(tx, [agency.id]).get(agency.id)
    if endpoint is None or endpoint.state == agencies.REMOVED:
        raise NotFound(f"{agency.name} has no callback address.")
    return endpoint


def _note(tx: Tx, action: str, endpoint: Endpoint, now: datetime, *, by: Actor = OPERATOR) -> None:
    journal.append(tx, [Entry(by, action, endpoint.id, now, {"agency": endpoint.agency_id})])
