"""Showing text from outside so that it can neither act nor deceive.

Everything an agency or an uploader wrote is hostile until shown: links are text that cannot be clicked, characters
that steer or hide other characters are written out, and a host in another script carries its ASCII form.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from ...core.links import canonical_link
from ...errors import LinkRefused

#: Blank though not spaces: Hangul fillers, the braille blank, the invisible grapheme joiner.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_JOINERS = frozenset("\u200c\u200d")
#: Controls, formats (bidi and zero width among them), surrogates, line and paragraph separators.
_HIDING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_DOT = re.compile(r"(?<![\[({])\.(?![\])}])")
_LINK = re.compile(
    r"\A(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*):(?P<slashes>/{0,2})(?P<host>[^/?#\\]*)(?P<rest>.*)\Z", re.DOTALL
)


def visible(text: str) -> Markup:
    """Return prose as safe mark-up in which every hidden or steering character is written out.

    Joiners between letters of scripts that need them (Arabic, Persian, Indic) and inside emoji stay as they are.
    """
    text = text.replace("\r\n", "\n")
    return _marked(text, [not (char in _JOINERS and _joins(text, i)) and _hides(char) for i, char in enumerate(text)])


def exact(text: str) -> Markup:
    """Return an identifier as safe mark-up in which every hidden, steering or odd blank character is written out."""
    return _marked(text, [_hides(char) or (char != " " and char.isspace()) for char in text])


def bdi(text: str) -> Markup:
    """Return an identifier that cannot turn the direction of what stands around it."""
    return Markup("<bdi>{}</bdi>").format(exact(text))


def is_link(kind: str, text: str) -> bool:
    """Say whether a locator is an address rather than a name or a hash."""
    return kind == "url" or "://" in text


def defanged(link: str) -> str:
    """Return a link as text that no program takes for one: ``hxxps://video[.]example/watch``.

    What an agency has defanged itself stays as it wrote it.
    """
    match = _LINK.match(link)
    if match is None:
        host, slash, rest = link.partition("/")
        return _dots(host) + slash + rest
    scheme, host = match["scheme"], _dots(match["host"])
    if scheme.lower() in ("http", "https"):
        return f"hxxp{scheme[4:]}:{match['slashes']}{host}{match['rest']}"
    colon = ":" if scheme.lower().startswith("hxxp") else "[:]"
    return f"{scheme}{colon}{match['slashes']}{host}{match['rest']}"


def _dots(host: str) -> str:
    return _DOT.sub("[.]", host)


def ascii_host(link: str) -> str | None:
    """Return the ASCII form of a link's host where the link as written shows another one, else None."""
    try:
        host = urlsplit(canonical_link(link)).hostname or ""
    except (LinkRefused, ValueError):
        return None
    return host if "xn--" in host and host not in link.lower() else None


def local_medium(url: str | None, origin: str) -> str | None:
    """Return the address of a medium if it is the host's own, else None: nothing is ever loaded from elsewhere."""
    if not url:
        return None
    if url.startswith("/") and not url.startswith(("//", "/\\")) and "\\" not in url:
        return url
    return url if url.startswith(origin.rstrip("/") + "/") else None


def _hides(char: str) -> bool:
    return char in _BLANK or (char not in "\n\t" and unicodedata.category(char) in _HIDING)


def _marked(text: str, marks: list[bool]) -> Markup:
    if not any(marks):
        return Markup(escape(text))  # noqa: S704 - escaped in the same breath
    parts = [_mark(char) if mark else str(escape(char)) for char, mark in zip(text, marks, strict=True)]
    return Markup("".join(parts))  # noqa: S704 - every part is escaped above


def _mark(char: str) -> str:
    code = f"U+{ord(char):04X}"
    name = unicodedata.name(char, code)
    return f'<span class="ni-hidden-char" title="{escape(name)}">{code}</span>'


def _joins(text: str, index: int) -> bool:
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    return bool(before and after) and all(ord(char) >= 0x0590 and char.isprintable() for char in (before, after))
