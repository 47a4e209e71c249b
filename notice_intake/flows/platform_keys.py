"""The platform's own key: it signs what agencies are answered, so that they can prove it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from ..auth import signing
from ..auth.signing import PrivateKey
from ..forks import Lock
from ..store import signatures as store
from .mount import Mount

_of_mount: WeakKeyDictionary[Mount, PrivateKey] = WeakKeyDictionary()
_making = Lock()


def signing_key(mount: Mount, *, now: datetime) -> PrivateKey:
    """Return the key that signs now; it is made at first need. Its private part is stored encrypted only."""
    found = _of_mount.get(mount)
    if found is None:
        with _making:
            found = _of_mount.get(mount) or _of_mount.setdefault(mount, _stored(mount, now=now))
    return found


def published(mount: Mount, *, now: datetime) -> dict[str, Any]:
    """Return the public keys as a JWK Set (RFC 7517 section 5); empty where nothing was signed yet."""
    if mount.settings.public_url:
        signing_key(mount, now=now)
    with mount.storage.read() as tx:
        rows = store.platform_keys(tx)
    return {"keys": [{**json.loads(row.public_key), "kid": row.key_id, "use": "sig", "alg": "EdDSA"} for row in rows]}


def _stored(mount: Mount, *, now: datetime) -> PrivateKey:
    with mount.storage.read() as tx:
        rows = store.platform_keys(tx)
    if not rows:
        key, seed = signing.new_ed25519()
        values = {"key_id": key.key_id, "public_key": key.public.jwk, "created_at": now}
        with mount.storage.begin() as tx:
            store.add_platform_key(tx, values | {"private_key": mount.secrets.encrypt(seed)})
        # Another process may have made one at the same moment: all use the oldest.
        with mount.storage.read() as tx:
            rows = store.platform_keys(tx)
    return signing.from_seed(mount.secrets.decrypt(rows[0].private_key))
