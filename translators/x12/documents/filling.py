"""Fills canonical fields from the tree of a transaction set by the tables of `segments` and `loops`.

Nothing is lost on the way: an element without a place, or whose value cannot be what its place asks for, goes to
``unmapped`` with its position. Nothing raises: what validation tolerated is mapped as far as it can be.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from translators.codes import labels, rec20_units, words
from translators.document_parts import (
    CodeAsSent,
    DateReference,
    Mark,
    Measure,
    Reference,
    Split,
    Unmapped,
    UnmappedElement,
)
from translators.findings import Finding, Level, Severity
from translators.x12.documents.loops import Owner
from translators.x12.documents.places import Place, SegmentMap, Slot, Take
from translators.x12.tree import Element, Loop, Segment

Values = dict[str, Any]

NUMBER_DIGITS_MAX: Final = 38
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,38}(?:\.[0-9]{0,38})?|\.[0-9]{1,38})")
_DIGITS: Final = re.compile(r"[0-9]+")
# Two-digit years: the standard came into use in the 1970s, and no paper of trade is dated so far ahead.
_CENTURY_TURNS_AT: Final = 70
_CENTURY_DIGITS: Final = 2
_SSCC_DIGITS: Final = 18
_VALUE_SHOWN_MAX: Final = 99  # as AK404


class Nested(dict[str, Any]):
    """Values of an object inside the owner, such as the address of a party, until it is complete."""

    __slots__ = ("of",)

    def __init__(self, of: type[Any]) -> None:
        super().__init__()
        self.of = of


class Filling:
    """The work of filling one document; what was wrong and what found no place gathers here."""

    __slots__ = ("_path", "_units_reported", "findings", "levels", "unmapped")

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.unmapped: list[Unmapped] = []
        self.levels: list[Values] = []  # HL loops in the order they were sent
        self._path: list[str] = []
        self._units_reported: set[str] = set()

    # --- walking -----------------------------------------------------------------------------------------------------

    def fill(self, items: Iterable[Segment | Loop], owner: Owner, values: Values) -> None:
        """Reads the items of a loop into the values of their owner."""
        for item in items:
            slot = owner.get(item.code)
            if isinstance(item, Segment):
                if slot is None:
                    self.leave(item)
                else:
                    self._take(slot, item, (), values)
            elif slot is None or not item.items or not isinstance(item.items[0], Segment):
                self._leave_loop(item)
            else:
                self._path.append(item.code)
                self._take(slot, item.items[0], item.items[1:], values)
                self._path.pop()

    def _take(self, slot: Slot, trigger: Segment, rest: Iterable[Segment | Loop], owner_values: Values) -> None:
        if slot.special:
            SPECIAL[slot.special](self, slot, trigger, rest, owner_values)
            return
        of = slot.segment.of
        if not slot.field:
            values = owner_values
            if slot.segment.into and of is not None:
                values = owner_values.setdefault(slot.segment.into, Nested(of))
            self.elements(slot.segment, trigger, values)
            self.fill(rest, slot.inner, owner_values)
            return
        values = {}
        self.elements(slot.segment, trigger, values)
        self.fill(rest, slot.inner, values)
        self.put(slot, values, owner_values, trigger)

    def put(self, slot: Slot, values: Values, owner_values: Values, trigger: Segment) -> None:
        """Hands a finished part to its owner."""
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
        places = segment_map.places
        known = len(places)
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
            if place is None or not _READERS[place.take](self, place, segment, value, values):
                left.append(number)
        if left or is_empty:
            self.leave(segment, left)
        if has_composites:
            self._leave_components(segment, left)

    # --- what is left over -------------------------------------------------------------------------------------------

    def leave(self, segment: Segment, elements: Iterable[int] | None = None) -> None:
        """Keeps a segment, or some of its elements, that found no field."""
        chosen = range(1, len(segment.elements) + 1) if elements is None else elements
        kept = [part for number in chosen for part in _parts(number, segment.elements[number - 1])]
        path = "/".join(self._path) or None
        self.unmapped.append(Unmapped(segment.code, segment.position, path, tuple(kept)))

    def _leave_components(self, segment: Segment, left: list[int]) -> None:
        """Of a composite or repeated element that was read, only the first component was; the others are kept."""
        kept = [
            part
            for number, held in enumerate(segment.elements, 1)
            if not isinstance(held, str) and number not in left
            for part in _parts(number, held)
            if (part.component, part.repetition) != (1, 1) and not self._is_read_whole(segment, number)
        ]
        if kept:
            path = "/".join(self._path) or None
            self.unmapped.append(Unmapped(segment.code, segment.position, path, tuple(kept)))

    @staticmethod
    def _is_read_whole(segment: Segment, number: int) -> bool:
        # C030, the position of an element, is read with all its components.
        return segment.code in {"AK4", "IK4"} and number == 1

    def _leave_loop(self, loop: Loop) -> None:
        self._path.append(loop.code)
        for item in loop.items:
            if isinstance(item, Segment):
                self.leave(item)
            else:
                self._leave_loop(item)
        self._path.pop()

    def warn(self, code: str, message: str, segment: Segment, element: int, level: Level = Level.ELEMENT) -> None:
        """Reports a value that could not be taken as it should."""
        self.findings.append(
            Finding(
                level=level,
                code=code,
                message=message,
                severity=Severity.WARNING,
                segment=segment.code,
                position=segment.position,
                element=element,
                value=segment.value(element)[:_VALUE_SHOWN_MAX],
                byte_offset=segment.start,
            )
        )

    # --- values ------------------------------------------------------------------------------------------------------

    def number(self, segment: Segment, element: int, value: str) -> Decimal | None:
        """A number of type R or N0; None with a finding for anything else."""
        found = _decimal(value)
        if found is not None:
            return found
        # AK403 6: invalid character in data element.
        self.warn("6", f"{segment.code}{element:02} is not a number; it is kept as sent", segment, element)
        return None

    def date(self, segment: Segment, element: int, value: str, century_at: int = 0) -> dt.date | None:
        """A date of six or eight digits; None with a finding for anything else."""
        found = _calendar_date(value.strip(), segment.value(century_at).strip() if century_at else "")
        if found is not None:
            return found
        # AK403 8: invalid date.
        self.warn("8", f"{segment.code}{element:02} is not a date; it is kept as sent", segment, element)
        return None

    def time(self, segment: Segment, element: int, value: str) -> dt.time | None:
        """A time HHMM, HHMMSS or with decimal seconds; None with a finding for anything else."""
        found = _clock_time(value.strip())
        if found is None:
            # AK403 9: invalid time.
            self.warn("9", f"{segment.code}{element:02} is not a time; it is kept as sent", segment, element)
        return found

    def unit(self, segment: Segment, element: int, value: str) -> tuple[str | None, CodeAsSent]:
        """A unit as Rec 20 code, or None with a finding (once a document), and the code as sent."""
        code = value.strip()
        unit = rec20_units().get(code)
        if unit is None and code not in self._units_reported:
            self._units_reported.add(code)
            self.warn(
                "unit-unknown",
                f"unit {code} has no sure counterpart in Rec 20; unit is null and unit_as_sent keeps the code",
                segment,
                element,
                Level.DOCUMENT,
            )
        return unit, _unit_as_sent(code)


def complete(of: type[Any], values: Values) -> Any:  # noqa: ANN401 - the class is given as a value
    """An object of its class from gathered values: lists become tuples, inner values their own objects."""
    for name, value in values.items():
        if type(value) is list:
            values[name] = tuple(value)
        elif type(value) is Nested:
            values[name] = complete(value.of, value)
    return of(**values)


def once(values: Values, name: str, value: object) -> bool:
    """Sets a field that is still free; a second and different value is not taken."""
    if name in values:
        return bool(values[name] == value)
    values[name] = value
    return True


def _parts(number: int, held: Element) -> list[UnmappedElement]:
    if isinstance(held, str):
        return [UnmappedElement(number, held)] if held.strip() else []
    return [
        UnmappedElement(number, value, component, repetition)
        for repetition, components in enumerate(held, 1)
        for component, value in enumerate(components, 1)
        if value.strip()
    ]


# The same few dates, numbers and units stand in a document again and again.
@lru_cache(maxsize=4096)
def _decimal(value: str) -> Decimal | None:
    text = value.strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=1024)
def _unit_as_sent(code: str) -> CodeAsSent:
    return CodeAsSent(code, "x12_355")


@lru_cache(maxsize=4096)
def _calendar_date(digits: str, century: str) -> dt.date | None:
    if not _DIGITS.fullmatch(digits):
        return None
    if len(digits) == len("YYMMDD"):
        if not (len(century) == _CENTURY_DIGITS and century.isascii() and century.isdigit()):
            century = "19" if int(digits[:2]) >= _CENTURY_TURNS_AT else "20"
        digits = century + digits
    if len(digits) != len("CCYYMMDD"):
        return None
    try:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _clock_time(digits: str) -> dt.time | None:
    if not (digits.isascii() and digits.isdigit() and len(digits) in {4, 6, 7, 8}):
        return None
    try:
        return dt.time(int(digits[:2]), int(digits[2:4]), int(digits[4:6] or "0"), int(digits[6:].ljust(6, "0")))
    except ValueError:
        return None


# --- readers of single elements: each says whether it took the value -------------------------------------------------


def _text(_: Filling, place: Place, segment: Segment, value: str, values: Values) -> bool:
    if place.field == "period_format" and segment.code == "DTM" and len(value) == _CENTURY_DIGITS and value.isdigit():
        # Up to 003070 DTM05 is the century of DTM02, and no format.
        return "date" in values and str(values["date"].year).startswith(value)
    if not once(values, place.field, value):
        return False
    if place.code_list:
        label = labels(place.code_list).get(value)
        if label is not None:
            values["label"] = label
    return True


def _word(_: Filling, place: Place, __: Segment, value: str, values: Values) -> bool:
    code = value.strip()
    if not once(values, place.code_field, code):
        return False
    found = words(place.code_list).get(code)
    if found is not None:
        values[place.field] = found
    return True


def _number(filling: Filling, place: Place, segment: Segment, value: str, values: Values) -> bool:
    number = filling.number(segment, place.element, value)
    return number is not None and once(values, place.field, number)


def _implied_2(filling: Filling, place: Place, segment: Segment, value: str, values: Values) -> bool:
    number = filling.number(segment, place.element, value)
    if number is None:
        return False
    if "." in value:
        # Type N has no point. Whoever writes one means what it says.
        message = f"{segment.code}{place.element:02} has two implied decimals and no point; it is read as written"
        filling.warn("6", message, segment, place.element)
        return once(values, place.field, number)
    return once(values, place.field, number.scaleb(-2))


def _integer(filling: Filling, place: Place, segment: Segment, value: str, values: Values) -> bool:
    digits = value.strip()
    if not (_DIGITS.fullmatch(digits) and len(digits) <= NUMBER_DIGITS_MAX // 2):
        filling.number(segment, place.element, "not a count")
        return False
    return once(values, place.field, int(digits))


def _date(filling: Filling, place: Place, segment: Segment, value: str, values: Values) -> bool:
    found = filling.date(segment, place.element, value, place.century_at)
    return found is not None and once(values, place.field, found)


def _time(filling: Filling, place: Place, segment: Segment, value: str, values: Values) -> bool:
    found = filling.time(segment, place.element, value)
    return found is not None and once(values, place.field, found)


def _unit(filling: Filling, place: Place, segment: Segment, value: str, values: Values) -> bool:
    unit, as_sent = filling.unit(segment, place.element, value)
    if not once(values, f"{place.field}_as_sent", as_sent):
        return False
    values[place.field] = unit
    return True


def _measure(filling: Filling, place: Place, segment: Segment, value: str, values: Values) -> bool:
    number = filling.number(segment, place.element, value)
    if number is None:
        return False
    unit, as_sent = None, None
    code = segment.value(place.unit_at).strip() if place.unit_at else ""
    if code:
        unit, as_sent = filling.unit(segment, place.unit_at, code)
    qualifier = segment.value(place.qualifier_at).rstrip() if place.qualifier_at else ""
    return once(values, place.field, Measure(number, qualifier or None, unit, as_sent))


def _texts(_: Filling, place: Place, __: Segment, value: str, values: Values) -> bool:
    values.setdefault(place.field, []).append(value)
    return True


def _paragraph(_: Filling, place: Place, __: Segment, value: str, values: Values) -> bool:
    before = values.get(place.field)
    values[place.field] = value if before is None else f"{before}\n{value}"
    return True


def _coded_id(_: Filling, place: Place, segment: Segment, value: str, values: Values) -> bool:
    if place.of is None:
        return False
    qualifier = segment.value(place.qualifier_at).rstrip() or None
    if place.code_list:
        # Communication calls it a number, everything else an id; both hold it first.
        found = place.of(value, qualifier, labels(place.code_list).get(qualifier or ""))
    else:
        found = place.of(value, qualifier)
    if place.many:
        values.setdefault(place.field, []).append(found)
        return True
    return once(values, place.field, found)


def _dated(filling: Filling, place: Place, segment: Segment, value: str, values: Values) -> bool:
    found = filling.date(segment, place.element, value)
    if found is None:
        return False
    qualifier = segment.value(place.qualifier_at).rstrip() or None
    at = segment.value(place.time_at).rstrip() if place.time_at else ""
    reference = DateReference(
        qualifier=qualifier,
        label=labels(place.code_list).get(qualifier or ""),
        date=found,
        time=filling.time(segment, place.time_at, at) if at else None,
    )
    values.setdefault(place.field, []).append(reference)
    return True


def _position(filling: Filling, place: Place, segment: Segment, _: str, values: Values) -> bool:
    for component, name in enumerate(("element", "component", "repetition"), 1):
        value = segment.value(place.element, component).strip()
        if value:
            if not _DIGITS.fullmatch(value) or len(value) > NUMBER_DIGITS_MAX // 2:
                filling.number(segment, place.element, "not a position")
                return False
            values[name] = int(value)
    return True


def _beside(_: Filling, place: Place, segment: Segment, value: str, __: Values) -> bool:
    """A qualifier, unit or time is taken where its main element is."""
    main = segment.value(place.main).strip()
    if place.main_take is Take.MEASURE:
        return _NUMBER.fullmatch(main) is not None
    if place.main_take is Take.DATED:
        is_date = _calendar_date(main, "") is not None
        return is_date and (not place.is_time or _clock_time(value.strip()) is not None)
    return bool(main)


_READERS: Final[dict[Take, Callable[[Filling, Place, Segment, str, Values], bool]]] = {
    Take.TEXT: _text,
    Take.WORD: _word,
    Take.NUMBER: _number,
    Take.IMPLIED_2: _implied_2,
    Take.INTEGER: _integer,
    Take.DATE: _date,
    Take.TIME: _time,
    Take.UNIT: _unit,
    Take.MEASURE: _measure,
    Take.TEXTS: _texts,
    Take.PARAGRAPH: _paragraph,
    Take.CODED_ID: _coded_id,
    Take.DATED: _dated,
    Take.POSITION: _position,
    Take.BESIDE: _beside,
}


# --- segments that a table cannot say --------------------------------------------------------------------------------


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
    unit, as_sent = filling.unit(segment, 1, code) if code else (None, None)
    qualifier, place = segment.value(2).strip(), segment.value(23).strip()
    used: set[int] = set()
    for first in range(3, 23, 2):
        location, quantity = segment.value(first).rstrip(), segment.value(first + 1).rstrip()
        number = filling.number(segment, first + 1, quantity) if quantity else None
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
        if (number not in used or not isinstance(held, str)) and _parts(number, held)
    ]
    if left or not used:
        filling.leave(segment, left)


def _note(filling: Filling, slot: Slot, segment: Segment, rest: Iterable[Segment | Loop], values: Values) -> None:
    """N9: with text or dates a note, alone a reference."""
    found: Values = {}
    filling.elements(slot.segment, segment, found)
    filling.fill(rest, slot.inner, found)
    if found.keys() & {"text", "date", "time", "dates"}:
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


def _envelope(filling: Filling, slot: Slot, _: Segment, rest: Iterable[Segment | Loop], values: Values) -> None:
    """ST and SE belong to the envelope."""
    filling.fill(rest, slot.inner, values)


SPECIAL: Final[dict[str, Callable[[Filling, Slot, Segment, Iterable[Segment | Loop], Values], None]]] = {
    "marks": _marks,
    "splits": _splits,
    "note": _note,
    "charge": _charge,
    "level": _level,
    "envelope": _envelope,
}
