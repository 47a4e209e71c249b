"""One contract: accepted in microseconds by the compiled JSON Schema, explained by marshmallow.

The schema that is published is generated from the marshmallow schema and compiled once. A document that it accepts
needs no second pass; one that it refuses goes through marshmallow for the pointers and the wording.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
from marshmallow import Schema, ValidationError

from ..errors import DocumentRefused, FieldError
from .json_schema import json_schema_of

log = logging.getLogger("notice_intake.contract")


class Contract:
    """The contract of one document."""

    def __init__(self, schema: type[Schema], *, name: str) -> None:
        self._schema = schema()
        #: The published JSON Schema 2020-12.
        self.published = json_schema_of(schema, name=name)
        self._compiled = jsonschema_rs.Draft202012Validator(self.published, validate_formats=True)

    def check(self, document: Any) -> None:
        """Return if the document keeps the contract; else raise ``DocumentRefused`` with a pointer for each fault."""
        if self._compiled.is_valid(document):
            return
        raise DocumentRefused(self.explain(document))

    def explain(self, document: Any) -> list[FieldError]:
        """Return the faults of a refused document in marshmallow's words."""
        if not isinstance(document, dict):
            return [FieldError("", "not_an_object", "Send one JSON object.")]
        faults = list(flatten(self._schema.validate(document)))
        if not faults:
            # The two readers disagree: a fault of ours. Refusing is the safe side; the log line makes it known.
            log.error("contract: the JSON Schema refuses what marshmallow accepts")
            faults = [
                FieldError("".join(f"/{step}" for step in error.instance_path), "invalid", error.message)
                for error in self._compiled.iter_errors(document)
            ]
        return faults


def explain_with(schema: Schema, document: Mapping[str, Any]) -> tuple[Any, list[FieldError]]:
    """Load small documents such as query strings: the loaded value, or the faults."""
    try:
        return schema.load(document), []
    except ValidationError as error:
        return None, list(flatten(error.messages))


_CODES = {
    "Missing data for required field.": ("required", "This field is missing. Add it."),
    "Unknown field.": ("unknown_field", "This field is not known here. Take it out, or check its spelling."),
    "Field may not be null.": ("null", "Leave the field out instead of sending null."),
}
#: Stable words for the rest of marshmallow's messages, by how they begin; what matches none is ``invalid``.
_BEGINNINGS = (
    ("Not a valid ", "wrong_type"),
    ("Invalid input type", "wrong_type"),
    ("Write an object.", "wrong_type"),
    ("Must be one of:", "not_listed"),
    ("Length must be ", "length"),
    ("Longer than maximum ", "length"),
    ("Shorter than minimum ", "length"),
)


def _code_of(message: str) -> str:
    return next((code for beginning, code in _BEGINNINGS if message.startswith(beginning)), "invalid")


def flatten(messages: Any, pointer: str = "") -> Iterator[FieldError]:
    """Turn marshmallow's nested messages into one ``FieldError`` for each, in document order."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            step = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from flatten(inner, pointer + step)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        if isinstance(message, Mapping):
            yield from flatten(message, pointer)
            continue
        code, detail = _CODES.get(str(message)) or (_code_of(str(message)), str(message))
        yield FieldError(pointer, code, detail)
