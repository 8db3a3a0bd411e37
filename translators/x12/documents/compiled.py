"""Straight code for clean segments: each `SegmentMap` becomes a function that reads a list of elements at once.

Most segments hold plain values that are what their places ask for. For these the table is worked out once, when a
segment of the kind is first met. ``REF`` with its rows for qualifier, value and description becomes::

    def take(elements):
        count = len(elements)
        if count > 3: return None
        try:
            held = {}
            if count > 0 and (value := elements[0]):
                value = value.rstrip()
                if not value: return None
                held['qualifier'] = value
                label = labels_0128.get(value)
                if label is not None: held['label'] = label
            if count > 1 and (value := elements[1]):
                ...
        except AttributeError:
            return None  # a composite has no text to strip
        return held or None

None says that something is out of the ordinary: a composite, an element without a place, a value that is not what its
place asks for, blanks alone, nothing at all. Then `Filling.elements` reads the segment by the table, row by row, and
says what is wrong. So these functions never report anything, and what they return is what the table would have given.
"""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, TypeAlias, TypeVar

from translators.codes import labels, rec20_units, words
from translators.document_parts import CodeAsSent
from translators.sparse import field_order, in_field_order
from translators.x12.documents.element_values import (
    Values,
    calendar_date,
    clock_time,
    count_of,
    date_reference,
    decimal_of,
    unit_as_sent,
)
from translators.x12.documents.place_code import Piece, pieces_of
from translators.x12.documents.places import SegmentMap
from translators.x12.tree import Element

TakeValues: TypeAlias = Callable[[list[Element]], Values | None]
"""The fields that a clean segment gives, lists as lists; None when the table has to decide."""

TakePart: TypeAlias = Callable[[list[Element]], Any]
"""The finished object that a clean segment makes; None when the table has to decide."""

_V = TypeVar("_V")
_REMEMBERED_MAX: Final = 8_192
_TEXT_CHARACTERS_MAX: Final = 40


class _Remembered(dict[str, _V | None]):
    """Values by their text: the same few dates, units and numbers stand in a file again and again."""

    __slots__ = ("_parse",)

    def __init__(self, parse: Callable[[str], _V | None]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> _V | None:
        found = self._parse(text)
        if len(text) <= _TEXT_CHARACTERS_MAX:
            if len(self) >= _REMEMBERED_MAX:
                self.clear()
            self[text] = found
        return found


def _implied_2(text: str) -> Decimal | None:
    number = decimal_of(text)
    return None if number is None or "." in text else number.scaleb(-2)


def _unit(text: str) -> tuple[str, CodeAsSent] | None:
    code = text.strip()
    unit = rec20_units().get(code)
    return None if unit is None else (unit, unit_as_sent(code))


def _date(text: str) -> dt.date | None:
    return calendar_date(text.strip(), "")


def _time(text: str) -> dt.time | None:
    return clock_time(text.strip())


# What generated code may name beside the code lists and classes of its own places.
_SPACE: Final[dict[str, Any]] = {
    "new": object.__new__,
    "ordered": in_field_order,
    "numbers": _Remembered(decimal_of),
    "implied": _Remembered(_implied_2),
    "counts": _Remembered(count_of),
    "dates": _Remembered(_date),
    "times": _Remembered(_time),
    "units": _Remembered(_unit),
    "dated": date_reference,
}


# Tables live as long as the program, so each is known by its identity; it is held here so that it keeps that.
_VALUES: Final[dict[int, tuple[SegmentMap, TakeValues | None]]] = {}
_PARTS: Final[dict[int, tuple[SegmentMap, TakePart | None]]] = {}


def values_taker(segment_map: SegmentMap) -> TakeValues | None:
    """The function that gives a segment's fields, made once; None for a map that only the table can read."""
    known = _VALUES.get(id(segment_map))
    if known is None:
        known = _VALUES[id(segment_map)] = (segment_map, _compile_values(segment_map))
    return known[1]


def part_taker(segment_map: SegmentMap) -> TakePart | None:
    """The function that makes the object of a segment that stands alone; None as for `values_taker`."""
    known = _PARTS.get(id(segment_map))
    if known is None:
        known = _PARTS[id(segment_map)] = (segment_map, _compile_part(segment_map))
    return known[1]


def _compile_values(segment_map: SegmentMap) -> TakeValues | None:
    pieces = pieces_of(segment_map)
    return None if pieces is None else _function(segment_map, pieces, ["return held or None"], "held = {}")


def _compile_part(segment_map: SegmentMap) -> TakePart | None:
    of, pieces = segment_map.of, pieces_of(segment_map)
    if of is None or pieces is None:
        return None
    ranks = {name: rank for rank, name in enumerate(field_order(of))}
    pieces.sort(key=lambda piece: ranks[piece.names[0]] if piece.names else -1)
    end = ["if not held: return None"]
    end += [
        f"if {name!r} in held: held[{name!r}] = tuple(held[{name!r}])"
        for name in dict.fromkeys(name for piece in pieces if piece.is_list for name in piece.names)
    ]
    set_in_turn = [ranks[name] for piece in pieces for name in piece.names]
    if any(one > other for one, other in pairwise(set_in_turn)):
        end += ["values = dict(held)", "held.clear()", "for name in ordered(of, values): held[name] = values[name]"]
    return _function(segment_map, pieces, [*end, "return part"], "part = new(of)", "held = part.__dict__")


def _function(segment_map: SegmentMap, pieces: list[Piece], end: list[str], *begin: str) -> Callable[..., Any]:
    lines = ["def take(elements):", " count = len(elements)", f" if count > {len(segment_map.places) - 1}: return None"]
    lines += [" try:"]
    lines += [f"  {line}" for line in (*begin, *(line for piece in pieces for line in piece.lines))]
    lines += [" except AttributeError:", "  return None"]
    lines += [f" {line}" for line in end]
    space = _SPACE | _names_of(segment_map)
    exec("\n".join(lines), space)  # noqa: S102 - made of nothing but the numbers and names of our own tables
    made: Callable[..., Any] = space["take"]
    return made


def _names_of(segment_map: SegmentMap) -> dict[str, Any]:
    """The code lists and classes that the places of a map speak of, by the names that the code has for them."""
    names: dict[str, Any] = {"of": segment_map.of}
    for place in segment_map.places:
        if place is not None:
            names[f"of_{place.element}"] = place.of
            if place.code_list:
                names[f"labels_{place.code_list}"] = labels(place.code_list)
                names[f"words_{place.code_list}"] = words(place.code_list)
    return names
