"""Fills canonical fields from the tree of a transaction set by the tables of `segments` and `loops`.

Nothing is lost on the way: an element without a place, or whose value cannot be what its place asks for, goes to
``unmapped`` with its position. Nothing raises: what validation tolerated is mapped as far as it can be.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from translators.document_parts import Unmapped, UnmappedElement
from translators.sparse import in_field_order
from translators.x12.documents.compiled import part_taker, values_taker
from translators.x12.documents.element_values import READERS, ElementReader, Values
from translators.x12.documents.places import Owner, Place, SegmentMap, Slot, Take
from translators.x12.tree import Element, Loop, RepeatedElements, Segment

# C030, the position of an element, is element, component and repetition; C041, the date of 003070, date and century.
_POSITION_COMPONENTS: Final = 3
_DATE_COMPONENTS: Final = 2


_NO_LOOP: Final[list[Segment | Loop]] = []
_WITH_REST: Final = 2  # a loop of so many items holds more than its trigger


class Nested(dict[str, Any]):
    """Values of an object inside the owner, such as the address of a party, until it is complete."""

    __slots__ = ("of",)

    def __init__(self, of: type[Any]) -> None:
        super().__init__()
        self.of = of


class Filling:
    """The work of filling one document; what was wrong and what found no place gathers here.

    Attributes:
        reader: reads the elements and holds the findings.
        unmapped: what found no field, in the order it was met.
        levels: the values of HL loops in the order they were sent.
    """

    __slots__ = ("_path", "_special", "levels", "reader", "unmapped")

    def __init__(self, special: "Mapping[str, SpecialSegment]") -> None:
        self.reader = ElementReader()
        self.unmapped: list[Unmapped] = []
        self.levels: list[Values] = []
        self._special = special
        self._path: list[str] = []

    # --- walking -----------------------------------------------------------------------------------------------------

    def fill(self, items: Iterable[Segment | Loop], owner: Owner, values: Values) -> None:
        """Reads the items of a loop into the values of their owner."""
        steps = _steps_of(owner)
        for item in items:
            step = steps[item.code]
            items_of_loop = _NO_LOOP if isinstance(item, Segment) else item.items
            trigger = items_of_loop[0] if items_of_loop else item
            if step is None or not isinstance(trigger, Segment):
                self._leave_item(item)
                continue
            if step.take_part is not None and len(items_of_loop) < _WITH_REST:
                # A clean segment that stands alone: its object goes to the owner and all is said.
                elements = trigger.elements
                if type(elements) is RepeatedElements:
                    part = elements.made.get(step)
                    if part is None:
                        part = elements.made[step] = step.take_part(elements)
                else:
                    part = step.take_part(elements)
                if part is not None:
                    held = values.get(step.field)
                    if held is None:
                        values[step.field] = [part] if step.many else part
                        continue
                    if step.many:
                        held.append(part)
                        continue
            if trigger is item:
                self._take(step, trigger, (), values)
            else:
                self._path.append(item.code)
                self._take(step, trigger, items_of_loop[1:], values)
                self._path.pop()

    def _take(self, step: "_Step", trigger: Segment, rest: Sequence[Segment | Loop], owner_values: Values) -> None:
        slot = step.slot
        if slot.special:
            self._special[slot.special](self, slot, trigger, rest, owner_values)
            return
        of = slot.segment.of
        if not slot.field:
            values = owner_values
            if slot.segment.into and of is not None:
                values = owner_values.setdefault(slot.segment.into, Nested(of))
            found = None if step.take_values is None else step.take_values(trigger.elements)
            if found is not None and (not values or values.keys().isdisjoint(found)):
                values.update(found)
            else:
                self._elements_by_table(slot.segment, trigger, values)
            if rest:
                self.fill(rest, slot.inner, owner_values)
            return
        values = {} if step.take_values is None else step.take_values(trigger.elements) or {}
        if not values:
            self._elements_by_table(slot.segment, trigger, values)
        if rest:
            self.fill(rest, slot.inner, values)
        self.put(slot, values, owner_values, trigger)

    def put(self, slot: Slot, values: Values, owner_values: Values, trigger: Segment) -> None:
        """Hands a finished part to its owner; a second one where only one has a field goes to ``unmapped``."""
        if not values:
            return
        part = values if slot.raw or slot.segment.of is None else complete(slot.segment.of, values)
        if slot.many:
            owner_values.setdefault(slot.field, []).append(part)
        elif slot.field not in owner_values:
            owner_values[slot.field] = part
        else:
            self.leave(trigger)

    def elements(self, segment_map: SegmentMap, segment: Segment, values: Values) -> None:
        """Reads the elements of a segment; the rest of them is left for ``unmapped``."""
        take = values_taker(segment_map)
        found = None if take is None else take(segment.elements)
        if found is not None and (not values or values.keys().isdisjoint(found)):
            values.update(found)
            return
        self._elements_by_table(segment_map, segment, values)

    def _elements_by_table(self, segment_map: SegmentMap, segment: Segment, values: Values) -> None:
        places = segment_map.places
        known = len(places)
        reader = self.reader
        left: list[int] = []
        is_empty = True
        has_composites = False
        for number, held in enumerate(segment.elements, 1):
            if not held:
                continue
            if isinstance(held, str):
                value = held.rstrip()
            else:
                has_composites = True
                value = segment.value(number).rstrip()
            if not value:
                if not isinstance(held, str):
                    left.append(number)
                continue
            is_empty = False
            place = places[number] if number < known else None
            if place is None or not READERS[place.take](reader, place, segment, value, values):
                left.append(number)
        if left or is_empty:
            self.leave(segment, left)
        if has_composites:
            self._leave_components(segment, places, left)

    # --- what is left over -------------------------------------------------------------------------------------------

    def leave(self, segment: Segment, elements: Iterable[int] | None = None) -> None:
        """Keeps a segment, or some of its elements, that found no field."""
        chosen = range(1, len(segment.elements) + 1) if elements is None else elements
        kept = [part for number in chosen for part in parts_of(number, segment.elements[number - 1])]
        path = "/".join(self._path) or None
        self.unmapped.append(Unmapped(segment.code, segment.position, path, tuple(kept)))

    def _leave_components(self, segment: Segment, places: tuple[Place | None, ...], left: list[int]) -> None:
        """Of a composite or repeated element that was read, mostly the first component was; the others are kept."""
        kept = [
            part
            for number, held in enumerate(segment.elements, 1)
            if not isinstance(held, str) and number not in left
            for part in parts_of(number, held)
            if part.repetition != 1 or (part.component or 1) > _components_read(places[number])
        ]
        if kept:
            path = "/".join(self._path) or None
            self.unmapped.append(Unmapped(segment.code, segment.position, path, tuple(kept)))

    def _leave_item(self, item: Segment | Loop) -> None:
        if isinstance(item, Segment):
            self.leave(item)
            return
        self._path.append(item.code)
        for inner in item.items:
            self._leave_item(inner)
        self._path.pop()


class _Step:
    """A slot and the code for its segment where it stands alone, made when the segment is first met."""

    __slots__ = ("field", "many", "slot", "take_part", "take_values")

    def __init__(self, slot: Slot) -> None:
        makes_part = slot.field and not slot.raw and not slot.special
        self.slot = slot
        self.field = slot.field
        self.many = slot.many
        self.take_part = part_taker(slot.segment) if makes_part else None
        self.take_values = None if slot.special else values_taker(slot.segment)


class _Steps(dict[str, "_Step | None"]):
    """The slots of an owner, each as a step once it is needed; None for a code without one."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self._owner = owner

    def __missing__(self, code: str) -> "_Step | None":
        slot = self._owner.get(code)
        if slot is None:
            return None  # not kept: codes come from outside
        step = self[code] = _Step(slot)
        return step


# Tables live as long as the program, so each is known by its identity; its steps hold it, so that it keeps that.
_STEPS: Final[dict[int, _Steps]] = {}


def _steps_of(owner: Owner) -> _Steps:
    known = _STEPS.get(id(owner))
    if known is None:
        known = _STEPS[id(owner)] = _Steps(owner)
    return known


def _components_read(place: Place | None) -> int:
    """How many components of a composite a place takes."""
    if place is not None and place.take is Take.POSITION:
        return _POSITION_COMPONENTS
    return _DATE_COMPONENTS if place is not None and place.century_at == place.element else 1


SpecialSegment: TypeAlias = Callable[[Filling, Slot, Segment, Iterable[Segment | Loop], Values], None]
"""Reads a segment that a table cannot say, and the rest of its loop, into the values of its owner."""


def complete(of: type[Any], values: Values) -> Any:  # noqa: ANN401 - the class is given as a value
    """An object of its class from gathered values: lists become tuples, inner values their own objects."""
    made = object.__new__(of)
    held = made.__dict__  # filled as `translators.sparse` wants it: what is present, in the order of the class
    for name in in_field_order(of, values):
        value = values[name]
        kind = type(value)
        if kind is list:
            if value:
                held[name] = tuple(value)
        else:
            held[name] = complete(value.of, value) if kind is Nested else value
    return made


def parts_of(number: int, held: Element) -> list[UnmappedElement]:
    """The values of an element that say something, each with its component and repetition where it has any."""
    if isinstance(held, str):
        return [UnmappedElement(number, held)] if held.strip() else []
    return [
        UnmappedElement(number, value, component, repetition)
        for repetition, components in enumerate(held, 1)
        for component, value in enumerate(components, 1)
        if value.strip()
    ]
