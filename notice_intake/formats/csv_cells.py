"""Tables as text: CSV of any make into cells, and cells into CSV that no spreadsheet takes for a program."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from .received import Note

#: Larger files are not read.
MOST_BYTES: Final = 25 * 1024 * 1024
#: More rows than this, the header not counted, are not read.
MOST_ROWS: Final = 10_000
_SEPARATORS = (",", ";", "\t", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", None),
    (codecs.BOM_UTF16_LE, "utf-16", "utf_16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf_16"),
)
# What spreadsheets take for the beginning of a formula: these signs and all that NFKC makes one of them, blanks before.
_SIGNS = "=+\\-@\u207a\u207c\u208a\u208c\u2a75\u2a76\ufb29\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
_BLANKS = " \x0b\x0c\x1c-\x1f\x85\u00a0\u00ad\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
# A ' that stood there before counts along: so each cell comes back with exactly as many as it had.
_FORMULA = re.compile(rf"'*[{_BLANKS}]*[{_SIGNS}\t\r\n]")
_BEHIND = rf"(?='*[{_BLANKS}\"]*[{_SIGNS}])"
_FORMULA_BEHIND = re.compile(rf"([;|\t\r\n]){_BEHIND}")
_GUARD_BEHIND = re.compile(rf"([;|\t\r\n])'{_BEHIND}")


class Unreadable(Exception):
    """A file that is no table; its text is the code of a fault."""

    def __init__(self, code: str, row: int = 0) -> None:
        super().__init__(code)
        self.code, self.row = code, row


def decoded(raw: bytes) -> tuple[str, tuple[Note, ...]]:
    """Return the text of a file, and what is to be said about its encoding. Raises ``Unreadable``.

    UTF-8 and UTF-16 are known for certain; what is neither is read as Windows-1252, which spreadsheets write, and that
    is said.
    """
    if not raw:
        raise Unreadable("empty_file")
    if len(raw) > MOST_BYTES:
        raise Unreadable("too_large")
    for bom, encoding, note in _BOMS:
        if raw.startswith(bom):
            return _strictly(raw, encoding), (Note(note),) if note else ()
    head = raw[:2000]
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        # Without a mark UTF-16 shows by its zeros: nearly every second octet of a table is one.
        if len(head) > 3 and len(raw) % 2 == 0 and head[start::2].count(0) * 10 > len(head[start::2]) * 7:
            return _strictly(raw, encoding), (Note("utf_16"),)
    if b"\0" in raw:
        raise Unreadable("nul")
    try:
        return raw.decode("utf-8"), ()
    except UnicodeDecodeError:
        return _strictly(raw, "cp1252"), (Note("windows_1252"),)


def _strictly(raw: bytes, encoding: str) -> str:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable("not_text") from None
    if "\0" in text:
        raise Unreadable("nul")
    return text


def rows(text: str, *, is_known: Callable[[str], bool]) -> Iterator[list[str]]:
    """Yield the rows of a table, the header first, empty ones as ``[]`` so that they can be counted.

    The separator is the one under which the header names most columns that ``is_known``. Raises ``Unreadable`` with
    the row where it can no longer be told which cell is which.
    """
    lines = io.StringIO(text, newline="")
    number = 0
    first = text.lstrip("\ufeff")[:6].lower()
    separator = _separator(text, is_known)
    if first.startswith("sep=") and "\n" in text:
        lines.readline()  # what some spreadsheets write for themselves
        number = 1
        yield []
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            huge = "field larger" in str(error)
            raise Unreadable("huge_cell" if huge else "broken_quotes", number + 1) from None
        number += 1
        yield row if any(cell.strip() for cell in row) else []


def _separator(text: str, is_known: Callable[[str], bool]) -> str:
    """Return what parts the cells, judged by the first line that holds anything."""
    lines = text.lstrip("\ufeff").split("\n", 3)
    if lines[0].lower().startswith("sep=") and lines[0].strip()[4:] in _SEPARATORS:
        return lines[0].strip()[4:]
    header = next((line for line in lines if line.strip()), "")[:20_000]
    found = {one: sum(is_known(cell.strip(' "\r')) for cell in header.split(one)) for one in _SEPARATORS}
    return max(_SEPARATORS, key=lambda one: (found[one], header.count(one)))


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet runs: a ``'`` before what could begin a formula, full-width signs too.

    Also within the cell, behind all that some spreadsheet parts cells or rows at: one that parts at ``;`` or tabs takes
    no notice of our quotes. ``unguarded`` returns every cell as it was.
    """
    return _FORMULA_BEHIND.sub(r"\1'", "'" + cell if _FORMULA.match(cell) else cell)


def unguarded(cell: str) -> str:
    """Return a cell without what ``guarded`` has put into it."""
    cell = _GUARD_BEHIND.sub(r"\1", cell)
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell, 1) else cell


def written(table: Iterable[Sequence[str]]) -> str:
    """Return a table as CSV (RFC 4180) that spreadsheets open without running any of it."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL)
    for row in table:
        writer.writerow([guarded(cell.replace("\0", "\ufffd")) for cell in row])
    return out.getvalue()
