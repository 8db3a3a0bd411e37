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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
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
from translators.x12.documents.places import Place, SegmentMap, Take
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
_CENTURY_DATE_WIDTH: Final = 8
_PAIRED: Final = 2


@dataclass(frozen=True, slots=True)
class _Piece:
    """Code for one place or a run of them: the fields that it may set, in its order, and its lines."""

    names: tuple[str, ...]
    lines: tuple[str, ...]
    is_list: bool = False
    may_repeat: bool = False


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
    pieces = _pieces(segment_map)
    return None if pieces is None else _function(segment_map, pieces, ["return held or None"], "held = {}")


def _compile_part(segment_map: SegmentMap) -> TakePart | None:
    of, pieces = segment_map.of, _pieces(segment_map)
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


def _function(segment_map: SegmentMap, pieces: list[_Piece], end: list[str], *begin: str) -> Callable[..., Any]:
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


# --- code for places -------------------------------------------------------------------------------------------------


def _pieces(segment_map: SegmentMap) -> list[_Piece] | None:
    found: list[_Piece] = []
    places = segment_map.places
    element = 1
    while element < len(places):
        place = places[element]
        run = _pairs(places, element)
        if run is not None:
            piece, element = run
            found.append(piece)
            continue
        if place is None:
            # An element without a place goes to ``unmapped``.
            found.append(_Piece((), (f"if {_given(element)}: return None",)))
        elif place.take is not Take.BESIDE:
            maker = _MAKERS.get(place.take)
            if maker is None:
                return None
            found.append(maker(place, places))
        elif not _is_beside(places, element, place.main):
            return None
        element += 1
    single = [name for piece in found if not (piece.is_list or piece.may_repeat) for name in piece.names]
    return found if len(single) == len(set(single)) else None


def _is_beside(places: tuple[Place | None, ...], element: int, main: int) -> bool:
    """Whether an element is read with its main element, and by nothing else."""
    place, owner = places[element], places[main] if main < len(places) else None
    return (
        place is not None
        and place.take is Take.BESIDE
        and place.main == main
        and owner is not None
        and element in {owner.qualifier_at, owner.unit_at, owner.time_at, owner.century_at}
    )


def _given(element: int) -> str:
    return f"count > {element - 1} and elements[{element - 1}]"


def _value(element: int, name: str = "value") -> str:
    return f"if count > {element - 1} and ({name} := elements[{element - 1}]):"


def _stripped(name: str = "value", strip: str = "rstrip") -> tuple[str, str]:
    return f" {name} = {name}.{strip}()", f" if not {name}: return None"


def _alone(place: Place, places: tuple[Place | None, ...]) -> Iterator[str]:
    """What stands beside an absent main element is not taken."""
    besides = {place.qualifier_at, place.unit_at, place.time_at, place.century_at} - {0}
    for element in sorted(besides):
        if _is_beside(places, element, place.element):
            yield f"elif {_given(element)}: return None"


def _text(place: Place, _: tuple[Place | None, ...]) -> _Piece:
    if place.code_list:
        lines = [
            _value(place.element),
            f" label = labels_{place.code_list}.get(value)",
            " if label is None:",  # a code of the list has no blanks to strip
            *(f" {line}" for line in _stripped()),
            f"  label = labels_{place.code_list}.get(value)",
            f" held[{place.field!r}] = value",
            " if label is not None: held['label'] = label",
        ]
        return _Piece((place.field, "label"), tuple(lines))
    lines = [_value(place.element), *_stripped()]
    if place.field == "period_format":
        lines.append(" if len(value) == 2 and value.isdigit(): return None  # perhaps the century of DTM02")
    lines.append(f" held[{place.field!r}] = value")
    return _Piece((place.field,), tuple(lines))


def _word(place: Place, _: tuple[Place | None, ...]) -> _Piece:
    lines = [
        _value(place.element),
        *_stripped(strip="strip"),
        f" word = words_{place.code_list}.get(value)",
        f" if word is not None: held[{place.field!r}] = word",
        f" held[{place.code_field!r}] = value",
    ]
    return _Piece((place.field, place.code_field), tuple(lines))


def _parsed(remembered: str) -> "Callable[[Place, tuple[Place | None, ...]], _Piece]":
    def made(place: Place, _: tuple[Place | None, ...]) -> _Piece:
        lines = [
            _value(place.element),
            f" value = {remembered}[value]",
            " if value is None: return None",
            f" held[{place.field!r}] = value",
        ]
        return _Piece((place.field,), tuple(lines))

    return made


def _day(place: Place, places: tuple[Place | None, ...]) -> _Piece:
    piece = _parsed("dates")(place, places)
    if place.century_at in {0, place.element}:
        return piece
    # A date of six digits has its century elsewhere.
    whole = f" if len(value) != {_CENTURY_DATE_WIDTH} or not value.isdigit(): return None"
    guard = f" if {_given(place.century_at)}: return None"
    guards = [whole, *([guard] if _is_beside(places, place.century_at, place.element) else [])]
    return _Piece(piece.names, (piece.lines[0], *guards, *piece.lines[1:], *_alone(place, places)))


def _unit_of(place: Place, _: tuple[Place | None, ...]) -> _Piece:
    names = (place.field, f"{place.field}_as_sent")
    lines = [
        _value(place.element),
        " pair = units[value]",
        " if pair is None: return None",
        f" held[{names[0]!r}], held[{names[1]!r}] = pair",
    ]
    return _Piece(names, tuple(lines))


def _measure(place: Place, places: tuple[Place | None, ...]) -> _Piece:
    lines = [
        _value(place.element),
        " value = numbers[value]",
        " if value is None: return None",
        f" measure = new(of_{place.element})",
        " inner = measure.__dict__",
        " inner['value'] = value",
    ]
    if place.qualifier_at:
        lines += [
            f" {_value(place.qualifier_at)}",
            *(f" {line}" for line in _stripped()),
            "  inner['qualifier'] = value",
        ]
    if place.unit_at:
        lines += [
            f" {_value(place.unit_at)}",
            "  pair = units[value]",
            "  if pair is None: return None",
            "  inner['unit'], inner['unit_as_sent'] = pair",
        ]
    lines += [f" held[{place.field!r}] = measure", *_alone(place, places)]
    return _Piece((place.field,), tuple(lines))


def _texts(place: Place, _: tuple[Place | None, ...]) -> _Piece:
    lines = [
        _value(place.element),
        *_stripped(),
        f" if {place.field!r} in held: held[{place.field!r}].append(value)",
        f" else: held[{place.field!r}] = [value]",
    ]
    return _Piece((place.field,), tuple(lines), is_list=True)


def _paragraph(place: Place, _: tuple[Place | None, ...]) -> _Piece:
    lines = [
        _value(place.element),
        *_stripped(),
        f" before = held.get({place.field!r})",
        f" held[{place.field!r}] = value if before is None else f'{{before}}\\n{{value}}'",
    ]
    return _Piece((place.field,), tuple(lines), may_repeat=True)


def _coded(place: Place, places: tuple[Place | None, ...]) -> _Piece:
    lines = [
        _value(place.element, "id"),
        *_stripped("id"),
        f" qualifier = elements[{place.qualifier_at - 1}] if count > {place.qualifier_at - 1} else ''",
        *(f" {line}" for line in _coded_id(place)),
    ]
    if place.many:
        lines += [f" if {place.field!r} in held: held[{place.field!r}].append(coded)"]
        lines += [f" else: held[{place.field!r}] = [coded]"]
    else:
        lines += [f" held[{place.field!r}] = coded"]
    return _Piece((place.field,), (*lines, *_alone(place, places)), is_list=place.many)


def _coded_id(place: Place) -> list[str]:
    """Code that makes the object of ``id`` and ``qualifier``: an Identifier, a ProductId, a Communication."""
    of: Any = place.of
    own, qualifier, *label = [field.name for field in fields(of)][: 3 if place.code_list else 2]
    made = [f"coded = new(of_{place.element})", "inner = coded.__dict__", f"inner[{own!r}] = id"]
    if not label:
        return [*made, "if qualifier:", *_stripped("qualifier"), f" inner[{qualifier!r}] = qualifier"]
    return [
        *made,
        "if qualifier:",
        f" label = labels_{place.code_list}.get(qualifier)",
        " if label is None:",
        *(f" {line}" for line in _stripped("qualifier")),
        f"  label = labels_{place.code_list}.get(qualifier)",
        f" inner[{qualifier!r}] = qualifier",
        f" if label is not None: inner[{label[0]!r}] = label",
    ]


def _pairs(places: tuple[Place | None, ...], first: int) -> tuple[_Piece, int] | None:
    """Qualifier and id again and again: code for the whole run that begins here, and the element behind it."""
    place = places[first + 1] if first + 1 < len(places) else None
    if place is None:
        return None
    element = first
    while element + 1 < len(places) and _is_pair(places, element, place):
        element += 2
    if element - first < _PAIRED * 2:
        return None
    lines = [
        f"if count > {first - 1}:",
        f" run = elements[{first - 1}:{element - 1}]",
        f" if len(run) % {_PAIRED}: return None",
        f" found = held.get({place.field!r}) or []",
        " for qualifier, id in zip(run[::2], run[1::2]):",
        "  if id:",
        *(f"  {line}" for line in _stripped("id")),
        *(f"   {line}" for line in _coded_id(place)),
        "   found.append(coded)",
        "  elif qualifier: return None",
        f" if found: held[{place.field!r}] = found",
    ]
    return _Piece((place.field,), tuple(lines), is_list=True), element


def _is_pair(places: tuple[Place | None, ...], element: int, like: Place) -> bool:
    place = places[element + 1]
    if place is None or place.take is not Take.CODED_ID or not place.many or place.qualifier_at != element:
        return False
    alike = (place.field, place.code_list, place.of) == (like.field, like.code_list, like.of)
    return alike and _is_beside(places, element, element + 1)


def _dated(place: Place, places: tuple[Place | None, ...]) -> _Piece:
    lines = [
        _value(place.element),
        " date = dates[value]",
        " if date is None: return None",
        " qualifier = moment = None",
        f" {_value(place.qualifier_at, 'qualifier')}",
        *(f" {line}" for line in _stripped("qualifier")),
    ]
    if place.time_at:
        lines += [f" {_value(place.time_at)}", "  moment = times[value]", "  if moment is None: return None"]
    lines += [
        f" date = dated(qualifier or None, {place.code_list!r}, date, moment)",
        f" if {place.field!r} in held: held[{place.field!r}].append(date)",
        f" else: held[{place.field!r}] = [date]",
        *_alone(place, places),
    ]
    return _Piece((place.field,), tuple(lines), is_list=True)


_MAKERS: Final[dict[Take, Callable[[Place, tuple[Place | None, ...]], _Piece]]] = {
    Take.TEXT: _text,
    Take.WORD: _word,
    Take.NUMBER: _parsed("numbers"),
    Take.IMPLIED_2: _parsed("implied"),
    Take.INTEGER: _parsed("counts"),
    Take.DATE: _day,
    Take.TIME: _parsed("times"),
    Take.UNIT: _unit_of,
    Take.MEASURE: _measure,
    Take.TEXTS: _texts,
    Take.PARAGRAPH: _paragraph,
    Take.CODED_ID: _coded,
    Take.DATED: _dated,
}
"""A way of taking that is not here, such as POSITION, is left to the table."""
