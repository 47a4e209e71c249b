"""``flask notice-intake endpoint …``: an agency's callback address, looked after by the operator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from .cli_keys import Guarded, MountOf
from .flows import endpoint_operations, endpoints
from .flows.agencies import named

_AGENCY = click.argument("agency")


def endpoint_group(mount_of: MountOf, *, guarded: Guarded) -> click.Group:
    """Return the commands over callback addresses. Each takes an agency by its id or its name."""
    group = click.Group("endpoint", help="Callback addresses of agencies, by the agency's id or name.")
    for command in (_show(mount_of, guarded), _set(mount_of, guarded), _rotate(mount_of, guarded)):
        group.add_command(command)
    for word, help_text in (
        ("enable", "Send callbacks again, first what waited."),
        ("disable", "Hold callbacks back."),
    ):
        group.add_command(_switch(mount_of, guarded, word=word, help_text=help_text))
    return group


def _show(mount_of: MountOf, guarded: Guarded) -> click.Command:
    @click.command("show", help="Show an address and how it does. Never its secret.")
    @_AGENCY
    @click.option("--json", "as_json", is_flag=True)
    @guarded
    def command(agency: str, as_json: bool) -> None:
        mount = mount_of()
        _print(endpoints.show(mount, agency=named(mount, agency)), as_json)

    return command


def _set(mount_of: MountOf, guarded: Guarded) -> click.Command:
    @click.command("set", help="Name the address. It is used once it has given a challenge back.")
    @_AGENCY
    @click.argument("url")
    @click.option("--without-challenge", is_flag=True, help="Use it at once, with a new secret: you made sure of it.")
    @click.option("--json", "as_json", is_flag=True)
    @guarded
    def command(agency: str, url: str, without_challenge: bool, as_json: bool) -> None:
        mount = mount_of()
        whose, challenged = named(mount, agency), not without_challenge
        shown = endpoint_operations.assign(mount, whose, url=url, challenged=challenged, now=mount.clock())
        _print(shown, as_json)
        if shown["pending"]:
            click.echo("The worker sends it a challenge now. See whether it came back: endpoint show", err=True)

    return command


def _rotate(mount_of: MountOf, guarded: Guarded) -> click.Command:
    @click.command("rotate-secret", help="Make a new callback secret; the old one signs beside it for a day.")
    @_AGENCY
    @click.option("--at-once", is_flag=True, help="The old one signs no more: it leaked.")
    @click.option("--json", "as_json", is_flag=True)
    @guarded
    def command(agency: str, at_once: bool, as_json: bool) -> None:
        mount = mount_of()
        secret = endpoint_operations.rotate_secret(mount, named(mount, agency), at_once=at_once, now=mount.clock())
        _print({"secret": secret}, as_json)

    return command


def _switch(mount_of: MountOf, guarded: Guarded, *, word: str, help_text: str) -> click.Command:
    @click.command(word, help=help_text)
    @_AGENCY
    @guarded
    def command(agency: str) -> None:
        mount = mount_of()
        whose = named(mount, agency)
        endpoint_operations.switch(mount, whose, on=word == "enable", now=mount.clock())
        click.echo(f"the address of {whose.name} is {word}d")

    return command


def _print(shown: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(shown))
    else:
        for name, value in shown.items():
            click.echo(f"{name}: {_text(value)}")
    if "secret" in shown:
        click.echo("Keep the secret now: it is not shown again.", err=True)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return "-" if value is None else str(value)
