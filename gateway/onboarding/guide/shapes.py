"""The fields of a document in JSON or XML, from its JSON Schema: the objects it is made of, each a table."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from translators import xml
from translators.document_reading import DocumentRead
from translators.shapes import as_json, schema

_TYPES: Final = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "number": "number",
}
_PATTERN_HEAD: Final = 9
_PATTERNS: Final = {"^-?[0-9]{": "number as text, such as 12.5", "^[0-9]{2}": "time, HH:MM:SS"}
_EXAMPLES_MAX: Final = 3
_EXAMPLE_CHARACTERS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of an object.

    Attributes:
        pointer: where it stands, as JSON pointer with ``*`` for any position.
        type_words: its type in words.
        of: the object that it holds, by name.
        seen: it stands in a sample or example.
    """

    pointer: str
    name: str
    type_words: str
    of: str
    required: bool
    description: str
    examples: tuple[str, ...]
    seen: bool


@dataclass(frozen=True, slots=True)
class ObjectTable:
    """The fields of one object; ``pointer`` is the first place where it stands."""

    name: str
    pointer: str
    description: str
    rows: tuple[FieldRow, ...]
    seen: bool


@dataclass(frozen=True, slots=True)
class ShapeTables:
    """The document itself, the objects that samples hold, and the others that it may hold."""

    document: ObjectTable
    objects: tuple[ObjectTable, ...]
    also: tuple[ObjectTable, ...]
    schema_id: str


def shape_tables(document_type: str, syntax: str, contents: Sequence[bytes]) -> ShapeTables:
    """The tables of a canonical document; the contents show which fields are in use."""
    held = schema(document_type)
    documents = [document for content in contents for document in _documents(content, syntax)]
    maker = _Tables(held["$defs"])
    document = maker.table("", held, documents, "")
    pending = list(maker.pending)
    tables: dict[str, ObjectTable] = {}
    while pending:
        name, values, pointer = pending.pop(0)
        known = tables.get(name)
        if known is not None and (known.seen or not values):
            continue
        maker.pending.clear()
        tables[name] = maker.table(name, held["$defs"][name], values, pointer)
        pending.extend(maker.pending)
    return ShapeTables(
        document=document,
        objects=tuple(table for table in tables.values() if table.seen),
        also=tuple(table for table in tables.values() if not table.seen),
        schema_id=str(held.get("$id", "")),
    )


class _Tables:
    """Makes a table of an object; the objects it holds gather in `pending`."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self.pending: list[tuple[str, list[Any], str]] = []

    def table(self, name: str, held: Mapping[str, Any], values: Sequence[Any], pointer: str) -> ObjectTable:
        objects = [value for value in values if isinstance(value, dict)]
        required = set(held.get("required", ()))
        rows = tuple(
            self._row(field, member, objects, pointer, required=field in required)
            for field, member in held.get("properties", {}).items()
        )
        return ObjectTable(name or "document", pointer, str(held.get("description", "")), rows, seen=bool(objects))

    def _row(
        self,
        name: str,
        member: Mapping[str, Any],
        objects: Sequence[Mapping[str, Any]],
        pointer: str,
        *,
        required: bool,
    ) -> FieldRow:
        many = member.get("type") == "array"
        single = member.get("items", {}) if many else member
        of = str(single.get("$ref", "")).rpartition("/")[2]
        values = [value for held in objects for value in _items(held.get(name), many=many)]
        place = f"{pointer}/{name}" + ("/*" if many else "")
        if of:
            self.pending.append((of, values, place))
        return FieldRow(
            pointer=place,
            name=name,
            type_words=_type_words(single, of, many=many),
            of=of,
            required=required,
            description=str(member.get("description", "")),
            examples=() if of else tuple(_examples(values, member)),
            seen=bool(values),
        )


def _items(value: Any, *, many: bool) -> Iterator[Any]:  # noqa: ANN401  # JSON
    if value is None:
        return
    if many and isinstance(value, list):
        yield from value
    else:
        yield value


def _type_words(single: Mapping[str, Any], of: str, *, many: bool) -> str:
    if of:
        words = of
    elif "const" in single:
        words = f'"{single["const"]}"'
    else:
        kind = single.get("type", "")
        names = kind if isinstance(kind, list) else [kind]
        words = " or ".join(_TYPES.get(name, str(name)) for name in names if name != "null")
        words = _PATTERNS.get(str(single.get("pattern", ""))[:_PATTERN_HEAD], words)
        words = {"date": "date, YYYY-MM-DD"}.get(str(single.get("format", "")), words)
    return f"list of {words}" if many else words


def _examples(values: Iterable[Any], member: Mapping[str, Any]) -> Iterator[str]:
    if "const" in member:
        return
    shown: dict[str, None] = dict.fromkeys(value if isinstance(value, str) else json.dumps(value) for value in values)
    for text in list(shown)[:_EXAMPLES_MAX]:
        yield text if len(text) <= _EXAMPLE_CHARACTERS_MAX else f"{text[:_EXAMPLE_CHARACTERS_MAX]}..."


def _documents(content: bytes, syntax: str) -> Iterator[Any]:
    """The documents of a sample as JSON values; nothing where it cannot be read."""
    if syntax == "xml":
        for item in xml.read(content):
            if isinstance(item, DocumentRead) and item.document is not None:
                yield as_json(item.document)
        return
    try:
        held = json.loads(content)
    except (ValueError, RecursionError):
        return
    yield from held if isinstance(held, list) else [held]
