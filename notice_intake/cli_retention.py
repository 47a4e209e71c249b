"""``flask notice-intake purge`` and ``hold``: how long what is kept."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from .core.journal import Actor
from .errors import SettingsError
from .flows import retention
from .flows.mount import Mount
from .flows.retention import Purged

MountOf = Callable[[], Mount]
Guarded = Callable[[Callable[..., Any]], Callable[..., Any]]
#: Between slices it rests as long as the last one took, at most so many seconds: others write meanwhile.
_LONGEST_REST = 1.0
_UNFINISHED = 1


def add_retention_commands(group: click.Group, mount_of: MountOf, *, guarded: Guarded) -> None:
    """Add ``purge`` and ``hold``."""
    group.add_command(_purge(mount_of, guarded))
    group.add_command(_hold(mount_of, guarded))


def _purge(mount_of: MountOf, guarded: Guarded) -> click.Command:
    @click.command("purge", help="Delete what was kept long enough. Exits with 1 where there is more.")
    @click.option("--dry-run", is_flag=True, help="Say what would go; change nothing.")
    @click.option("--before", type=click.DateTime(), help="Only what was to be purged at this time (UTC).")
    @click.option("--limit", type=click.IntRange(1), help="Stop after about so many cases.")
    @guarded
    def command(dry_run: bool, before: datetime | None, limit: int | None) -> None:
        mount = mount_of()
        until = before.replace(tzinfo=UTC) if before is not None else None
        if not mount.settings.retention_days:
            click.echo("NOTICE_INTAKE_RETENTION_DAYS is 0: nothing is ever purged.")
            return
        if dry_run:
            _say(retention.survey(mount, now=mount.clock(), before=until), "would be purged")
            return
        done = _slices(mount, until, limit=limit)
        copies = retention.destroy_copies(mount, now=mount.clock(), limit=10_000)
        _say(done, "purged")
        if copies:
            click.echo(f"{copies} copies destroyed by the platform")
        if done.more:
            click.echo("There is more to look at: run this again.")
            sys.exit(_UNFINISHED)

    return command


def _slices(mount: Mount, until: datetime | None, *, limit: int | None) -> Purged:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    done = Purged(more=True)
    while done.more and not stop.is_set() and (limit is None or done.looked < limit):
        began = time.monotonic()
        done.add(retention.purge_slice(mount, now=mount.clock(), before=until, actor=Actor("operator")))
        stop.wait(min(time.monotonic() - began, _LONGEST_REST))
    return done


def _say(done: Purged, what: str) -> None:
    counted = ", ".join(f"{count} {name}" for name, count in done.counts.items() if count) or "nothing"
    click.echo(f"{counted} {what}")
    for why, count in sorted(done.kept.items()):
        click.echo(f"  kept for now: {count} ({why})")


def _hold(mount_of: MountOf, guarded: Guarded) -> click.Group:
    group = click.Group("hold", help="Legal holds: what is never purged until they are lifted.")

    @group.command("add", help="Keep all that belongs to a case, a referral or an agency.")
    @click.argument("object_id")
    @click.option("--reference", required=True, help="The file number of the order or request; no names.")
    @click.option("--until", type=click.DateTime(), help="When it ends by itself (UTC).")
    @guarded
    def add(object_id: str, reference: str, until: datetime | None) -> None:
        mount = mount_of()
        if not 0 < len(reference) <= 200:
            raise SettingsError("--reference must have 1 to 200 characters.")
        ends = until.replace(tzinfo=UTC) if until is not None else None
        click.echo(retention.place_hold(mount, object_id, reference=reference, until=ends, now=mount.clock()))

    @group.command("lift", help="Lift the holds on an object.")
    @click.argument("object_id")
    @guarded
    def lift(object_id: str) -> None:
        mount = mount_of()
        click.echo(f"{retention.lift_hold(mount, object_id, now=mount.clock())} holds lifted")

    @group.command("list", help="List the holds.")
    @guarded
    def show() -> None:
        for one in retention.holds(mount_of()):
            until = one.until.isoformat() if one.until is not None else "lifted by hand"
            click.echo(f"{one.object}  {one.placed_at:%Y-%m-%d}  until {until}  {one.reference}")

    return group
