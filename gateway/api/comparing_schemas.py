"""How a later JSON Schema departs from an earlier one, for what is sent and for what is answered.

Each schema is taken as its alternatives (`anyOf`, `oneOf`, several types). Whatever could be sent must still fit one of
the later alternatives; whatever is answered must fit one of the earlier ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, Final

from gateway.api.promising import Schema

_LOWER: Final = ("maxLength", "maxItems", "maximum", "exclusiveMaximum", "maxProperties")
_HIGHER: Final = ("minLength", "minItems", "minimum", "exclusiveMinimum", "minProperties")
# Of which 0 limits nothing.
_SIZES: Final = frozenset({"minLength", "minItems", "minProperties"})
_FORMS: Final = ("pattern", "format", "multipleOf")
_REFERENCES_MAX: Final = 32
_SHOWN_MAX: Final = 99
# A value of the first type is one of the second as well.
_WITHIN: Final[Mapping[str, str]] = MappingProxyType({"integer": "number"})
OPEN: Final = "x-open"


class Way(Enum):
    """Who writes it."""

    SENT = "sent"
    ANSWERED = "answered"


class Difference(StrEnum):
    """How two schemas differ."""

    FIELD_REMOVED = "field-removed"
    FIELD_REQUIRED = "field-required"
    FIELD_OPTIONAL = "field-optional"
    TYPE = "type"
    VALUES = "values"
    LIMIT = "limit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """One difference and where it is; a list's items stand as `*` in the pointer."""

    difference: Difference
    pointer: str
    what: str


class Differing:
    """Compares schemas of two documents.

    Args:
        old: the earlier document, which its schemas refer to.
        new: the later one.
    """

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new

    def then(self, held: Schema) -> Schema:
        """With its reference followed, in the earlier document."""
        return _followed(self._old, held)

    def now(self, held: Schema) -> Schema:
        """With its reference followed, in the later document."""
        return _followed(self._new, held)

    def between(self, old: Schema, new: Schema, way: Way) -> list[Found]:
        """What may break a program."""
        return self._schemas(old, new, way, "", frozenset())

    def _schemas(self, old: Schema, new: Schema, way: Way, at: str, seen: frozenset[tuple[str, str]]) -> list[Found]:
        pair = str(old.get("$ref", "")), str(new.get("$ref", ""))
        if all(pair):
            if pair in seen:
                return []  # it holds itself, and is compared where it began
            seen |= {pair}
        then, now = _alternatives(self._old, old), _alternatives(self._new, new)
        # Each of the former must be covered by one of the latter.
        subjects, covers = (then, now) if way is Way.SENT else (now, then)
        found: list[Found] = []
        for subject in subjects:
            fitting = [cover for cover in covers if _covers_type(cover, subject)]
            if not fitting:
                kind = subject.get("type", "any value")
                what = f"{kind} is not taken" if way is Way.SENT else f"{kind} may come"
                found.append(Found(Difference.TYPE, at, what))
                continue
            pairs = [(subject, cover) if way is Way.SENT else (cover, subject) for cover in fitting]
            told = [list(self._alternative(before, after, way, at, seen)) for before, after in pairs]
            nearest: list[Found] = min(told, key=len)
            found += nearest
        return found

    def _alternative(
        self, old: Schema, new: Schema, way: Way, at: str, seen: frozenset[tuple[str, str]]
    ) -> Iterator[Found]:
        yield from _values(old, new, way, at)
        yield from _limits(old, new, way, at)
        yield from self._fields(old, new, way, at, seen)
        if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
            yield from self._schemas(old["items"], new["items"], way, f"{at}/*", seen)
        before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from self._schemas(before, after, way, f"{at}/*", seen)
        elif way is Way.SENT and before is not False and after is False:
            yield Found(Difference.UNKNOWN, at, "unknown fields are not taken")

    def _fields(self, old: Schema, new: Schema, way: Way, at: str, seen: frozenset[tuple[str, str]]) -> Iterator[Found]:
        before, after = old.get("properties", {}), new.get("properties", {})
        was_required, is_required = set(old.get("required", ())), set(new.get("required", ()))
        for name, held in before.items():
            place = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in after:
                yield Found(Difference.FIELD_REMOVED, place, "is gone")
                continue
            if way is Way.ANSWERED and name in was_required - is_required:
                yield Found(Difference.FIELD_OPTIONAL, place, "may be absent")
            yield from self._schemas(held, after[name], way, place, seen)
        if way is Way.SENT:
            for name in sorted(is_required - was_required):
                yield Found(Difference.FIELD_REQUIRED, f"{at}/{name}", "must be sent")


def _values(old: Schema, new: Schema, way: Way, at: str) -> Iterator[Found]:
    before, after = _enumerated(old), _enumerated(new)
    if way is Way.SENT:
        if after is not None and (before is None or not before <= after):
            gone = ", ".join(sorted(before - after)) if before is not None else "all others"
            yield Found(Difference.VALUES, at, f"no longer taken: {gone[:_SHOWN_MAX]}")
    elif before is not None and not old.get(OPEN) and (after is None or not after <= before):
        more = ", ".join(sorted(after - before)) if after is not None else "anything"
        yield Found(Difference.VALUES, at, f"may come: {more[:_SHOWN_MAX]}")


def _enumerated(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {repr(schema["const"])}
    return {repr(value) for value in schema["enum"]} if "enum" in schema else None


def _limits(old: Schema, new: Schema, way: Way, at: str) -> Iterator[Found]:
    if way is Way.ANSWERED:
        if "format" in old and old["format"] != new.get("format"):
            yield Found(Difference.TYPE, at, f"format {old['format']} is {new.get('format', 'any')}")
        return
    for names, sign in ((_LOWER, 1), (_HIGHER, -1)):
        for name in names:
            is_none = name in _SIZES and new.get(name) == 0
            if name in new and not is_none and (name not in old or sign * new[name] < sign * old[name]):
                yield Found(Difference.LIMIT, at, f"{name} is {new[name]}, it was {old.get(name, 'none')}")
    for name in _FORMS:
        if name in new and new[name] != old.get(name):
            yield Found(Difference.LIMIT, at, f"{name} is {new[name]}, it was {old.get(name, 'none')}")


def _alternatives(document: Schema, schema: Schema) -> list[Schema]:
    """Of one type each; a schema without a type takes anything."""
    held = _followed(document, schema)
    found: list[Schema] = []
    for name in ("anyOf", "oneOf"):
        for inner in held.get(name, ()):
            found += _alternatives(document, inner)
    if found:
        return found
    kinds = held.get("type")
    if isinstance(kinds, list):
        return [held | {"type": kind} for kind in kinds]
    return [held]


def _covers_type(cover: Schema, subject: Schema) -> bool:
    wide, narrow = cover.get("type"), subject.get("type")
    if "const" in subject and narrow is None:
        narrow = _type_of(subject["const"])
    if "const" in cover and wide is None:
        wide = _type_of(cover["const"])
    return wide is None or wide == narrow or _WITHIN.get(str(narrow)) == wide


def _type_of(value: Any) -> str:  # noqa: ANN401  # JSON has no better type
    # A bool is an int to Python, and is looked at first.
    kinds = ((bool, "boolean"), (str, "string"), (int, "integer"), (float, "number"), (list, "array"), (dict, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def _followed(document: Schema, held: Schema) -> Schema:
    for _ in range(_REFERENCES_MAX):
        if "$ref" not in held:
            return held
        at: Any = document
        for step in str(held["$ref"]).removeprefix("#/").split("/"):
            at = at[step.replace("~1", "/").replace("~0", "~")]
        held = at
    raise ValueError("references go round in a circle")
