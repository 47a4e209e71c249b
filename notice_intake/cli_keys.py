"""``flask notice-intake agency key-add``, ``require-signature`` and ``evidence``: what signed requests need."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .auth import client_cert, keys
from .errors import KeyNotUsable
from .flows import agency_keys
from .flows.evidence import verify
from .flows.mount import Mount

MountOf = Callable[[], Mount]
#: Says an error of ours in a line.
Guarded = Callable[[Callable[..., Any]], Callable[..., Any]]
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def add_agency_commands(group: click.Group, mount_of: MountOf, *, guarded: Guarded) -> None:
    """Add the commands of public keys to ``agency``."""

    @group.command("key-add", help="Have an agency sign its requests with a key, or show a certificate.")
    @click.argument("agency_id")
    @click.option("--pem", type=_FILE, help="A public key in PEM.")
    @click.option("--jwk", type=_FILE, help="A public key as a JWK.")
    @click.option("--cert", type=_FILE, help="A client certificate in PEM, checked by a proxy.")
    @guarded
    def key_add(agency_id: str, pem: Path | None, jwk: Path | None, cert: Path | None) -> None:
        mount = mount_of()
        if sum(one is not None for one in (pem, jwk, cert)) != 1:
            raise KeyNotUsable("Give one of --pem, --jwk and --cert.")
        now = mount.clock()
        if cert is not None:
            der = client_cert.from_pem(cert.read_bytes())
            key_id = agency_keys.add_certificate(mount, agency_id, certificate=der, now=now)
        else:
            key = keys.from_pem(pem.read_bytes()) if pem is not None else keys.from_jwk(_text(jwk))
            key_id = agency_keys.add_public_key(mount, agency_id, key=key, now=now)
        click.echo(key_id)

    @group.command("require-signature", help="Refuse an agency's requests unless they are signed, or no longer.")
    @click.argument("agency_id")
    @click.argument("switch", type=click.Choice(["on", "off"]))
    @guarded
    def require_signature(agency_id: str, switch: str) -> None:
        mount = mount_of()
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


def _text(path: Path | None) -> bytes:
    return path.read_bytes() if path is not None else b""
