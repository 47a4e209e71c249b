"""A referral as a value, built from a document that the contract has accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import DocumentRefused, FieldError, LinkRefused
from .codes import Disclosure, TargetKind
from .links import canonical_link
from .targets import Hash, Target

_TARGET_KINDS = {str(one): one for one in TargetKind}
_WITHHOLD = str(Disclosure.WITHHOLD)
#: How far the clocks of two honest machines may stand apart.
CLOCK_SKEW = timedelta(minutes=5)


# Neither is frozen, as values should be: that would have each of a stream made at three times the cost.
@dataclass(slots=True)
class Item:
    """One target named in a referral."""

    reference: str
    target: Target
    reasons: str
    #: The agency's description, as sent.
    content: Mapping[str, Any]

    @property
    def language(self) -> str | None:
        """The first language that the agency names for the content."""
        languages = self.content.get("languages") or (None,)
        return str(languages[0]) if languages[0] else None


@dataclass(slots=True)
class Referral:
    """The inbound message."""

    instrument: str
    agency_reference: str
    issued_at: datetime | None
    language: str
    operation: str | None
    category: str
    threat_to_life: bool
    withheld: bool
    items: tuple[Item, ...]


def parse_time(text: str) -> datetime:
    """Return an RFC 3339 time with an offset as aware UTC. The contract has checked its form."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def build(document: Mapping[str, Any], *, now: datetime, past_times: Sequence[tuple[str, ...]] = ()) -> Referral:
    """Return the referral that an accepted document describes. ``past_times`` are those that its instrument adds.

    Raises ``DocumentRefused`` for what no schema can say: a time in the future, a link that cannot be read, an item
    reference used twice.
    """
    faults: list[FieldError] = []
    items = _items(document["items"], faults)
    issued_at = _past(document, "issued_at", "", now=now, faults=faults)
    for *path, name in past_times:
        _past(_within(document, path), name, "".join(f"/{step}" for step in path), now=now, faults=faults)
    for index, item in enumerate(document["items"]):
        if "content" in item:
            _past(item["content"], "published_at", f"/items/{index}/content", now=now, faults=faults)
    if faults:
        raise DocumentRefused(faults)
    operation, disclosure = document.get("operation"), document.get("disclosure", {})
    return Referral(
        document["instrument"],
        document["agency_reference"],
        issued_at,
        document["language"],
        operation["code"] if operation else None,
        document["category"],
        bool(document.get("urgency", {}).get("threat_to_life", False)),
        disclosure.get("uploader") == _WITHHOLD,
        items,
    )


def _within(document: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    for step in path:
        document = document.get(step, {})
    return document


def _past(
    holder: Mapping[str, Any], name: str, where: str, *, now: datetime, faults: list[FieldError]
) -> datetime | None:
    text = holder.get(name)
    if text is None:
        return None
    at = parse_time(text)
    if at > now + CLOCK_SKEW:
        detail = f"This lies in the future; it is {now.isoformat(timespec='seconds')} here. Check the clock and offset."
        faults.append(FieldError(f"{where}/{name}", "future_time", detail))
    return at


def _items(documents: Sequence[Mapping[str, Any]], faults: list[FieldError]) -> tuple[Item, ...]:
    items, seen = [], set()
    for index, document in enumerate(documents):
        reference = document["reference"]
        if reference in seen:
            detail = "Another item of this referral has the same reference."
            faults.append(FieldError(f"/items/{index}/reference", "repeated", detail))
        seen.add(reference)
        target = _target(document["target"], f"/items/{index}/target", faults)
        if target is not None:
            items.append(Item(reference, target, document.get("reasons", ""), document.get("content") or {}))
    return tuple(items)


def _target(document: Mapping[str, Any], where: str, faults: list[FieldError]) -> Target | None:
    url, link = document.get("url"), None
    if url is not None:
        try:
            link = canonical_link(url)
        except LinkRefused as refused:
            faults.append(FieldError(f"{where}/url", "bad_link", refused.detail))
            return None
    hashes = document.get("hashes")
    return Target(
        _TARGET_KINDS[document["kind"]],
        url,
        link,
        document.get("id"),
        document["handle"].lstrip("@") if "handle" in document else None,
        tuple([Hash(one["algorithm"], one["value"].lower()) for one in hashes]) if hashes else (),
    )
