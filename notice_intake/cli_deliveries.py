"""``flask notice-intake deliveries``: how callbacks do, and sending them again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click

from .core.journal import Actor
from .errors import DocumentRefused, FieldError, NotFound
from .flows import ledger
from .flows.agencies import named
from .flows.ledger import EndpointView
from .flows.mount import Mount
from .store import agencies as agency_store

MountOf = Callable[[], Mount]
#: Says an error of ours in a line.
Guarded = Callable[[Callable[..., Any]], Callable[..., Any]]
_OPERATOR = Actor("operator")
_MINUTES = click.IntRange(0, 10_000_000)


def deliveries_group(mount_of: MountOf, *, guarded: Guarded) -> click.Group:
    """Return the commands over deliveries."""
    group = click.Group("deliveries", help="Callbacks: how endpoints do, and sending again.")

    @group.command("check", help="List the endpoints; exit 1 where one needs a person or a callback waits too long.")
    @click.option(
        "--minutes",
        type=click.IntRange(0, 10_000_000),
        default=60,
        show_default=True,
        help="How long a callback may wait.",
    )
    @guarded
    def check(minutes: int) -> None:
        mount = mount_of()
        now = mount.clock()
        bad = False
        for one in ledger.endpoints(mount, now=now):
            late = one.oldest is not None and now - one.oldest >= timedelta(minutes=minutes)
            bad = bad or late or one.needs_person
            click.echo(f"{'!' if late or one.needs_person else ' '} {_line(one, now)}")
        if bad:
            sys.exit(1)

    @group.command("replay", help="Send an agency's callbacks again, in order, under their old ids.")
    @click.argument("agency")
    @click.option("--since", help="From this time on, such as 2017-04-25T09:00:00+00:00.")
    @click.option("--arrived", is_flag=True, help="Also what it has had, not only what was given up.")
    @guarded
    def replay(agency: str, since: str | None, arrived: bool) -> None:
        mount = mount_of()
        begin, now = _moment(since) if since else None, mount.clock()
        count = ledger.replay_many(
            mount, named(mount, agency).id, ledger.Wish(begin, arrived), actor=_OPERATOR, now=now
        )
        click.echo(f"{count} callbacks are due again")

    @group.command("enable", help="Use a disabled endpoint again; what has waited leaves in order.")
    @click.argument("endpoint")
    @guarded
    def enable(endpoint: str) -> None:
        mount = mount_of()
        ledger.enable(mount, _endpoint_id(mount, endpoint), actor=_OPERATOR, now=mount.clock())
        click.echo("enabled")

    return group


def _endpoint_id(mount: Mount, text: str) -> str:
    """Read the id of an endpoint, or the id or name of the agency whose endpoint it is."""
    if text.startswith("end_"):
        return text
    agency = named(mount, text)
    with mount.storage.read() as tx:
        found = agency_store.endpoints(tx, [agency.id]).get(agency.id)
    if found is None:
        raise NotFound(f"{agency.name} ({agency.id}) has no endpoint.")
    return found.id


def _line(one: EndpointView, now: datetime) -> str:
    waits = f", the oldest for {_age(now - one.oldest)}" if one.oldest is not None else ""
    since = f" since {one.failing_since:%Y-%m-%d %H:%M} UTC" if one.failing_since is not None else ""
    counts = f"{_capped(one.waiting)} waiting{waits}; {_capped(one.dead)} given up"
    return f"{one.id}  {one.agency} ({one.agency_id}): {one.state}{since}; {counts}"


def _capped(count: int) -> str:
    return f"{count}+" if count >= ledger.COUNT_CAP else str(count)


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        detail = "--since must be a time with its zone, such as 2017-04-25T09:00:00+00:00."
        raise DocumentRefused([FieldError("/since", "invalid", detail)])
    return found
