"""The text of an HTML mail, and what its words link to. Nothing is run, nothing is fetched.

An own reader, since the standard library's takes quadratic time on mark-up that is made for it: this one looks at each
character a fixed number of times.
"""

from __future__ import annotations

import html
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: More than this is not read.
MOST_CHARACTERS: Final = 2_000_000
_MOST_LINKS = 2000
_NAME = re.compile(r"/?[A-Za-z][A-Za-z0-9:-]*")
_HREF = re.compile(r"""\shref\s{0,9}=\s{0,9}("[^"]*|'[^']*|[^\s"'>]+)""", re.IGNORECASE)
# Letters beyond ASCII may be longer in lower case: every place behind one would be another.
_LOWER = {ord(one): ord(one.lower()) for one in string.ascii_uppercase}
#: What is no text, up to its own end tag.
_HIDDEN = frozenset({"script", "style", "title", "template", "textarea", "xmp", "svg"})
_BLOCKS = frozenset(
    """
    address article aside blockquote br dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre
    section table tbody td tfoot th thead tr ul
    """.split()  # noqa: SIM905 - a list of forty lines says no more
)


@dataclass(frozen=True, slots=True)
class HtmlText:
    """What a reader of the mail sees, and what stands behind it."""

    text: str
    #: (the words, the address behind them) of each link, in order.
    links: tuple[tuple[str, str], ...]


def text_of_html(page: str) -> HtmlText:
    """Return the text of a page as lines, and its links; raises nothing. Text that styles would hide counts too."""
    parts: list[str] = []
    links: list[tuple[str, str]] = []
    open_link: tuple[str, int] | None = None
    for tag, text in _tokens(page[:MOST_CHARACTERS]):
        parts.append(html.unescape(text).replace("\n", " "))
        name = tag.partition(" ")[0].lower()
        if name in ("a", "/a"):
            _end(open_link, parts, links)
            href = _HREF.search(tag) if name == "a" else None
            address = html.unescape(href[1].strip("\"' \t")) if href else ""
            open_link = (address, len(parts)) if address else None
        if name.removeprefix("/") in _BLOCKS:
            parts.append("\n")
    _end(open_link, parts, links)
    lines = [_line(line) for line in "".join(parts).split("\n")]
    kept = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
    return HtmlText("\n".join(kept).strip(), tuple(links))


def _end(open_link: tuple[str, int] | None, parts: list[str], links: list[tuple[str, str]]) -> None:
    if open_link is not None and len(links) < _MOST_LINKS:
        links.append((_line("".join(parts[open_link[1] :]))[:2100], open_link[0]))


def _line(text: str) -> str:
    return " ".join(text.split())


def _tokens(page: str) -> Iterator[tuple[str, str]]:
    """Yield (tag, the text before it): the tag as ``name attributes``, its end as ``/name``; the last tag is empty."""
    at = start = 0
    lower = page.translate(_LOWER)
    while (opening := page.find("<", at)) >= 0:
        if page.startswith("<!--", opening):
            end = page.find("-->", opening + 2)
            tag, after = "", (len(page) if end < 0 else end + 3)
        elif (name := _NAME.match(page, opening + 1)) or page.startswith(("<!", "<?"), opening):
            end = page.find(">", opening)
            tag = page[opening + 1 : opening + 9000 if end < 0 else min(end, opening + 9000)] if name else ""
            after = len(page) if end < 0 else end + 1
            hidden = name[0].lower() if name else ""
            if hidden in _HIDDEN:
                end = lower.find(f"</{hidden}", after)
                after = len(page) if end < 0 else end
        else:
            at = opening + 1
            continue
        yield " ".join(tag.split()).removesuffix("/"), page[start:opening]
        at = start = after
    yield "", page[start:]
