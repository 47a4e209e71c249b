"""``flask notice-intake …``: what an operator types."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from .cli_keys import add_agency_commands, evidence_group
from .cli_retention import add_retention_commands
from .errors import NoticeIntakeError, TemporarilyUnavailable
from .flows import agencies, imports
from .flows.health import readiness
from .flows.mount import Mount
from .flows.work import work
from .store import agencies as agency_store
from .store import migrate

MountOf = Callable[[], Mount]
_NO_TABLES = (
    "The database cannot be reached, or it has no tables yet. Check its address; make the tables with "
    "'flask notice-intake db upgrade' (or the name that this mount was given)."
)


class _Said(click.ClickException):
    exit_code = 2


def command_group(mount_of: MountOf, *, name: str) -> click.Group:
    """Return the commands of one mount."""
    group = click.Group(name, help="Referrals: database, agencies, worker, imports.")
    for command in (_work(mount_of), _check(mount_of), _import(mount_of)):
        group.add_command(command)
    group.add_command(_db(mount_of))
    group.add_command(_agency(mount_of))
    group.add_command(evidence_group(mount_of, guarded=_guarded))
    add_retention_commands(group, mount_of, guarded=_guarded)
    return group


def _guarded(call: Callable[..., Any]) -> Callable[..., Any]:
    """Say an error of ours in one line instead of a traceback."""

    def run(*args: Any, **options: Any) -> Any:
        try:
            return call(*args, **options)
        except TemporarilyUnavailable:
            raise _Said(_NO_TABLES) from None
        except NoticeIntakeError as error:
            raise _Said(error.detail) from None

    run.__name__, run.__doc__ = call.__name__, call.__doc__
    return with_appcontext(run)


def _work(mount_of: MountOf) -> click.Command:
    @click.command("work", help="Perform effects and deliver callbacks until stopped.")
    @click.option("--once", is_flag=True, help="Stop when nothing is due.")
    @_guarded
    def command(once: bool) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        tally = work(mount_of(), stop=stop, once=once, within=app.app_context)
        click.echo(f"{tally.performed} effects performed, {tally.delivered} callbacks attempted, {tally.failed} faults")

    return command


def _check(mount_of: MountOf) -> click.Command:
    @click.command("check", help="Say whether this mount is ready; exit 1 where it is not.")
    @_guarded
    def command() -> None:
        mount = mount_of()
        checks = readiness(mount, now=mount.clock())
        for name, state in checks.items():
            click.echo(f"{name}: {state}")
        if any(state != "ok" for state in checks.values()):
            sys.exit(1)

    return command


def _db(mount_of: MountOf) -> click.Group:
    group = click.Group("db", help="The tables.")

    @group.command("upgrade", help="Bring the tables to what this version needs.")
    @_guarded
    def upgrade() -> None:
        migrate.upgrade(mount_of().storage)
        click.echo(f"tables are at {migrate.current(mount_of().storage)}")

    @group.command("downgrade", help="Go back to a revision; 'base' drops every table.")
    @click.argument("revision")
    @_guarded
    def downgrade(revision: str) -> None:
        migrate.downgrade(mount_of().storage, revision)
        click.echo(f"tables are at {migrate.current(mount_of().storage) or 'base'}")

    return group


def _agency(mount_of: MountOf) -> click.Group:
    group = click.Group("agency", help="Agencies and their keys.")

    @group.command("add", help="Add an agency; prints its token and callback secret, once.")
    @click.argument("name")
    @click.option("--country", required=True, help="Two letters; EL is understood as GR.")
    @click.option("--instrument", "instruments", multiple=True, required=True, help="May be given several times.")
    @click.option("--callback-url", help="Where callbacks go.")
    @click.option("--json", "as_json", is_flag=True)
    @_guarded
    def add(name: str, country: str, instruments: tuple[str, ...], callback_url: str | None, as_json: bool) -> None:
        mount = mount_of()
        enrolled = agencies.enrol(
            mount, name, place=country, instruments=instruments, callback_url=callback_url, now=mount.clock()
        )
        _show_keys(enrolled, as_json)

    @group.command("rotate", help="Give an agency a further token; the newest two stay alive.")
    @click.argument("agency_id")
    @click.option("--json", "as_json", is_flag=True)
    @_guarded
    def rotate(agency_id: str, as_json: bool) -> None:
        mount = mount_of()
        _show_keys(agencies.rotate(mount, agency_id, now=mount.clock()), as_json)

    @group.command("revoke", help="End all keys of an agency at once.")
    @click.argument("agency_id")
    @_guarded
    def revoke(agency_id: str) -> None:
        mount = mount_of()
        click.echo(f"{agencies.revoke(mount, agency_id, now=mount.clock())} keys revoked")

    @group.command("list", help="List the agencies.")
    @_guarded
    def show() -> None:
        with mount_of().storage.read() as tx:
            for one in agency_store.everyone(tx):
                click.echo(f"{one.id}  {one.country}  {one.name}  {', '.join(sorted(one.instruments))}")

    add_agency_commands(group, mount_of, guarded=_guarded)
    return group


def _import(mount_of: MountOf) -> click.Group:
    group = click.Group("import", help="Referrals that came by another way.")

    @group.command("xarf", help="X-ARF version 4 files.")
    @click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--agency", "agency_id", help="Id of the agency that they came from; else each reporter becomes one.")
    @_guarded
    def xarf(files: tuple[Path, ...], agency_id: str | None) -> None:
        mount, refused = mount_of(), 0
        for file in files:
            try:
                imported = imports.import_xarf(mount, file.read_bytes(), agency_id=agency_id, now=mount.clock())
            except NoticeIntakeError as error:
                refused += 1
                click.echo(f"{file.name}: not imported: {imports.explain(error)}", err=True)
                continue
            again = " (was here already)" if imported.received.replayed else ""
            click.echo(f"{file.name}: {imported.received.referral_id}{again}")
            for gap in imported.gaps:
                click.echo(f"  not said in X-ARF: {gap}")
        if refused:
            sys.exit(1)

    return group


def _show_keys(enrolled: agencies.Enrolled, as_json: bool) -> None:
    shown = {"agency_id": enrolled.agency_id, "token": enrolled.token}
    if enrolled.webhook_secret is not None:
        shown["webhook_secret"] = enrolled.webhook_secret
    if as_json:
        click.echo(json.dumps(shown))
        return
    for name, value in shown.items():
        click.echo(f"{name}: {value}")
    click.echo("Keep these now: they are not shown again.", err=True)
