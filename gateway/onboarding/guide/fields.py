"""Which field of the canonical document an element fills: the translator's own tables, asked by place."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from translators.x12.documents import OWNERS
from translators.x12.documents.eras import in_release
from translators.x12.documents.places import Place, SegmentMap, Slot, Take

# Segments that the translator reads by code of its own: element -> field of the object that they make.
_MARKS: Final = {1: "qualifier", 2: "number", 3: "number_to", 4: "qualifier", 5: "number", 6: "number_to"}
_SPLITS: Final = {1: "unit", 2: "location_qualifier", 23: "place"} | {
    element: "location" if element % 2 else "quantity" for element in range(3, 23)
}
_SPECIAL: Final = {"marks": _MARKS, "splits": _SPLITS}
_CONDITIONS: Final = {
    6 + 3 * turn + step: name
    for turn in range(5)
    for step, name in enumerate(("quantity", "unit", "condition"))  # RCD06 to RCD20
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the translator makes of a segment at one place.

    Attributes:
        prefix: the canonical object, such as ``lines[].parties[]``; empty for the document itself.
        fields: element -> path of its field.
        bounds: it bounds a set or a loop and needs no field.
    """

    prefix: str
    fields: dict[int, str]
    bounds: bool = False


def meaning_of(set_type: str, release: str, loop: str, segment: str) -> Meaning | None:
    """What a segment at a place means; None where it is kept without meaning.

    Args:
        set_type: ST01.
        release: its tables.
        loop: the loops around it, parted by ``/``; a segment that opens a loop is named with that loop.
        segment: its code.
    """
    owner = OWNERS.get(set_type)
    if owner is None:
        return None
    prefix, here = "", in_release(owner, release)
    slot: Slot | None = None
    path = loop.split("/") if loop else []
    opens = bool(path) and path[-1] == segment
    for code in path:
        slot = here.get(code)
        if slot is None:
            return None
        prefix, here = _joined(prefix, _step(slot)), slot.inner
    if not opens:
        slot = here.get(segment)
        prefix = _joined(prefix, _step(slot)) if slot is not None else ""
    return None if slot is None else _meaning(slot, prefix)


def _step(slot: Slot) -> str:
    field = slot.field
    if not field:
        return slot.segment.into
    path = f"{field}[]" if slot.many else field
    return _joined(path, slot.segment.into)


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _meaning(slot: Slot, prefix: str) -> Meaning:
    if slot.special == "envelope":
        return Meaning("", {}, bounds=True)
    named = _SPECIAL.get(slot.special)
    if named is not None:
        return Meaning(prefix, {element: _joined(prefix, name) for element, name in named.items()})
    fields = dict(_fields(slot.segment, prefix))
    if slot.special == "receipt_line":
        fields |= {element: _joined(prefix, "conditions[]", name) for element, name in _CONDITIONS.items()}
    return Meaning(prefix, fields)


def _fields(segment: SegmentMap, prefix: str) -> Iterator[tuple[int, str]]:
    for place in segment.places:
        if place is None:
            continue
        main = segment.places[place.main] if place.take is Take.BESIDE else place
        if main is not None:
            yield place.element, _joined(prefix, _of_place(place, main))


def _of_place(place: Place, main: Place) -> str:
    name = f"{main.field}[]" if main.many else main.field
    beside = place.take is Take.BESIDE
    match main.take:
        case Take.WORD if main.code_field:
            return f"{name}, {main.code_field}"
        case Take.CODED_ID:
            return f"{name}.{'qualifier' if beside else 'id'}"
        case Take.DATED:
            return f"{name}.{('time' if place.is_time else 'qualifier') if beside else 'date'}"
        case Take.MEASURE:
            held = {main.unit_at: "unit", main.qualifier_at: "qualifier"} if beside else {}
            return f"{name}.{held.get(place.element, 'value')}"
        case Take.TEXTS:
            return f"{name}[]"
        case _:
            return name
