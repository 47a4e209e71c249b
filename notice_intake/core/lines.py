"""What a person pastes: one target a line, each understood or refused by itself.

A link, defanged or not; ``@handle`` for an account; a digest in hexadecimal for a file, with or without its algorithm
before it. Nothing is guessed: what fits none of these is read as a link, and the fault of the link is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import LinkRefused
from .links import canonical_link

#: Digests that their length tells apart; ``pdq`` and the like have to be named.
_BY_LENGTH: Mapping[int, str] = {32: "md5", 40: "sha-1", 64: "sha-256", 96: "sha-384", 128: "sha-512"}
_LENGTHS: Mapping[str, int] = {
    **{name: size for size, name in _BY_LENGTH.items()},
    "pdq": 64,
    "tmk": 64,
    "photodna": 288,
}
_SPELLINGS = {"sha1": "sha-1", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}
_HASH = re.compile(r"(?:([A-Za-z][A-Za-z0-9-]{1,9})\s{0,3}[:=]\s{0,3})?([0-9A-Fa-f]{32,288})", re.ASCII)
_HANDLE = re.compile(r"@[^@\x00-\x20\x7f/\\]{1,199}")
#: Lists out of mails and tables begin their lines with a mark or a number.
_MARK = re.compile(r"^(?:[-*\u2022\u2013\u00b7]|\d{1,3}[.)])\s{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it was understood."""

    #: Its number in what was pasted, blank lines counted, from 1.
    number: int
    #: As it was pasted, without the blanks around it.
    text: str
    #: The target as it stands in a referral; None where the line was not understood.
    target: Mapping[str, Any] | None = None
    #: What it came to: the canonical link, the handle, the digest with its algorithm.
    reading: str = ""
    #: What the sender has to change; empty where it was understood.
    fault: str = ""
    #: The number of an earlier line that names the same; 0 where there is none.
    same_as: int = 0

    @property
    def kind(self) -> str:
        """``url``, ``account``, ``file``, or nothing where it was not understood."""
        return str(self.target["kind"]) if self.target else ""

    @property
    def counts(self) -> bool:
        """Whether it becomes an item: understood, and not there before."""
        return self.target is not None and not self.same_as


@dataclass(slots=True)
class _Seen:
    first: dict[str, int] = field(default_factory=dict)

    def before(self, key: str, number: int) -> int:
        """Return the number of the line that named this first, or 0 where it is this one."""
        found = self.first.setdefault(key, number)
        return 0 if found == number else found


def read_lines(text: str) -> tuple[Line, ...]:
    """Return the lines of ``text`` that hold anything, each as it was understood. Raises nothing."""
    seen = _Seen()
    # Not splitlines(): form feeds and the like stand inside a link, which is refused for them with a reason.
    found = enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1)
    return tuple(_line(number, line.strip(), seen) for number, line in found if line.strip())


def _line(number: int, text: str, seen: _Seen) -> Line:
    bare = _MARK.sub("", text, count=1)
    digest = _HASH.fullmatch(bare)
    if digest is not None:
        return _file(number, text, digest, seen)
    if _HANDLE.fullmatch(bare):
        target = {"kind": "account", "handle": bare}
        return Line(number, text, target, bare, same_as=seen.before(bare.lower(), number))
    if "\t" in bare:
        # A browser drops tabs out of an address: what stands in the next cell of a table would become part of it.
        return Line(number, text, fault="The link holds control characters. Remove them.")
    try:
        link = canonical_link(bare)
    except LinkRefused as refused:
        return Line(number, text, fault=refused.detail)
    return Line(number, text, {"kind": "url", "url": bare}, link, same_as=seen.before(link, number))


def _file(number: int, text: str, found: re.Match[str], seen: _Seen) -> Line:
    named, value = (found[1] or "").lower(), found[2].lower()
    algorithm = _SPELLINGS.get(named, named) or _BY_LENGTH.get(len(value), "")
    if algorithm not in _LENGTHS:
        return Line(number, text, fault="Say which kind of digest this is, such as sha-256: before it.")
    if len(value) != _LENGTHS[algorithm]:
        return Line(number, text, fault=f"A {algorithm} digest has {_LENGTHS[algorithm]} hexadecimal digits.")
    reading = f"{algorithm}:{value}"
    target = {"kind": "file", "hashes": [{"algorithm": algorithm, "value": value}]}
    return Line(number, text, target, reading, same_as=seen.before(reading, number))
