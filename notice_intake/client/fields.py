"""Reading the members of an answer: of the right type, or ``BadAnswer``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from .errors import BadAnswer

Document = Mapping[str, Any]
_MANY: Final = 10_000


def check_object(value: Any, name: str = "") -> None:
    """Refuse what is not a JSON object."""
    if type(value) is not dict:
        raise _wrong(name, "an object")


def text(document: Document, name: str) -> str:
    """Return a text."""
    value = document.get(name)
    if type(value) is not str:
        raise _wrong(name, "a text")
    return value


def maybe_text(document: Document, name: str) -> str | None:
    """Return a text, or None where it is null or missing."""
    return None if document.get(name) is None else text(document, name)


def number(document: Document, name: str) -> int:
    """Return a whole number."""
    value = document.get(name)
    if type(value) is not int:
        raise _wrong(name, "a whole number")
    return value


def maybe_number(document: Document, name: str) -> int | None:
    """Return a whole number, or None where it is null or missing."""
    return None if document.get(name) is None else number(document, name)


def time(document: Document, name: str) -> datetime:
    """Return a time with its offset."""
    try:
        value = datetime.fromisoformat(text(document, name))
    except ValueError:
        raise _wrong(name, "a time") from None
    if value.tzinfo is None:
        raise _wrong(name, "a time with its offset")
    return value


def maybe_time(document: Document, name: str) -> datetime | None:
    """Return a time, or None where it is null or missing."""
    return None if document.get(name) is None else time(document, name)


def objects(document: Document, name: str) -> list[dict[str, Any]]:
    """Return a list of objects."""
    value = document.get(name)
    if type(value) is not list or len(value) > _MANY:
        raise _wrong(name, "a list")
    for one in value:
        check_object(one, name)
    return value


def texts(document: Document, name: str) -> tuple[str, ...]:
    """Return a list of texts."""
    value = document.get(name)
    if type(value) is not list or not all(type(one) is str for one in value):
        raise _wrong(name, "a list of texts")
    return tuple(value)


def page(document: Any, name: str) -> tuple[list[dict[str, Any]], str | None]:
    """Return what a page lists under ``name``, and where to go on."""
    check_object(document)
    return objects(document, name), maybe_text(document, "next")


def _wrong(name: str, wanted: str) -> BadAnswer:
    return BadAnswer(f"The answer breaks the contract: {name or 'it'} must be {wanted}.")
