"""The published schemas, with every object closed: what we send must be no more than what we say."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from notice_intake.contract.published import schemas
from notice_intake.extension import DEFAULT_REGIMES
from notice_intake.regimes.regime import rulebook

SCHEMAS = schemas(rulebook(DEFAULT_REGIMES).contracts)


def close(value: Any) -> Any:
    """Return a schema that takes no field beside those that it names."""
    if isinstance(value, dict):
        inner = {key: one if key == "examples" else close(one) for key, one in value.items()}
        return inner | ({"additionalProperties": False} if inner.get("additionalProperties") is True else {})
    return [close(one) for one in value] if isinstance(value, list) else value


@cache
def _validator(name: str, closed: bool) -> Draft202012Validator:
    return Draft202012Validator(close(SCHEMAS[name]) if closed else SCHEMAS[name])


def check(name: str, body: Any, *, closed: bool = True) -> Any:
    """Check a body against a published schema; return it."""
    reader = _validator(name, closed)
    faults = [f"{error.json_path}: {error.message[:300]}" for error in reader.iter_errors(body)]
    if faults and "oneOf" in SCHEMAS[name]:
        deeper = [inner for error in reader.iter_errors(body) for inner in error.context or ()]
        faults += [f"{one.json_path}: {one.message[:300]}" for one in deeper if one.validator not in ("const", "enum")]
    assert not faults, f"{name}: {faults}\n{body}"
    return body
