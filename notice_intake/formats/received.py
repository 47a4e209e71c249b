"""What a reader makes of a file that came by e-mail or portal: drafts of referrals, and what is to be said about them.

Nothing here is checked against the contract yet: a file can leave out what an operator knows (the instrument, the
category), and its rows can be refused one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.pasted import NO_LINK

#: The longest ``reasons`` of an item, as the contract has it.
REASONS_LIMIT: Final = 20_000
#: The most items of one referral, as the contract has it.
MOST_ITEMS: Final = 100

#: code: what it says to the operator. The offending text stands beside it, never in it, so that it can be translated.
SAYS: Final[Mapping[str, str]] = {
    # CSV, the whole file
    "empty_file": "There is nothing in this file.",
    "too_large": "The file is too large to be read. Have it sent in parts.",
    "not_text": "This is not a text file. Save the table as CSV in UTF-8.",
    "nul": "The file holds NUL characters, so it is no text. Save the table as CSV in UTF-8 once more.",
    "no_header": "No column is known here. The first row must name the columns, as the template does.",
    "repeated_column": "Two columns have the same name. Keep one of them.",
    "no_target_column": "No column names the content. Add one of: url, handle, id, sha256.",
    "no_rows": "There is no row below the header.",
    "too_many_rows": "There are more than 10,000 rows. Split the file.",
    "broken_quotes": (
        "A quotation mark is opened and not closed, or text follows one that is closed. "
        "Nothing below can be told apart; save the table again."
    ),
    "huge_cell": "A cell is longer than 131,072 characters. A quotation mark may be missing before it.",
    # CSV, a row
    "too_many_cells": "This row has more cells than the header. A text that holds the separator needs quotation marks.",
    "control_character": "Take the control characters out of this cell.",
    "no_target": "This row names no content. Fill in one of: url, handle, id, sha256.",
    "target_kind": "Write url, account, channel or file; or leave the cell empty where a url stands.",
    "time_without_zone": "This names no moment. Write the time as 2026-11-21T09:30:00+01:00, with the offset from UTC.",
    "time_of_spreadsheet": (
        "A spreadsheet has rewritten this time, and day and month cannot be told apart. "
        "Write it as 2026-11-21T09:30:00+01:00, in a cell formatted as text."
    ),
    "time": "Write the time as 2026-11-21T09:30:00+01:00, with the offset from UTC.",
    "flag": "Write yes or no.",
    "category": "Write one of the Commission's categories, by its code or its name.",
    "keyword": "Write the Commission's keywords by their codes or names, with | between them.",
    "differs": "Another row of the same reference says something else here. Make them the same, or use two references.",
    "bad_link": "This link cannot be read.",
    # Mail and other files
    "no_link_in_line": NO_LINK,
    "no_links": "No link was found. Paste the links, or attach a table.",
    "not_mail": "This is no e-mail: it has no header lines.",
    "too_many_parts": "The mail has more than 200 parts. What follows was not read.",
    "too_deep": "Mails within mails are read five levels deep. What lies deeper was not read.",
    "part_too_large": "This part is too large to be read.",
    "part_broken": "This part cannot be read.",
    "not_json": "This file is not JSON, or breaks its rules.",
    "not_a_referral": "This JSON is neither a referral of our contract nor an X-ARF report.",
    "xarf": "This X-ARF report cannot be taken in.",
}

#: Notes: nothing is wrong, and somebody should know.
NOTES: Final[Mapping[str, str]] = {
    "windows_1252": "The file is not UTF-8. It was read as Windows-1252: look at accents and other letters.",
    "utf_16": "The file was read as UTF-16.",
    "column_not_read": "This column is not known and was not read. It stays in the file that is kept.",
    "split": "One referral holds 100 items at most, so the rest became further referrals.",
    "reference_made": "It has no reference of the agency; this one was made up.",
    "charset": "The mail names a wrong or unknown character set. Look at accents and other letters.",
    "kept_not_read": "This attachment is kept and was not read.",
    "defects": "The mail is malformed. What could be read is below; compare it with the file.",
    "cut": "The text is longer than a referral takes and was cut. The whole of it is kept.",
    "date_in_future": "The mail says that it was sent in the future. That time is left out.",
    "date_unknown": "The mail does not say when it was sent.",
    "from_claimed": "The sender as the mail names it. Anybody can write this.",
    "checks_claimed": "A mail server has noted this about the sender. It is quoted, not checked.",
    "arrived_claimed": "The mail says that it arrived then. If that is true, the clock runs from that time.",
    "link_unread": "This looks like a link and cannot be read. It is not among those to choose from.",
    "too_many_links": "There are more links than can be shown. Have the agency send a table.",
    "gap": "Not said in the file.",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a row, or a whole file, out."""

    #: A key of ``SAYS``, or a code of the contract with its own ``detail``.
    code: str
    #: The row of the table, counted as spreadsheets do, from 1; 0 where it is about more than a row.
    row: int = 0
    column: str = ""
    #: What was found there, shortened.
    value: str = ""
    #: The attachment that it stands in.
    part: str = ""
    detail: str = ""

    @property
    def says(self) -> str:
        """What has to be changed."""
        return self.detail or SAYS.get(self.code, self.code)


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that an operator should know."""

    #: A key of ``NOTES``.
    code: str
    value: str = ""
    part: str = ""

    @property
    def says(self) -> str:
        """The sentence."""
        return NOTES.get(self.code, self.code)


@dataclass(frozen=True, slots=True)
class DraftItem:
    """One item, in the words of the contract."""

    document: Mapping[str, Any]
    #: The row that it came from, or the line of a text.
    row: int = 0
    #: Where in a mail: ``text``, ``signature``, ``quoted``, ``hidden`` (behind words), ``own`` (the sender's own site).
    place: str = ""
    #: Whether it is taken unless somebody says otherwise.
    taken: bool = True


@dataclass(frozen=True, slots=True)
class Draft:
    """A referral as far as the file says it; without ``items``, which stand beside it."""

    document: Mapping[str, Any]
    items: tuple[DraftItem, ...]
    #: The attachment that it was read from; empty for the file itself.
    part: str = ""
    #: Whether an operator chooses among the items: links that were found are not all meant.
    choosable: bool = False
    #: What the file's format has no word for, or does not say.
    gaps: tuple[str, ...] = ()
    #: Where the ``agency_reference`` was made up.
    reference_made: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was found in one file."""

    #: ``CSV``, ``e-mail``, ``X-ARF 4``, ``JSON``, ``text``; empty for a file that is kept without being read.
    format: str
    drafts: tuple[Draft, ...] = ()
    faults: tuple[Fault, ...] = ()
    notes: tuple[Note, ...] = ()
    #: True where a fault concerns the whole file: then leaving out rows does not help.
    unusable: bool = False
    #: What the file says about who sent it, to be shown: label code and value.
    sender: tuple[tuple[str, str], ...] = field(default=())


def unusable(format: str, code: str, **where: Any) -> Reading:
    """Return the reading of a file of which nothing can be used."""
    return Reading(format, faults=(Fault(code, **where),), unusable=True)
