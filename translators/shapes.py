"""The canonical dataclasses as shapes: what writes them, describes them and reads them all follows from their types."""

import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
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


def shape(of: type[Any]) -> Shape:
    """The shape of a canonical dataclass; TypeError for a class with a field that no canonical document can hold."""
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


_Members: TypeAlias = Callable[[Any], "str | dict[str, Any]"]


def _members_of(of: type[Any]) -> _Members:
    """A function that gathers what is present in a part of this class.

    Most fields of most parts are absent, and a file holds parts by the hundred thousand. So each class gets straight
    code of its own, as `dataclasses` makes its ``__init__``: a loop over the fields takes three times as long.
    """
    held = shape(of).fields
    document_type = getattr(of, "document_type", None)
    head = {} if document_type is None else {"document_type": document_type, "schema_version": SCHEMA_VERSION}
    lines = ["def members(part):", f" found = {head!r}"]
    for name, field in held.items():
        present = "value" if field.many else "value is not None"
        lines.append(f" value = part.{name}\n if {present}: found[{name!r}] = value")
    # A null unit says that the code beside it has no sure counterpart in Rec 20.
    lines += [
        f" if part.{name} is None and part.{name}_as_sent is not None: found[{name!r}] = None"
        for name in held
        if f"{name}_as_sent" in held
    ]
    lines.append(" return found")
    made: dict[str, _Members] = {}
    exec("\n".join(lines), made)  # noqa: S102 - made of nothing but the names of our own fields
    return made["members"]


# What turns a value that JSON does not know into one it does; parts of documents join as they are first met.
_PLAIN: Final[dict[type[Any], _Members]] = {Decimal: decimal_text}


def _plain(value: object) -> str | dict[str, Any]:
    of = type(value)
    known = _PLAIN.get(of)
    if known is None:
        known = _PLAIN[of] = _members_of(of)
    return known(value)


def to_bytes(document: Document) -> bytes:
    """The document as canonical JSON in UTF-8: the same document always gives the same bytes.

    What is absent or empty is left out, but for a unit without counterpart, which is null.
    """
    # orjson asks for each part where it comes to it; left to itself it would write absent fields too.
    return orjson.dumps(document, default=_plain, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def as_json(document: Document) -> dict[str, Any]:
    """The document as `to_bytes` writes it, in plain JSON values: text, whole numbers, booleans, lists and objects."""
    members: dict[str, Any] = orjson.loads(to_bytes(document))
    return members


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
