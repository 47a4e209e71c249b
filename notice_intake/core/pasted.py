"""Links in text that people paste: a list of addresses, or prose with some in it.

Agencies send them plain, defanged (``hxxps://video[.]example``), numbered, in brackets, with a full stop behind. What
is found is told as it was written and in its canonical form; nothing is fetched, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..errors import LinkRefused
from .links import MAX_LINK, canonical_link

#: More links than this are not looked for in one text.
MOST_LINKS: Final = 5000

_PARTING = re.compile(r"[^\s<>\"|\u00a0\u2028\u2029]+")
_BETWEEN = re.compile(r"[\s<>\"|\u00a0\u2028\u2029]")
_DOT = r"(?:\.|[\[({]\s?(?:\.|dot)\s?[\])}])"
_COLON = r"(?::|[\[({<]:[\])}>])"
# Of other schemes only those that name content; "Note://" is no link.
_SCHEMES = r"h[tx*_]{2}ps?|ftps?|f[x*_]ps?|tg|whatsapp|ipfs|ipns|ed2k|matrix|nostr"
_WITH_SCHEME = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?:{_SCHEMES})(?:{_COLON}[/\\]{{2}}|[\[({{]:?//[\])}}]|:[\[({{]//[\])}}])|magnet:\?).",
    re.IGNORECASE,
)
_LABEL = r"[^\s./\\?#:@\[\](){}<>,;!'\"]{1,63}"
_BARE = re.compile(
    rf"(?P<www>www{_DOT})?{_LABEL}(?:{_DOT}{_LABEL}){{0,20}}?{_DOT}(?P<last>(?!\d+(?:\W|\Z)){_LABEL})"
    r"(?::[0-9]{1,5})?(?P<rest>(?:\[/\]|[/\\?#]).*)?",
    re.IGNORECASE | re.DOTALL,
)
_DEFANGED = re.compile(r"[\[({]\s?(?:\.|dot|:|//|://|/)\s?[\])}]|\Ah[x*_]", re.IGNORECASE)
_NEXT = re.compile(rf"(?:[,;]|\]\()(?=(?:{_SCHEMES}){_COLON}[/\\]{{2}})", re.IGNORECASE)
_BULLET = re.compile(r"\s*(?:[-*+•–—▪◦·]|\(?[0-9]{1,5}[.)\]]|\[[0-9]{1,5}\])\s+")  # noqa: RUF001
_BEFORE = "([{<'\"“”„‚‘’«»‹›`*"  # noqa: RUF001
_AFTER = ".,;:!?…'\"“”‘’«»‹›`*،؛؟。，、"  # noqa: RUF001
_CLOSING = {")": "(", "]": "[", "}": "{", ">": "<"}
_BLANK = re.compile(r"\s")
_WORDS_AFTER = re.compile(r"[^\S ]|\A[^/\\?#]*[/\\?#].*\s", re.DOTALL)
_PAST_HOST = frozenset("/\\?#")
_SPACED_DOT = re.compile(r"\s{0,3}([\[({](?:\.|dot)[\])}])\s{0,3}", re.IGNORECASE)
#: What is told of a line of words in which no link can be read.
NO_LINK: Final = "No link can be read in this line. Write one address on it, or take it out."


@dataclass(frozen=True, slots=True)
class PastedLink:
    """One link of a text; or, of a pasted list, a line in which none can be read."""

    #: As it stands in the text, without what only surrounds it.
    written: str
    #: Its canonical form; empty where it cannot be read.
    link: str
    #: What has to be changed, where it cannot be read; else empty.
    fault: str
    #: The line that it stands in, from 1.
    line: int
    #: True where nothing but an address looks like this: it has a scheme, ``www`` or defanged notation.
    sure: bool = True


def links_in(text: str) -> tuple[PastedLink, ...]:
    """Return the links that stand in prose, in order; one that comes again in any spelling is told once.

    Words such as ``terms.section/4`` look like an address without being one: those are not ``sure``. E-mail addresses
    are no links.
    """
    seen: set[str] = set()
    found: list[PastedLink] = []
    for number, line in enumerate(text.splitlines(), 1):
        for one in _in_line(line, number):
            key = one.link or one.written
            if key not in seen:
                seen.add(key)
                found.append(one)
            if len(found) == MOST_LINKS:
                return tuple(found)
    return tuple(found)


def pasted_links(text: str) -> tuple[PastedLink, ...]:
    """Return what a pasted list of links holds: one or more for each line that is not blank, in order.

    A line may begin with a bullet or a number and hold words beside its links. One in which no link can be read is
    told with its ``fault``; a link that comes again in any spelling is told once.
    """
    seen: set[str] = set()
    found: list[PastedLink] = []
    for number, line in enumerate(text.splitlines(), 1):
        bullet = _BULLET.match(line)
        line = line[bullet.end() if bullet else 0 :].strip()
        if not line:
            continue
        for one in [one for one in _in_line(line, number) if one.sure] or [_whole(line, number)]:
            key = one.link or one.written
            if key not in seen and len(found) < MOST_LINKS:
                seen.add(key)
                found.append(one)
    return tuple(found)


def _whole(line: str, number: int) -> PastedLink:
    """Read a line that is to be one link, or say why it is none: words behind its host are no part of it."""
    line = line[: MAX_LINK + 1]
    read = _read(line, number, sure=True)
    blanks = _BLANK.search(line) is not None
    return replace(read, link="", fault=NO_LINK) if blanks and (read.fault or _WORDS_AFTER.search(line)) else read


def _in_line(line: str, number: int) -> Iterator[PastedLink]:
    for word in _PARTING.finditer(_dots_joined(line)):
        token = word[0]
        scheme = _WITH_SCHEME.search(token)
        if scheme is not None:
            yield from _with_schemes(token[scheme.start() :], number)
            continue
        token = _trimmed(token)
        bare = _BARE.fullmatch(token) if "." in token or "dot" in token.lower() else None
        if bare is None or "@" in token.partition("/")[0]:
            continue
        sure = bool(bare["www"]) or _DEFANGED.search(token[:300]) is not None
        if sure or (bare["rest"] and bare["last"].isalpha() and len(bare["last"]) > 1):
            yield _read(token, number, sure=sure)


def _dots_joined(line: str) -> str:
    """Take the blanks away around the dots of a host; after the host such a dot is text, and nothing joins a link."""
    parts, at, past_host = [], 0, False
    for dot in _SPACED_DOT.finditer(line):
        before = line[at : dot.start()]
        *others, word = _BETWEEN.split(before)
        past_host = _is_past_host(word) or (past_host and not others)
        parts += [before, dot[0] if past_host else dot[1]]
        at = dot.end()
    return "".join(parts) + line[at:]


def _is_past_host(word: str) -> bool:
    """Say whether what stands before a dot is more than a scheme and a part of a host."""
    scheme = _WITH_SCHEME.search(word)
    return not _PAST_HOST.isdisjoint(word[scheme.end() - 1 :] if scheme and "?" not in scheme[0] else word)


def _with_schemes(token: str, number: int) -> Iterator[PastedLink]:
    """Read a word that begins with a scheme: ``https://a,https://b`` are two, a link in another's query is none."""
    for part in _NEXT.split(token):
        yield _read(_trimmed(part), number, sure=True)


def _read(written: str, number: int, *, sure: bool) -> PastedLink:
    try:
        return PastedLink(written, canonical_link(written), "", number, sure)
    except LinkRefused as refused:
        return PastedLink(written[:MAX_LINK], "", refused.detail, number, sure)


def _trimmed(word: str) -> str:
    """Take away what surrounds a link in prose: quotes, a full stop, a bracket that was opened before it."""
    start, end = 0, len(word)
    while start < end and word[start] in _BEFORE:
        start += 1
    spare = {last: word.count(last, start) - word.count(first, start) for last, first in _CLOSING.items()}
    while start < end:
        last = word[end - 1]
        if last in spare:
            if spare[last] <= 0:
                break
            spare[last] -= 1
        elif last not in _AFTER:
            break
        end -= 1
    return word[start:end]
