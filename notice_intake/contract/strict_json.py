"""JSON from bytes, strictly: what two readers could read differently is refused (RFC 8259 sections 4, 6, 8)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn

import orjson

from ..errors import MalformedBody

#: Deeper than any document of the contract.
MAX_DEPTH = 32
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def read_json(raw: bytes) -> Any:
    """Return the value in ``raw``. Raises ``MalformedBody`` that says what to change."""
    value = read_compact(raw)
    if value is None:
        return _read(raw)
    # Counting takes a thousandth of walking, and spares nearly every body the walk.
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    return value


def read_compact(raw: bytes) -> Any:
    """Return the value of JSON as most machines write it, in half the time; None where there is any doubt about it.

    What is written again as the same bytes held nothing twice, no number that is none, nothing but UTF-8. It may be
    some hundred levels deep, which no contract accepts.
    """
    if b"\\" in raw:
        return None
    try:
        value = orjson.loads(raw)
        return value if orjson.dumps(value) == raw else None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None


def _read(raw: bytes) -> Any:
    if raw.startswith(_BYTE_ORDER_MARK):
        raise MalformedBody("The body is not JSON: leave out the byte order mark at line 1, column 1.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The body is not UTF-8: byte {error.start} cannot be read.") from None
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedBody(f"The body is not JSON: {error.msg} at {where}.") from None
    except RecursionError:
        raise MalformedBody(f"The body is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError:  # more digits than Python converts
        raise MalformedBody("The body holds a number of thousands of digits. Write it as text.") from None
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    if "\\" in text and "\\u" in text:
        _refuse_characters(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for one in level for inner in _inside(one) if isinstance(inner, dict | list)]
        if not level:
            return
    raise MalformedBody(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = _first_repeated(name for name, _ in pairs)
        raise MalformedBody(f"The field {twice[:80]!r} stands twice in one object. Keep one.")
    return result


def _first_repeated(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            break
        seen.add(name)
    return name


def _no_constant(name: str) -> NoReturn:
    raise MalformedBody(f"{name} is not JSON. Leave the field out instead.")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise MalformedBody("The body holds a number that is too large.")
    return number


def _refuse_characters(value: Any) -> None:
    # json.dumps walks the value in C; escapes are the only way in for what UTF-8 itself cannot carry.
    text = json.dumps(value, ensure_ascii=False)
    if _SURROGATE.search(text):
        raise MalformedBody("The body holds half a surrogate pair (\\ud800 to \\udfff alone). Take it out.")
    if _NUL.search(text):
        raise MalformedBody("The body holds a NUL character (\\u0000). Take it out.")


_decoder = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite)
