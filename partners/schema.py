"""The JSON Schema of what is written: of profile.yaml, and of the layers that lie over and under it.

A profile that says `extends:` may leave out whatever its template says, also what no profile can do without; in a layer
everything may be left out. Only what stands in a list is always whole, since a list takes the place of another.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final, TypeAlias

from partners.field_examples import FIELD_EXAMPLES
from partners.layers import NOT_FOR_TESTING, TESTING
from partners.profile import Profile

Schema: TypeAlias = dict[str, Any]  # JSON has no better type

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ID: Final = "urn:partner-gateway:profile"
_DEFINITIONS: Final = "$defs"
_REFERENCE: Final = "$ref"
_TESTING_MEANS: Final = (
    "What differs until the partner is live: keys as in the profile itself, which hold while `status` is draft or "
    "testing, such as the URL and certificate of their test server."
)
_NUMBER_TEXTS: Final = {"integer": "^[0-9][0-9_]{0,17}$", "number": r"^[0-9]{1,12}(?:\.[0-9]{1,9})?$"}
_DIGITS: Final = tuple("1" * length for length in range(1, 16))


def profile_schema() -> Schema:
    """The schema of profile.yaml, for editors and for `gateway schema profile`."""
    schema = _layered()
    demanded = _demands(_as_written(Profile.model_json_schema(mode="validation")))
    schema["required"] = ["id"]
    schema["if"] = {"required": ["extends"]}
    schema["else"] = demanded
    return {"$schema": _DIALECT, "$id": _ID} | schema


def layer_schema() -> Schema:
    """The schema of a template and of an overlay `profile.ENVIRONMENT.yaml`: the same keys, none of them required."""
    schema = _layered()
    schema["title"] = "Layer"
    schema["description"] = "A template, or what differs in one environment: keys of a profile, none of them required."
    return {"$schema": _DIALECT, "$id": f"{_ID}-layer"} | schema


def _layered() -> Schema:
    """Everything that may be written, nothing of it required that another layer can bring."""
    schema: Schema = _as_written(Profile.model_json_schema(mode="validation"))
    _put_examples(schema)
    definitions = schema[_DEFINITIONS]
    whole = set(_named_in_lists(schema, definitions))
    properties: Schema = {name: _relaxed(held, definitions, whole) for name, held in schema["properties"].items()}
    in_testing = {name: held for name, held in properties.items() if name not in NOT_FOR_TESTING}
    properties[TESTING] = {
        "description": _TESTING_MEANS,
        "type": "object",
        "properties": in_testing,
        "additionalProperties": False,
        "examples": [FIELD_EXAMPLES["Profile"][TESTING]],
    }
    schema["properties"] = properties
    schema.pop("required", None)
    return schema


def _as_written(schema: Any) -> Any:  # noqa: ANN401  # JSON has no better type
    """The schema of what may be written: no nulls, and digits need no quotes although YAML takes them for numbers."""
    if isinstance(schema, list):
        return [_as_written(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _as_written(value) for key, value in schema.items() if not (key == "default" and value is None)}
    numeric = kept.get("type") in {"integer", "number"}
    for said, written in (("ge", "minimum"), ("le", "maximum")):  # pydantic's own words for bounds of what is written
        if said in kept and numeric:
            kept[written] = kept.pop(said)
    if "default" in kept:
        kept["default"] = _default(kept["default"], numeric=numeric)
    if isinstance(kept.get("title"), str) and "properties" not in kept:
        del kept["title"]  # pydantic's repetition of the field's name
    choices = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del kept["anyOf"]
        kept = choices[0] | kept
    elif choices:
        kept["anyOf"] = choices
    if numeric:  # digits in groups, 20_000_000, are text for YAML 1.2 and a number here
        kept |= {"type": [kept["type"], "string"], "pattern": _NUMBER_TEXTS[kept["type"]]}
    return _digits_too(kept) if kept.get("type") == "string" else kept


def _default(value: Any, *, numeric: bool) -> Any:  # noqa: ANN401  # JSON has no better type
    """A default as it would be written: without the keys that have none, decimals as numbers."""
    if isinstance(value, dict):
        return {key: _default(held, numeric=False) for key, held in value.items() if held is not None}
    return (float(value) if "." in value else int(value)) if numeric and isinstance(value, str) else value


def _digits_too(kept: Schema) -> Schema:
    pattern, names = kept.get("pattern"), kept.get("enum", [])
    if pattern is not None:
        kept["pattern"] = pattern = pattern.replace("(?s:.", r"(?:[\s\S]")  # editors' expressions know no flags inside
    if pattern is not None and any(re.search(pattern, digits) for digits in _DIGITS):
        kept["type"] = ["string", "integer"]
    if any(name.isdigit() for name in names):
        del kept["type"]
        kept["enum"] = names + [int(name) for name in names if name.isdigit()]
    return kept


def _put_examples(schema: Schema) -> None:
    """An example beside each field: the one of the table, else the first word that is not the default."""
    for name, part in (("Profile", schema), *schema[_DEFINITIONS].items()):
        of_part = FIELD_EXAMPLES.get(name, {})
        for field, held in part.get("properties", {}).items():
            if field in of_part:
                held["examples"] = [of_part[field]]
            elif held.get("type") == "boolean":
                held["examples"] = [not held.get("default", False)]
            elif "enum" in held:
                others = [word for word in held["enum"] if word != held.get("default")]
                held["examples"] = others[:1]


def _named_in_lists(schema: Any, definitions: Schema, *, inside: bool = False) -> Iterator[str]:  # noqa: ANN401  # JSON
    """The definitions that stand in lists, directly or below what does: there they are always whole."""
    if isinstance(schema, list):
        for item in schema:
            yield from _named_in_lists(item, definitions, inside=inside)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == _REFERENCE and inside:
                yield (name := value.rpartition("/")[2])
                yield from _named_in_lists(definitions[name], definitions, inside=True)
            elif key not in {_DEFINITIONS, "examples", "default"}:
                yield from _named_in_lists(value, definitions, inside=inside or key == "items")
        if not inside:
            for held in schema.get(_DEFINITIONS, {}).values():
                yield from _named_in_lists(held, definitions)


def _relaxed(schema: Schema, definitions: Schema, whole: set[str]) -> Schema:
    """A part of the schema whose keys may come from another layer; lists stay as they are."""
    if _REFERENCE in schema:
        name = schema[_REFERENCE].rpartition("/")[2]
        if not _asks_for_something(name, definitions):
            return schema
        relaxed = f"{name}Layer" if name in whole else name
        if relaxed == name or relaxed not in definitions:
            held = deepcopy(definitions[name])
            held.pop("required", None)
            held["properties"] = {key: _relaxed(value, definitions, whole) for key, value in held["properties"].items()}
            definitions[relaxed] = held
        return schema | {_REFERENCE: f"#/{_DEFINITIONS}/{relaxed}"}
    if "anyOf" in schema:
        return schema | {"anyOf": [_relaxed(choice, definitions, whole) for choice in schema["anyOf"]]}
    return schema


def _asks_for_something(name: str, definitions: Schema) -> bool:
    return bool(_demands({_REFERENCE: f"#/{_DEFINITIONS}/{name}", _DEFINITIONS: definitions}))


def _demands(schema: Schema, definitions: Schema | None = None) -> Schema:
    """What a profile without a template must say: the required keys alone, down to the first list."""
    known: Schema = schema[_DEFINITIONS] if definitions is None else definitions
    if _REFERENCE in schema:
        return _demands(known[schema[_REFERENCE].rpartition("/")[2]], known)
    if "anyOf" in schema:
        return next((asked for choice in schema["anyOf"] if (asked := _demands(choice, known))), {})
    inner = {key: _demands(held, known) for key, held in schema.get("properties", {}).items()}
    demanded: Schema = {"required": schema["required"]} if schema.get("required") else {}
    inner = {key: held for key, held in inner.items() if held}
    return demanded | ({"properties": inner} if inner else {})
