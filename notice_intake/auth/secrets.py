"""Keys for each purpose, out of the mount's secret keys; and secrets that must be recoverable, encrypted at rest."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from itsdangerous import Signer, URLSafeTimedSerializer, want_bytes

from ..errors import SettingsError


class Secrets:
    """The mount's secret keys, oldest first. Each purpose has its own salt: what is signed for one opens no other."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SettingsError("NOTICE_INTAKE_SECRET_KEYS is not set. Give at least one key of 32 characters or more.")
        self._keys = list(keys)
        self._signers: dict[str, Signer] = {}
        ciphers = [Fernet(_fernet_key(key)) for key in reversed(self._keys)]
        self._newest, self._fernet = ciphers[0], MultiFernet(ciphers)

    def signer(self, purpose: str) -> Signer:
        """Return a signer for short texts; old keys still verify."""
        found = self._signers.get(purpose)
        if found is None:
            digest: Any = staticmethod(hashlib.sha256)
            found = _Signer(self._keys, salt=f"notice-intake:{purpose}", key_derivation="hmac", digest_method=digest)
            self._signers[purpose] = found
        return found

    def serializer(self, purpose: str) -> URLSafeTimedSerializer:
        """Return a serializer for small values with a time, such as cursors and forms."""
        return URLSafeTimedSerializer(
            self._keys,
            salt=f"notice-intake:{purpose}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def encrypt(self, text: str) -> str:
        """Encrypt a secret that must be read again, such as a callback secret."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Read it again. Raises ``SettingsError`` where none of the secret keys opens it."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            raise SettingsError(
                "A stored secret cannot be read with NOTICE_INTAKE_SECRET_KEYS. Put the key that was removed back."
            ) from None

    def renewed(self, token: str) -> str | None:
        """Return a stored secret encrypted under the newest key, None where it is already. Raises as ``decrypt``."""
        try:
            self._newest.decrypt(token.encode())
        except InvalidToken:
            return self.encrypt(self.decrypt(token))
        return None


class _Signer(Signer):
    """Derives the key of each secret once, not for each text."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._derived: dict[bytes, bytes] = {}
        super().__init__(*args, **options)

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        """Return the key that signs under a secret; the newest, where none is given."""
        wanted = self.secret_keys[-1] if secret_key is None else want_bytes(secret_key)
        found = self._derived.get(wanted)
        if found is None:
            found = self._derived[wanted] = super().derive_key(wanted)
        return found


def _fernet_key(key: str) -> bytes:
    derived = hashlib.sha256(b"notice-intake:encryption-at-rest:1\n" + key.encode()).digest()
    return base64.urlsafe_b64encode(derived)
