"""JSON Schema 2020-12 from a marshmallow schema, by apispec's converter and a few repairs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import RAISE, Schema, validate

from . import fields as own

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema_of(schema: type[Schema], *, name: str) -> dict[str, Any]:
    """Return the whole schema as one document, nested schemas under ``$defs``. ``$id`` is a URN: nothing to fetch."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(title=name, version="1", openapi_version="3.1.0", plugins=[plugin])
    converter = plugin.converter
    assert converter is not None
    for repair in (_repair, _one_of_kind):
        converter.add_attribute_function(repair)  # type: ignore[no-untyped-call]
    spec.components.schema(_name(schema), schema=schema)
    components = spec.to_dict()["components"]["schemas"]
    for cls_name, cls in _classes(schema).items():
        component = components.get(cls_name)
        if component is None:
            continue
        component["additionalProperties"] = cls().unknown != RAISE
        if cls.__doc__ and cls.__doc__ != Schema.__doc__:
            component["description"] = " ".join(cls.__doc__.split())
        publish = getattr(cls, "publish", None)
        if publish is not None:
            publish(component)
    root = components.pop(_name(schema))
    document = {"$schema": DIALECT, "$id": _urn(name), "title": name, **root}
    if hasattr(schema, "example"):
        document["examples"] = [schema.example]
    if components:
        document["$defs"] = components
    published: dict[str, Any] = _with_definitions(document)
    return published


def one_of(schemas: Collection[type[Schema]], *, name: str, says: str, open_by: str = "") -> dict[str, Any]:
    """Return a schema that exactly one of ``schemas`` fits, as one document.

    With ``open_by`` other objects fit too, where that member, a constant of each of ``schemas``, holds another text.
    """
    definitions: dict[str, Any] = {}
    for schema in schemas:
        document = json_schema_of(schema, name=name)
        definitions |= document.pop("$defs", {})
        definitions[_name(schema)] = {key: value for key, value in document.items() if key not in _OF_DOCUMENT}
    choices: list[dict[str, Any]] = [{"$ref": f"#/$defs/{_name(schema)}"} for schema in schemas]
    if open_by:
        known = [definitions[_name(schema)]["properties"][open_by]["const"] for schema in schemas]
        told = {"type": "string", "not": {"enum": known}, "description": "None of those that are described here."}
        choices.append({"type": "object", "required": [open_by], "properties": {open_by: told}})
    head = {"$schema": DIALECT, "$id": _urn(name), "title": name, "description": says}
    return {**head, "oneOf": choices, "$defs": definitions}


def by_type(document: dict[str, Any], component: str, *, schemas: Mapping[str, type[Schema]]) -> dict[str, Any]:
    """Return a document in which ``data`` of a component goes by its ``type``, where that is one of ``schemas``."""
    definitions, cases = dict(document["$defs"]), []
    for kind, schema in schemas.items():
        inner = json_schema_of(schema, name=kind)
        definitions |= inner.pop("$defs", {})
        definitions[_name(schema)] = {key: value for key, value in inner.items() if key not in _OF_DOCUMENT}
        then = {"properties": {"data": {"$ref": f"#/$defs/{_name(schema)}"}}}
        cases.append({"if": {"required": ["type"], "properties": {"type": {"const": kind}}}, "then": then})
    definitions[component] = {**definitions[component], "allOf": cases}
    return {**document, "$defs": definitions}


_OF_DOCUMENT = ("$schema", "$id", "title")


def _urn(name: str) -> str:
    return f"urn:notice-intake:schema:v1:{name}"


def _name(schema: Any) -> str:
    cls = schema if isinstance(schema, type) else type(schema)
    return cls.__name__.removesuffix("Schema")


def _classes(schema: type[Schema]) -> dict[str, type[Schema]]:
    """Every schema class that ``schema`` reaches, by component name."""
    found: dict[str, type[Schema]] = {}
    waiting: list[Any] = [schema()]
    while waiting:
        one = waiting.pop()
        if _name(one) in found:
            continue
        found[_name(one)] = type(one)
        for field in one.fields.values():
            inner = getattr(field, "inner", field)
            if isinstance(inner, own.OneOfKind):
                waiting += inner.kinds.values()
            elif hasattr(inner, "schema"):
                waiting.append(inner.schema)
    return found


def _repair(_converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    repaired: dict[str, Any] = {}
    validators = getattr(field, "validators", [])
    for one in validators:
        if isinstance(one, own.Pattern):
            repaired["pattern"] = one.pattern
        elif isinstance(one, own.NoNul):
            repaired["not"] = {"pattern": r"\x00"}
        elif isinstance(one, validate.Equal):
            repaired["const"] = one.comparable
    if isinstance(field, own.Timestamp):
        repaired["format"] = "date-time"
    if isinstance(field, own.Always):
        repaired["const"] = True
    return repaired


def _one_of_kind(converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    if not isinstance(field, own.OneOfKind):
        return {}
    return {"oneOf": [converter.resolve_nested_schema(schema) for schema in field.kinds.values()]}


def _with_definitions(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: inner.replace("#/components/schemas/", "#/$defs/") if key == "$ref" else _with_definitions(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_with_definitions(inner) for inner in value]
    return value
