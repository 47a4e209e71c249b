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

PATH = "/notices/v1/referrals"
ORIGIN = "https://platform.example"
PROXY_SECRET = "p" * 40
#: What a house needs for every scheme to work in it.
SETTINGS = {
    "public_url": ORIGIN,
    "client_cert_proxies": ("127.0.0.1/32",),
    "client_cert_secret": PROXY_SECRET,
}


@dataclass(frozen=True)
class Shown:
    """Credentials in other fields than ``Authorization``, made anew for every request."""

    #: Makes the fields of a request for ``PATH`` at a time.
    make: Callable[[datetime], dict[str, str]]
    #: The field that carries the proof.
    field: str

    def altered(self, change: Callable[[str], str]) -> Shown:
        """The same with another proof."""

        def make(now: datetime) -> dict[str, str]:
            fields = self.make(now)
            return fields | {self.field: change(fields[self.field])}

        return Shown(make, self.field)


Value = str | Shown
#: Makes a key of a scheme: (what is sent, the key's id, the digest to store, and algorithm and key for a public one).
Mint = Callable[[Secrets], tuple[Any, ...]]
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
        *stored: Any,
        scheme: str = "",
        scopes: frozenset[str] = SCOPES,
        expires_at: datetime | None = None,
    ) -> None:
        """Store a key of the agency: its digest, and what else there is of a public one."""
        digest, *public = stored
        seconds = expires_at.timestamp() if expires_at else None
        credential = Credential(key_id, digest, self.agency_id, scopes, seconds, False, *public)
        name = scheme or self.scheme.SCHEME
        with self.house.mount.storage.begin() as tx:
            store.add_credential(tx, credential, scheme=name, expires_at=expires_at, now=self.now)

    def good(self, **options: Any) -> tuple[Any, str]:
        """Make and store a key; return what is sent and the key's id."""
        value, key_id, *stored = self.mint(self.house.mount.secrets)
        self.keep(key_id, *stored, **options)
        return value, key_id

    def ask(self, value: Value | None) -> Any:
        """Ask for the agency's own referrals."""
        return self.house.client.get(PATH, headers=self.fields(value))

    def fields(self, value: Value | None) -> dict[str, str]:
        """The header fields of a request; ``Authorization`` for a text."""
        if isinstance(value, Shown):
            return value.make(self.now)
        return {} if value is None else {"Authorization": value}

    def proof(self, value: Value | None) -> str:
        """The part of the fields that nobody else may see."""
        if isinstance(value, Shown):
            return value.make(self.now)[value.field]
        return (value or "").partition(" ")[2]

    def refused(self) -> Iterator[tuple[str, Any]]:
        """Yield (what is wrong, what is sent) for all that must be refused."""
        good, _ = self.good()
        yield "nothing", None
        yield "an empty value", _altered(good, lambda _: "")
        yield from self._of_words(good) if isinstance(good, str) else ()
        yield "words", _altered(good, lambda _: "let me in")
        yield "letters of other scripts", _altered(good, lambda one: f"\u00e9\u00df{one}")
        yield "a very long value", _altered(good, lambda _: "A" * 8000)
        yield "two values", _altered(good, lambda one: f"{one}, {one}")
        yield "the beginning of a good one", _altered(good, lambda one: one[: len(one) * 3 // 4])
        yield "one character changed", _altered(good, _changed)
        yield from self._without_row()
        yield from self._with_row()

    def _of_words(self, good: str) -> Iterator[tuple[str, str]]:
        word, _, rest = good.partition(" ")
        yield "no value at all", ""
        yield "the scheme alone", word
        yield "the scheme and blanks", f"{word}   "
        yield "another scheme", f"Digest {rest}"
        yield "no scheme", rest
        yield "two fields in one", f"{good}, {good}"

    def _without_row(self) -> Iterator[tuple[str, Any]]:
        yield "well made, never stored", self.mint(self.house.mount.secrets)[0]
        elsewhere, _, *stored = self.mint(Secrets(["e" * 40]))
        yield "made by another installation", elsewhere
        own, own_id, *_ = self.mint(self.house.mount.secrets)
        self.keep(own_id, *stored)
        yield "the id of one key and the secret of another", own

    def _with_row(self) -> Iterator[tuple[str, Any]]:
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


def _altered(value: Value, change: Callable[[str], str]) -> Value:
    """Change the proof, and nothing before it."""
    if isinstance(value, Shown):
        return value.altered(change)
    word, _, rest = value.partition(" ")
    return f"{word} {change(rest)}"


def _changed(value: str) -> str:
    """Change the tenth character from the end: the last ones may stand for no whole octet in base64."""
    other = "A" if value[-10] != "A" else "B"
    return value[:-10] + other + value[-9:]
