"""How bytes are laid out for a partner, and what becomes of separators and foreign characters inside data."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from translators.findings import VALUE_CHARACTERS_MAX, Finding, Level, Severity
from translators.x12.delimiters import STANDARD_DELIMITERS, Delimiters
from translators.x12.tree import Element, Segment
from translators.x12.writer import REPETITION_SINCE, Framing, free_delimiters

InData = Literal["replace", "reject", "choose"]


@dataclass(frozen=True, slots=True)
class FramingRules:
    """The layout that a partner wants.

    Attributes:
        delimiters: the separators; a repetition separator is used from ISA12 00402 on.
        line_end: what stands behind each terminator.
        encoding: ``latin-1`` or ``utf-8``.
        separators_in_data: ``replace`` them with ``replacement``, ``reject`` the document, or ``choose`` separators
            that occur nowhere in the data.
        replacement: stands for a separator, or a character that the encoding has not.
        trailing_separators: every element that a segment has in its release is separated.
    """

    delimiters: Delimiters = field(default_factory=lambda: replace(STANDARD_DELIMITERS, repetition="^"))
    line_end: str = ""
    encoding: Literal["latin-1", "utf-8"] = "latin-1"
    separators_in_data: InData = "replace"
    replacement: str = " "
    trailing_separators: bool = False


STANDARD_FRAMING_RULES: Final = FramingRules()


@dataclass(frozen=True, slots=True)
class Framed:
    """Segments that can be written with a framing, or the errors that forbid it."""

    segments: tuple[Segment, ...]
    framing: Framing
    findings: tuple[Finding, ...]


def frame(segments: Iterable[Segment], rules: FramingRules, version: str) -> Framed:
    """Makes segments fit the separators and the encoding, or the separators fit the segments.

    ``version`` is ISA12: before 00402 there is no repetition separator.
    """
    held = tuple(segments)
    delimiters = rules.delimiters
    if version < REPETITION_SINCE:
        delimiters = replace(delimiters, repetition="")
    if rules.separators_in_data == "choose":
        delimiters = _chosen(held, delimiters)
    framing = Framing(delimiters, rules.line_end, rules.encoding, rules.trailing_separators)
    fitting = _Fitting(rules, framing)
    return Framed(tuple(fitting.segment(item) for item in held), framing, tuple(fitting.findings))


def _chosen(segments: tuple[Segment, ...], delimiters: Delimiters) -> Delimiters:
    """The preferred separators, each exchanged where it occurs in the data."""
    used = {character for segment in segments for element in segment.elements for character in set(_text(element))}
    chosen = free_delimiters([delimiters], used)
    return chosen if delimiters.repetition else replace(chosen, repetition="")


def _text(element: Element) -> str:
    return element if isinstance(element, str) else "".join(value for part in element for value in part)


class _Fitting:
    """Goes through segments and tells what it changed."""

    def __init__(self, rules: FramingRules, framing: Framing) -> None:
        self.findings: list[Finding] = []
        self._rules = rules
        self._framing = framing
        self._separators = framing.delimiters.all()
        self._at: tuple[Segment, int] = (Segment("", [], 0, 0, 0), 0)

    def segment(self, segment: Segment) -> Segment:
        elements: list[Element] = []
        for number, element in enumerate(segment.elements, 1):
            self._at = (segment, number)
            elements.append(element if self._is_fine(element) else self._element(element))
        return segment if elements == segment.elements else replace(segment, elements=elements)

    def _is_fine(self, element: Element) -> bool:
        if not isinstance(element, str):
            return False
        return element.isascii() and not any(character in element for character in self._separators)

    def _element(self, element: Element) -> Element:
        if isinstance(element, str):
            return self._value(element)
        delimiters = self._framing.delimiters
        if len(element) > 1 and not delimiters.repetition:
            self._tell("too-many", "repeats, and this interchange has no repetition separator", Severity.ERROR)
        if any(len(part) > 1 for part in element) and not delimiters.component:
            self._tell("not-carried", "has components, and this interchange has no separator for them", Severity.ERROR)
        return tuple(tuple(self._value(value) for value in part) for part in element)

    def _value(self, value: str) -> str:
        held = [character for character in dict.fromkeys(value) if character in self._separators]
        foreign = [character for character in dict.fromkeys(value) if not self._has(character)]
        if not held and not foreign:
            return value
        shown = " ".join(repr(character) for character in (*held, *foreign))
        what = "the separator" if held else f"a character that {self._framing.encoding} has not:"
        if self._rules.separators_in_data == "reject" or self._rules.replacement in self._separators:
            self._tell("character-refused", f"holds {what} {shown}; take it out of the text", Severity.ERROR, value)
            return value
        by = self._rules.replacement
        self._tell("character-replaced", f"held {what} {shown}; {by!r} stands for it", Severity.WARNING, value)
        return "".join(by if character in held or character in foreign else character for character in value)

    def _has(self, character: str) -> bool:
        try:
            character.encode(self._framing.encoding)
        except UnicodeEncodeError:
            return False
        return True

    def _tell(self, code: str, message: str, severity: Severity, value: str | None = None) -> None:
        segment, element = self._at
        self.findings.append(
            Finding(
                level=Level.ELEMENT,
                code=code,
                message=f"{segment.code}{element:02} {message}",
                severity=severity,
                segment=segment.code,
                position=segment.position,
                element=element,
                value=None if value is None else value[:VALUE_CHARACTERS_MAX],
            )
        )
