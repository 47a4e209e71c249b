"""The queue's filter, between the address and the flows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from ...core.queue import QueueFilter
from .words import CLAIMS, DUES, STATES

_LONGEST = 2048
_CHOICES: dict[str, Mapping[str, str]] = {"state": STATES, "claim": CLAIMS, "due": DUES}
_NAMES = tuple(one.name for one in fields(QueueFilter))


def read_filter(args: Mapping[str, str]) -> QueueFilter:
    """Return the filter that an address asks for; what it does not know is left out, not refused."""
    found = {}
    for name in _NAMES:
        value = args.get(name, "").strip()
        choices = _CHOICES.get(name)
        if value and len(value) <= _LONGEST and (choices is None or value in choices):
            found[name] = value
    return replace(QueueFilter(), **found)


def filter_args(chosen: QueueFilter, **changes: str | None) -> dict[str, Any]:
    """Return the filter as the arguments of an address, without what is at its default."""
    changed = replace(chosen, **changes)  # type: ignore[arg-type]
    values = {name: getattr(changed, name) for name in _NAMES}
    return {name: value for name, value in values.items() if value and not (name == "state" and value == "open")}
