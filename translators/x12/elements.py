"""Checks a segment element by element: the careful way, taken when the fast pattern of the segment did not match."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.guide import STANDARD_VALIDATION, Tolerance, Validation
from translators.x12.character_sets import foreign_characters
from translators.x12.delimiters import Delimiters
from translators.x12.dictionary import ElementRule, Note, Release, SegmentRule
from translators.x12.faults import ElementError, Implementation, Ledger, SegmentError
from translators.x12.tree import Element, element_values
from translators.x12.value_faults import CONTROL, Fault, has_outer_blanks, quoted, unpadded, value_fault

_CHARACTERS_SHOWN_MAX = 5


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

    def __init__(
        self,
        release: Release,
        delimiters: Delimiters,
        encoding: str,
        ledger: Ledger,
        validation: Validation = STANDARD_VALIDATION,
    ) -> None:
        self._release = release
        self._validation = validation
        self._trims = validation.spaces == "trim"
        self._judges_text = validation.character_set != "any" or validation.spaces == "reject"
        # Whether something was sent: blanks alone say nothing where they are trimmed.
        self._says: Callable[[str], bool] = _is_more_than_blanks if self._trims else bool
        self._delimiters = delimiters
        self._utf8 = encoding == "utf-8"
        self._ledger = ledger
        listed = release.codes("723")
        # Releases before repetitions have no code of their own for too many of them, those before 003040 none for
        # an element that another one excludes.
        self._too_many_repetitions = _listed(ElementError.TOO_MANY_REPETITIONS, listed)
        self._too_many_components = _listed(ElementError.TOO_MANY_COMPONENTS, listed)
        self._exclusion = _listed(ElementError.EXCLUSION, listed)

    def check(self, rule: SegmentRule, parts: list[str], at: At) -> list[Element]:
        """Check the parts of a segment text (its code first) and return its elements."""
        values: list[Element] = []
        errors = self._ledger.errors
        offset = at.start + len(parts[0]) + 1
        says = self._says
        for number, raw in enumerate(parts[1:], 1):
            element = rule.elements[number - 1] if number <= len(rule.elements) else None
            values.append(self._element(element, raw, at, _Spot(number, None, offset)))
            offset += len(raw) + 1
        for number in range(len(parts), len(rule.elements) + 1):
            if rule.elements[number - 1].required:
                self._missing(rule.elements[number - 1], at, _Spot(number, None, offset - 1))
        extra = next((n for n, raw in enumerate(parts[1:], 1) if n > len(rule.elements) and says(raw)), None)
        if extra is not None:
            known = f"{at.code} has {len(rule.elements)} elements in release {self._release.name}"
            words = f"{quoted(parts[extra])} is one too many: {known}; leave it out"
            offset = at.start + len(self._delimiters.element.join(parts[:extra])) + 1
            spot = _Spot(extra, None, offset)
            self._report(at, spot, None, parts[extra], Fault(ElementError.TOO_MANY_ELEMENTS, words))
        self._end(rule, parts, at)
        self._notes(rule.notes, parts, at, rule.elements)
        if self._ledger.errors == errors and not any(map(says, parts[1:])):
            # A segment is its code and one element or more (X12.6 section 3.7).
            self._of_segment(at, None, "holds no value; send one, or leave the segment out", None)
        return values

    def check_unruled(self, text: str, at: At) -> None:
        """Judge the values of a segment that no rule describes by what holds for all values."""
        if not self._judges_text:
            return
        offset = at.start
        for number, raw in enumerate(text.split(self._delimiters.element)):
            for value in element_values(self.split(raw)) if number else ():
                fault = self._text_fault(None, value)
                if fault is not None:
                    self._report(at, _Spot(number, None, offset), None, value, fault)
            offset += len(raw) + 1

    def _end(self, rule: SegmentRule, parts: list[str], at: At) -> None:
        """What is wrong with the separators at the end of a segment."""
        sent, known = len(parts) - 1, len(rule.elements)
        match self._validation.trailing_separators:
            case "not_allowed" if sent and not parts[-1]:
                self._trailing_separators(at, sent)
            case "mandatory" if sent < known:
                words = f"ends behind element {sent} of {known}; it is agreed to separate all of them, so send the rest"
                self._of_segment(at, sent or None, f"{words} of the separators", None)

    def _element(self, rule: ElementRule | None, raw: str, at: At, spot: _Spot) -> Element:
        if not (raw if rule is not None and rule.type == "B" else self._says(raw)):
            if rule is not None and rule.required:
                self._missing(rule, at, spot)
            return ""
        if rule is None:
            return self.split(raw)
        if "not_used" in rule.agreed:
            self._not_used(rule, raw, at, spot)
        component, repetition = self._delimiters.component, self._delimiters.repetition
        parted = bool(component and component in raw) or bool(repetition and repetition in raw)
        if not parted:
            if rule.components:
                self._composite(rule, [raw], at, spot)
                return self._taken(raw)
            return self._value(rule, raw, at, spot)
        plain = not rule.components and (rule.repeat == 1 or bool(component and component in raw))
        # A separator that is a control character is no text, in whatever set of characters.
        if plain and "separators-in-data" in self._ledger.tolerances and not CONTROL.search(raw):
            words = f"{quoted(raw)} holds a separator of this interchange and is kept as text; choose other separators"
            self._report(at, spot, rule, raw, Fault(self._too_many_components, words, "separators-in-data"))
            return self._taken(raw)
        self._parted(rule, raw, at, spot)
        return self._split(raw, self._taken)

    def _parted(self, rule: ElementRule, raw: str, at: At, spot: _Spot) -> None:
        repetitions = raw.split(self._delimiters.repetition) if self._delimiters.repetition else [raw]
        if len(repetitions) > rule.repeat:
            once = "only once" if rule.repeat == 1 else f"at most {rule.repeat} times"
            words = f"occurs {len(repetitions)} times, but may occur {once}; leave out, or choose another separator"
            self._report(at, spot, rule, raw, Fault(self._too_many_repetitions, words))
        offset = spot.offset
        for repetition in repetitions[: rule.repeat]:
            here = _Spot(spot.element, None, offset)
            components = repetition.split(self._delimiters.component) if self._delimiters.component else [repetition]
            if rule.components:
                self._composite(rule, components, at, here)
            elif len(components) > 1:
                words = f"{quoted(raw)} has no components, yet holds the component separator; choose another separator"
                self._report(at, spot, rule, raw, Fault(self._too_many_components, words))
            elif self._says(repetition):
                self._value(rule, repetition, at, here)
            offset += len(repetition) + 1

    def _composite(self, rule: ElementRule, components: list[str], at: At, spot: _Spot) -> None:
        offset = spot.offset
        for number, raw in enumerate(components, 1):
            here = _Spot(spot.element, number, offset)
            offset += len(raw) + 1
            if number > len(rule.components):
                if self._says(raw):
                    words = f"has {len(rule.components)} components, yet {quoted(raw)} is one more; leave it out"
                    self._report(at, here, rule, raw, Fault(self._too_many_components, words))
                    break
            elif self._says(raw):
                if "not_used" in rule.components[number - 1].agreed:
                    self._not_used(rule.components[number - 1], raw, at, here)
                self._value(rule.components[number - 1], raw, at, here)
            elif rule.components[number - 1].required:
                self._missing(rule.components[number - 1], at, here)
        for number in range(len(components) + 1, len(rule.components) + 1):
            if rule.components[number - 1].required:
                self._missing(rule.components[number - 1], at, _Spot(spot.element, number, offset - 1))
        if len(components) > 1 and not components[-1] and self._validation.trailing_separators == "not_allowed":
            self._trailing_separators(at, spot.element)
        self._notes(rule.notes, ["", *components], at, rule.components, spot.element)

    def _value(self, rule: ElementRule, raw: str, at: At, spot: _Spot) -> str:
        value = self._text(raw)
        # Type B holds any bytes.
        if rule.type != "B" and (CONTROL.search(value) or (self._utf8 and not _is_utf8(raw))):
            words = f"{quoted(value)} holds characters that no X12 character set has; remove them"
            self._report(at, spot, rule, value, Fault(ElementError.CHARACTER, words))
            return value
        checked = unpadded(rule, value) if self._trims else value
        fault = self._text_fault(rule, value) if self._judges_text else None
        fault = fault or value_fault(rule, checked, self._release.name)
        while fault is not None:
            self._report(at, spot, rule, value, fault)
            fault = fault.besides if fault.tolerance in self._ledger.tolerances else None
        return value.strip(" ") if self._trims and rule.type != "B" else value

    def _text_fault(self, rule: ElementRule | None, value: str) -> Fault | None:
        """What the partner's agreement has against the characters of a value, if anything."""
        if rule is not None and rule.type == "B":
            return None
        character_set = self._validation.character_set
        foreign = foreign_characters(value, character_set)
        if foreign:
            few = " ".join(map(quoted, foreign[:_CHARACTERS_SHOWN_MAX]))
            words = f"{quoted(value)} holds {few}, which the {character_set} character set has not; write it without"
            return Fault(ElementError.CHARACTER, words)
        if self._validation.spaces == "reject" and has_outer_blanks(rule, value):
            return Fault(ElementError.CHARACTER, f"{quoted(value)} has blanks around its value; leave them out")
        return None

    def _notes(
        self,
        notes: tuple[Note, ...],
        parts: list[str],
        at: At,
        rules: tuple[ElementRule, ...],
        inside: int | None = None,
    ) -> None:
        presence = bytes(map(self._says, parts))
        for note in notes:
            if not note.is_broken(presence):
                continue
            absent = [n for n in note.positions if n >= len(parts) or not presence[n]]
            present = sorted(n for n in note.positions if n not in absent)
            exclusion = note.kind == "E"
            blamed = present[1] if exclusion else absent[0]
            code = self._exclusion if exclusion else ElementError.CONDITIONAL_MISSING
            before = self._delimiters.element.join(parts[:blamed])
            offset = at.start if inside is not None else at.start + len(before) + (blamed < len(parts))
            spot = _Spot(blamed, None, offset) if inside is None else _Spot(inside, blamed, offset)
            severity = None if self._release.notes_decide and not note.doubtful else Severity.WARNING
            value = parts[blamed] if exclusion else None
            fault = Fault(code, _note_words(note, present, functools.partial(_element_name, at.code, inside)))
            self._report(at, spot, rules[blamed - 1], value, fault, severity)

    def _missing(self, rule: ElementRule, at: At, spot: _Spot) -> None:
        agreed = "required" in rule.agreed
        who = "is demanded by the partner's agreement" if agreed else "is mandatory"
        implementation = Implementation.ELEMENT_MISSING if agreed else None
        fault = Fault(ElementError.MANDATORY_MISSING, f"{who} and missing; send a value", None, implementation)
        self._report(at, spot, rule, None, fault)

    def _not_used(self, rule: ElementRule, raw: str, at: At, spot: _Spot) -> None:
        # Of the 997's codes "exclusion condition violated" alone speaks of a value that must not be there.
        words = f"{quoted(raw)} was sent, but the partner's agreement does not use it; leave it empty"
        self._report(at, spot, rule, raw, Fault(self._exclusion, words, None, Implementation.ELEMENT_NOT_USED))

    def _trailing_separators(self, at: At, element: int) -> None:
        self._of_segment(
            at, element, "ends with separators behind its last value; leave them out", "trailing-separators"
        )

    def _of_segment(self, at: At, element: int | None, words: str, tolerance: Tolerance | None) -> None:
        self._ledger.add(
            Finding(
                Level.SEGMENT,
                SegmentError.ELEMENT_ERRORS,
                f"{at.code} {words}",
                self._ledger.severity(tolerance),
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
        rule: ElementRule | None,
        value: str | None,
        fault: Fault,
        severity: Severity | None = None,
    ) -> None:
        """Note a fault; without a severity of its own the tolerance decides."""
        severity = severity or self._ledger.severity(fault.tolerance)
        if self._ledger.skips(severity):
            return
        if spot.component is None:
            name = _element_name(at.code, None, spot.element)
        else:
            name = _element_name(at.code, spot.element, spot.component)
        self._ledger.add(
            Finding(
                Level.ELEMENT,
                fault.code,
                f"{name} {rule.name} {fault.words}" if rule is not None else f"{name} {fault.words}",
                severity,
                segment=at.code,
                position=at.position,
                element=spot.element,
                component=spot.component,
                value=None if value is None else value[:VALUE_CHARACTERS_MAX],
                byte_offset=spot.offset,
                loop=at.loop,
                data_element=None if rule is None else rule.number,
                implementation_code=fault.implementation,
            )
        )

    def split(self, raw: str) -> Element:
        """An element that no rule describes, in its repetitions and components if it has any."""
        component, repetition = self._delimiters.component, self._delimiters.repetition
        parted = bool(component and component in raw) or bool(repetition and repetition in raw)
        return self._split(raw, self._text) if parted else self._text(raw)

    def _split(self, raw: str, taken: Callable[[str], str]) -> Element:
        repetition, component = self._delimiters.repetition, self._delimiters.component
        return tuple(
            tuple(taken(value) for value in (part.split(component) if component else [part]))
            for part in (raw.split(repetition) if repetition else [raw])
        )

    def _taken(self, raw: str) -> str:
        """The value that is handed on."""
        text = self._text(raw)
        return text.strip(" ") if self._trims else text

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


def _is_more_than_blanks(raw: str) -> bool:
    return bool(raw.strip(" "))


def _is_utf8(raw: str) -> bool:
    try:
        raw.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _element_name(code: str, inside: int | None, position: int) -> str:
    """``REF02``, or ``REF04-2`` for a position inside a composite."""
    return f"{code}{position:02d}" if inside is None else f"{code}{inside:02d}-{position}"


def _note_words(note: Note, present: Sequence[int], names: Callable[[int], str]) -> str:
    """What is wrong and what to do, behind the name of the element to blame; ``present`` are those that were sent."""
    sent = " and ".join(names(position) for position in present)
    match note.kind:
        case "E":
            return f"must not be sent beside {names(present[0])} (syntax note {note}); send one of the two"
        case "R":
            return f"{_or(note.positions[1:], names)}is required (syntax note {note}); send it"
        case "L":
            return f"{_or(note.positions[2:], names)}is required beside {sent} (syntax note {note}); send it"
        case _:
            return f"is required beside {sent} (syntax note {note}); send it, or leave {sent} out"


def _or(others: Sequence[int], names: Callable[[int], str]) -> str:
    """The elements that would do as well as the one to blame, as words behind its name."""
    return f"(or {', '.join(names(position) for position in others)}) " if others else ""
