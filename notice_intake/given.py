"""What a host gives to a mount, checked before anything is built on it; and what it does not give, made."""

from __future__ import annotations

import inspect
import os
import ssl
from collections.abc import Collection
from pathlib import Path
from typing import Any

from flask import Flask

from .errors import SettingsError
from .hooks import Moderators, Platform
from .settings import Settings
from .store.key_file import key_beside
from .store.storage import Storage

_HOOKS = {
    "platform": (Platform, ("resolve", "capture", "apply", "revert", "inform")),
    "moderators": (Moderators, ("current", "login_url")),
}


def check_hooks(**given: object) -> None:
    """Raise ``TypeError`` for a ``platform`` or ``moderators`` that lacks a method, or is a class and no object."""
    for name, hooks in given.items():
        kind, methods = _HOOKS[name]
        if inspect.isclass(hooks):
            raise TypeError(f"{name}= must be an object, not the class {hooks.__name__}. Write {hooks.__name__}().")
        lacking = [f"{one}()" for one in methods if not callable(getattr(hooks, one, None))]
        if lacking:
            raise TypeError(
                f"{name}={type(hooks).__name__} lacks {', '.join(lacking)}. "
                f"notice_intake.hooks.{kind.__name__} has what each of them promises."
            )


def environment() -> dict[str, str]:
    """Return the settings of the process's environment."""
    # What the command of notice_intake.client reads may stand in the same environment.
    others = ("NOTICE_INTAKE_URL", "NOTICE_INTAKE_TOKEN", "NOTICE_INTAKE_WEBHOOK_SECRET", "NOTICE_INTAKE_KEY_PASSWORD")
    ours = {key: value for key, value in os.environ.items() if key.startswith("NOTICE_INTAKE_") and key not in others}
    return {key: value for key, value in ours.items() if "_TEST_" not in key}


def storage_of(app: Flask, settings: Settings, *, given: Storage | None) -> Storage:
    """Return the storage that was given, or the one that the settings name.

    Raises ``SettingsError`` where the settings ask for another than the one that was given: they would be ignored, and
    two mounts that were meant to be apart would share their agencies.
    """
    if given is not None:
        _check_same(settings, given)
        return given
    return Storage.from_url(
        settings.storage_url or f"sqlite:///{_embedded(app)}",
        prefix=settings.table_prefix,
        schema=settings.schema or None,
        sync_all=settings.sqlite_sync_all,
    )


def _check_same(settings: Settings, given: Storage) -> None:
    default: Any = Settings()
    differing = (
        ("table_prefix", given.prefix, "prefix="),
        ("schema", given.tables.metadata.schema or "", "schema="),
        ("sqlite_sync_all", given.sync_all, "sync_all="),
    )
    for name, has, argument in differing:
        wanted = getattr(settings, name)
        if wanted not in (has, getattr(default, name)):
            raise SettingsError(
                f"NOTICE_INTAKE_{name.upper()} is {wanted!r}, but the storage that was given to storage= has {has!r}. "
                f"Pass {argument}{wanted!r} to Storage.from_..., or take the setting away."
            )
    if settings.storage_url and not given.is_at(settings.storage_url):
        raise SettingsError(
            "NOTICE_INTAKE_STORAGE_URL is set, but storage= was given another storage. Take one of the two away."
        )


def keys_of(app: Flask, settings: Settings, *, given: Storage | None) -> tuple[str, ...]:
    """Return the secret keys; beside the embedded database one is made. Any other may be shared by machines.

    Raises ``SettingsError`` where there is none and none may be made.
    """
    if settings.secret_keys:
        return settings.secret_keys
    if given is not None or settings.storage_url:
        raise SettingsError(
            "NOTICE_INTAKE_SECRET_KEYS is not set. Give one key of 32 characters or more, the same on every machine: "
            "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return (key_beside(_embedded(app)),)


def check_settings(settings: Settings, *, instruments: Collection[str]) -> None:
    """Raise ``SettingsError`` for a setting that names something which is not there."""
    unknown = sorted(settings.periods.of.keys() - set(instruments))
    if unknown:
        raise SettingsError(
            f"NOTICE_INTAKE_RETENTION_OF names the unknown instrument {unknown[0]}. "
            f"There are: {', '.join(sorted(instruments))}."
        )
    if settings.callback_ca_file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(settings.callback_ca_file)
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"NOTICE_INTAKE_CALLBACK_CA_FILE: {settings.callback_ca_file} cannot be read as certificates in PEM "
                f"({getattr(error, 'strerror', None) or type(error).__name__})."
            ) from None
    if settings.checkpoint_file and not Path(settings.checkpoint_file).resolve().parent.is_dir():
        raise SettingsError(
            f"NOTICE_INTAKE_CHECKPOINT_FILE: the folder of {settings.checkpoint_file} is not there. Make it first."
        )


def check_app(app: Flask) -> None:
    """Raise ``SettingsError`` for an app that a mount would be out of reach in."""
    if app.url_map.host_matching:
        raise SettingsError(
            "This app has host_matching=True: blueprints of ours belong to no host, so that every page would be "
            "missing. Mount them in an app of their own and put that beside yours, such as with Werkzeug's "
            "DispatcherMiddleware."
        )


def _embedded(app: Flask) -> Path:
    return Path(app.instance_path) / "notice_intake.db"
