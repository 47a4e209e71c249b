"""``flask notice-intake …``: what an operator types."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from .cli_deliveries import deliveries_group
from .cli_endpoints import endpoint_group
from .cli_import import import_group
from .cli_journal import journal_group
from .cli_keys import add_agency_commands, evidence_group
from .cli_pages import AddressOf, add_link_command
from .cli_retention import add_retention_commands
from .cli_secrets import secrets_group
from .core.expiry import days_left
from .errors import DocumentRefused, NoticeIntakeError, TemporarilyUnavailable
from .flows import agencies, expiry, sandbox
from .flows.health import readiness
from .flows.mount import Mount
from .flows.work import work
from .store import agencies as agency_store
from .store import causes, key_life, key_sources, leases, migrate

log = logging.getLogger("notice_intake.flows")
MountOf = Callable[[], Mount]
_NO_TABLES = (
    "The database has no tables yet, or those of another version. Bring them up to date with "
    "'flask notice-intake db upgrade' (or the name that this mount was given)."
)
_NO_DATABASE = "The database cannot be used. Check its address, and whether it is up."


class _Said(click.ClickException):
    exit_code = 2


def command_group(mount_of: MountOf, *, name: str, address_of: AddressOf) -> click.Group:
    """Return the commands of one mount; ``address_of`` says where a one-time link to its agency pages leads."""
    group = click.Group(name, help="Referrals: database, agencies, worker, imports.")
    for command in (_work(mount_of), _check(mount_of), import_group(mount_of, guarded=_guarded)):
        group.add_command(command)
    group.add_command(_sandbox(mount_of))
    group.add_command(_db(mount_of))
    add_retention_commands(group, mount_of, guarded=_guarded)
    group.add_command(_agency(mount_of, address_of))
    for made in (evidence_group, journal_group, endpoint_group, deliveries_group, secrets_group):
        group.add_command(made(mount_of, guarded=_guarded))
    return group


def _guarded(call: Callable[..., Any]) -> Callable[..., Any]:
    """Say an error of ours in one line instead of a traceback."""

    def run(*args: Any, **options: Any) -> Any:
        try:
            return call(*args, **options)
        except TemporarilyUnavailable as error:
            raise _Said(_about_database(error)) from None
        except DocumentRefused as error:
            raise _Said(" ".join(one.detail for one in error.errors) or error.detail) from None
        except NoticeIntakeError as error:
            raise _Said(error.detail) from None
        except OverflowError:
            raise _Said("A number or a time is out of range.") from None
        except OSError as error:
            raise _Said(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            # Exit code 1 means something else with every command: what broke here must not pass for it.
            log.exception("the command broke")
            raise _Said(f"The command broke: {type(error).__name__}. The log has the rest.") from None

    run.__name__, run.__doc__ = call.__name__, call.__doc__
    return with_appcontext(run)


def _about_database(error: TemporarilyUnavailable) -> str:
    told = causes.said(error)
    return (_NO_TABLES if causes.lacks_tables(error) else _NO_DATABASE) + (f" It says: {told}" if told else "")


def _work(mount_of: MountOf) -> click.Command:
    @click.command("work", help="Perform effects and deliver callbacks until stopped.")
    @click.option("--once", is_flag=True, help="Stop when nothing is due.")
    @click.option("--concurrency", type=click.IntRange(1, 500), help="Threads, instead of the setting worker_threads.")
    @_guarded
    def command(once: bool, concurrency: int | None) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        mount = mount_of()
        with sandbox.worked(_sandbox_of(mount), stop=stop, once=once, within=app.app_context):
            tally = work(mount, stop=stop, once=once, within=app.app_context, threads=concurrency)
        click.echo(f"{tally.performed} effects performed, {tally.delivered} callbacks attempted, {tally.failed} faults")
        if once:
            with mount.storage.read() as tx:
                waiting = leases.put_back(tx)
            if tally.failed or waiting:
                click.echo(f"{waiting} effects failed and wait to be tried again; the log has each fault", err=True)
                sys.exit(1)

    return command


def _check(mount_of: MountOf) -> click.Command:
    @click.command("check", help="Say whether this mount is ready; exit 1 where it is not.")
    @_guarded
    def command() -> None:
        good = True
        for mount in _both(mount_of()):
            word = "sandbox " if mount.sandbox else ""
            checks = readiness(mount, now=mount.clock())
            for name, state in checks.items():
                click.echo(f"{word}{name}: {state}")
                good = good and state == "ok"
            if checks.get("tables") == "ok":
                for line in expiry.warnings(mount, now=mount.clock()):
                    click.echo(f"{word}warning: {line}")
        for line in _missing_layouts(mount_of()):
            good = False
            click.echo(line)
        if not good:
            sys.exit(1)

    return command


def _missing_layouts(mount: Mount) -> Iterator[str]:
    """Yield a line for each layout that the settings name and the app has not: its pages could not be shown."""
    known = current_app.jinja_env.list_templates()
    for name in ("desk_layout", "page_layout"):
        wanted = getattr(mount.settings, name)
        if wanted not in known:
            yield f"{name}: there is no template {wanted}"


def _db(mount_of: MountOf) -> click.Group:
    group = click.Group("db", help="The tables.")

    @group.command("upgrade", help="Bring the tables to what this version needs.")
    @_guarded
    def upgrade() -> None:
        for mount in _both(mount_of()):
            migrate.upgrade(mount.storage)
        click.echo(f"tables are at {migrate.current(mount_of().storage)}")

    @group.command("downgrade", help="Go back to a revision; 'base' drops every table.")
    @click.argument("revision")
    @_guarded
    def downgrade(revision: str) -> None:
        for mount in _both(mount_of()):
            migrate.downgrade(mount.storage, revision)
        click.echo(f"tables are at {migrate.current(mount_of().storage) or 'base'}")

    return group


def _sandbox_of(mount: Mount) -> Mount | None:
    found: Mount | None = current_app.extensions["notice_intake"].get(mount.name + sandbox.SUFFIX)
    return found


def _both(mount: Mount) -> list[Mount]:
    beside = _sandbox_of(mount)
    return [mount] if beside is None else [mount, beside]


def _sandbox(mount_of: MountOf) -> click.Group:
    group = click.Group("sandbox", help="Where agencies try things out and nothing happens.")

    def sandbox_mount() -> Mount:
        found = _sandbox_of(mount_of())
        if found is None:
            raise _Said("There is no sandbox. Set NOTICE_INTAKE_SANDBOX_DAYS, such as to 14, then run 'db upgrade'.")
        return found

    @group.command("purge", help="Forget what has not changed for as long as the settings say; the worker does so too.")
    @_guarded
    def purge() -> None:
        mount = sandbox_mount()
        click.echo(f"{sandbox.forget(mount, now=mount.clock())} referrals forgotten")

    # The sandbox has no pages, and so no links to them.
    group.add_command(_agency(sandbox_mount, None))
    group.add_command(evidence_group(sandbox_mount, guarded=_guarded))
    return group


def _agency(mount_of: MountOf, address_of: AddressOf | None) -> click.Group:
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
        with mount.storage.read() as tx:
            same = [one.id for one in agency_store.everyone(tx) if one.name.casefold() == name.casefold()]
        enrolled = agencies.enrol(
            mount, name, place=country, instruments=instruments, callback_url=callback_url, now=mount.clock()
        )
        _show_keys(enrolled, as_json)
        if same:
            click.echo(
                f"This name was taken already, by {', '.join(same)}: name them by their ids from now on.", err=True
            )

    @group.command("rotate", help="Give an agency a further token; the newest two stay alive.")
    @click.argument("agency")
    @click.option("--json", "as_json", is_flag=True)
    @_guarded
    def rotate(agency: str, as_json: bool) -> None:
        mount = mount_of()
        _show_keys(agencies.rotate(mount, agencies.named(mount, agency).id, now=mount.clock()), as_json)

    @group.command("revoke", help="End all keys of an agency at once.")
    @click.argument("agency")
    @_guarded
    def revoke(agency: str) -> None:
        mount = mount_of()
        ended = agencies.revoke(mount, agencies.named(mount, agency).id, now=mount.clock())
        click.echo(f"{ended} keys revoked")

    @group.command("list", help="List the agencies and their keys, with when each runs out.")
    @_guarded
    def show() -> None:
        mount = mount_of()
        with mount.storage.read() as tx:
            everyone, live = agency_store.everyone(tx), key_life.live(tx)
            sources = {one.agency_id: one for one in key_sources.everywhere(tx)}
        for one in everyone:
            click.echo(f"{one.id}  {one.country}  {one.name}  {', '.join(sorted(one.instruments))}")
            for key in (key for key in live if key.agency_id == one.id):
                click.echo(f"  {key.scheme}  {key.key_id}  {_ends(key.expires_at, now=mount.clock())}")
            if one.id in sources:
                failure = sources[one.id].failure
                click.echo(f"  keys from {sources[one.id].url}{f' (failing: {failure})' if failure else ''}")

    add_agency_commands(group, mount_of, guarded=_guarded)
    if address_of is not None:
        add_link_command(group, mount_of, address_of=address_of, guarded=_guarded)
    return group


def _ends(expires_at: datetime | None, *, now: datetime) -> str:
    if expires_at is None:
        return "does not run out"
    left = days_left(expires_at, now=now)
    return f"runs out on {expires_at:%Y-%m-%d}, in {left} days" if left else f"ran out on {expires_at:%Y-%m-%d}"


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
