"""The referral form: what was typed, the document that it makes, and what is wrong with either."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...core.instruments import Instrument
from ...core.lines import Line, read_lines
from ...errors import DocumentRefused, FieldError
from ...flows.mount import Mount
from ...flows.page_links import CHANNEL, Visit
from ...flows.receive import Submission, prepare
from . import fields
from .fields import Group, Part, Typed

#: What the form asks in its own way: once for all items instead of once for each.
_OWN = ("/instrument", "/items")
#: What the form asks of the content of all items at once; the rest differs from item to item.
_CONTENT = ("kind", "languages", "producer", "graphic")
LINES, REASONS = "lines", "/reasons"
_ITEM = re.compile(r"/items/(\d+)(/.*)?")
_NONCE = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_ZONE = re.compile(r"[+-](?:0\d|1[0-4]):(?:00|30|45)", re.ASCII)
#: The offsets from UTC that times on the form can be in: where authorities sit.
ZONES = ("-03:00", "-02:00", "-01:00", "+00:00", "+01:00", "+02:00", "+03:00", "+04:00")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    #: The pointer of the field; ``lines`` for what was pasted.
    where: str
    code: str
    detail: str
    #: The line that it is about; 0 for none.
    line: int = 0

    @property
    def id(self) -> str:
        """The element that it stands at."""
        return fields.element_id("/" + self.where.lstrip("/"))


@dataclass(frozen=True, slots=True)
class Draft:
    """A referral as far as it was typed."""

    instrument: Instrument
    typed: Typed
    #: The fields that stand once for the whole referral.
    parts: tuple[Part, ...]
    #: The fields that stand once for all items: reasons, and what the content is.
    shared: tuple[Part, ...]
    lines: tuple[Line, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def nonce(self) -> str:
        """The word under which this form can be sent once."""
        given = self.typed.get("nonce", "")
        return given if _NONCE.fullmatch(given) else ""

    @property
    def zone(self) -> str:
        """The offset from UTC of the times that were typed."""
        given = self.typed.get("zone", "")
        return given if _ZONE.fullmatch(given) else "+00:00"

    @property
    def items(self) -> tuple[Line, ...]:
        """The lines that become items."""
        return tuple(one for one in self.lines if one.counts)

    def document(self) -> dict[str, Any]:
        """Return the referral that was typed, in the words of the contract."""
        shared = fields.document_of(self.shared, self.typed, zone=self.zone)
        content, reasons = shared.get("content"), shared.get("reasons")
        extra = {name: value for name, value in (("content", content), ("reasons", reasons)) if value is not None}
        items = [{"reference": str(line.number), "target": dict(line.target or {}), **extra} for line in self.items]
        return {
            "instrument": self.instrument.code,
            **fields.document_of(self.parts, self.typed, zone=self.zone),
            "items": items,
        }

    def submission(self, visit: Visit) -> Submission:
        """Return what is handed to the flow that takes referrals in: the same as from the API."""
        document = self.document()
        body = json.dumps(document, ensure_ascii=False, indent=1).encode()
        key = f"page:{visit.link_id}:{self.nonce}" if self.nonce else None
        return Submission(document, body, CHANNEL, key, origin=visit.came_by)

    def fault(self, where: str) -> Fault | None:
        """Return what is wrong with a field, or None."""
        return next((one for one in self.faults if one.where == where), None)


def read(mount: Mount, instrument: Instrument, typed: Typed) -> Draft:
    """Return the form of an instrument with what was typed into it; nothing is checked yet."""
    published = mount.rulebook.contracts[instrument.code].published
    parts = fields.parts_of(published, typed, leave_out=_OWN)
    item = _item_schema(published)
    shared = fields.parts_of({**item, "$defs": published.get("$defs", {})}, typed)
    kept = [one for one in shared if one.pointer == REASONS]
    for group in shared:
        if isinstance(group, Group) and group.pointer == "/content":
            chosen = [one for one in group.parts if one.pointer.rpartition("/")[2] in _CONTENT]
            kept.append(Group(group.pointer, tuple(chosen), False))
    return Draft(instrument, typed, parts, tuple(kept), read_lines(typed.get(LINES, "")))


def blank(mount: Mount, instrument: Instrument, *, language: str) -> Draft:
    """Return an empty form with a word of its own, so that sending it twice stores it once."""
    start = {"nonce": secrets.token_urlsafe(16), "zone": "+00:00", "/language": language}
    return read(mount, instrument, Typed(start))


def check(mount: Mount, draft: Draft, visit: Visit, *, now: datetime) -> tuple[Fault, ...]:
    """Return everything that is wrong, in the order of the form; nothing is stored.

    Raises ``InstrumentNotAllowed`` as the API does.
    """
    faults = [Fault(LINES, "bad_line", one.fault, one.number) for one in draft.lines if one.fault]
    if not draft.lines:
        faults.append(Fault(LINES, "none", "Paste at least one link."))
    try:
        prepare(mount, draft.submission(visit), agency=visit.agency, now=now)
    except DocumentRefused as refused:
        faults += _placed(draft, refused.errors)
    order = [LINES, *(one.pointer for one in fields.names_of([*draft.shared, *draft.parts]))]
    return tuple(sorted(faults, key=lambda one: order.index(one.where) if one.where in order else len(order)))


def _placed(draft: Draft, errors: Sequence[FieldError]) -> list[Fault]:
    """Return the contract's faults at the fields of the form, each once."""
    found: dict[tuple[str, str], Fault] = {}
    for error in errors:
        fault = _place(draft, error)
        if fault is not None:
            found.setdefault((fault.where, fault.detail), fault)
    return list(found.values())


def _place(draft: Draft, error: FieldError) -> Fault | None:
    if error.pointer == "/items":
        # Said in words of the form's own, unless there are too many.
        return Fault(LINES, error.code, error.detail) if draft.items else None
    match = _ITEM.match(error.pointer)
    if match is None:
        return Fault(error.pointer, error.code, error.detail)
    inside = match[2] or ""
    if inside == REASONS or inside.startswith("/content"):
        return Fault(fields.path_of(inside), error.code, error.detail)
    index = int(match[1])
    line = draft.items[index].number if index < len(draft.items) else 0
    return Fault(LINES, error.code, error.detail, line)


def _item_schema(published: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = published["properties"]["items"]["items"]
    found: Mapping[str, Any] = published["$defs"][inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
    return found
