"""JSON that came by e-mail or portal: a referral in the words of our contract, or an X-ARF report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..contract.strict_json import read_json
from ..errors import DocumentRefused, MalformedBody
from .received import Draft, DraftItem, Fault, Reading, unusable
from .xarf import referral_from_xarf

FORMAT = "JSON"
XARF = "X-ARF 4"


def referrals_from_json(raw: bytes) -> Reading:
    """Read a referral or an X-ARF report; raises nothing."""
    try:
        document = read_json(raw.removeprefix(b"\xef\xbb\xbf"))
    except MalformedBody as error:
        return unusable(FORMAT, "not_json", detail=error.detail)
    if not isinstance(document, Mapping):
        return unusable(FORMAT, "not_a_referral")
    if "xarf_version" in document:
        return _xarf(document)
    items = document.get("items")
    if not isinstance(items, list) or not items or not all(isinstance(one, Mapping) for one in items):
        return unusable(FORMAT, "not_a_referral")
    whole = {name: value for name, value in document.items() if name != "items"}
    drafted = tuple(DraftItem(one, number) for number, one in enumerate(items, 1))
    return Reading(FORMAT, (Draft(whole, drafted),))


def _xarf(document: Mapping[str, Any]) -> Reading:
    try:
        found = referral_from_xarf(document)
    except DocumentRefused as error:
        faults = tuple(Fault(one.code, column=one.pointer, detail=one.detail) for one in error.errors)
        return Reading(XARF, faults=faults, unusable=True)
    whole: dict[str, Any] = {name: value for name, value in found.document.items() if name != "items"}
    items: Any = found.document["items"]
    drafted = tuple(DraftItem(one, number) for number, one in enumerate(items, 1))
    sender = (("organisation", str(found.document["contact"]["name"])),)  # type: ignore[index]
    return Reading(XARF, (Draft(whole, drafted, gaps=found.gaps),), sender=sender)
