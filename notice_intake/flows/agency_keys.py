"""Keys that an agency keeps to itself: public keys, certificates, and whether it has to use them."""

from __future__ import annotations

from datetime import datetime

from ..auth import client_cert, signature
from ..auth.bearer import SCOPES
from ..auth.envelope import Credential
from ..auth.keys import PublicKey, unb64u
from ..core.journal import Actor, Entry
from ..errors import KeyNotUsable, NotFound
from ..store import agencies, journal
from ..store import signatures as store
from ..store.storage import Raced, Tx
from .agencies import OPERATOR
from .mount import Mount


def add_public_key(
    mount: Mount,
    agency_id: str,
    *,
    key: PublicKey,
    now: datetime,
    until: datetime | None = None,
    by: Actor = OPERATOR,
    scopes: frozenset[str] = frozenset(SCOPES),
) -> str:
    """Have an agency sign with a key from now on; return the key's thumbprint, which its requests name.

    The key is good ``until`` a time, or until it is revoked.

    Raises ``NotFound`` for no such agency, ``KeyNotUsable`` for a key that is registered: one key, one agency.
    """
    digest = unb64u(key.thumbprint)
    ends = until.timestamp() if until else None
    credential = Credential(key.thumbprint, digest, agency_id, scopes, ends, False, key.algorithm, key.jwk)
    _add(mount, credential, scheme=signature.SCHEME, now=now, until=until, by=by)
    return credential.key_id


def add_certificate(
    mount: Mount, agency_id: str, *, certificate: bytes, now: datetime, until: datetime | None = None
) -> str:
    """Accept a certificate, in DER, that a trusted proxy has checked. Raises as ``add_public_key`` does."""
    key_id, digest = client_cert.identify(certificate)
    ends = until.timestamp() if until else None
    credential = Credential(key_id, digest, agency_id, frozenset(SCOPES), ends, False)
    _add(mount, credential, scheme=client_cert.SCHEME, now=now, until=until, by=OPERATOR)
    return key_id


def require_signature(mount: Mount, agency_id: str, *, required: bool, now: datetime, by: Actor = OPERATOR) -> None:
    """Refuse an agency's requests unless they are signed, or no longer. Acts on the next request.

    Raises ``NotFound``; ``KeyNotUsable`` where the agency has no key to sign with and would be locked out.
    """
    with mount.storage.begin() as tx:
        _agency(tx, agency_id)
        keys = [one for one in agencies.live_keys(tx, agency_id) if one.scheme == signature.SCHEME]
        if required and not keys:
            raise KeyNotUsable("This agency has no key to sign with yet. Add one with 'agency key-add'.")
        store.set_required(tx, agency_id, required=required)
        facts = {"required": "yes" if required else "no"}
        journal.append(tx, [Entry(by, "agency.signature_required", agency_id, now, facts)])


def _add(
    mount: Mount, credential: Credential, *, scheme: str, now: datetime, until: datetime | None, by: Actor
) -> None:
    try:
        with mount.storage.begin() as tx:
            _agency(tx, credential.agency_id)
            agencies.add_credential(tx, credential, scheme=scheme, expires_at=until, now=now)
            facts = {"scheme": scheme, "key": credential.key_id}
            journal.append(tx, [Entry(by, "agency.key_added", credential.agency_id, now, facts)])
    except Raced:
        raise KeyNotUsable(
            "This key is registered already. One that was revoked does not come back: make a new one."
        ) from None


def _agency(tx: Tx, agency_id: str) -> None:
    if agencies.find(tx, agency_id) is None:
        raise NotFound(f"There is no agency {agency_id}.")
