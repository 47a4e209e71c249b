"""``flask notice-intake import …``: what came by e-mail, portal or post, shown before anything is stored."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from .core.journal import Actor
from .core.referrals import parse_time
from .errors import DocumentRefused, NoticeIntakeError
from .flows.entries import enter
from .flows.entry_plan import file_of, plan
from .flows.entry_values import WAYS, EnteredFile, EntryBlocked, Plan, PlannedItem, Wish
from .flows.mount import Mount
from .formats import csv_referrals
from .formats.csv_columns import Misread, category
from .store import agencies as agency_store

#: What a command ends with; ``docs/operating.md`` has the same.
STORED, LEFT_OUT, NOTHING, DECLINED = 0, 1, 2, 3
_SHOWN = 20
_HELP: Final = {
    "xarf": "X-ARF version 4 reports.",
    "csv": "Tables: comma, semicolon or tab. --template prints one to fill in.",
    "eml": "E-mails as files. Of the links in their text those are taken that the preview marks.",
}
_SUFFIX: Final = {"xarf": ".json", "csv": ".csv", "eml": ".eml"}


class _Refused(click.ClickException):
    exit_code = NOTHING


def import_group(mount_of: Callable[[], Mount], *, guarded: Callable[..., Any]) -> click.Group:
    """Return the import commands of one mount."""
    group = click.Group(
        "import",
        help="Referrals that came by another way. Exit: 0 all is in, 1 something was left out, 2 nothing was done, "
        "3 you said no.",
    )
    for kind in _HELP:
        group.add_command(_command(mount_of, kind, guarded=guarded))
    return group


def _command(mount_of: Callable[[], Mount], kind: str, *, guarded: Callable[..., Any]) -> click.Command:
    @guarded
    def command(files: tuple[Path, ...], **options: Any) -> None:
        if options.pop("template", False):
            click.echo(csv_referrals.template(), nl=False)
            return
        if not files:
            raise _Refused("Name at least one file.")
        _Import(mount_of(), kind, options).run(files)

    for option in reversed(_options(kind)):
        command = option(command)
    return click.command(kind, help=_HELP[kind])(command)


def _options(kind: str) -> list[Callable[..., Any]]:
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    found = [
        click.argument("files", nargs=-1, type=path),
        click.option("--agency", help="Id or name of the agency that sent it; a new name is added without any key."),
        click.option("--channel", type=click.Choice(WAYS), default="email", show_default=True, help="How it came."),
        click.option("--received-at", help="When the platform received it: 2026-11-21T09:30:00+01:00. Default: now."),
        click.option("--entered-by", help="Who enters it. Default: your log-in name."),
        click.option("--dry-run", is_flag=True, help="Only show what would be stored."),
        click.option("--yes", is_flag=True, help="Store without asking."),
        click.option("--skip-bad", is_flag=True, help="Leave out the rows with faults and store the others."),
    ]
    if kind != "xarf":
        found += [
            click.option("--instrument", default="", help="For referrals that do not say, such as eu.iru.referral."),
            click.option("--category", default="", help="For referrals that do not say, by code or name."),
            click.option("--language", default="", help="For referrals that do not say, such as fr."),
            click.option("--reference", default="", help="The agency's reference, for what has none of its own."),
        ]
    if kind == "csv":
        found += [
            click.option("--template", is_flag=True, help="Print a table to fill in."),
            click.option("--rejected", type=click.Path(path_type=Path), help="Write the refused rows there, with why."),
        ]
    if kind == "eml":
        found.append(click.option("--all-links", is_flag=True, help="Take every link that is found."))
    return found


class _Import:
    """One run of an import command."""

    def __init__(self, mount: Mount, kind: str, options: dict[str, Any]) -> None:
        self._mount, self._kind, self._options = mount, kind, options
        self._now = mount.clock()
        self._wish = self._read_wish()

    def run(self, files: tuple[Path, ...]) -> None:
        """Show what the files hold, ask, store each in a transaction of its own, and end with what became of it."""
        plans = [(file, self._plan(file)) for file in files]
        for file, one in plans:
            _show(file.name, one)
        left_out = any(one is None or one.blocked or one.faults for _, one in plans)
        ready = [(file, one) for file, one in plans if one is not None and not one.blocked and (one.fresh or one.here)]
        if self._options["dry_run"]:
            click.echo("Dry run: nothing was stored.")
            sys.exit(LEFT_OUT if left_out or not ready else STORED)
        if not ready:
            raise _Refused("Nothing was stored.")
        self._ask([one for _, one in ready])
        for file, one in ready:
            left_out = not self._store(file, one) or left_out
        sys.exit(LEFT_OUT if left_out or len(ready) < len(plans) else STORED)

    def _read_wish(self) -> Wish:
        options, agency = self._options, self._options["agency"] or ""
        given = options.get("category", "")
        try:
            filed = category(given) if given else ""
        except Misread:
            raise _Refused("--category: write one of the Commission's categories, by its code or its name.") from None
        with self._mount.storage.read() as tx:
            known = agency_store.find(tx, agency) if agency else None
        if agency.startswith("agy_") and known is None:
            raise _Refused(f"There is no agency {agency}.")
        return Wish(
            agency_id=agency if known else "",
            agency_name="" if known else agency,
            channel=options["channel"],
            received_at=_moment(options["received_at"]),
            instrument=options.get("instrument", ""),
            category=filed,
            language=options.get("language", ""),
            reference=options.get("reference", ""),
            skip_bad=options["skip_bad"],
        )

    def _plan(self, path: Path) -> Plan | None:
        content = path.read_bytes()
        name = path.name if path.name.lower().endswith(_SUFFIX[self._kind]) else path.name + _SUFFIX[self._kind]
        file = file_of(name, content, now=self._now)
        wish = _with_all_links(self._wish, file) if self._options.get("all_links") else self._wish
        try:
            found = plan(self._mount, [file], wish, now=self._now)
        except DocumentRefused as refused:
            if not file.reading.drafts:  # the file says nothing, so neither does it say who sent it
                for fault in file.reading.faults:
                    click.echo(f"{path.name}: not imported: {_place(fault)}{fault.says}", err=True)
                return None
            for one in refused.errors:
                click.echo(f"--{one.pointer.strip('/').replace('_', '-')}: {one.detail}", err=True)
            raise _Refused("Nothing was stored.") from None
        if self._options.get("rejected") and found.faults and not file.reading.unusable:
            table = csv_referrals.rejected(content, [fault for _, fault in found.faults])
            self._options["rejected"].write_text(table, encoding="utf-8-sig", newline="")
        return found

    def _ask(self, plans: list[Plan]) -> None:
        if self._options["yes"] or not any(one.fresh for one in plans):
            return
        if not sys.stdin.isatty():
            raise _Refused("Nothing was stored: say --yes to store without being asked, or --dry-run only to look.")
        number = sum(one.counts["referrals"] for one in plans)
        if not click.confirm(f"Store {number} referral{'s' * (number != 1)}?"):
            click.echo("Nothing was stored.")
            sys.exit(DECLINED)

    def _store(self, file: Path, one: Plan) -> bool:
        who = self._options["entered_by"] or _log_in_name()
        try:
            entered = enter(self._mount, one, by=Actor("operator", "", who[:200]), now=self._now)
        except (EntryBlocked, NoticeIntakeError) as error:
            click.echo(f"{file.name}: not imported: {error.detail}", err=True)
            return False
        for reference, found in entered.referrals:
            click.echo(f"{file.name}: {found} ({reference})")
        for reference, found in entered.here:
            click.echo(f"{file.name}: {found} ({reference}) (was here already)")
        return True


def _with_all_links(wish: Wish, file: EnteredFile) -> Wish:
    drafts = enumerate(file.reading.drafts)
    keys = [f"0.{place}.{at}" for place, draft in drafts for at in range(len(draft.items))]
    return replace(wish, taken=frozenset(keys))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = parse_time(text) if datetime.fromisoformat(text).tzinfo else None
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise _Refused("--received-at: write the time as 2026-11-21T09:30:00+01:00, with the offset from UTC.")
    return found.astimezone(UTC)


def _log_in_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user, as in a container
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "operator"


def _show(name: str, one: Plan | None) -> None:
    """Print what would become of a file, and all that is wrong with it."""
    if one is None:
        return
    for line in _lines(name, one):
        click.echo(line)
    stored = "not imported: " if one.blocked else ""
    for _, fault in one.faults[:_SHOWN]:
        found = f" Found: {fault.value!r}." if fault.value else ""
        click.echo(f"{name}: {stored}{_place(fault)}{fault.says}{found}", err=True)
    if len(one.faults) > _SHOWN:
        click.echo(f"{name}: and {len(one.faults) - _SHOWN} more faults", err=True)


def _lines(name: str, one: Plan) -> Iterator[str]:
    counts = one.counts
    new = ", new here, gets no key" if one.agency_is_new else f" ({one.agency.id})"
    yield f"{name}: {one.files[0].reading.format or 'kept, not read'} from {one.agency.name}{new}"
    yield f"  received {one.received_at.isoformat(timespec='minutes')} by {one.wish.channel}; clocks run from then"
    for code, value in one.files[0].reading.sender:
        yield f"  {code.replace('_', ' ')}: {value}"
    yield f"  {counts['referrals']} new referrals with {counts['items']} items, {counts['here']} here already"
    shown = 0
    for referral in one.referrals:
        yield f"  {referral.reference}: {referral.instrument}, {referral.category or 'no category'}"
        for item in referral.items:
            shown += 1
            if shown <= _SHOWN:
                yield f"    {_item_line(item)}"
        for gap in referral.gaps if shown <= _SHOWN else ():
            yield f"    not said in the file: {gap}"
    if shown > _SHOWN:
        yield f"    … and {shown - _SHOWN} more items"
    for _, note in one.notes[:_SHOWN]:
        yield f"  note: {f'{note.part}: ' if note.part else ''}{note.says}{f' ({note.value})' if note.value else ''}"


def _item_line(item: PlannedItem) -> str:
    target = item.draft.document.get("target", {})
    written = str(target.get("url") or target.get("handle") or target.get("id") or "file") if target else ""
    where = f"row {item.draft.row}: " if item.draft.row and not item.draft.place else ""
    place = f" [{item.draft.place}]" if item.draft.place else ""
    becomes = f" -> {item.link}" if item.link and item.link != written else ""
    known = " (known to the platform)" if item.content is not None else ""
    case = f" (joins {item.case.id}, {item.case.state})" if item.case is not None else ""
    return f"{'' if item.taken else 'NOT TAKEN '}{where}{written}{becomes}{place}{known}{case}"


def _place(fault: Any) -> str:
    parts = (fault.part, f"row {fault.row}" if fault.row else "", fault.column)
    where = ", ".join(part for part in parts if part)
    return f"{where}: " if where else ""
