"""A mail taken apart: its headers as text, its readable text, its attachments. Bounded, whatever the mail says.

Standard library only (RFC 5322, RFC 2045 to 2047). Archives are never opened and no address is ever followed.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any, Final

from .html_text import HtmlText, text_of_html
from .received import Note

#: Larger mails are not read.
MOST_BYTES: Final = 25 * 1024 * 1024
#: More parts, and mails more deeply within mails, are not read.
MOST_PARTS: Final = 200
MOST_DEPTH: Final = 5
#: Larger texts and attachments are not read.
MOST_PART: Final = 10 * 1024 * 1024
_MOST_TEXT = 500_000
# What decodes in linear time and is in use for mail; others (punycode, unicode_escape …) are not taken at their word.
_CHARSETS = re.compile(
    r"ascii|utf-8|utf-16(-[bl]e)?|utf-32(-[bl]e)?|iso8859-\d+|cp\d{3,4}|koi8-[ru]|mac-[a-z]+|gb2312|gbk|gb18030|big5"
    r"|euc[_-](jp|kr)|shift_jis|iso2022_(jp|kr)"
)
_MOST_LINES = 3_000_000
_MOST_COMPARED = 60_000_000
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_HEADER_LINE = re.compile(rb"\A(?:From |[!-9;-~]{1,76}:)")


class _ShortHeaders(policy.Compat32):
    """Cuts a header that is longer than any honest one: its parameters are parsed in quadratic time."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:8000]


_SHORT_HEADERS = _ShortHeaders()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a mail."""

    name: str
    media_type: str
    content: bytes


@dataclass(slots=True)
class Mail:
    """One mail, without the mails in it."""

    #: Header name in lower case: its first values, decoded, on one line each.
    headers: dict[str, list[str]]
    text: str = ""
    html: HtmlText = field(default_factory=lambda: HtmlText("", ()))
    attachments: list[Attachment] = field(default_factory=list)
    #: Mails in this one, such as those that were forwarded as attachments.
    inner: list[Mail] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    #: (code of a fault, name of the part)
    faults: list[tuple[str, str]] = field(default_factory=list)

    def header(self, name: str) -> str:
        """Return the first value of a header, or nothing."""
        return next(iter(self.headers.get(name, ())), "")

    @property
    def sender(self) -> tuple[str, str]:
        """Name and address in ``From``, as claimed; empty where there is none."""
        try:
            name, address = parseaddr(self.header("from"))
        except (RecursionError, ValueError, IndexError):  # comments within comments, without end
            return "", ""
        return name.strip()[:200], address.strip()[:320] if "@" in address else ""

    @property
    def sent_at(self) -> datetime | None:
        """The moment in ``Date``, as claimed; None where it names none."""
        return moment(self.header("date"))


def moment(text: str) -> datetime | None:
    """Return the moment that a mail's date names; None for one without an offset, or that is none."""
    try:
        found = parsedate_to_datetime(text)
        return found.astimezone(UTC) if found.tzinfo is not None and 1900 < found.year < 2100 else None
    except (TypeError, ValueError, IndexError, OverflowError, RecursionError):
        return None


def is_mail(raw: bytes) -> bool:
    """Say whether a file begins as mails do: with a header line."""
    return _HEADER_LINE.match(raw.lstrip(b"\xef\xbb\xbf\r\n")) is not None


def take_apart(raw: bytes) -> Mail | str:
    """Return the mail, or the code of the fault for which it cannot be read. Raises nothing."""
    if len(raw) > MOST_BYTES:
        return "too_large"
    if not is_mail(raw):
        return "not_mail"
    # The parser compares every line with every boundary that is open: made for it, a mail would take minutes.
    lines = raw.count(b"\n") + raw.count(b"\r")
    if lines > _MOST_LINES or lines * raw.lower().count(b"boundary") > _MOST_COMPARED:
        return "too_many_parts"
    try:
        parsed = message_from_bytes(raw.lstrip(b"\xef\xbb\xbf\r\n"), policy=_SHORT_HEADERS)
    except Exception:  # the parser has bugs of its own on what is no mail; none of them may reach an operator
        return "part_broken"
    try:
        return _Walk().mail(parsed, depth=0)
    except RecursionError:
        return "too_deep"


class _Walk:
    """One way through all parts of a mail, counting them."""

    def __init__(self) -> None:
        self._parts = 0

    def mail(self, message: Message, *, depth: int) -> Mail:
        """Read a mail and what is in it."""
        mail = Mail(_headers(message))
        if message.defects:
            mail.notes.append(Note("defects"))
        self._part(message, mail, depth=depth)
        return mail

    def _part(self, part: Message, mail: Mail, *, depth: int) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            if ("too_many_parts", "") not in mail.faults:
                mail.faults.append(("too_many_parts", ""))
            return
        payload: Any = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(payload, list) and payload:
            if depth >= MOST_DEPTH:
                mail.faults.append(("too_deep", _name(part)))
            else:
                mail.inner.append(self.mail(payload[0], depth=depth + 1))
        elif isinstance(payload, list):
            for one in payload:
                self._part(one, mail, depth=depth)
        else:
            self._leaf(part, mail, depth=depth)

    def _leaf(self, part: Message, mail: Mail, *, depth: int) -> None:
        name = _name(part)
        content = _content(part)
        if content is None or len(content) > MOST_PART:
            mail.faults.append(("part_broken" if content is None else "part_too_large", name))
            return
        kind = part.get_content_type()
        attached = bool(name) or part.get_content_disposition() == "attachment"
        if kind in ("text/plain", "text/html") and not attached:
            text, sure = _text(content, part)
            if not sure and Note("charset") not in mail.notes:
                mail.notes.append(Note("charset"))
            if kind == "text/plain":
                mail.text = f"{mail.text}\n{text}".strip("\n") if mail.text else text
            elif not mail.html.text:
                mail.html = text_of_html(text)
        elif name.lower().endswith(".eml") and is_mail(content):
            inner = take_apart(content) if depth < MOST_DEPTH else "too_deep"
            if isinstance(inner, Mail):
                mail.inner.append(inner)
            else:
                mail.faults.append((inner, name))
        elif content or attached:
            mail.attachments.append(Attachment(name or kind, kind, content))


def _headers(message: Message) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in message.items()[:500]:
        values = found.setdefault(name.lower(), [])
        if len(values) < 20:
            values.append(_line(value))
    return found


def _line(value: object) -> str:
    """Return a header's value as one line, encoded words decoded (RFC 2047) as far as they can be."""
    text = str(value)[:4000]
    try:
        # The modern policy decodes, and raises on what it does not understand; then the value stays as it stands.
        decoded = EmailMessage(policy=policy.default)
        decoded["Subject"] = " ".join(text.split())
        text = str(decoded["Subject"])
    except Exception:
        text = text.encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub("\ufffd", " ".join(text.split()))


def _name(part: Message) -> str:
    """Return the name of an attachment, without any folder; empty where it has none."""
    try:
        name = part.get_filename() or ""
    except Exception:
        name = "?"
    name = re.split(r"[/\\]", _line(name))[-1].strip()
    return name[:200]


def _content(part: Message) -> bytes | None:
    try:
        content = part.get_payload(decode=True)
    except Exception:
        return None
    return content if isinstance(content, bytes) else None


def _text(content: bytes, part: Message) -> tuple[str, bool]:
    """Return a text, and whether its character set is what the mail says."""
    try:
        claimed = str(part.get_param("charset", "us-ascii"))
        name = codecs.lookup(claimed).name
    except (LookupError, ValueError, TypeError, UnicodeError):
        name = ""
    for text, sure in _attempts(content, name if _CHARSETS.fullmatch(name) else ""):
        return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))[:_MOST_TEXT], sure
    raise AssertionError("unreachable")


def _attempts(content: bytes, name: str) -> Iterator[tuple[str, bool]]:
    for one, sure in ((name, True), ("utf-8", name == "ascii")):
        try:
            if one:
                yield content.decode(one), sure
        except (UnicodeError, ValueError):
            continue
    yield content.decode("cp1252", "replace"), False
