"""X-ARF version 4 in: an abuse report becomes a referral, as far as its words reach, and says where they do not.

Field names and limits are those of the X-ARF v4 core schema (xarf/xarf-spec, ``schemas/v4/xarf-core.json``). The
referral is a notice under Reg. (EU) 2022/2065 Art. 16. What such a notice needs and X-ARF cannot say is left out, never
made up, and named in ``gaps``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..core.catalogue import NOT_SPECIFIED_NOTICE
from ..core.links import MAX_LINK, canonical_link
from ..errors import DocumentRefused, FieldError, LinkRefused
from . import xarf_core

INSTRUMENT: Final = "eu.dsa.notice"
#: The longest ``reasons`` that a referral takes.
REASONS_LIMIT: Final = 20_000

_SCAMS = "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"
_PROPERTY = "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS"
_MINORS = "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"
# X-ARF category and type (* for any) to the Commission's category and keywords.
_FILED_UNDER: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("content", "phishing"): (_SCAMS, ("KEYWORD_PHISHING",)),
    ("messaging", "phishing"): (_SCAMS, ("KEYWORD_PHISHING",)),
    ("content", "fraud"): (_SCAMS, ()),
    ("content", "exposed_data"): ("STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS", ()),
    ("content", "brand_infringement"): (_PROPERTY, ("KEYWORD_TRADEMARK_INFRINGEMENT",)),
    ("content", "csam"): (_MINORS, ("KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL",)),
    ("content", "csem"): (_MINORS, ()),
    ("copyright", "*"): (_PROPERTY, ("KEYWORD_COPYRIGHT_INFRINGEMENT",)),
}
# Digests: X-ARF's word, the referral's word, length in hexadecimal.
_DIGESTS = {"md5": ("md5", 32), "sha1": ("sha-1", 40), "sha256": ("sha-256", 64), "sha512": ("sha-512", 128)}

_DIGEST = re.compile(r"([a-z0-9]+):([0-9A-Fa-f]+)")

_ACRONYMS = frozenset({"asn", "cve", "dns", "id", "ip", "ssl", "uri", "url", "usd"})

# Fields that the referral has a place of its own for; of all others the reasons and the details tell.
_PLACED = frozenset(
    {"xarf_version", "report_id", "timestamp", "category", "type", "reporter", "sender", "evidence", "_internal"}
)


@dataclass(frozen=True, slots=True)
class XarfEvidence:
    """A piece of evidence as the report describes it. Its payload stays in the report."""

    content_type: str
    description: str
    #: As the report gives it, ``sha256:…``; empty where it gives none.
    hash: str
    #: Octets of the payload, or None where the payload is not base64.
    size: int | None
    #: Whether the hash is that of the payload; None where that cannot be told.
    matches: bool | None


@dataclass(frozen=True, slots=True)
class XarfReferral:
    """What an X-ARF report says, in the words of the referral contract."""

    #: A referral under ``eu.dsa.notice`` without ``good_faith`` and ``grounds``, which no import can assert.
    document: Mapping[str, object]
    evidence: tuple[XarfEvidence, ...]
    #: The fields for which the referral has no place of its own, as sent. The reasons tell them in words.
    details: Mapping[str, object]
    #: One sentence for each thing that a notice should say and this report does not.
    gaps: tuple[str, ...]


class _Target(NamedTuple):
    target: Mapping[str, object]
    #: The top-level fields that it was made from.
    fields: frozenset[str]
    host_only: bool


def referral_from_xarf(document: Mapping[str, object]) -> XarfReferral:
    """Turn an X-ARF v4 report into a referral of one item.

    Raises ``DocumentRefused``, and nothing else, with a pointer for each thing that is not X-ARF v4 or that no
    referral can carry. A field named ``_internal`` is left out: its own schema forbids that it travels.
    """
    document = xarf_core.check(document)
    target = _target(document)
    evidence = tuple(_evidence(one) for one in _list(document.get("evidence")))
    details = {name: value for name, value in document.items() if name not in _PLACED and name not in target.fields}
    category, keywords = _filed_under(document)
    reporter = _object(document["reporter"])
    item: dict[str, object] = {
        "reference": document["report_id"],
        "target": target.target,
        "reasons": _reasons(document, details, evidence),
    }
    if document.get("media_type") in ("image", "video", "audio"):
        item["content"] = {"kind": document["media_type"]}
    referral: dict[str, object] = {
        "instrument": INSTRUMENT,
        "agency_reference": document["report_id"],
        "issued_at": xarf_core.referral_time(str(document["timestamp"])),
        "language": "und",  # BCP 47 for "not determined"
        "category": category,
        "keywords": list(keywords),
        "items": [item],
        "contact": {"name": reporter["org"], "email": reporter["contact"]},
    }
    return XarfReferral(referral, evidence, details, tuple(_gaps(document, target, category)))


def _filed_under(document: Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
    category, kind = str(document["category"]), str(document["type"])
    found = _FILED_UNDER.get((category, kind)) or _FILED_UNDER.get((category, "*")) or (NOT_SPECIFIED_NOTICE, ())
    if kind == "csem" and document.get("exploitation_type") in ("grooming", "solicitation", "sextortion"):
        return found[0], ("KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS",)
    return found


def _target(document: Mapping[str, object]) -> _Target:
    """Take the best address there is: the content's, else the digests, else the host's."""
    hashes, hash_fields = _hashes(document)
    extra: dict[str, object] = {"hashes": hashes} if hashes else {}
    swarm = _object(document.get("swarm_info"))
    for where, holder, name in (
        ("", document, "url"),
        ("", document, "infringing_url"),
        ("/swarm_info", swarm, "magnet_uri"),
    ):
        if isinstance(value := holder.get(name), str):
            fields = hash_fields | ({name} if holder is document else set())
            return _Target({"kind": "url", "url": _link(value, f"{where}/{name}"), **extra}, fields, False)
    if hashes:
        return _Target({"kind": "file", **extra}, hash_fields, False)
    name = "domain" if "domain" in document else "source_identifier"
    return _Target({"kind": "url", "url": _link(_host(document, name), f"/{name}")}, frozenset({name}), True)


def _link(text: str, where: str) -> str:
    try:
        canonical_link(text)
        if len(text) > MAX_LINK:
            raise LinkRefused(f"The link is longer than {MAX_LINK} characters. Shorten it.")
    except LinkRefused as refused:
        raise DocumentRefused([FieldError(where, "bad_link", refused.detail)]) from None
    return text


def _host(document: Mapping[str, object], name: str) -> str:
    text = str(document[name])
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return f"[{text}]" if address.version == 6 else text


def _hashes(document: Mapping[str, object]) -> tuple[list[dict[str, str]], frozenset[str]]:
    """Return the file's digests, and the fields that say nothing else. What is no digest stays a detail."""
    sent: dict[str, list[object]] = {
        "file_hash": [document.get("file_hash")],
        "file_info": [_object(document.get("file_info")).get("file_hash")],
        "hash_values": [f"{name}:{value}" for name, value in _object(document.get("hash_values")).items()],
    }
    read = {name: [_digest(text) for text in texts] for name, texts in sent.items()}
    found = {(one["algorithm"], one["value"]): one for digests in read.values() for one in digests if one}
    whole = [name for name in ("file_hash", "hash_values") if read[name] and all(read[name])]
    return list(found.values()), frozenset(whole)


def _digest(text: object) -> dict[str, str] | None:
    """Read ``sha256:…``. The digest of an empty file is none: it would name every empty file there is."""
    found = _DIGEST.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[1] not in _DIGESTS:
        return None
    algorithm, length = _DIGESTS[found[1]]
    value = found[2].lower()
    is_empty = value == hashlib.new(found[1], b"", usedforsecurity=False).hexdigest()
    return None if is_empty or len(value) != length else {"algorithm": algorithm, "value": value}


def _evidence(value: object) -> XarfEvidence:
    one = _object(value)
    try:
        payload = base64.b64decode("".join(str(one["payload"]).split()), validate=True)
    except (binascii.Error, ValueError):
        payload = None
    given = str(one.get("hash", ""))
    digest, matches = _digest(given), None
    if digest is not None and payload is not None:
        actual = hashlib.new(given.partition(":")[0], payload, usedforsecurity=False).hexdigest()
        matches = actual == digest["value"]
    size = None if payload is None else len(payload)
    return XarfEvidence(str(one["content_type"]), str(one.get("description", "")), given, size, matches)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


# What people read


def _reasons(document: Mapping[str, object], details: Mapping[str, object], evidence: tuple[XarfEvidence, ...]) -> str:
    """Tell in lines of ``label: value`` what the report says beside the address."""
    head = f"X-ARF {document['xarf_version']} report: {document['category']}, {document['type']}"
    blocks = {"": [head]}
    for name in sorted(details, key=lambda name: name != "description"):
        blocks["/" + name.replace("~", "~0").replace("/", "~1")] = list(_lines(_label(name), details[name]))
    for role, label in (("reporter", "Reported by"), ("sender", "Sent by")):
        if role == "reporter" or document["sender"] != document["reporter"]:
            blocks[f"/{role}"] = [f"{label}: {', '.join(str(one) for one in _object(document[role]).values())}"]
    blocks["/evidence"] = [_evidence_line(number, one) for number, one in enumerate(evidence, 1)]
    text = "\n".join(line for lines in blocks.values() for line in lines)
    if len(text) > REASONS_LIMIT:
        longest = max(blocks, key=lambda where: sum(map(len, blocks[where])))
        advice = f"Shorten this: a referral gives its reasons in {REASONS_LIMIT} characters."
        raise DocumentRefused([FieldError(longest, "too_long", advice)])
    return text


def _lines(label: str, value: object) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _lines(f"{label}, {_label(str(name), first=False)}", inner)
    elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        for number, inner in enumerate(value, 1):
            yield from _lines(f"{label} {number}", inner)
    elif isinstance(value, Mapping | list):
        yield f"{label}: {', '.join(_word(one) for one in value) or 'none'}"
    else:
        yield f"{label}: {_word(value)}"


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else "none" if value is None else str(value)


def _label(name: str, *, first: bool = True) -> str:
    words = [word.upper() if word in _ACRONYMS else word for word in name.replace("_", " ").split()]
    label = " ".join(words) or "unnamed"
    return label[0].upper() + label[1:] if first else label


def _evidence_line(number: int, one: XarfEvidence) -> str:
    verdict = {True: "which is that of the payload", False: "which is not that of the payload", None: "not checked"}
    parts = [one.content_type, one.description, "payload is not base64" if one.size is None else f"{one.size} octets"]
    if one.hash:
        parts.append(f"{one.hash}, {verdict[one.matches]}")
    return f"Evidence {number}: {', '.join(part for part in parts if part)}"


def _gaps(document: Mapping[str, object], target: _Target, category: str) -> Iterator[str]:
    """Say what a notice under Reg. (EU) 2022/2065 Art. 16(2) should state and this report does not."""
    yield "It names no law that the content breaks: X-ARF has no word for a legal ground."
    yield "It names no clause of the platform's terms."
    yield "It does not state good faith, which Reg. (EU) 2022/2065 Art. 16(2)(d) asks of a notice."
    yield "It does not say in which language the report or the content is."
    yield "It says when the incident happened, not when the report was issued; that time stands as the time of issue."
    if not any(document.get(name) for name in ("description", "scheme_description")):
        yield "It gives data, but does not explain in words why the content is illegal (Art. 16(2)(a))."
    if "file_hash" in document and "file_hash" not in target.fields:
        yield "Its file hash names no file: it is malformed, or the digest of nothing."
    if target.host_only:
        yield "It names no content, only where the abuse came from; the link stands for that host."
    if document["category"] not in ("content", "copyright"):
        yield f"It reports abuse of the kind {document['category']}, which may not be about content at all."
    if category == NOT_SPECIFIED_NOTICE:
        yield f"The Commission's list has no category for {document['category']}, {document['type']}."
    if document["reporter"] != document["sender"]:
        yield "Reporter and sender are not the same; the referral names the reporter, its reasons also the sender."
    yield (
        "The payload of the evidence stays in the report; the reasons describe it."
        if document.get("evidence")
        else "It carries no evidence."
    )
    if "_internal" in document:
        yield "It carried internal data of its sender, which X-ARF forbids to pass on; they were left out."
