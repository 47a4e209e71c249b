"""``NoticeIntake``: puts the parts together and mounts them. No logic lives here."""

from __future__ import annotations

import os
import secrets as random_secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask

from .auth.secrets import Secrets
from .cli import command_group
from .errors import SettingsError
from .flows.mount import Mount, utc_now
from .hooks import Moderators, Platform
from .regimes import eu_dsa, eu_iru, eu_tco
from .regimes.regime import Regime, rulebook
from .settings import Settings
from .store.storage import Storage
from .web.api.blueprint import api_blueprint
from .web.desk.blueprint import desk_blueprint

#: The regimes that every mount knows unless it is given others.
DEFAULT_REGIMES: tuple[Regime, ...] = (eu_tco.REGIME, eu_dsa.REGIME, eu_iru.REGIME)
EXTENSION = "notice_intake"


@dataclass(frozen=True, slots=True)
class _Parts:
    platform: Platform
    moderators: Moderators
    storage: Storage | None
    regimes: tuple[Regime, ...]
    clock: Callable[[], datetime]
    options: dict[str, Any]


class NoticeIntake:
    """A door for referrals, to be mounted in any Flask app, several times and under any prefix.

    Adds two blueprints and one entry in ``app.extensions``; nothing app-wide. ``options`` are settings by their names
    in ``Settings`` and win over ``NOTICE_INTAKE_`` keys in the app's config, which win over the environment.
    """

    def __init__(
        self,
        *,
        platform: Platform,
        moderators: Moderators,
        storage: Storage | None = None,
        regimes: Iterable[Regime] = DEFAULT_REGIMES,
        clock: Callable[[], datetime] = utc_now,
        **options: Any,
    ) -> None:
        self._parts = _Parts(platform, moderators, storage, tuple(regimes), clock, options)
        Settings.from_mapping({}, **options)

    def init_app(self, app: Flask, *, url_prefix: str = "/notices", name: str = "notice_intake") -> Mount:
        """Mount API and desk: the API at ``url_prefix``, the desk at ``url_prefix/desk``.

        Raises ``SettingsError`` for a setting that is missing, unknown or unsafe, and for a name that is taken.
        """
        mount = self._mount(app, name)
        prefix = url_prefix.rstrip("/")
        api, desk = self.api_blueprint(name=name), self.desk_blueprint(name=f"{name}_desk")
        self._bind(app, mount, api, desk)
        app.register_blueprint(api, url_prefix=prefix or None)
        app.register_blueprint(desk, url_prefix=f"{prefix}/desk")
        return mount

    def api_blueprint(self, *, name: str = "notice_intake") -> Blueprint:
        """Return a fresh API blueprint, to be registered where the host likes."""
        return self._deferred(lambda mount_of: api_blueprint(mount_of, name=name), name)

    def desk_blueprint(self, *, name: str = "notice_intake_desk") -> Blueprint:
        """Return a fresh desk blueprint, to be registered where the host likes."""
        return self._deferred(lambda mount_of: desk_blueprint(mount_of, name=name), name)

    def _deferred(self, make: Callable[[Callable[[], Mount]], Blueprint], name: str) -> Blueprint:
        """Make a blueprint whose mount is put together when an app registers it."""
        bound: list[Mount] = []
        blueprint = make(lambda: bound[0])
        shared = name.removesuffix("_desk")

        def bind(state: Any) -> None:
            if not bound:
                mounts = state.app.extensions.setdefault(EXTENSION, {})
                if shared not in mounts:
                    mounts[shared] = self._mount(state.app, shared)
                bound.append(mounts[shared])

        blueprint.record_once(bind)
        if not name.endswith("_desk"):
            blueprint.cli.add_command(command_group(lambda: bound[0], name=shared.replace("_", "-")))
            blueprint.cli_group = None
        return blueprint

    def _bind(self, app: Flask, mount: Mount, api: Blueprint, desk: Blueprint) -> None:
        mounts = app.extensions.setdefault(EXTENSION, {})
        if mount.name in mounts:
            raise SettingsError(f"{mount.name!r} is mounted on this app already. Give the second mount another name.")
        mounts[mount.name] = mount
        csrf = app.extensions.get("csrf")
        if csrf is not None and hasattr(csrf, "exempt"):
            # Agencies have no cookies and no forms; the desk stays under the host's own protection as well.
            csrf.exempt(api)
        del desk

    def _mount(self, app: Flask, name: str) -> Mount:
        parts = self._parts
        config = {**_environment(), **app.config}
        settings = Settings.from_mapping(config, **parts.options)
        storage = parts.storage or _storage(app, settings)
        keys = settings.secret_keys or _embedded_keys(app, settings, storage)
        return Mount(
            name=name,
            settings=settings,
            storage=storage,
            platform=parts.platform,
            moderators=parts.moderators,
            rulebook=rulebook(parts.regimes),
            secrets=Secrets(keys),
            clock=parts.clock,
        )


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key.startswith("NOTICE_INTAKE_") and "_TEST_" not in key}


def _storage(app: Flask, settings: Settings) -> Storage:
    url = settings.storage_url or f"sqlite:///{Path(app.instance_path) / 'notice_intake.db'}"
    return Storage.from_url(url, prefix=settings.table_prefix, schema=settings.schema or None)


def _embedded_keys(app: Flask, settings: Settings, storage: Storage) -> tuple[str, ...]:
    """Make a key beside the embedded database. Any other storage may be shared by machines, which need one key."""
    if settings.storage_url or not storage.owned:
        raise SettingsError(
            "NOTICE_INTAKE_SECRET_KEYS is not set. Give one key of 32 characters or more, the same on every machine: "
            "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    path = Path(app.instance_path) / "notice_intake.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole and then linked: a process that starts at the same moment must never read half a key.
        draft = path.with_name(f"{path.name}.{os.getpid()}-{random_secrets.token_hex(4)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(random_secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return (path.read_text().strip(),)
