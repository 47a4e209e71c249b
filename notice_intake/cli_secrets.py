"""``flask notice-intake secrets …``: what is encrypted at rest."""

from __future__ import annotations

import click

from .cli_keys import Guarded, MountOf
from .flows.reencrypt import reencrypt


def secrets_group(mount_of: MountOf, *, guarded: Guarded) -> click.Group:
    """Return the commands over stored secrets."""
    group = click.Group("secrets", help="Secrets that are encrypted at rest.")

    @group.command("reencrypt", help="Encrypt every stored secret under the newest of NOTICE_INTAKE_SECRET_KEYS.")
    @click.option("--dry-run", is_flag=True, help="Only count.")
    @guarded
    def command(dry_run: bool) -> None:
        found = reencrypt(mount_of(), dry=dry_run)
        done = "would be encrypted anew" if dry_run else "encrypted anew"
        click.echo(f"{found.old} of {found.all} stored secrets {done}")

    return group
