"""A form out of the published contract: a regime that is added brings its form with it.

Fields are named by their JSON Pointer, so that each fault of the contract finds its field. Pure, but for the type of
what a browser sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from ...contract.fields import COUNTRY_PATTERN, EMAIL_PATTERN, LANGUAGE_PATTERN

#: Longer texts get an area of several lines.
_LINE = 320
_LOCAL = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?", re.ASCII)
#: How far the entries of a list can be told apart on one page.
MOST_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in."""

    pointer: str
    #: ``line``, ``text``, ``lines``, ``time``, ``email``, ``country``, ``language``, ``languages``, ``choice``,
    #: ``choices``, ``flag`` (may be ticked) or ``vow`` (has to be ticked).
    kind: str
    required: bool
    #: Whether nothing can be sent without it: required, and so is everything around it.
    must: bool = False
    longest: int | None = None
    options: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The element's id."""
        return element_id(self.pointer)

    @property
    def path(self) -> str:
        """The pointer without numbers: the same for every entry of a list."""
        return path_of(self.pointer)


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together: an object of the contract, or one entry of a list."""

    pointer: str
    parts: tuple[Field | Group | Entries, ...]
    required: bool
    must: bool = False

    @property
    def id(self) -> str:
        """The element's id."""
        return element_id(self.pointer)

    @property
    def path(self) -> str:
        """The pointer without numbers."""
        return path_of(self.pointer)


@dataclass(frozen=True, slots=True)
class Entries:
    """A list of objects: as many groups as are shown."""

    pointer: str
    groups: tuple[Group, ...]
    required: bool
    most: int
    must: bool = False

    @property
    def id(self) -> str:
        """The element's id."""
        return element_id(self.pointer)

    @property
    def path(self) -> str:
        """The pointer without numbers."""
        return path_of(self.pointer)


Part = Field | Group | Entries
Typed = MultiDict[str, str]


def element_id(pointer: str) -> str:
    """Return the id of the element that a pointer's fault leads to."""
    return "f" + pointer.replace("/", "-")


def path_of(pointer: str) -> str:
    """Return a pointer without the numbers of list entries."""
    return "/".join(step for step in pointer.split("/") if not step.isdigit())


def parts_of(published: Mapping[str, Any], typed: Typed, *, leave_out: Sequence[str] = ()) -> tuple[Part, ...]:
    """Return the fields of a published JSON Schema in its order, with as many entries of each list as were typed."""
    shape = _Shape(published.get("$defs", {}), typed)
    return tuple(one for one in shape.inside(published, "", must=True) if one.pointer not in leave_out)


def document_of(parts: Sequence[Part], typed: Typed, *, zone: str = "+00:00") -> dict[str, Any]:
    """Return the document that was typed: nothing for what was left empty. Times without an offset get ``zone``."""
    found: dict[str, Any] = {}
    for part in parts:
        value = _value(part, typed, zone)
        if value is not None:
            found[part.pointer.rpartition("/")[2]] = value
    return found


def names_of(parts: Sequence[Part]) -> Iterator[Field]:
    """Yield every field, in order."""
    for part in parts:
        if isinstance(part, Field):
            yield part
        else:
            yield from names_of(part.parts if isinstance(part, Group) else part.groups)


def moment_of(text: str, zone: str) -> str:
    """Return what a browser writes for a time as RFC 3339 does; anything else as it is, for the contract to refuse."""
    match = _LOCAL.fullmatch(text)
    if match is None:
        return text
    return f"{match[1]}T{match[2]}{match[3] or ':00'}{zone}"


def _value(part: Part, typed: Typed, zone: str) -> Any:
    if isinstance(part, Field):
        return _typed(part, typed, zone)
    if isinstance(part, Group):
        inner = document_of(part.parts, typed, zone=zone)
        return inner if part.required or _says(inner) else None
    entries = [document_of(group.parts, typed, zone=zone) for group in part.groups]
    filled = [one for one in entries if _says(one)]
    return filled or ([{}] if part.required else None)


def _says(document: Mapping[str, Any]) -> bool:
    """Whether anything was filled in: a box that is not ticked says nothing."""
    return any(_says(value) if isinstance(value, Mapping) else value is not False for value in document.values())


def _typed(field: Field, typed: Typed, zone: str) -> Any:
    if field.kind in ("flag", "vow"):
        return True if typed.get(field.pointer) else (False if field.required and field.kind == "flag" else None)
    if field.kind == "choices":
        return [one for one in typed.getlist(field.pointer) if one] or None
    text = typed.get(field.pointer, "").replace("\r\n", "\n").strip()
    if not text:
        return None
    if field.kind in ("lines", "languages"):
        parts = text.replace(",", "\n").split("\n") if field.kind == "languages" else text.split("\n")
        return [one.strip() for one in parts if one.strip()] or None
    return moment_of(text, zone) if field.kind == "time" else text


@dataclass(frozen=True, slots=True)
class _Shape:
    """Reads a JSON Schema as the package publishes it."""

    defs: Mapping[str, Any]
    typed: Typed

    def inside(self, schema: Mapping[str, Any], pointer: str, *, must: bool) -> Iterator[Part]:
        required = schema.get("required", ())
        for name, inner in schema.get("properties", {}).items():
            part = self.part(self._followed(inner), f"{pointer}/{name}", required=name in required, around=must)
            if part is not None:
                yield part

    def part(self, schema: Mapping[str, Any], pointer: str, *, required: bool, around: bool) -> Part | None:
        kind, must = schema.get("type"), required and around
        if kind == "object":
            return Group(pointer, tuple(self.inside(schema, pointer, must=must)), required, must)
        if kind == "array":
            return self._list(schema, pointer, required=required, must=must)
        if kind == "boolean":
            vow = schema.get("const") is True
            return Field(pointer, "vow" if vow else "flag", required, must and vow)
        return self._text(schema, pointer, required=required, must=must) if kind == "string" else None

    def _list(self, schema: Mapping[str, Any], pointer: str, *, required: bool, must: bool) -> Part | None:
        inner = self._followed(schema["items"])
        most = min(int(schema.get("maxItems", MOST_ENTRIES)), MOST_ENTRIES)
        if inner.get("type") == "object":
            count = min(_entries(self.typed, pointer), most)
            numbers = ((f"{pointer}/{index}", required and not index) for index in range(count))
            groups = [self.part(inner, place, required=first, around=must) for place, first in numbers]
            return Entries(pointer, tuple(one for one in groups if isinstance(one, Group)), required, most, must)
        if "enum" in inner:
            return Field(pointer, "choices", required, must, options=tuple(inner["enum"]))
        kind = "languages" if inner.get("pattern") == LANGUAGE_PATTERN else "lines"
        return Field(pointer, kind, required, must) if inner.get("type") == "string" else None

    def _text(self, schema: Mapping[str, Any], pointer: str, *, required: bool, must: bool) -> Field | None:
        if "const" in schema:
            return None
        longest = schema.get("maxLength")
        if "enum" in schema:
            return Field(pointer, "choice", required, must, options=tuple(schema["enum"]))
        if schema.get("format") == "date-time":
            return Field(pointer, "time", required, must)
        kind = _PATTERNS.get(schema.get("pattern", ""))
        if kind is None:
            several = longest is not None and longest > _LINE and "pattern" not in schema
            kind = "text" if several else "line"
        return Field(pointer, kind, required, must, longest)

    def _followed(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = str(schema.get("$ref", ""))
        found: Mapping[str, Any] = self.defs[reference.rpartition("/")[2]] if reference else schema
        return found


_PATTERNS = {EMAIL_PATTERN: "email", COUNTRY_PATTERN: "country", LANGUAGE_PATTERN: "language"}


def _entries(typed: Typed, pointer: str) -> int:
    """Return how many entries of a list are to be shown: those that were typed, one more where that was asked for."""
    start = pointer + "/"
    numbers = [name.removeprefix(start).partition("/")[0] for name in typed if name.startswith(start)]
    shown = max((int(one) + 1 for one in numbers if one.isascii() and one.isdecimal() and len(one) < 4), default=1)
    return shown + (typed.get("add") == pointer)
