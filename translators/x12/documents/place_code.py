"""The lines of generated code for each way of taking an element; `compiled` makes functions of them.

Each piece answers for one element, or for a run of them, and returns None from the function it becomes part of where
something is out of the ordinary.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

from translators.x12.documents.places import Place, SegmentMap, Take

_CENTURY_DATE_WIDTH: Final = 8
_PAIRED: Final = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """Code for one place or a run of them: the fields that it may set, in its order, and its lines."""

    names: tuple[str, ...]
    lines: tuple[str, ...]
    is_list: bool = False
    may_repeat: bool = False


def pieces_of(segment_map: SegmentMap) -> list[Piece] | None:
    """The code for the places of a map, in the order of its elements; None for a map that only the table can read."""
    found: list[Piece] = []
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
            found.append(Piece((), (f"if {_given(element)}: return None",)))
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


def _text(place: Place, _: tuple[Place | None, ...]) -> Piece:
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
        return Piece((place.field, "label"), tuple(lines))
    lines = [_value(place.element), *_stripped()]
    if place.field == "period_format":
        lines.append(" if len(value) == 2 and value.isdigit(): return None  # perhaps the century of DTM02")
    lines.append(f" held[{place.field!r}] = value")
    return Piece((place.field,), tuple(lines))


def _word(place: Place, _: tuple[Place | None, ...]) -> Piece:
    lines = [
        _value(place.element),
        *_stripped(strip="strip"),
        f" word = words_{place.code_list}.get(value)",
        f" if word is not None: held[{place.field!r}] = word",
        f" held[{place.code_field!r}] = value",
    ]
    return Piece((place.field, place.code_field), tuple(lines))


def _parsed(remembered: str) -> "Callable[[Place, tuple[Place | None, ...]], Piece]":
    def made(place: Place, _: tuple[Place | None, ...]) -> Piece:
        lines = [
            _value(place.element),
            f" value = {remembered}[value]",
            " if value is None: return None",
            f" held[{place.field!r}] = value",
        ]
        return Piece((place.field,), tuple(lines))

    return made


def _day(place: Place, places: tuple[Place | None, ...]) -> Piece:
    piece = _parsed("dates")(place, places)
    if place.century_at in {0, place.element}:
        return piece
    # A date of six digits has its century elsewhere.
    whole = f" if len(value) != {_CENTURY_DATE_WIDTH} or not value.isdigit(): return None"
    guard = f" if {_given(place.century_at)}: return None"
    guards = [whole, *([guard] if _is_beside(places, place.century_at, place.element) else [])]
    return Piece(piece.names, (piece.lines[0], *guards, *piece.lines[1:], *_alone(place, places)))


def _unit_of(place: Place, _: tuple[Place | None, ...]) -> Piece:
    names = (place.field, f"{place.field}_as_sent")
    lines = [
        _value(place.element),
        " pair = units[value]",
        " if pair is None: return None",
        f" held[{names[0]!r}], held[{names[1]!r}] = pair",
    ]
    return Piece(names, tuple(lines))


def _measure(place: Place, places: tuple[Place | None, ...]) -> Piece:
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
    return Piece((place.field,), tuple(lines))


def _texts(place: Place, _: tuple[Place | None, ...]) -> Piece:
    lines = [
        _value(place.element),
        *_stripped(),
        f" if {place.field!r} in held: held[{place.field!r}].append(value)",
        f" else: held[{place.field!r}] = [value]",
    ]
    return Piece((place.field,), tuple(lines), is_list=True)


def _paragraph(place: Place, _: tuple[Place | None, ...]) -> Piece:
    lines = [
        _value(place.element),
        *_stripped(),
        f" before = held.get({place.field!r})",
        f" held[{place.field!r}] = value if before is None else f'{{before}}\\n{{value}}'",
    ]
    return Piece((place.field,), tuple(lines), may_repeat=True)


def _coded(place: Place, places: tuple[Place | None, ...]) -> Piece:
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
    return Piece((place.field,), (*lines, *_alone(place, places)), is_list=place.many)


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


def _pairs(places: tuple[Place | None, ...], first: int) -> tuple[Piece, int] | None:
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
    return Piece((place.field,), tuple(lines), is_list=True), element


def _is_pair(places: tuple[Place | None, ...], element: int, like: Place) -> bool:
    place = places[element + 1]
    if place is None or place.take is not Take.CODED_ID or not place.many or place.qualifier_at != element:
        return False
    alike = (place.field, place.code_list, place.of) == (like.field, like.code_list, like.of)
    return alike and _is_beside(places, element, element + 1)


def _dated(place: Place, places: tuple[Place | None, ...]) -> Piece:
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
    return Piece((place.field,), tuple(lines), is_list=True)


_MAKERS: Final[dict[Take, Callable[[Place, tuple[Place | None, ...]], Piece]]] = {
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
