"""The canonical dataclasses as shapes: what writes them, describes them and reads them all follows from their types."""

import re
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import orjson

from translators.documents import DOCUMENTS, SCHEMA_VERSION, Document
from translators.sparse import field_order


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


_SHAPES: Final[dict[type[Any], Shape]] = {}


def shape(of: type[Any]) -> Shape:
    """The shape of a canonical dataclass; TypeError for a class with a field that no canonical document can hold."""
    known = _SHAPES.get(of)
    if known is not None:
        return known
    hints = get_type_hints(of)
    found = {}
    defaults = {item.name: item.default for item in fields(of)}
    for name in field_order(of):
        kind, held, many = _kind(hints[name])
        found[name] = Field(name, kind, held, many, required=defaults[name] is MISSING)
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


_HEADS: Final = {
    of: {"document_type": document_type, "schema_version": SCHEMA_VERSION} for document_type, of in DOCUMENTS.items()
}


def to_bytes(document: Document) -> bytes:
    """The document as canonical JSON in UTF-8: the same document always gives the same bytes.

    What is absent or empty is left out, but for a unit without counterpart, which is null.
    """
    # Objects hold what is present in its order, and orjson writes a dataclass as its ``__dict__``; of all that is in a
    # document it asks for decimals alone.
    return orjson.dumps(_HEADS[type(document)] | vars(document), default=decimal_text)


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
        if field.name.endswith("unit") and f"{field.name}_as_sent" in shape(of).fields:
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
