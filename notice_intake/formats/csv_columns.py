"""The columns of a table of referrals: their names, what each holds, and where it goes in a referral."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ..contract.fields import TIME_PATTERN
from ..contract.referrals import HASHES
from ..core.catalogue import ALL_CATEGORIES, KEYWORDS

_SIGNS = re.compile(r"[\W_]+")
_TIME = re.compile(TIME_PATTERN[1:-1])
_NEARLY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2}(?:\.[0-9]{1,6})?)? ?(Z|[+-].*)?")
_SPREADSHEET = re.compile(
    r"[0-9]{1,4}([./-])[0-9]{1,2}\1[0-9]{1,4}(?:[ ,T]+.*)?|[0-9]{4,5}(?:[.,][0-9]+)?"
    r"|[0-9]{1,2}[-. ][A-Za-z]{3,9}[-. ]?[0-9]{2,4}.*"
)
_FLAGS: Final = {"yes": True, "true": True, "1": True, "x": True, "no": False, "false": False, "0": False}


class Misread(Exception):
    """A cell that does not hold what its column asks for; its text is the code of a fault."""


def plain(text: str) -> str:
    """Return a column's name without case, blanks and signs: ``Agency reference`` is ``agencyreference``."""
    return _SIGNS.sub("", text).casefold()


def _text(cell: str) -> str:
    return cell


def _line(cell: str) -> str:
    return " ".join(cell.split())


def _flag(cell: str) -> bool:
    try:
        return _FLAGS[cell.casefold()]
    except KeyError:
        raise Misread("flag") from None


def _time(cell: str) -> str:
    """Return a moment as the contract takes it. Raises ``Misread``: day and month are never guessed."""
    found = _NEARLY.fullmatch(cell)
    if found is None:
        raise Misread("time_of_spreadsheet" if _SPREADSHEET.fullmatch(cell) else "time")
    day, minute, second, zone = found.groups()
    if zone is None:
        raise Misread("time_without_zone")
    text = (
        f"{day}T{minute}{second or ':00'}{zone if ':' in zone or zone == 'Z' else zone[:3] + ':' + (zone[3:] or '00')}"
    )
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise Misread("time") from None
    if not _TIME.fullmatch(text):
        raise Misread("time")
    return text


def _languages(cell: str) -> list[str]:
    return cell.replace(",", " ").replace(";", " ").replace("|", " ").split()


def _list(cell: str) -> list[str]:
    return [one.strip() for one in cell.replace("\n", "|").split("|") if one.strip()]


def _codes(known: Mapping[str, str], prefix: str) -> Mapping[str, str]:
    found = {plain(code): code for code in known} | {plain(code.removeprefix(prefix)): code for code in known}
    return found | {plain(label): code for code, label in known.items()}


@lru_cache(maxsize=1)
def _categories() -> Mapping[str, str]:
    return _codes(ALL_CATEGORIES, "STATEMENT_CATEGORY_")


@lru_cache(maxsize=1)
def _keywords() -> Mapping[str, str]:
    return _codes(KEYWORDS, "KEYWORD_")


def category(cell: str) -> str:
    """Return the code of a category by its code, with or without its beginning, or its name. Raises ``Misread``."""
    try:
        return _categories()[plain(cell)]
    except KeyError:
        raise Misread("category") from None


def _keyword_list(cell: str) -> list[str]:
    try:
        return [_keywords()[plain(one)] for one in _list(cell)]
    except KeyError:
        raise Misread("keyword") from None


class Column(NamedTuple):
    """One column."""

    name: str
    #: Where its value goes: names that lead into the referral, or into the item.
    path: tuple[str, ...]
    read: Callable[[str], Any]
    #: What it holds, for people.
    holds: str
    #: Of the template's row.
    example: str = ""


#: What all rows of one reference say together.
REFERRAL_COLUMNS: Final = (
    Column(
        "agency_reference",
        ("agency_reference",),
        _line,
        "The agency's own reference: its rows are one referral",
        "BE-2026-0031",
    ),
    Column(
        "issued_at", ("issued_at",), _time, "When it was issued: 2017-04-25T09:12:00+02:00", "2017-04-25T09:12:00+02:00"
    ),
    Column("language", ("language",), _line, "Language of the referral: fr, sr-Latn", "en"),
    Column("instrument", ("instrument",), _line, "Its legal kind, such as eu.iru.referral", "eu.iru.referral"),
    Column(
        "category", ("category",), category, "The Commission's category, by code or name", "Risk for public security"
    ),
    Column(
        "keywords",
        ("keywords",),
        _keyword_list,
        "The Commission's keywords, | between them",
        "KEYWORD_TERRORIST_CONTENT",
    ),
    Column("operation", ("operation", "code"), _line, "Code of a coordinated action"),
    Column("ground", ("ground", "kind"), str.lower, "law, or terms", "terms"),
    Column("ground_reference", ("ground", "reference"), _line, "The provision or the clause", "Terms, 4.2"),
    Column("ground_explanation", ("ground", "explanation"), _text, "Why the content falls under it"),
    Column("threat_to_life", ("urgency", "threat_to_life"), _flag, "yes where somebody's life is in danger", "no"),
    Column(
        "disclosure",
        ("disclosure", "uploader"),
        str.lower,
        "inform, or withhold: whether the uploader may be told",
        "inform",
    ),
    Column("contact_name", ("contact", "name"), _line, "Whom to ask"),
    Column("contact_email", ("contact", "email"), _line, ""),
    Column("contact_phone", ("contact", "phone"), _line, ""),
)
#: What a row says of its item.
ITEM_COLUMNS: Final = (
    Column("item_reference", ("reference",), _line, "The agency's own reference for this item", "31-1"),
    Column("kind", ("target", "kind"), str.lower, "url, account, channel or file; url where left empty", "url"),
    Column(
        "url",
        ("target", "url"),
        str.strip,
        "The address; defanged notation is understood",
        "hxxps://video[.]example/watch?v=1",
    ),
    Column("handle", ("target", "handle"), str.strip, "Name of an account or channel"),
    Column("id", ("target", "id"), _line, "The platform's own id of an account or channel"),
    *(
        Column(plain(name), ("hash", name), str.strip, f"{name} of the file, {size} hexadecimal digits")
        for name, size in HASHES.items()
    ),
    Column("reasons", ("reasons",), _text, "Why it is referred", "Placeholder reasons."),
    Column("content_kind", ("content", "kind"), str.lower, "video, post, image, audio, text …", "video"),
    Column("content_languages", ("content", "languages"), _languages, "Languages of the content: ar fr", "ar"),
    Column("title", ("content", "title"), _line, ""),
    Column("producer", ("content", "producer"), _line, ""),
    Column("published_at", ("content", "published_at"), _time, "When it was published"),
    Column("graphic", ("content", "graphic"), _flag, "yes where it is graphic", "no"),
    Column("also_at", ("content", "also_at"), _list, "Where else it stands, | between the links"),
)
COLUMNS: Final = (*REFERRAL_COLUMNS, *ITEM_COLUMNS)
_OF_ITEM: Final = frozenset(one.name for one in ITEM_COLUMNS)
#: Other names that are in use for a column, each without case, blanks and signs.
_ALSO: Final = {
    "reference": "agency_reference", "referralreference": "agency_reference", "caseref": "agency_reference",
    "link": "url", "uri": "url", "weblink": "url", "itemref": "item_reference", "reason": "reasons",
    "comment": "reasons", "account": "handle", "username": "handle", "email": "contact_email",
    "groundkind": "ground", "targetkind": "kind", "contentlanguage": "content_languages",
}  # fmt: skip
_KNOWN: Final = {plain(one.name): one for one in COLUMNS}
KNOWN: Final[Mapping[str, Column]] = {**{name: _KNOWN[plain(to)] for name, to in _ALSO.items()}, **_KNOWN}


def of_item(column: Column) -> bool:
    """Say whether a column is about the item of its row."""
    return column.name in _OF_ITEM


def column_of(pointer: str) -> str:
    """Return the column that a pointer into a referral, or from an item, comes from; empty where there is none."""
    steps = tuple(step for step in pointer.split("/") if step)
    inside = len(steps) > 2 and steps[0] == "items"
    steps = steps[2:] if inside else steps
    if steps[:2] == ("target", "hashes"):
        return "sha256"
    if steps[:1] == ("grounds",):
        steps = ("ground", *steps[2:])
    columns = ITEM_COLUMNS if inside else REFERRAL_COLUMNS
    for length in range(len(steps), 0, -1):
        for one in columns:
            if one.path[:length] == steps[:length]:
                return one.name
    return ""
