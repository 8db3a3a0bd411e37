"""Where each element of a segment belongs in a canonical document: the vocabulary of the tables in `segments`.

A `SegmentMap` reads from X12 to canonical; the same rows say where a writer finds the value of an element.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as default
from enum import IntEnum, auto
from typing import Any

from translators.document_parts import Measure


class Take(IntEnum):
    """How an element's value becomes a field."""

    TEXT = auto()  # as it stands, with `label` beside it where the code list is known
    WORD = auto()  # a code: its word in the field, the code itself in `code_field`
    NUMBER = auto()  # element types R and N0
    IMPLIED_2 = auto()  # element type N2, two implied decimals
    INTEGER = auto()
    DATE = auto()
    TIME = auto()
    UNIT = auto()  # element 355: Rec 20 in the field, the code as sent beside it
    MEASURE = auto()  # a number with its unit in `unit_at` and its qualifier in `qualifier_at`
    TEXTS = auto()  # one more text of a list
    PARAGRAPH = auto()  # one more line of a text
    CODED_ID = auto()  # an id under the qualifier in `qualifier_at`; becomes an object of class `of`
    DATED = auto()  # a date under the qualifier in `qualifier_at` with its time in `time_at`
    POSITION = auto()  # AK401: a plain number or element, component and repetition
    BESIDE = auto()  # read together with the element `main`


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one element."""

    element: int
    take: Take
    field: str
    code_list: str = ""
    code_field: str = ""
    qualifier_at: int = 0
    unit_at: int = 0
    time_at: int = 0
    century_at: int = 0
    many: bool = False
    of: type[Any] | None = None
    main: int = 0
    main_take: Take = Take.TEXT
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class SegmentMap:
    """A segment's elements and the canonical class they make; without a class they belong to the owner of the segment.

    ``into`` names a field of the owner, and its class, that the elements belong to (N4 -> ``address``).
    """

    of: type[Any] | None
    places: tuple[Place | None, ...]  # by element, index 0 unused
    into: str = ""


def segment_map(of: type[Any] | None, *rows: Place | Iterable[Place], into: str = "") -> SegmentMap:
    """A segment map from rows; the elements that a row reads beside its own get their rows here."""
    places: dict[int, Place] = {}
    for row in rows:
        for place in (row,) if isinstance(row, Place) else row:
            places[place.element] = place
            century_at = 0 if place.century_at == place.element else place.century_at
            for beside in (place.qualifier_at, place.unit_at, place.time_at, century_at):
                if beside:
                    is_time = beside == place.time_at
                    places[beside] = Place(
                        beside, Take.BESIDE, "", main=place.element, main_take=place.take, is_time=is_time
                    )
    return SegmentMap(of, tuple(places.get(element) for element in range(max(places, default=0) + 1)), into)


@dataclass(frozen=True, slots=True)
class Slot:
    """What a segment or loop means where it stands.

    Attributes:
        field: the owner's field; empty when the elements belong to the owner itself.
        segment: the map of the segment, or of the loop's trigger.
        inner: what the further segments and loops of the loop mean.
        many: the field is a list.
        raw: the values are kept as they are for the document's own finishing (lines and levels).
        special: the name of a reader of its own in `special_segments`, for segments that a table cannot say.
    """

    field: str
    segment: SegmentMap
    inner: "dict[str, Slot]" = default(default_factory=dict)
    many: bool = True
    raw: bool = False
    special: str = ""


Owner = dict[str, Slot]
"""What each segment or loop code means inside of its owner: the document, or a loop that makes an object."""


# --- rows ------------------------------------------------------------------------------------------------------------


def text(element: int, name: str, labels: str = "") -> Place:
    """An element taken as it stands; ``labels`` is the list that its label comes from."""
    return Place(element, Take.TEXT, name, code_list=labels)


def word(element: int, name: str, code_list: str, code_field: str = "") -> Place:
    """A code whose word goes to ``name`` and which itself goes to ``name``_code."""
    return Place(element, Take.WORD, name, code_list=code_list, code_field=code_field or f"{name}_code")


def number(element: int, name: str) -> Place:
    """A number with its point, or a count."""
    return Place(element, Take.NUMBER, name)


def implied(element: int, name: str) -> Place:
    """An amount with two implied decimals (type N2)."""
    return Place(element, Take.IMPLIED_2, name)


def integer(element: int, name: str) -> Place:
    """A small whole number of an acknowledgment."""
    return Place(element, Take.INTEGER, name)


def day(element: int, name: str, century: int = 0) -> Place:
    """A date; releases up to 003070 may carry its century in the element ``century``.

    Where that is the element itself, it is a composite (C041) with the century as its second component.
    """
    return Place(element, Take.DATE, name, century_at=century)


def clock(element: int, name: str) -> Place:
    """A time of the day."""
    return Place(element, Take.TIME, name)


def unit(element: int, name: str = "unit") -> Place:
    """A unit of measure."""
    return Place(element, Take.UNIT, name)


def measure(element: int, name: str, unit: int = 0, qualifier: int = 0) -> Place:
    """A number with its unit and qualifier in other elements of the segment."""
    return Place(element, Take.MEASURE, name, unit_at=unit, qualifier_at=qualifier, of=Measure)


def line_of_text(element: int, name: str) -> Place:
    """A line of a longer text."""
    return Place(element, Take.PARAGRAPH, name)


def texts(name: str, *elements: int) -> tuple[Place, ...]:
    """Several elements that make a list of texts."""
    return tuple(Place(element, Take.TEXTS, name) for element in elements)


def coded(element: int, name: str, of: type[Any], qualifier: int, *, many: bool = False, labels: str = "") -> Place:
    """An id with its qualifier in another element."""
    return Place(element, Take.CODED_ID, name, code_list=labels, qualifier_at=qualifier, many=many, of=of)


def pairs(first: int, last: int, name: str, of: type[Any], labels: str = "") -> tuple[Place, ...]:
    """Qualifier and id, again and again: ``first`` is the first qualifier, ``last`` the last id."""
    return tuple(
        coded(element, name, of, element - 1, many=True, labels=labels) for element in range(first + 1, last + 1, 2)
    )


def dated(element: int, name: str, qualifier: int, time: int = 0) -> Place:
    """A date of a list with its qualifier, and perhaps its time, in other elements."""
    return Place(element, Take.DATED, name, code_list="0374", qualifier_at=qualifier, time_at=time, many=True)


def position(element: int) -> Place:
    """The position of an element as AK401 and IK401 give it."""
    return Place(element, Take.POSITION, "element")
