"""``flask notice-intake agency link``: let a person at an agency in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from werkzeug.routing import BuildError

from .errors import SettingsError
from .flows import agencies, page_links
from .flows.mount import Mount

MountOf = Callable[[], Mount]
#: Where a link leads, by its secret; made by what mounts the pages. Raises ``BuildError`` where they are not mounted.
AddressOf = Callable[[Mount, str], str]
Guarded = Callable[[Callable[..., Any]], Callable[..., Any]]


def add_link_command(group: click.Group, mount_of: MountOf, *, address_of: AddressOf, guarded: Guarded) -> None:
    """Add the command of one-time links to ``agency``."""

    @group.command("link", help="Print a one-time link that lets one person at an agency in.")
    @click.argument("agency")
    @click.option("--purpose", type=click.Choice(list(page_links.PURPOSES)), default="sign-in", show_default=True)
    @click.option("--minutes", type=int, help="How long it is good; 60 to sign in, a day to begin.")
    @guarded
    def link(agency: str, purpose: str, minutes: int | None) -> None:
        mount = mount_of()
        agency_id = agencies.named(mount, agency).id
        try:
            address_of(mount, "")
        except BuildError:
            raise SettingsError("The agency pages are not mounted on this app: register agency_blueprint().") from None
        made = page_links.make(mount, agency_id, purpose=purpose, minutes=minutes, now=mount.clock())
        click.echo(address_of(mount, made.secret))
        if not mount.settings.public_url:
            click.echo("Put your platform's address before it, or set NOTICE_INTAKE_PUBLIC_URL.", err=True)
        until = f"{made.expires_at:%Y-%m-%d %H:%M} UTC"
        click.echo(f"It lets one person in, once, until {until}. It is not shown again.", err=True)
