"""Examples, made of the examples that the fields of a schema have."""

from collections.abc import Mapping
from typing import Any

from gateway.api.promising import Schema

_OF_TYPE: Mapping[str, object] = {"string": "", "integer": 0, "number": 0, "boolean": True, "null": None}

_OF_FORMAT: Mapping[str, str] = {"date": "2026-03-01", "date-time": "2026-03-01T12:00:00Z"}


def example_of(schema: Schema, schemas: Mapping[str, Schema]) -> Any:  # noqa: ANN401  # JSON has no better type
    """A value that the schema takes.

    Args:
        schema: without cycles.
        schemas: those that it may refer to, by name.
    """
    if "$ref" in schema:
        return example_of(schemas.get(str(schema["$ref"]).rpartition("/")[2], {}), schemas)
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("anyOf", "oneOf"):
        if schema.get(key) and "properties" not in schema:
            return example_of(schema[key][0], schemas)
    return _by_type(schema, schemas)


def _by_type(schema: Schema, schemas: Mapping[str, Schema]) -> Any:  # noqa: ANN401  # same
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        required = set(schema.get("required", ()))
        return {
            name: example_of(held, schemas)
            for name, held in schema.get("properties", {}).items()
            if name in required or "examples" in held
        }
    if kind == "array":
        return [example_of(schema["items"], schemas)] if "items" in schema else []
    if schema.get("format") in _OF_FORMAT:
        return _OF_FORMAT[schema["format"]]
    if kind == "string" and schema.get("pattern") == "^[0-9a-f]{64}$":
        return "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    return _OF_TYPE.get(str(kind), {})
