"""What every auth scheme has to withstand, written once: whoever adds a scheme gets these checks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from notice_intake.auth.envelope import Credential
from notice_intake.auth.schemes import Scheme
from notice_intake.auth.secrets import Secrets
from notice_intake.store import agencies as store

#: Makes a key of a scheme: (the value of ``Authorization``, the key's id, the digest to store).
Mint = Callable[[Secrets], tuple[str, str, bytes]]
SCOPES = frozenset({"referrals:read", "referrals:write"})
_HOUR = timedelta(hours=1)


@dataclass
class Battery:
    """One scheme against one mounted house."""

    house: Any
    agency_id: str
    scheme: Scheme
    mint: Mint

    @property
    def now(self) -> datetime:
        return self.house.clock.now

    def keep(
        self,
        key_id: str,
        digest: bytes,
        *,
        scheme: str = "",
        scopes: frozenset[str] = SCOPES,
        expires_at: datetime | None = None,
    ) -> None:
        """Store a key of the agency."""
        seconds = expires_at.timestamp() if expires_at else None
        credential = Credential(key_id, digest, self.agency_id, scopes, seconds, False)
        name = scheme or self.scheme.SCHEME
        with self.house.mount.storage.begin() as tx:
            store.add_credential(tx, credential, scheme=name, expires_at=expires_at, now=self.now)

    def good(self, **options: Any) -> tuple[str, str]:
        """Make and store a key; return the value of ``Authorization`` and the key's id."""
        value, key_id, digest = self.mint(self.house.mount.secrets)
        self.keep(key_id, digest, **options)
        return value, key_id

    def ask(self, value: str | None) -> Any:
        """Ask for the agency's own referrals."""
        headers = {} if value is None else {"Authorization": value}
        return self.house.client.get("/notices/v1/referrals", headers=headers)

    def refused(self) -> Iterator[tuple[str, str | None]]:
        """Yield (what is wrong, the value of ``Authorization``) for all that must be refused."""
        good, _ = self.good()
        word, _, rest = good.partition(" ")
        yield "nothing", None
        yield "an empty value", ""
        yield "the scheme alone", word
        yield "the scheme and blanks", f"{word}   "
        yield "another scheme", f"Digest {rest}"
        yield "no scheme", rest
        yield "words", f"{word} let me in"
        yield "letters of other scripts", f"{word} \u00e9\u00df{rest}"
        yield "a very long value", f"{word} {'A' * 8000}"
        yield "two values", f"{good}, {good}"
        yield "the beginning of a good one", good[: len(good) * 3 // 4]
        yield "one character changed", _changed(good)
        yield from self._without_row()
        yield from self._with_row()

    def _without_row(self) -> Iterator[tuple[str, str]]:
        yield "well made, never stored", self.mint(self.house.mount.secrets)[0]
        elsewhere, _, digest = self.mint(Secrets(["e" * 40]))
        yield "made by another installation", elsewhere
        own, own_id, _ = self.mint(self.house.mount.secrets)
        self.keep(own_id, digest)
        yield "the id of one key and the secret of another", own

    def _with_row(self) -> Iterator[tuple[str, str]]:
        yield "expired", self.good(expires_at=self.now - _HOUR)[0]
        yield "expiring this very second", self.good(expires_at=self.now)[0]
        yield "a key of another scheme", self.good(scheme="example")[0]
        value, key_id = self.good()
        with self.house.mount.storage.begin() as tx:
            store.revoke(tx, key_id, now=self.now)
        yield "revoked", value


def switch_off(house: Any, agency_id: str) -> None:
    """Have an agency be one that may not call any more."""
    with house.mount.storage.begin() as tx:
        table = tx.tables.agency
        tx.execute(update(table).where(table.c.id == agency_id).values(active=False))


def told(answer: Any) -> tuple[Any, ...]:
    """Return all that an answer tells, without what is different in every answer."""
    document = {name: value for name, value in answer.json.items() if name != "instance"}
    headers = sorted((name, value) for name, value in answer.headers if name not in ("X-Request-Id", "Content-Length"))
    return answer.status_code, document, headers


def _changed(value: str) -> str:
    """Change the tenth character from the end: the last ones may stand for no whole octet in base64."""
    other = "A" if value[-10] != "A" else "B"
    return value[:-10] + other + value[-9:]
