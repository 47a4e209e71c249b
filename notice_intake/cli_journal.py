"""``flask notice-intake journal …``: seal it, check it, prove from it, read in it, erase beside it."""

from __future__ import annotations

import base64
import binascii
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from .auth import checkpoint
from .auth.checkpoint import NotACheckpoint
from .errors import Conflict
from .flows import checkpoints, journal_about
from .flows.journal_check import MOST_FAULTS, Anchor, Checked, check
from .flows.journal_proof import prove
from .flows.mount import Mount
from .flows.sealing import seal

MountOf = Callable[[], Mount]
#: Says an error of ours in a line.
Guarded = Callable[[Callable[..., Any]], Callable[..., Any]]
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Unreadable(click.ClickException):
    exit_code = 2


def journal_group(mount_of: MountOf, *, guarded: Guarded) -> click.Group:
    """Return the commands of the journal."""
    group = click.Group("journal", help="The tamper-evident journal.")
    _sealing(group, mount_of, guarded)
    _checking(group, mount_of, guarded)
    _reading(group, mount_of, guarded)
    return group


def _sealing(group: click.Group, mount_of: MountOf, guarded: Guarded) -> None:
    @group.command("seal", help="Seal what waits now; the worker does so by itself.")
    @guarded
    def command() -> None:
        mount = mount_of()
        click.echo(f"{seal(mount, now=mount.clock())} entries sealed")

    @group.command("checkpoint", help="Print the newest signed checkpoint, to be kept elsewhere; exit 1 where none is.")
    @guarded
    def newest() -> None:
        text = checkpoints.latest_text(mount_of())
        if text is None:
            click.echo("nothing is sealed yet", err=True)
            sys.exit(1)
        click.echo(text, nl=False)


def _checking(group: click.Group, mount_of: MountOf, guarded: Guarded) -> None:
    @group.command("verify", help="Check every entry: exit 0 intact, 1 not, 2 where it could not be checked.")
    @click.option(
        "--checkpoint",
        "kept",
        multiple=True,
        help="One that was kept elsewhere: a file of checkpoints, a receipt, or SIZE:ROOT. May be given several times.",
    )
    @click.option("--json", "as_json", is_flag=True)
    @guarded
    def verify(kept: tuple[str, ...], as_json: bool) -> None:
        mount = mount_of()
        found = check(mount, against=[anchor for one in kept for anchor in _anchors(one)])
        if as_json:
            click.echo(json.dumps(_document(found)))
        else:
            _show(found, compared=len(kept) > 0)
        if found.faults:
            sys.exit(1)

    @group.command("prove", help="Write the proof of a referral, for its agency: notice-intake verify-proof checks it.")
    @click.argument("referral_id")
    @click.option("--since", type=_FILE, help="The agency's own checkpoint, or receipt; else the one of its receipt.")
    @click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Else it is printed.")
    @guarded
    def _write(referral_id: str, since: Path | None, output: Path | None) -> None:
        before = _newest(since) if since is not None else None
        text = json.dumps(prove(mount_of(), referral_id, since=before), indent=1, ensure_ascii=False) + "\n"
        if output is None:
            click.echo(text, nl=False)
        else:
            output.write_text(text, encoding="utf-8")


def _reading(group: click.Group, mount_of: MountOf, guarded: Guarded) -> None:
    @group.command("show", help="List what stands about a referral, a case or an agency, who looked at it included.")
    @click.argument("object_id")
    @click.option("--json", "as_json", is_flag=True)
    @guarded
    def show(object_id: str, as_json: bool) -> None:
        for one in journal_about.about(mount_of(), object_id):
            if as_json:
                click.echo(json.dumps({**asdict(one), "at": one.at.isoformat()}, ensure_ascii=False))
                continue
            who = " ".join(part for part in (one.actor_kind, one.actor_id, one.actor_name) if part)
            facts = " ".join(f"{name}={value}" for name, value in one.facts.items() if value)
            click.echo(f"{one.id}  {one.at.isoformat()}  {one.action}  {one.object}  {who}  {facts}".rstrip())

    @group.command("forget", help="Erase names and texts beside the entries; the entries stay and verify.")
    @click.option("--person", help="The id of a moderator, as your platform gives it.")
    @click.option("--object", "object_id", help="A referral with the cases that only it has, or a case.")
    @guarded
    def forget(person: str | None, object_id: str | None) -> None:
        if (person is None) == (object_id is None):
            raise Conflict("Give one of --person and --object.")
        mount = mount_of()
        count = journal_about.forget(mount, person=person, object_id=object_id, now=mount.clock())
        click.echo(f"{count} entries no longer say who or what they were about")


def _anchors(text: str) -> list[Anchor]:
    """Read what was kept elsewhere: a file, or ``SIZE:ROOT`` with the root in base64 or hexadecimal."""
    size, colon, root = text.partition(":")
    if colon and size.isascii() and size.isdigit():
        return [Anchor(int(size), _root(root))]
    try:
        found = list(checkpoint.read_all(Path(text).read_text(encoding="utf-8")))
    except OSError as error:
        raise _Unreadable(f"{text}: {error.strerror}") from None
    except ValueError as error:
        raise _Unreadable(f"{text}: {error}") from None
    return [Anchor(one.checkpoint.size, one.checkpoint.root, one) for one in found]


def _root(text: str) -> bytes:
    try:
        found = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        found = b""
    if len(found) != 32:
        raise _Unreadable("a root has 32 bytes, in hexadecimal or base64")
    return found


def _newest(path: Path) -> checkpoint.Signed:
    try:
        return max(checkpoint.read_all(path.read_text(encoding="utf-8")), key=lambda one: one.checkpoint.size)
    except (NotACheckpoint, ValueError) as error:
        raise _Unreadable(f"{path}: {error}") from None


def _show(found: Checked, *, compared: bool) -> None:
    for fault in found.faults[:MOST_FAULTS]:
        click.echo(fault.text(), err=True)
    sealed = found.entries - found.waiting
    click.echo(
        f"{sealed} entries under {found.seals} seals, {found.waiting} wait for one, {found.erased} erased beside"
    )
    if found.faults:
        click.echo("the journal was changed")
        return
    click.echo("the journal is as it was sealed")
    if not compared:
        click.echo("no --checkpoint was given: an end that was cut off, or a journal written anew, would not show")


def _document(found: Checked) -> dict[str, Any]:
    return {
        "intact": not found.faults,
        "entries": found.entries,
        "seals": found.seals,
        "waiting": found.waiting,
        "erased": found.erased,
        "faults": [asdict(one) for one in found.faults[:MOST_FAULTS]],
        "checkpoint": found.checkpoint,
    }
