"""The keys that sign callbacks so that anyone can check them with a public key, one for each agency."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ..auth import keys
from ..auth.secrets import Secrets
from ..delivery.webhook import private_key, public_key
from ..store import signatures as store
from .mount import Mount
from .platform_keys import signing_key

#: The secret bytes that all of them come from; in memory only.
_seeds: WeakKeyDictionary[Secrets, bytes] = WeakKeyDictionary()
_made: WeakKeyDictionary[Secrets, dict[str, str]] = WeakKeyDictionary()


def of_agency(mount: Mount, agency_id: str) -> str:
    """Return the private key for callbacks to an agency (``whsk_…``). It is the same as long as the platform lives."""
    made = _made.setdefault(mount.secrets, {})
    if agency_id not in made:
        made[agency_id] = private_key(_seed(mount), of=agency_id)
    return made[agency_id]


def published(mount: Mount, agency_id: str) -> str:
    """Return the public key that the agency checks its callbacks with (``whpk_…``)."""
    return public_key(of_agency(mount, agency_id))


def _seed(mount: Mount) -> bytes:
    found = _seeds.get(mount.secrets)
    if found is None:
        signing_key(mount, now=mount.clock())
        with mount.storage.read() as tx:
            # The first key that the platform ever had: a later one for its answers changes nothing here.
            first = min(store.platform_keys(tx), key=lambda row: (row.created_at, row.key_id))
        found = keys.unb64u(mount.secrets.decrypt(first.private_key))
        _seeds[mount.secrets] = found
    return found
