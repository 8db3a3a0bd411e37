"""Element values become canonical values: each way of taking an element that a table in `segments` may ask for.

Nothing raises. A value that cannot be what its place asks for is not taken, and a finding says why.
"""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from translators.codes import labels, rec20_units, words
from translators.document_parts import CodeAsSent, DateReference, Measure
from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.x12.documents.places import Place, Take
from translators.x12.tree import Segment

Values = dict[str, Any]
"""The fields of a canonical object by name, while they gather."""

NUMBER_DIGITS_MAX: Final = 38
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,38}(?:\.[0-9]{0,38})?|\.[0-9]{1,38})")
_is_number: Final = _NUMBER.fullmatch
_DIGITS: Final = re.compile(r"[0-9]+")
# Two-digit years: the standard came into use in the 1970s, and no paper of trade is dated so far ahead.
_CENTURY_TURNS_AT: Final = 70
_CENTURY_DIGITS: Final = 2


class ElementReader:
    """Reads the elements of one document; what could not be taken as it should gathers in ``findings``."""

    __slots__ = ("_units_reported", "findings")

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._units_reported: set[str] = set()

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
                value=segment.value(element)[:VALUE_CHARACTERS_MAX],
                byte_offset=segment.start,
            )
        )

    def number(self, segment: Segment, element: int, value: str) -> Decimal | None:
        """A number of type R or N0; None with a finding for anything else."""
        found = decimal_of(value)
        if found is not None:
            return found
        # AK403 6: invalid character in data element.
        self.warn("6", f"{segment.code}{element:02} is not a number; it is kept as sent", segment, element)
        return None

    def date(self, segment: Segment, element: int, value: str, century_at: int = 0) -> dt.date | None:
        """A date of six or eight digits; None with a finding for anything else."""
        # A composite date (C041, 003070) holds its century itself; else it stands in an element of its own.
        century = segment.value(century_at, 2 if century_at == element else 1).strip() if century_at else ""
        found = calendar_date(value.strip(), century)
        if found is not None:
            return found
        # AK403 8: invalid date.
        self.warn("8", f"{segment.code}{element:02} is not a date; it is kept as sent", segment, element)
        return None

    def time(self, segment: Segment, element: int, value: str) -> dt.time | None:
        """A time HHMM, HHMMSS or with decimal seconds; None with a finding for anything else."""
        found = clock_time(value.strip())
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
        return unit, unit_as_sent(code)


def once(values: Values, name: str, value: object) -> bool:
    """Sets a field that is still free; a second and different value is not taken."""
    if name in values:
        return bool(values[name] == value)
    values[name] = value
    return True


def decimal_of(value: str) -> Decimal | None:
    """A number of type R or N0; None for anything else."""
    text = value.strip()
    return Decimal(text) if _is_number(text) else None


def count_of(value: str) -> int | None:
    """A whole number without sign; None for anything else."""
    digits = value.strip()
    return int(digits) if _DIGITS.fullmatch(digits) and len(digits) <= NUMBER_DIGITS_MAX // 2 else None


# The same few units and dates stand in a document again and again.
@lru_cache(maxsize=1024)
def unit_as_sent(code: str) -> CodeAsSent:
    """A code of element 355 with its list."""
    return CodeAsSent(code, "x12_355")


@lru_cache(maxsize=1024)
def date_reference(qualifier: str | None, code_list: str, date: dt.date, time: dt.time | None) -> DateReference:
    """A date with its qualifier and the label of that."""
    return DateReference(qualifier=qualifier, label=labels(code_list).get(qualifier or ""), date=date, time=time)


def calendar_date(digits: str, century: str) -> dt.date | None:
    """A date CCYYMMDD, or YYMMDD with its century (where there is none: 1970 to 2069); None for anything else."""
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


def clock_time(digits: str) -> dt.time | None:
    """A time HHMM, HHMMSS or with one or two digits of decimal seconds; None for anything else."""
    if not (digits.isascii() and digits.isdigit() and len(digits) in {4, 6, 7, 8}):
        return None
    try:
        return dt.time(int(digits[:2]), int(digits[2:4]), int(digits[4:6] or "0"), int(digits[6:].ljust(6, "0")))
    except ValueError:
        return None


# --- one function for each way of taking; each says whether it took the value ---------------------------------------


def _text(_: ElementReader, place: Place, segment: Segment, value: str, values: Values) -> bool:
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


def _word(_: ElementReader, place: Place, __: Segment, value: str, values: Values) -> bool:
    code = value.strip()
    if not once(values, place.code_field, code):
        return False
    found = words(place.code_list).get(code)
    if found is not None:
        values[place.field] = found
    return True


def _number(reader: ElementReader, place: Place, segment: Segment, value: str, values: Values) -> bool:
    number = reader.number(segment, place.element, value)
    return number is not None and once(values, place.field, number)


def _implied_2(reader: ElementReader, place: Place, segment: Segment, value: str, values: Values) -> bool:
    number = reader.number(segment, place.element, value)
    if number is None:
        return False
    if "." in value:
        # Type N has no point. Whoever writes one means what it says.
        message = f"{segment.code}{place.element:02} has two implied decimals and no point; it is read as written"
        reader.warn("6", message, segment, place.element)
        return once(values, place.field, number)
    return once(values, place.field, number.scaleb(-2))


def _integer(reader: ElementReader, place: Place, segment: Segment, value: str, values: Values) -> bool:
    count = count_of(value)
    if count is None:
        reader.number(segment, place.element, "not a count")
        return False
    return once(values, place.field, count)


def _date(reader: ElementReader, place: Place, segment: Segment, value: str, values: Values) -> bool:
    found = reader.date(segment, place.element, value, place.century_at)
    if found is None or (
        place.century_at == place.element and not _is_century_of(found, segment.value(place.element, 2))
    ):
        return False
    return once(values, place.field, found)


def _is_century_of(date: dt.date, century: str) -> bool:
    return f"{date.year:04}".startswith(century.strip())


def _time(reader: ElementReader, place: Place, segment: Segment, value: str, values: Values) -> bool:
    found = reader.time(segment, place.element, value)
    return found is not None and once(values, place.field, found)


def _unit(reader: ElementReader, place: Place, segment: Segment, value: str, values: Values) -> bool:
    unit, as_sent = reader.unit(segment, place.element, value)
    if not once(values, f"{place.field}_as_sent", as_sent):
        return False
    values[place.field] = unit
    return True


def _measure(reader: ElementReader, place: Place, segment: Segment, value: str, values: Values) -> bool:
    number = reader.number(segment, place.element, value)
    if number is None:
        return False
    unit, as_sent = None, None
    code = segment.value(place.unit_at).strip() if place.unit_at else ""
    if code:
        unit, as_sent = reader.unit(segment, place.unit_at, code)
    qualifier = segment.value(place.qualifier_at).rstrip() if place.qualifier_at else ""
    return once(values, place.field, Measure(number, qualifier or None, unit, as_sent))


def _texts(_: ElementReader, place: Place, __: Segment, value: str, values: Values) -> bool:
    values.setdefault(place.field, []).append(value)
    return True


def _paragraph(_: ElementReader, place: Place, __: Segment, value: str, values: Values) -> bool:
    before = values.get(place.field)
    values[place.field] = value if before is None else f"{before}\n{value}"
    return True


def _coded_id(_: ElementReader, place: Place, segment: Segment, value: str, values: Values) -> bool:
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


def _dated(reader: ElementReader, place: Place, segment: Segment, value: str, values: Values) -> bool:
    found = reader.date(segment, place.element, value)
    if found is None:
        return False
    qualifier = segment.value(place.qualifier_at).rstrip() or None
    at = segment.value(place.time_at).rstrip() if place.time_at else ""
    moment = reader.time(segment, place.time_at, at) if at else None
    values.setdefault(place.field, []).append(date_reference(qualifier, place.code_list, found, moment))
    return True


def _position(reader: ElementReader, place: Place, segment: Segment, _: str, values: Values) -> bool:
    for component, name in enumerate(("element", "component", "repetition"), 1):
        value = segment.value(place.element, component).strip()
        if value:
            if not _DIGITS.fullmatch(value) or len(value) > NUMBER_DIGITS_MAX // 2:
                reader.number(segment, place.element, "not a position")
                return False
            values[name] = int(value)
    return True


# Main elements whose value may be refused; then what stands beside them is left with them.
_MAY_BE_REFUSED: Final = frozenset({Take.MEASURE, Take.DATED, Take.DATE})


def _beside(_: ElementReader, place: Place, segment: Segment, value: str, __: Values) -> bool:
    """A qualifier, unit, time or century is taken where its main element is."""
    main = segment.value(place.main).strip()
    if not main or place.main_take not in _MAY_BE_REFUSED:
        return bool(main)
    if place.main_take is Take.MEASURE:
        return _NUMBER.fullmatch(main) is not None
    if place.main_take is Take.DATE:  # what stands beside a date is its century
        date = calendar_date(main, value.strip())
        return date is not None and _is_century_of(date, value)
    is_date = calendar_date(main, "") is not None
    return is_date and (not place.is_time or clock_time(value.strip()) is not None)


READERS: Final[dict[Take, Callable[[ElementReader, Place, Segment, str, Values], bool]]] = {
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
