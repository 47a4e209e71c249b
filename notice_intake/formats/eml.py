"""E-mails from referral units in: the links that they name, the tables attached to them, and who they say they are.

Everything in a mail is claimed by whoever wrote it. Nothing in it is fetched, no signature is checked, and no link is
taken for meant because it stands there: an operator chooses.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from ..contract.fields import EMAIL_PATTERN, LANGUAGE_PATTERN
from ..core.links import canonical_link
from ..core.pasted import PastedLink, links_in
from ..core.referrals import CLOCK_SKEW
from ..errors import LinkRefused
from .csv_referrals import referrals_from_csv
from .eml_parts import Attachment, Mail, moment, take_apart
from .json_referrals import referrals_from_json
from .received import REASONS_LIMIT, Draft, DraftItem, Fault, Note, Reading, unusable

FORMAT: Final = "e-mail"
#: More links than this are not offered.
MOST_LINKS: Final = 300
#: All items together give at most so much text as their reasons.
_MOST_REASONS = 300_000
_EMAIL = re.compile(EMAIL_PATTERN[1:-1])
_LANGUAGE = re.compile(LANGUAGE_PATTERN[1:-1])
_SIGNATURE = re.compile(r"-- ?")
#: Mail filters that put an address of their own before each link: host, and the parameter that holds the link.
_FILTERS: Final = (("safelinks.protection.outlook.com", "url"), ("www.google.com", "q"))
_SHOWN = 300


def referrals_from_eml(raw: bytes, *, now: datetime) -> Reading:
    """Read a mail and the mails in it; raises nothing.

    Each mail with links in its text is a draft whose items an operator chooses from; each table and JSON attached is
    what its own reader makes of it. Other attachments are kept with the mail and not read.
    """
    mail = take_apart(raw)
    if isinstance(mail, str):
        return unusable(FORMAT, mail)
    found = _Found(now, "eml-" + hashlib.sha256(raw).hexdigest()[:12])
    found.mail(mail)
    faults = [] if found.drafts or found.faults else [Fault("no_links")]
    drafts = tuple(found.drafts)
    return Reading(FORMAT, drafts, (*found.faults, *faults), tuple(found.notes), not drafts, tuple(_sender(mail)))


class _Found:
    """What was found so far, in a mail and those in it."""

    def __init__(self, now: datetime, made: str) -> None:
        self._now, self._made = now, made
        self.drafts: list[Draft] = []
        self.faults: list[Fault] = []
        self.notes: list[Note] = []

    def mail(self, mail: Mail, *, within: str = "") -> None:
        """Read one mail, then what is in it."""
        self.notes += [replace(one, part=within) for one in mail.notes]
        self.faults += [Fault(code, part=name or within) for code, name in mail.faults]
        if draft := self._draft(mail, within):
            self.drafts.append(draft)
        for attachment in mail.attachments:
            self._attachment(attachment)
        for one in mail.inner:
            self.mail(one, within=one.header("subject")[:100] or "message/rfc822")

    def _attachment(self, attachment: Attachment) -> None:
        reading = _read(attachment)
        if reading is None:
            self.notes.append(Note("kept_not_read", part=attachment.name))
            return
        self.drafts += [replace(one, part=attachment.name) for one in reading.drafts]
        self.faults += [replace(one, part=attachment.name) for one in reading.faults]
        self.notes += [replace(one, part=attachment.name) for one in reading.notes]

    def _draft(self, mail: Mail, within: str) -> Draft | None:
        """Return what the text of a mail refers; None where it names no link."""
        links = list(_links(mail))
        for one, _ in links:
            if one.fault:
                self.notes.append(Note("link_unread", one.written[:_SHOWN], within))
        links = [(one, place) for one, place in links if not one.fault]
        if len(links) > MOST_LINKS:
            self.notes.append(Note("too_many_links", part=within))
            del links[MOST_LINKS:]
        if not links:
            return None
        reasons, cut = _reasons(mail, limit=min(REASONS_LIMIT, _MOST_REASONS // len(links)))
        if cut:
            self.notes.append(Note("cut", part=within))
        items = tuple(
            DraftItem(
                {"reference": str(number), "target": {"kind": "url", "url": one.written}, "reasons": reasons},
                one.line,
                place,
                taken=one.sure and place == "text",
            )
            for number, (one, place) in enumerate(links, 1)
        )
        reference = _reference(mail)
        document = self._document(mail, within) | {"agency_reference": reference or self._numbered()}
        return Draft(document, items, within, choosable=True, reference_made=not reference)

    def _numbered(self) -> str:
        return self._made + (f"-{len(self.drafts) + 1}" if self.drafts else "")

    def _document(self, mail: Mail, within: str) -> dict[str, Any]:
        """Return what the headers say, as far as it has the shape that a referral takes."""
        document: dict[str, Any] = {}
        sent = mail.sent_at
        if sent is None:
            self.notes.append(Note("date_unknown", part=within))
        elif sent > self._now + CLOCK_SKEW:
            self.notes.append(Note("date_in_future", mail.header("date")[:_SHOWN], within))
        else:
            document["issued_at"] = sent.isoformat(timespec="seconds").replace("+00:00", "Z")
        language = mail.header("content-language").partition(",")[0].strip()
        if len(language) <= 35 and _LANGUAGE.fullmatch(language):
            document["language"] = language
        name, address = mail.sender
        if address and _EMAIL.fullmatch(address):
            document["contact"] = {"email": address, **({"name": name} if name else {})}
        return document


def _read(attachment: Attachment) -> Reading | None:
    """Read an attachment by its name and type; None for one that is only kept. Archives are not opened."""
    name, kind = attachment.name.lower(), attachment.media_type
    if name.endswith((".csv", ".tsv")) or kind in ("text/csv", "text/tab-separated-values"):
        return referrals_from_csv(attachment.content)
    if name.endswith((".json", ".xarf")) or kind in ("application/json", "application/xarf+json"):
        return referrals_from_json(attachment.content)
    return None


def _links(mail: Mail) -> Iterator[tuple[PastedLink, str]]:
    """Yield each link of a mail once, with its place: what is written first, then what stands behind words."""
    text = mail.text or mail.html.text
    lines = text.splitlines()
    ending = next((at for at, line in enumerate(lines, 1) if _SIGNATURE.fullmatch(line)), len(lines) + 1)
    domain = mail.sender[1].rpartition("@")[2].lower().strip(".>")
    seen: set[str] = set()
    for one in links_in(text):
        place = "quoted" if lines[one.line - 1].lstrip().startswith(">") else "text"
        place = "signature" if one.line > ending else place
        one = _unwrapped(one)
        seen.add(one.link)
        yield one, "own" if _of_domain(one.link, domain) else place
    for _, address in mail.html.links:
        if address.partition(":")[0].lower() in ("http", "https"):
            one = _unwrapped(_pasted(address))
            if one.link not in seen or (one.fault and one.written not in seen):
                seen |= {one.link, one.written}
                yield one, "own" if _of_domain(one.link, domain) else "hidden"


def _pasted(address: str) -> PastedLink:
    try:
        return PastedLink(address, canonical_link(address), "", 0)
    except LinkRefused as refused:
        return PastedLink(address[:_SHOWN], "", refused.detail, 0)


def _unwrapped(one: PastedLink) -> PastedLink:
    """Return the link that a mail filter has put its own address before; any other as it is."""
    for host, name in _FILTERS:
        if _of_domain(one.link, host):
            inner = dict(parse_qsl(one.link.partition("?")[2])).get(name, "")
            if inner.startswith(("http://", "https://")):
                found = _pasted(inner)
                return replace(found, line=one.line) if found.link else one
    return one


def _of_domain(link: str, domain: str) -> bool:
    try:
        host = urlsplit(link).hostname or ""
    except ValueError:
        return False
    return bool(domain) and (host == domain or host.endswith("." + domain))


def _reference(mail: Mail) -> str:
    """Return the mail's own id, which its sender can find it by; empty where it has none that fits."""
    found = mail.header("message-id").strip("<> ")
    return found if 0 < len(found) <= 190 and found.isprintable() else ""


def _reasons(mail: Mail, *, limit: int) -> tuple[str, bool]:
    """Return the text of a mail under its subject, and whether it had to be cut."""
    head = f"{mail.header('subject')}\n\n" if mail.header("subject") else ""
    text = (head + (mail.text or mail.html.text)).strip()
    return (text[:limit], True) if len(text) > limit else (text, False)


def _sender(mail: Mail) -> Iterator[tuple[str, str]]:
    """Yield what the mail says about itself, each under the code of a note."""
    yield "from_claimed", mail.header("from")[:_SHOWN]
    yield "subject", mail.header("subject")[:_SHOWN]
    yield "date", mail.header("date")[:_SHOWN]
    for value in mail.headers.get("authentication-results", ())[:5]:
        yield "checks_claimed", value[:_SHOWN]
    arrived = moment(mail.header("received").rpartition(";")[2].strip())
    if arrived is not None:
        yield "arrived_claimed", arrived.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
