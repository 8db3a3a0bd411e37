"""Segments that a table cannot say, each with a reader of its own.

They are marks, splits, notes, charges, levels, lines of a receipt, and what bounds a set or a loop.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from translators.codes import labels
from translators.document_parts import Mark, Reference, Split
from translators.documents import ReceiptCondition
from translators.x12.documents.element_values import Values
from translators.x12.documents.filling import Filling, SpecialSegment, parts_of
from translators.x12.documents.places import Slot
from translators.x12.tree import Loop, Segment

_SSCC_DIGITS: Final = 18


def _marks(filling: Filling, slot: Slot, segment: Segment, rest: Iterable[Segment | Loop], values: Values) -> None:
    """MAN: qualifier, number and last number of a range, twice."""
    used: set[int] = set()
    for first in (1, 4):
        qualifier, number, number_to = (segment.value(first + step).strip() for step in range(3))
        if number:
            used.update((first, first + 1, first + 2))
            values.setdefault(slot.field, []).append(
                Mark(
                    qualifier=qualifier or None,
                    label=labels("0088").get(qualifier),
                    number=number,
                    number_to=number_to or None,
                    sscc=sscc(qualifier, number),
                )
            )
    _leave_unused(filling, segment, used)
    filling.fill(rest, slot.inner, {})


def sscc(qualifier: str, number: str) -> str | None:
    """The 18 digits of a serial shipping container code; MAN*GM carries the application identifier 00 before them."""
    if not (number.isascii() and number.isdigit()):
        return None
    if qualifier == "GM" and len(number) == _SSCC_DIGITS + 2 and number.startswith("00"):
        return number[2:]
    if qualifier in {"GM", "AA"} and len(number) == _SSCC_DIGITS:
        return number
    return None


def _splits(filling: Filling, slot: Slot, segment: Segment, rest: Iterable[Segment | Loop], values: Values) -> None:
    """SDQ: one unit and one qualifier, then up to ten pairs of location and quantity."""
    code = segment.value(1).strip()
    unit, as_sent = filling.reader.unit(segment, 1, code) if code else (None, None)
    qualifier, place = segment.value(2).strip(), segment.value(23).strip()
    used: set[int] = set()
    for first in range(3, 23, 2):
        location, quantity = segment.value(first).rstrip(), segment.value(first + 1).rstrip()
        number = filling.reader.number(segment, first + 1, quantity) if quantity else None
        if location and number is not None:
            used.update((1, 2, 23, first, first + 1))
            values.setdefault(slot.field, []).append(
                Split(
                    location=location,
                    location_qualifier=qualifier or None,
                    quantity=number,
                    unit=unit,
                    unit_as_sent=as_sent,
                    place=place or None,
                )
            )
    _leave_unused(filling, segment, used)
    filling.fill(rest, slot.inner, {})


def _leave_unused(filling: Filling, segment: Segment, used: set[int]) -> None:
    # A composite has no place in these segments, so one is always left whole.
    left = [
        number
        for number, held in enumerate(segment.elements, 1)
        if (number not in used or not isinstance(held, str)) and parts_of(number, held)
    ]
    if left or not used:
        filling.leave(segment, left)


_OF_REFERENCE: Final = frozenset({"qualifier", "reference", "description"})


def _note(filling: Filling, slot: Slot, segment: Segment, rest: Iterable[Segment | Loop], values: Values) -> None:
    """N9: with text or dates a note, alone a reference."""
    found: Values = {}
    filling.elements(slot.segment, segment, found)
    filling.fill(rest, slot.inner, found)
    if found.keys() - _OF_REFERENCE:
        filling.put(slot, found, values, segment)
    elif found:
        reference = Reference(
            qualifier=found.get("qualifier"),
            label=labels("0128").get(found.get("qualifier", "")),
            value=found.get("reference"),
            description=found.get("description"),
        )
        values.setdefault("references", []).append(reference)


def _charge(filling: Filling, slot: Slot, segment: Segment, rest: Iterable[Segment | Loop], values: Values) -> None:
    """SAC: the indicator also says which way the amount goes."""
    found: Values = {}
    filling.elements(slot.segment, segment, found)
    if found.get("indicator") in {"A", "C"}:
        found["is_charge"] = found["indicator"] == "C"
    filling.fill(rest, slot.inner, found)
    filling.put(slot, found, values, segment)


def _level(filling: Filling, slot: Slot, segment: Segment, rest: Iterable[Segment | Loop], _: Values) -> None:
    """HL: levels gather in the order they were sent; the tree is made of their ids afterwards."""
    found: Values = {}
    filling.elements(slot.segment, segment, found)
    found["segment"] = segment
    filling.levels.append(found)
    filling.fill(rest, slot.inner, found)


# RCD06 to RCD20: quantity, unit and condition, five times.
_IN_QUESTION: Final = range(6, 21)


def _receipt_line(
    filling: Filling, slot: Slot, segment: Segment, rest: Iterable[Segment | Loop], values: Values
) -> None:
    """RCD: beside what its table says, quantities in question with their unit and condition, up to five."""
    found: Values = {}
    plain = ["" if number in _IN_QUESTION else held for number, held in enumerate(segment.elements, 1)]
    if any(plain) or not any(segment.elements):
        filling.elements(slot.segment, replace(segment, elements=plain), found)
    used: set[int] = set()
    for first in _IN_QUESTION[::3]:
        quantity, code, condition = (segment.value(first + step).strip() for step in range(3))
        number = filling.reader.number(segment, first, quantity) if quantity else None
        if number is None and not condition:
            continue
        used.update((first + 1, first + 2) if number is None else (first, first + 1, first + 2))
        unit, as_sent = filling.reader.unit(segment, first + 1, code) if code else (None, None)
        found.setdefault("conditions", []).append(
            ReceiptCondition(
                condition=condition or None,
                label=labels("0412").get(condition),
                quantity=number,
                unit=unit,
                unit_as_sent=as_sent,
            )
        )
    # A composite unit is read by its first component; where it has more it is kept whole.
    parts = {number: parts_of(number, segment.elements[number - 1]) for number in _IN_QUESTION if number <= len(plain)}
    left = [number for number, held in parts.items() if len(held) > (number in used)]
    if left:
        filling.leave(segment, left)
    filling.fill(rest, slot.inner, found)
    filling.put(slot, found, values, segment)


def _envelope(filling: Filling, slot: Slot, _: Segment, rest: Iterable[Segment | Loop], values: Values) -> None:
    """ST, SE, LS and LE bound a set or a loop and say nothing of its content."""
    filling.fill(rest, slot.inner, values)


SPECIAL_SEGMENTS: Final[Mapping[str, SpecialSegment]] = {
    "marks": _marks,
    "splits": _splits,
    "note": _note,
    "charge": _charge,
    "level": _level,
    "receipt_line": _receipt_line,
    "envelope": _envelope,
}
"""Each by the name that a `Slot` gives."""
