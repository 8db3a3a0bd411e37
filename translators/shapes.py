"""The canonical dataclasses as shapes: what writes them, describes them and reads them all follows from their types."""

import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from itertools import compress
from operator import attrgetter, is_not
from types import NoneType, UnionType
from typing import Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints

import orjson

from translators.documents import DOCUMENTS, SCHEMA_VERSION, Document


class Kind(StrEnum):
    """The kinds of values that canonical documents hold."""

    TEXT = "text"
    DECIMAL = "decimal"
    DATE = "date"
    TIME = "time"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    OBJECT = "object"


_KINDS: Final[dict[type, Kind]] = {
    str: Kind.TEXT,
    Decimal: Kind.DECIMAL,
    date: Kind.DATE,
    time: Kind.TIME,
    int: Kind.INTEGER,
    bool: Kind.BOOLEAN,
}

DECIMAL_PATTERN: Final = r"^-?[0-9]{1,38}(\.[0-9]{1,38})?$"
TIME_PATTERN: Final = r"^[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?$"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a shape; ``type`` is the dataclass of an object, ``many`` says it is a list."""

    name: str
    kind: Kind
    type: type[Any] | None
    many: bool
    required: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of one canonical dataclass by name, in their order."""

    type: type[Any]
    fields: dict[str, Field]


# What tells a thing from its neighbours comes first, though a base class may hold the other fields.
_LEADING: Final = frozenset({"id", "parent_id", "kind", "code", "line_id", "line_id_assigned"})
_SHAPES: Final[dict[type[Any], Shape]] = {}
_PLANS: Final[dict[type[Any], "_Plan"]] = {}


def shape(of: type[Any]) -> Shape:
    """The shape of a canonical dataclass."""
    known = _SHAPES.get(of)
    if known is not None:
        return known
    hints = get_type_hints(of)
    found = {}
    for item in sorted(fields(of), key=lambda item: item.name not in _LEADING):
        kind, held, many = _kind(hints[item.name])
        required = item.default is MISSING and item.default_factory is MISSING
        found[item.name] = Field(item.name, kind, held, many, required)
    _SHAPES[of] = Shape(of, found)
    return _SHAPES[of]


def _kind(hint: object) -> tuple[Kind, type[Any] | None, bool]:
    if get_origin(hint) in {UnionType, Union}:
        hint = next(choice for choice in get_args(hint) if choice is not NoneType)
    if get_origin(hint) is tuple:
        kind, held, _ = _kind(get_args(hint)[0])
        return kind, held, True
    if isinstance(hint, type) and is_dataclass(hint):
        return Kind.OBJECT, hint, False
    if isinstance(hint, type) and hint in _KINDS:
        return _KINDS[hint], None, False
    raise TypeError(f"a canonical document cannot hold {hint!r}")


def decimal_text(number: Decimal) -> str:
    """A number as canonical JSON shows it: digits and a point, never an exponent."""
    text = str(number)
    return format(number, "f") if "E" in text else text


_Row: TypeAlias = tuple[str, Callable[[Any], Any] | None]  # name, and what turns the value into JSON
_Plan: TypeAlias = tuple[Callable[[object], tuple[Any, ...]], tuple[_Row, ...], tuple[Any, ...], tuple[str, ...]]


def _plan(of: type[Any]) -> _Plan:
    """What `_members` needs of a class: all values at once, rows, what counts as absent, units shown as null."""
    known = _PLANS.get(of)
    if known is not None:
        return known
    held = shape(of).fields
    rows = tuple((field.name, _encoder(field)) for field in held.values())
    absent = tuple(() if field.many else None for field in held.values())
    units = tuple(name for name in held if f"{name}_as_sent" in held)
    # attrgetter of a single name returns no tuple; every canonical class has more.
    _PLANS[of] = (attrgetter(*held), rows, absent, units)
    return _PLANS[of]


def _encoder(field: Field) -> Callable[[Any], Any] | None:
    if field.kind is Kind.OBJECT:
        return _list_of_members if field.many else _members
    if field.many:
        return list
    if field.kind is Kind.DECIMAL:
        return decimal_text
    return _isoformat if field.kind in {Kind.DATE, Kind.TIME} else None


def as_json(document: Document) -> dict[str, Any]:
    """The document as plain JSON values; what is absent or empty is left out, but for a unit without counterpart."""
    head = {"document_type": document.document_type, "schema_version": SCHEMA_VERSION}
    return head | _members(document)


def _members(part: object) -> dict[str, Any]:
    values_of, rows, absent, units = _PLANS.get(type(part)) or _plan(type(part))
    values = values_of(part)
    members: dict[str, Any] = {}
    # Most fields of most parts are absent. None and the empty tuple are one object each, so identity tells.
    for (name, encode), value in compress(zip(rows, values, strict=True), map(is_not, values, absent)):
        members[name] = value if encode is None else encode(value)
    for name in units:
        # A null unit says that the code beside it has no sure counterpart in Rec 20.
        if name not in members and f"{name}_as_sent" in members:
            members[name] = None
    return members


def _list_of_members(parts: tuple[object, ...]) -> list[dict[str, Any]]:
    return [_members(part) for part in parts]


def _isoformat(moment: date | time) -> str:
    return moment.isoformat()


def to_bytes(document: Document) -> bytes:
    """The document as canonical JSON in UTF-8: the same document always gives the same bytes."""
    return orjson.dumps(as_json(document))


# --- JSON Schema -----------------------------------------------------------------------------------------------------

_SCALARS: Final[dict[Kind, dict[str, Any]]] = {
    Kind.TEXT: {"type": "string"},
    Kind.DECIMAL: {"type": "string", "pattern": DECIMAL_PATTERN},
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.TIME: {"type": "string", "pattern": TIME_PATTERN},
    Kind.INTEGER: {"type": "integer"},
    Kind.BOOLEAN: {"type": "boolean"},
}
_ATTRIBUTE: Final = re.compile(r"^        (?P<name>\w+): (?P<text>.+(?:\n {12}.+)*)", re.MULTILINE)


def schema(document_type: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one canonical document; KeyError for a type that does not exist."""
    of = DOCUMENTS[document_type]
    definitions: dict[str, Any] = {}
    body = _object_schema(of, definitions)
    properties = {
        "document_type": {"const": document_type},
        "schema_version": {"const": SCHEMA_VERSION},
        **body["properties"],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:partner-gateway:canonical:1:{document_type}",
        "title": document_type,
        "description": body["description"],
        "type": "object",
        "properties": properties,
        "required": ["document_type", "schema_version", *body.get("required", [])],
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _object_schema(of: type[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    described = _descriptions(of)
    properties = {}
    for field in shape(of).fields.values():
        member = _field_schema(field, definitions)
        if f"{field.name}_as_sent" in shape(of).fields:
            member = {"type": ["string", "null"]}
        if field.name in described:
            member = {"description": described[field.name], **member}
        properties[field.name] = member
    required = [field.name for field in shape(of).fields.values() if field.required]
    head = {"description": (of.__doc__ or of.__name__).split("\n\n")[0].replace("\n", " "), "type": "object"}
    return head | {
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _field_schema(field: Field, definitions: dict[str, Any]) -> dict[str, Any]:
    if field.type is None:
        single = dict(_SCALARS[field.kind])
    else:
        if field.type.__name__ not in definitions:
            definitions[field.type.__name__] = {}  # holds the place, for a shape may hold itself
            definitions[field.type.__name__] = _object_schema(field.type, definitions)
        single = {"$ref": f"#/$defs/{field.type.__name__}"}
    return {"type": "array", "items": single} if field.many else single


def _descriptions(of: type[Any]) -> dict[str, str]:
    """Descriptions of fields from the docstrings of the class and those it extends."""
    found: dict[str, str] = {}
    for base in reversed(of.__mro__):
        for match in _ATTRIBUTE.finditer(base.__doc__ or ""):
            found[match["name"]] = " ".join(match["text"].split())
    return found
