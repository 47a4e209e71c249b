"""The published examples, by the name of their file without ``.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .events import EVENTS, example_of
from .problem_examples import EXAMPLES


def examples(schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the example that each schema carries, one of every event, and one of every problem with its request."""
    found = {name: schema["examples"][0] for name, schema in schemas.items() if "examples" in schema}
    found |= {f"event.{kind}": example_of(kind) for kind in EVENTS}
    return {**found, **{f"problem.{one.name}": one.published for one in EXAMPLES}}
