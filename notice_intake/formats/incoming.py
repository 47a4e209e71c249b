"""One file, or a pasted text, that came by e-mail or portal: which reader it is for."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Final

from ..core.pasted import pasted_links
from .csv_referrals import referrals_from_csv
from .eml import referrals_from_eml
from .json_referrals import referrals_from_json
from .received import Draft, DraftItem, Fault, Reading, unusable

TEXT: Final = "text"
_MEDIA_TYPES: Final = {
    "eml": "message/rfc822", "csv": "text/csv", "tsv": "text/tab-separated-values", "json": "application/json",
    "xarf": "application/json", "txt": "text/plain", "pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}  # fmt: skip
_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"\\/:*?<>|]')


def media_type_of(name: str) -> str:
    """Return the media type of a file by the end of its name: what its sender says of it is not believed."""
    return _MEDIA_TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")


def tidy_name(name: str) -> str:
    """Return a file's name that any system takes: no folder, no control character, at most 200 characters."""
    tidied = _UNFIT.sub("_", re.split(r"[/\\]", name)[-1]).strip(" .")
    return tidied[-200:] or "file"


def read_file(name: str, content: bytes, *, now: datetime) -> Reading:
    """Read a file by the end of its name; raises nothing. One of another kind is kept, and nothing is found in it."""
    kind = media_type_of(name)
    if kind == "message/rfc822":
        return referrals_from_eml(content, now=now)
    if kind in ("text/csv", "text/tab-separated-values"):
        return referrals_from_csv(content)
    if kind == "application/json":
        return referrals_from_json(content)
    return Reading("")


def read_text(text: str) -> Reading:
    """Read a pasted list of links, one or more a line; a line in which none can be read is a fault."""
    found = pasted_links(text)
    if not found:
        return unusable(TEXT, "no_links")
    faults = tuple(Fault("bad_link", one.line, value=one.written[:80], detail=one.fault) for one in found if one.fault)
    links = [one for one in found if one.link]
    items = tuple(
        DraftItem({"reference": str(number), "target": {"kind": "url", "url": one.written}}, one.line)
        for number, one in enumerate(links, 1)
    )
    made = "text-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    drafts = [Draft({"agency_reference": made}, items, reference_made=True)] if items else []
    return Reading(TEXT, tuple(drafts), faults, unusable=not drafts)
