"""``NoticeIntake``: puts the parts together and mounts them. No logic lives here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakSet

from flask import Blueprint, Flask, current_app

from . import given
from .auth.secrets import Secrets
from .cli import command_group
from .errors import SettingsError
from .flows import sandbox
from .flows.along import work_along
from .flows.mount import Mount, utc_now
from .hooks import Moderators, Platform
from .regimes.known import KNOWN
from .regimes.regime import Regime, rulebook
from .settings import Settings
from .store.storage import Storage
from .web.agency.addresses import address_of
from .web.agency.blueprint import agency_blueprint
from .web.api import limiting
from .web.api.blueprint import api_blueprint, sandbox_blueprint
from .web.desk.blueprint import LARGE, desk_blueprint

#: The regimes that every mount knows unless it is given others.
DEFAULT_REGIMES: tuple[Regime, ...] = KNOWN
EXTENSION = "notice_intake"
#: What the name of a desk ends in.
DESK = "_desk"
#: What the name of the agency pages ends in.
PAGES = "_agency"


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

    Adds three blueprints and one entry in ``app.extensions``; nothing app-wide. ``options`` are settings by their names
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
        given.check_hooks(platform=platform, moderators=moderators)
        self._parts = _Parts(platform, moderators, storage, tuple(regimes), clock, options)
        self._made: WeakSet[Mount] = WeakSet()
        Settings.from_mapping({}, **options)

    def init_app(self, app: Flask, *, url_prefix: str = "/notices", name: str = EXTENSION) -> Mount:
        """Mount all: the API at ``url_prefix``, the desk at ``url_prefix/desk``, agency pages at ``url_prefix/agency``.

        Raises ``SettingsError`` for a setting that is missing, unknown or unsafe, and for a name that is taken.
        """
        mounts = app.extensions.setdefault(EXTENSION, {})
        if name in mounts:
            raise _taken(name)
        mount = self._put(app, name)
        prefix = url_prefix.rstrip("/")
        api, desk = self.api_blueprint(name=name), self.desk_blueprint(name=name + DESK)
        doors = {prefix or None: api}
        if mount.settings.sandbox_days:
            doors[f"{prefix}/sandbox"] = self.sandbox_blueprint(name=name + sandbox.SUFFIX)
        doors[f"{prefix}/agency"] = self.agency_blueprint(name=name + PAGES)
        csrf = app.extensions.get("csrf")
        for place, door in doors.items():
            if csrf is not None and hasattr(csrf, "exempt"):
                # The API has no cookies and no forms. The agency pages have a session and a protection of their own,
                # and the host's would open a session for strangers. The desk stays under the host's as well,
                # but for what takes files: the host's would read them before we can say how large they may be.
                csrf.exempt(door)
            app.register_blueprint(door, url_prefix=place)
        if csrf is not None and hasattr(csrf, "exempt"):
            for view in LARGE:
                csrf.exempt(view)
        app.register_blueprint(desk, url_prefix=f"{prefix}/desk")
        return mount

    def api_blueprint(self, *, name: str = EXTENSION) -> Blueprint:
        """Return a fresh API blueprint, with the commands, to be registered where the host likes."""
        mount_of = _mount_of(name)
        blueprint = api_blueprint(mount_of, name=name)
        blueprint.cli.add_command(command_group(mount_of, name=name.replace("_", "-"), address_of=address_of))
        blueprint.cli_group = None
        return self._bound(blueprint, name)

    def desk_blueprint(self, *, name: str = EXTENSION + DESK) -> Blueprint:
        """Return a fresh desk blueprint, to be registered where the host likes; ``x_desk`` belongs to the API ``x``."""
        shared = name.removesuffix(DESK)
        return self._bound(desk_blueprint(_mount_of(shared), name=name), shared)

    def sandbox_blueprint(self, *, name: str = EXTENSION + sandbox.SUFFIX) -> Blueprint:
        """Return a fresh blueprint of the sandbox, to be registered where the host likes, for the API ``x``."""
        return self._bound(sandbox_blueprint(_mount_of(name), name=name), name.removesuffix(sandbox.SUFFIX))

    def agency_blueprint(self, *, name: str = EXTENSION + PAGES) -> Blueprint:
        """Return fresh agency pages, to be registered where the host likes; ``x_agency`` belongs to the API ``x``."""
        shared = name.removesuffix(PAGES)
        return self._bound(agency_blueprint(_mount_of(shared), name=name), shared)

    def _bound(self, blueprint: Blueprint, name: str) -> Blueprint:
        """Have the mount put together once an app registers the blueprint, where it is not there yet."""

        def bind(state: Any) -> None:
            mounts = state.app.extensions.setdefault(EXTENSION, {})
            if name not in mounts:
                self._put(state.app, name)
            elif mounts[name] not in self._made:
                raise _taken(name)

        blueprint.record(bind)
        return blueprint

    def _put(self, app: Flask, name: str) -> Mount:
        mounts = app.extensions.setdefault(EXTENSION, {})
        mounts[name] = mount = self._mount(app, name)
        if mount.settings.sandbox_days:
            mounts[name + sandbox.SUFFIX] = sandbox.beside(mount)
        return mount

    def _mount(self, app: Flask, name: str) -> Mount:
        parts = self._parts
        given.check_app(app)
        settings = Settings.from_mapping({**given.environment(), **app.config}, **parts.options)
        storage = given.storage_of(app, settings, given=parts.storage)
        rules = rulebook(parts.regimes)
        given.check_settings(settings, instruments=rules.instruments)
        mount = Mount(
            name=name,
            settings=settings,
            storage=storage,
            platform=parts.platform,
            moderators=parts.moderators,
            rulebook=rules,
            secrets=Secrets(given.keys_of(app, settings, given=parts.storage)),
            clock=parts.clock,
        )
        limiting.limits_of(mount)  # an address that names no store is to stop the start
        self._made.add(mount)
        if settings.worker_in_process:
            work_along(mount, within=app.app_context)
        return mount


def _mount_of(name: str) -> Callable[[], Mount]:
    """Return what finds a mount in the app of the request or command: one blueprint may serve several apps."""

    def find() -> Mount:
        found: Mount = current_app.extensions[EXTENSION][name]
        return found

    return find


def _taken(name: str) -> SettingsError:
    return SettingsError(f"{name!r} is mounted on this app already. Give the second mount another name.")
