"""What the database said, for an operator: of an error that the rest of the package knows by one word."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import TemporarilyUnavailable

#: PostgreSQL's words for a table or column that is not there, and SQLite's beginnings of the same.
_NOT_THERE = ("42P01", "42703")
_NO_SUCH = ("no such table", "no such column")


def said(error: TemporarilyUnavailable) -> str:
    """Return the first line of what the driver said; "" where nobody said anything.

    Never more than that line: further ones quote rows. No driver quotes a password.
    """
    cause = error.__cause__
    if not isinstance(cause, SQLAlchemyError):
        return ""
    text = str(cause.orig if isinstance(cause, DBAPIError) and cause.orig is not None else cause)
    return text.strip().split("\n")[0][:300]


def lacks_tables(error: TemporarilyUnavailable) -> bool:
    """Whether a table or column was not there."""
    state = getattr(getattr(error.__cause__, "orig", None), "sqlstate", None)
    return state in _NOT_THERE or said(error).startswith(_NO_SUCH)
