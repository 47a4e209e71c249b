"""``flask notice-intake agency key-add``, ``require-signature`` and ``evidence``: what signed requests need."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from .auth import client_cert, keys
from .errors import KeyNotUsable
from .flows import agency_keys, key_sources
from .flows.agencies import named
from .flows.evidence import verify
from .flows.mount import Mount

MountOf = Callable[[], Mount]
#: Says an error of ours in a line.
Guarded = Callable[[Callable[..., Any]], Callable[..., Any]]
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def add_agency_commands(group: click.Group, mount_of: MountOf, *, guarded: Guarded) -> None:
    """Add the commands of public keys to ``agency``."""

    @group.command("key-add", help="Have an agency (id or name) sign its requests with a key, or show a certificate.")
    @click.argument("agency")
    @click.option("--pem", type=_FILE, help="A public key in PEM.")
    @click.option("--jwk", type=_FILE, help="A public key as a JWK.")
    @click.option("--jwks-url", help="Where the agency publishes its keys as a JWK Set; read again by itself.")
    @click.option("--cert", type=_FILE, help="A client certificate in PEM, checked by a proxy.")
    @click.option("--days", type=click.IntRange(1, 3650), help="How long the key is good; without it until revoked.")
    @guarded
    def key_add(agency: str, days: int | None, **given: Any) -> None:
        mount = mount_of()
        chosen = [(kind, value) for kind, value in given.items() if value is not None]
        if len(chosen) != 1:
            raise KeyNotUsable("Give one of --pem, --jwk, --jwks-url and --cert.")
        ((kind, value),) = chosen
        for key_id in _added(mount, named(mount, agency).id, kind=kind, value=value, days=days):
            click.echo(key_id)

    @group.command("require-signature", help="Refuse an agency's requests unless they are signed, or no longer.")
    @click.argument("agency")
    @click.argument("switch", type=click.Choice(["on", "off"]))
    @guarded
    def require_signature(agency: str, switch: str) -> None:
        mount = mount_of()
        agency_id = named(mount, agency).id
        agency_keys.require_signature(mount, agency_id, required=switch == "on", now=mount.clock())
        click.echo(f"signatures are {'required' if switch == 'on' else 'not required'}")


def evidence_group(mount_of: MountOf, *, guarded: Guarded) -> click.Group:
    """Return the commands over what signed requests left behind."""
    group = click.Group("evidence", help="What agencies signed.")

    @group.command("verify", help="Check a referral's signature again: exit 0 intact, 1 not, 2 where there is none.")
    @click.argument("referral_id")
    @guarded
    def check(referral_id: str) -> None:
        faults = verify(mount_of(), referral_id)
        if faults is None:
            click.echo(f"{referral_id} came without a signature", err=True)
            sys.exit(2)
        for fault in faults:
            click.echo(f"{referral_id}: {fault}", err=True)
        if faults:
            sys.exit(1)
        click.echo(f"{referral_id}: signature, key and body agree")

    return group


def _added(mount: Mount, agency_id: str, *, kind: str, value: Any, days: int | None) -> Sequence[str]:
    now = mount.clock()
    until = None if days is None else now + timedelta(days=days)
    if kind == "jwks_url":
        if days is not None:
            raise KeyNotUsable("How long keys of a set are good is said by the set (exp), not by --days.")
        return key_sources.add(mount, agency_id, url=value, now=now)
    if kind == "cert":
        der = client_cert.from_pem(value.read_bytes())
        return [agency_keys.add_certificate(mount, agency_id, certificate=der, now=now, until=until)]
    key = keys.from_pem(value.read_bytes()) if kind == "pem" else keys.from_jwk(value.read_bytes())
    return [agency_keys.add_public_key(mount, agency_id, key=key, now=now, until=until)]
