"""Everything that can be set, in one frozen value, checked once."""

from __future__ import annotations

import difflib
import ipaddress
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from .core.retention import Periods
from .core.retries import DEFAULT
from .errors import SettingsError

PREFIX = "NOTICE_INTAKE_"
#: The least characters of a secret key.
MIN_KEY = 32
_PREFIX = re.compile(r"[a-z_][a-z0-9_]{0,19}", re.ASCII)
_PUBLIC = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?", re.ASCII)
_PERIOD = re.compile(r"[a-z0-9._]{1,100}=[1-9][0-9]{0,4}", re.ASCII)
_PROXY = re.compile(r"http://[A-Za-z0-9.\[\]:-]+:[0-9]{1,5}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,7}", re.ASCII)
#: A lease has to outlast an attempt by so many seconds: for signing, recording and a slow moment between.
LEASE_MARGIN = 10
_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one mount. In a Flask app's config each key stands in capitals after ``NOTICE_INTAKE_``."""

    #: Database address. Empty: SQLite in the app's instance folder.
    storage_url: str = ""
    #: Prefix of every table, and of the migration version table.
    table_prefix: str = "ni_"
    #: PostgreSQL schema of the tables; empty for the connection's own.
    schema: str = ""
    #: Whether SQLite has each referral on the disk before it is acknowledged. It always has orders, threats to life,
    #: streams, decisions and all else; without this a power cut can take away voluntary referrals of the last half
    #: minute that came one by one.
    sqlite_sync_all: bool = False
    #: Keys that sign tokens, forms and cursors, oldest first; the last one signs. At least 32 characters each.
    #: Empty: a key file beside the embedded SQLite database, made at first start.
    secret_keys: tuple[str, ...] = ()
    #: What stands before the path in the addresses that agencies use: scheme, host and any prefix that a proxy takes
    #: away. Needed for signed requests and signed answers; empty: neither.
    public_url: str = ""
    #: Networks of the proxies that may say which client certificate they checked (``Client-Cert``, RFC 9440).
    client_cert_proxies: tuple[str, ...] = ()
    #: What such a proxy sends in ``Notice-Intake-Proxy`` beside it. At least 32 characters.
    client_cert_secret: str = ""
    #: A name for this door, kept with each referral that comes alone, where one app has several. What comes otherwise
    #: is kept with ``bulk`` (a stream), ``page`` (the agency pages) or ``import``.
    channel: str = "api"
    #: How long a voluntary decision can be undone, in seconds. Orders are never delayed.
    undo_seconds: int = 30
    #: How long a claim holds a case, in seconds.
    claim_seconds: int = 1200
    #: Largest body of a single referral, in bytes.
    max_body_bytes: int = 1_048_576
    #: Largest files that somebody can enter at the desk at once, together, in bytes.
    max_entry_bytes: int = 8_388_608
    #: Largest line of a bulk stream, in bytes.
    max_line_bytes: int = 262_144
    #: How many lines of a bulk stream are stored in one transaction.
    bulk_batch: int = 2048
    #: Networks that callbacks may reach besides public addresses, such as ``127.0.0.0/8`` for a demo.
    callback_networks: tuple[str, ...] = ()
    #: The operator's own proxy that callbacks leave through, and JWK Sets are read through, such as
    #: ``http://egress.example:4750``: it then resolves names and refuses addresses. Empty: none, whatever the
    #: environment says.
    callback_proxy: str = ""
    #: A file with certificate authorities that are trusted besides the public ones, for callbacks and JWK Sets.
    callback_ca_file: str = ""
    #: How long one attempt to call back may take in all, in seconds.
    callback_timeout_seconds: float = 20.0
    #: The wait before each attempt of a callback, in seconds, the first one included; empty for the 13 attempts of
    #: ``core.retries``.
    callback_schedule: tuple[str, ...] = ()
    #: After so many days without a success an endpoint is disabled and its callbacks wait; 0 for never.
    endpoint_disable_days: int = 5
    #: How long each attempt of a callback is kept in the ledger, in days.
    attempt_days: int = 90
    #: How many callbacks and effects the worker performs at once.
    worker_threads: int = 32
    #: How long the worker rests when nothing is due and nobody wakes it, in seconds.
    worker_idle_seconds: float = 1.0
    #: How often the worker seals the journal, in seconds: what it wrote since then is not protected yet.
    journal_seal_seconds: int = 10
    #: A file that every signed checkpoint of the journal is added to; empty for none.
    checkpoint_file: str = ""
    #: How long a piece of work belongs to the worker that took it, in seconds; longer than an attempt may take.
    worker_lease_seconds: int = 60
    #: How long the worker finishes what is under way when it is told to stop, in seconds.
    worker_stop_seconds: int = 25
    #: Whether each process of the app works as well, in a thread, from its first request on: for development.
    worker_in_process: bool = False
    #: How long before its deadline an open case is called out, in minutes.
    deadline_warning_minutes: int = 15
    #: How long the answer to a message, a test or a replay is given again for its idempotency key, in days.
    idempotency_days: int = 7
    #: How long what a case holds is kept after its last change, in days; then texts, links and names are deleted. Never
    #: shorter than the law asks. 0: nothing is ever deleted.
    retention_days: int = 365
    #: Other periods for some instruments, such as ``eu.tco.removal_order=730``.
    retention_of: tuple[str, ...] = ()
    #: Requests of one agency in a minute, a line of a stream counting as one; 0 for no limit.
    rate_agency: int = 100_000
    #: Requests from one address in a minute, before it is known who calls; 0 for no limit.
    rate_address: int = 100_000
    #: Refused credentials from one address in a minute; 0 for no limit.
    rate_failures: int = 20
    #: Where requests are counted: ``memory://`` in each process by itself, or what the library ``limits`` can reach.
    rate_storage: str = "memory://"
    #: How many days the sandbox keeps what agencies try out in it; 0: there is no sandbox.
    sandbox_days: int = 0
    #: How long a person stays signed in on the agency pages, in minutes.
    page_visit_minutes: int = 480
    #: After how long without a request they are signed out, in minutes.
    page_idle_minutes: int = 60
    #: Where the desk's templates begin: the host's layout may stand here.
    desk_layout: str = "notice_intake/layout.html"
    #: The same for the agency pages, which strangers see.
    page_layout: str = "notice_intake/layout.html"
    #: The platform's name, shown in the titles of the desk and the agency pages; empty for none.
    platform_name: str = ""

    def __post_init__(self) -> None:
        for key in self.secret_keys:
            if len(key) < MIN_KEY:
                raise _unsafe("secret_keys", f"holds a key of {len(key)} characters. Use at least {MIN_KEY}")
        for name in _POSITIVE:
            if not getattr(self, name) >= 1:
                raise _unsafe(name, "must be at least 1")
        for name in _NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise _unsafe(name, "must not be negative")
        if not 1 <= self.callback_timeout_seconds <= 120:
            raise _unsafe("callback_timeout_seconds", "must be 1 to 120")
        if self.worker_lease_seconds < self.callback_timeout_seconds + LEASE_MARGIN:
            least = f"callback_timeout_seconds + {LEASE_MARGIN}, or callbacks would leave twice"
            raise _unsafe("worker_lease_seconds", f"must be at least {least}")
        if self.callback_proxy and not (_PROXY.fullmatch(self.callback_proxy) and _has_port(self.callback_proxy)):
            raise _unsafe("callback_proxy", "must be like http://egress.example:4750")
        if not all(_SECONDS.fullmatch(one) for one in self.callback_schedule):
            raise _unsafe("callback_schedule", "must hold whole seconds, such as 0,5,60,300")
        if not 0 < self.worker_idle_seconds <= 3600:
            raise _unsafe("worker_idle_seconds", "must be more than 0 and at most 3600")
        for ending, most in _MOST.items():
            for one in fields(self):
                if one.name.endswith(ending) and getattr(self, one.name) > most:
                    raise _unsafe(one.name, f"must be at most {most}")
        if not 0 < len(self.channel) <= 40:
            raise _unsafe("channel", "must have 1 to 40 characters")
        if not _PREFIX.fullmatch(self.table_prefix):
            raise _unsafe("table_prefix", "must be up to 20 of a-z 0-9 _, and begin with no digit")
        if self.schema and not _SCHEMA.fullmatch(self.schema):
            raise _unsafe("schema", "must be up to 63 of A-Z a-z 0-9 _, and begin with no digit")
        if self.public_url and not (_PUBLIC.fullmatch(self.public_url) and _has_port(self.public_url)):
            raise _unsafe("public_url", "must be like https://platform.example, and must not end in a slash")
        if bool(self.client_cert_proxies) != bool(self.client_cert_secret):
            raise _unsafe("client_cert_proxies", "needs client_cert_secret, and the other way round")
        if self.client_cert_secret and len(self.client_cert_secret) < MIN_KEY:
            raise _unsafe("client_cert_secret", f"must have at least {MIN_KEY} characters")
        if not all(_PERIOD.fullmatch(one) for one in self.retention_of):
            raise _unsafe("retention_of", "must hold periods in days, such as eu.tco.removal_order=730")
        for name in ("callback_networks", "client_cert_proxies"):
            for network in getattr(self, name):
                try:
                    ipaddress.ip_network(network)
                except ValueError as error:
                    raise _unsafe(name, f"cannot be read: {error}") from None

    @property
    def undo(self) -> timedelta:
        """The undo window."""
        return timedelta(seconds=self.undo_seconds)

    @property
    def lease(self) -> timedelta:
        """How long a piece of work belongs to who took it."""
        return timedelta(seconds=self.worker_lease_seconds)

    @property
    def schedule(self) -> tuple[timedelta, ...]:
        """The waits before the attempts of a callback."""
        return tuple(timedelta(seconds=int(one)) for one in self.callback_schedule) or DEFAULT

    @property
    def claim(self) -> timedelta:
        """How long a claim holds."""
        return timedelta(seconds=self.claim_seconds)

    @property
    def periods(self) -> Periods:
        """How long what is kept."""
        parts = (one.rsplit("=", 1) for one in self.retention_of)
        return Periods(self.retention_days, {code: int(days) for code, days in parts})

    @property
    def page_visit(self) -> timedelta:
        """How long somebody stays signed in on the agency pages."""
        return timedelta(minutes=self.page_visit_minutes)

    @property
    def page_idle(self) -> timedelta:
        """After how long without a request they are signed out."""
        return timedelta(minutes=self.page_idle_minutes)

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any], **options: Any) -> Settings:
        """Read ``NOTICE_INTAKE_`` keys from a config or environment; ``options`` win.

        Raises ``SettingsError`` for a key that is not known, naming the nearest one.
        """
        known = {one.name: one for one in fields(cls)}
        found = {key.removeprefix(PREFIX).lower(): value for key, value in config.items() if key.startswith(PREFIX)}
        for name in [*found, *options]:
            if name not in known:
                raise SettingsError(_unknown(name, list(known)))
        values = {name: _convert(name, value) for name, value in {**found, **options}.items()}
        return cls(**values)


#: What has to be 1 or more.
_POSITIVE = (
    *("claim_seconds", "bulk_batch", "worker_threads", "worker_stop_seconds", "idempotency_days", "attempt_days"),
    *("max_body_bytes", "max_line_bytes", "max_entry_bytes", "journal_seal_seconds"),
    *("page_visit_minutes", "page_idle_minutes"),
)
#: What may be 0.
_NOT_NEGATIVE = (
    "undo_seconds",
    "rate_agency",
    "rate_address",
    "rate_failures",
    "sandbox_days",
    "retention_days",
    "endpoint_disable_days",
    "deadline_warning_minutes",
)
#: The most of a setting whose name ends so: what is more overflows a date one day.
_MOST = {"_seconds": 31_536_000, "_minutes": 525_600, "_days": 36_500, "_threads": 500}
_YES_NO = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_HINTS = typing.get_type_hints(Settings)


def _has_port(url: str) -> bool:
    """Whether the port of an address is none, or one that there can be."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _unsafe(name: str, what: str) -> SettingsError:
    return SettingsError(f"{PREFIX}{name.upper()} {what}.")


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {PREFIX}{near[0].upper()}?" if near else ""
    return f"{PREFIX}{name.upper()} is not a setting.{hint}"


def _convert(name: str, value: Any) -> Any:
    """Read text as the setting's type: environments and ``from_prefixed_env`` know only text."""
    wanted = _HINTS[name]
    try:
        if isinstance(wanted, types.GenericAlias):
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(str(part).strip() for part in parts if str(part).strip())
        if wanted is bool:
            return _YES_NO[str(value).lower()]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TypeError
        if wanted is int and isinstance(value, float) and not value.is_integer():
            raise ValueError
        return wanted(value)
    except (KeyError, TypeError, ValueError):
        raise SettingsError(f"{PREFIX}{name.upper()} must be {wanted.__name__}, not {value!r}.") from None
