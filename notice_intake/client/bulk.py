"""Streams: referrals of any number in one request, neither they nor their answers ever held in memory together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import requests

from .errors import BadAnswer, IntakeError, Unreachable
from .results import BulkLine, read_line
from .transport import Transport, parse

PATH: Final = "/v1/referrals/bulk"
KIND: Final = "application/x-ndjson"
#: The platform answers when the last line is in and stored: a proxy between may hold the whole stream back until then.
PATIENCE: Final = 600.0
_PIECE: Final = 131_072
_LONGEST_ANSWER: Final = 4 * 1_048_576

#: A referral: JSON bytes or text without a line feed in it, or a document.
Line = bytes | str | Mapping[str, Any]


@dataclass(slots=True)
class _Sent:
    """How far a stream has come."""

    #: The lines that must be answered.
    lines: int = 0
    whole: bool = False


class _Spoilt(Exception):
    """The caller's own lines raised this error's cause: below, an ``OSError`` would pass for one of the network."""


def send(transport: Transport, lines: Iterable[Line]) -> Iterator[BulkLine]:
    """Send every line, then return the answers as they are read."""
    sent = _Sent()
    try:
        response = transport.stream(PATH, body=_pieces(lines, sent), kind=KIND, patience=PATIENCE)
    except _Spoilt as spoilt:
        raise spoilt.__cause__ or spoilt from None
    except Unreachable as broken:
        if sent.lines:
            _ask_why(transport, broken)
        raise
    return _answers(transport.chunks(response, _PIECE), response, sent)


def _ask_why(transport: Transport, broken: Unreachable) -> None:
    """A platform that refuses a stream hangs up on it, and its answer is often lost: an empty stream gets it."""
    try:
        transport.stream(PATH, body=b"", kind=KIND, patience=0).close()  # type: ignore[arg-type]
    except Unreachable:
        return
    except IntakeError as refused:
        raise refused from broken


def _pieces(lines: Iterable[Line], sent: _Sent) -> Iterator[bytes]:
    """Yield the lines in pieces that are worth a packet."""
    waiting: list[bytes] = []
    size = 0
    try:
        for line in lines:
            raw = _bytes(line)
            sent.lines += not raw.isspace()
            waiting.append(raw)
            size += len(raw)
            if size >= _PIECE:
                yield b"".join(waiting)
                waiting, size = [], 0
    except Exception as fault:
        raise _Spoilt from fault
    if waiting:
        yield b"".join(waiting)
    sent.whole = True


def _bytes(line: Line) -> bytes:
    """Return a line with its end."""
    if isinstance(line, Mapping):
        return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    raw = line.encode() if isinstance(line, str) else bytes(line)
    end = raw.find(b"\n")
    if end < 0:
        return raw + b"\n"
    if end != len(raw) - 1:
        raise ValueError("a line of a stream holds a line feed: write each referral on one line")
    return raw


def _answers(chunks: Iterator[bytes], response: requests.Response, sent: _Sent) -> Iterator[BulkLine]:
    """Yield the answers. Raises unless every line has got one, in order."""
    answered = last = 0
    with closing(response):
        for raw in _split(chunks):
            line = read_line(parse(raw))
            if line.line <= last:
                raise BadAnswer(f"The answer to line {line.line} comes after that to line {last}.")
            last = line.line
            answered += 1
            yield line
    if answered != sent.lines or not sent.whole:
        raise Unreachable(
            f"The stream broke off: {answered} of {sent.lines} lines were answered. Send all of it again: "
            "what is stored already is answered with its old receipt."
        )


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    try:
        for chunk in chunks:
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
            if len(rest) > _LONGEST_ANSWER:
                raise BadAnswer("A line of the answer does not end.")
    except requests.RequestException as error:
        raise Unreachable("The answers broke off. Send all of it again.") from error
    if rest:
        yield rest
