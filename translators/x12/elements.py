"""Checks a segment element by element: the careful way, taken when the fast pattern of the segment did not match."""

import datetime as dt
import re
from dataclasses import dataclass

from translators.findings import Finding, Level, Severity
from translators.guide import Tolerance
from translators.x12.delimiters import Delimiters
from translators.x12.dictionary import ElementRule, Note, Release, SegmentRule
from translators.x12.faults import VALUE_CHARACTERS_MAX, ElementError, Ledger, SegmentError
from translators.x12.tree import Element

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
_DECIMAL = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:E-?[0-9]+)?", re.ASCII)
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9][0-9]{0,2})?", re.ASCII)
_CENTURY_DATE_WIDTH = 8


@dataclass(frozen=True, slots=True)
class At:
    """Where a segment stands."""

    code: str
    position: int
    loop: str | None
    start: int


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where in a segment a value stands."""

    element: int
    component: int | None
    offset: int


class ElementChecker:
    """Checks elements against the rules of a release and writes what is wrong into a ledger."""

    def __init__(self, release: Release, delimiters: Delimiters, encoding: str, ledger: Ledger) -> None:
        self._release = release
        self._delimiters = delimiters
        self._utf8 = encoding == "utf-8"
        self._ledger = ledger
        listed = release.codes("723")
        # Releases before repetitions have no code of their own for too many of them.
        self._too_many_repetitions = _listed(ElementError.TOO_MANY_REPETITIONS, listed)
        self._too_many_components = _listed(ElementError.TOO_MANY_COMPONENTS, listed)

    def check(self, rule: SegmentRule, parts: list[str], at: At) -> list[Element]:
        """Check the parts of a segment text (its code first) and return its elements."""
        values: list[Element] = []
        offset = at.start + len(parts[0]) + 1
        for number, raw in enumerate(parts[1:], 1):
            element = rule.elements[number - 1] if number <= len(rule.elements) else None
            values.append(self._element(element, raw, at, _Spot(number, None, offset)))
            offset += len(raw) + 1
        for number in range(len(parts), len(rule.elements) + 1):
            if rule.elements[number - 1].required:
                self._missing(rule.elements[number - 1], at, _Spot(number, None, offset - 1))
        extra = next((n for n, raw in enumerate(parts[1:], 1) if n > len(rule.elements) and raw), None)
        if extra is not None:
            message = f"{at.code} has {len(rule.elements)} elements in release {self._release.name}; more were sent"
            offset = at.start + len(self._delimiters.element.join(parts[:extra])) + 1
            spot = _Spot(extra, None, offset)
            self._report(at, spot, ElementError.TOO_MANY_ELEMENTS, None, parts[extra], message)
        if len(parts) > 1 and not parts[-1]:
            self._trailing_separators(at, len(parts) - 1)
        self._notes(rule.notes, parts, at, rule.elements)
        return values

    def _element(self, rule: ElementRule | None, raw: str, at: At, spot: _Spot) -> Element:
        if not raw:
            if rule is not None and rule.required:
                self._missing(rule, at, spot)
            return ""
        if rule is None:
            return self.split(raw)
        component, repetition = self._delimiters.component, self._delimiters.repetition
        parted = bool(component and component in raw) or bool(repetition and repetition in raw)
        if not parted:
            if rule.components:
                self._composite(rule, [raw], at, spot)
                return self._text(raw)
            return self._value(rule, raw, at, spot)
        plain = not rule.components and (rule.repeat == 1 or bool(component and component in raw))
        if plain and "separators-in-data" in self._ledger.tolerances:
            message = f"{_name(at, spot)} {rule.name} holds a separator; it is kept as text"
            self._report(at, spot, self._too_many_components, rule, raw, message, "separators-in-data")
            return self._text(raw)
        self._parted(rule, raw, at, spot)
        return self._split(raw)

    def _parted(self, rule: ElementRule, raw: str, at: At, spot: _Spot) -> None:
        repetitions = raw.split(self._delimiters.repetition) if self._delimiters.repetition else [raw]
        if len(repetitions) > rule.repeat:
            message = f"{_name(at, spot)} {rule.name} may occur {rule.repeat} times, not {len(repetitions)}"
            self._report(at, spot, self._too_many_repetitions, rule, raw, message)
        offset = spot.offset
        for repetition in repetitions:
            here = _Spot(spot.element, None, offset)
            components = repetition.split(self._delimiters.component) if self._delimiters.component else [repetition]
            if rule.components:
                self._composite(rule, components, at, here)
            elif len(components) > 1:
                message = f"{_name(at, spot)} {rule.name} has no components, yet holds the component separator"
                self._report(at, spot, self._too_many_components, rule, raw, message)
            elif repetition:
                self._value(rule, repetition, at, here)
            offset += len(repetition) + 1

    def _composite(self, rule: ElementRule, components: list[str], at: At, spot: _Spot) -> None:
        offset = spot.offset
        for number, raw in enumerate(components, 1):
            here = _Spot(spot.element, number, offset)
            offset += len(raw) + 1
            if number > len(rule.components):
                if raw:
                    message = f"{_name(at, spot)} {rule.name} has {len(rule.components)} components; more were sent"
                    self._report(at, here, self._too_many_components, rule, raw, message)
                    break
            elif raw:
                self._value(rule.components[number - 1], raw, at, here)
            elif rule.components[number - 1].required:
                self._missing(rule.components[number - 1], at, here)
        for number in range(len(components) + 1, len(rule.components) + 1):
            if rule.components[number - 1].required:
                self._missing(rule.components[number - 1], at, _Spot(spot.element, number, offset - 1))
        if len(components) > 1 and not components[-1]:
            self._trailing_separators(at, spot.element)
        self._notes(rule.notes, ["", *components], at, rule.components, spot.element)

    def _value(self, rule: ElementRule, raw: str, at: At, spot: _Spot) -> str:
        value = self._text(raw)
        if _CONTROL.search(value) or (self._utf8 and not _is_utf8(raw)):
            message = f"{_name(at, spot)} {rule.name} holds characters that no X12 character set has"
            self._report(at, spot, ElementError.CHARACTER, rule, value, message)
            return value
        fault = _fault(rule, value)
        if fault is not None:
            code, reason, tolerance = fault
            message = f"{_name(at, spot)} {rule.name} {reason}"
            self._report(at, spot, code, rule, value, message, tolerance)
        return value

    def _notes(
        self,
        notes: tuple[Note, ...],
        parts: list[str],
        at: At,
        rules: tuple[ElementRule, ...],
        inside: int | None = None,
    ) -> None:
        presence = bytes(map(bool, parts))
        for note in notes:
            if not note.is_broken(presence):
                continue
            absent = [n for n in note.positions if n >= len(parts) or not parts[n]]
            present = sorted(n for n in note.positions if n not in absent)
            exclusion = note.kind == "E"
            blamed = present[1] if exclusion else absent[0]
            code = ElementError.EXCLUSION if exclusion else ElementError.CONDITIONAL_MISSING
            before = self._delimiters.element.join(parts[:blamed])
            offset = at.start if inside is not None else at.start + len(before) + (blamed < len(parts))
            spot = _Spot(blamed, None, offset) if inside is None else _Spot(inside, blamed, offset)
            what = "must not stand beside" if exclusion else "is required by"
            where = at.code if inside is None else f"{at.code}{inside:02d}"
            message = f"{_name(at, spot)} {rules[blamed - 1].name} {what} the other elements of note {note} of {where}"
            severity = None if self._release.notes_decide else Severity.WARNING
            value = parts[blamed] if exclusion else None
            self._report(at, spot, code, rules[blamed - 1], value, message, None, severity)

    def _missing(self, rule: ElementRule, at: At, spot: _Spot) -> None:
        message = f"{_name(at, spot)} {rule.name} is mandatory and missing"
        self._report(at, spot, ElementError.MANDATORY_MISSING, rule, None, message)

    def _trailing_separators(self, at: At, element: int) -> None:
        self._ledger.add(
            Finding(
                Level.SEGMENT,
                SegmentError.ELEMENT_ERRORS,
                f"{at.code} ends with separators behind its last value; leave them out",
                self._ledger.severity("trailing-separators"),
                segment=at.code,
                position=at.position,
                element=element,
                byte_offset=at.start,
                loop=at.loop,
            )
        )

    def _report(
        self,
        at: At,
        spot: _Spot,
        code: ElementError,
        rule: ElementRule | None,
        value: str | None,
        message: str,
        tolerance: Tolerance | None = None,
        severity: Severity | None = None,
    ) -> None:
        self._ledger.add(
            Finding(
                Level.ELEMENT,
                code,
                message,
                severity or self._ledger.severity(tolerance),
                segment=at.code,
                position=at.position,
                element=spot.element,
                component=spot.component,
                value=None if value is None else value[:VALUE_CHARACTERS_MAX],
                byte_offset=spot.offset,
                loop=at.loop,
                data_element=None if rule is None else rule.number,
            )
        )

    def split(self, raw: str) -> Element:
        """An element that no rule describes, in its repetitions and components if it has any."""
        component, repetition = self._delimiters.component, self._delimiters.repetition
        parted = bool(component and component in raw) or bool(repetition and repetition in raw)
        return self._split(raw) if parted else self._text(raw)

    def _split(self, raw: str) -> Element:
        repetition, component = self._delimiters.repetition, self._delimiters.component
        return tuple(
            tuple(self._text(value) for value in (part.split(component) if component else [part]))
            for part in (raw.split(repetition) if repetition else [raw])
        )

    def _text(self, raw: str) -> str:
        """Text of one byte for each character in the partner's encoding; what is no UTF-8 stays as it is."""
        if not self._utf8 or raw.isascii():
            return raw
        try:
            return raw.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            return raw


def _listed(code: ElementError, listed: frozenset[str]) -> ElementError:
    return code if code in listed else ElementError.TOO_MANY_ELEMENTS


def _is_utf8(raw: str) -> bool:
    try:
        raw.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _name(at: At, spot: _Spot) -> str:
    return f"{at.code}{spot.element:02d}" + ("" if spot.component is None else f"-{spot.component}")


# What is wrong with a value: AK403, the words behind "REF02 Reference Identification", and the tolerance for it.
_Fault = tuple[ElementError, str, Tolerance | None]


def _fault(rule: ElementRule, value: str) -> _Fault | None:
    if rule.type in {"DT", "TM"}:
        return _date_or_time_fault(rule, value)
    if rule.type == "R" or rule.type.startswith("N"):
        return _number_fault(rule, value)
    if rule.required and not value.strip(" "):
        return ElementError.MANDATORY_MISSING, "is mandatory and holds only blanks", None
    length = _length_fault(rule, len(value))
    if length is not None or not rule.codes or value.rstrip(" ") in rule.codes:
        return length
    return ElementError.CODE, "holds a code that the release does not list", "code-values"


def _number_fault(rule: ElementRule, value: str) -> _Fault | None:
    if rule.type != "R":
        if not _INTEGER.fullmatch(value):
            return ElementError.CHARACTER, "must be digits, with a minus sign at most before them", None
    elif not _DECIMAL.fullmatch(value):
        return ElementError.CHARACTER, "must be a number with a point at most", None
    # Sign, decimal point and the exponent's E do not count (X12.6 section 3.5.1.2).
    return _length_fault(rule, sum(character.isdigit() for character in value))


def _length_fault(rule: ElementRule, length: int) -> _Fault | None:
    if length < rule.min:
        return ElementError.TOO_SHORT, f"is shorter than {rule.min} characters", "element-lengths"
    if length > rule.max:
        return ElementError.TOO_LONG, f"is longer than {rule.max} characters", "element-lengths"
    return None


def _date_or_time_fault(rule: ElementRule, value: str) -> _Fault | None:
    is_date = rule.type == "DT"
    invalid: _Fault = (
        (ElementError.DATE, "is no date", None) if is_date else (ElementError.TIME, "is no time of day", None)
    )
    if not (value.isascii() and value.isdigit()):
        return invalid
    length = _length_fault(rule, len(value))
    if length is not None:
        return length
    if not is_date:
        return None if _TIME.fullmatch(value) else invalid
    if len(value) != _CENTURY_DATE_WIDTH:
        value = "20" + value  # a year without century: 2000 was a leap year as 1900 was not, and is nearer
    try:
        dt.date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return invalid
    return None
