"""Writes segments as bytes. What would be misread is refused: a separator inside data ends an element early."""

import datetime as dt
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from translators.x12.delimiters import ISA_WIDTHS, STANDARD_DELIMITERS, Delimiters
from translators.x12.dictionary import Release
from translators.x12.reading import InterchangeHeader
from translators.x12.tree import Element, Segment, element_values

REPETITION_SINCE = "00402"  # ISA12 from which ISA11 is the repetition separator
STANDARDS_ID = "U"  # ISA11 before that

_CENTURY_SINCE = "004010"  # the release from which GS04 has eight digits
# In the order they are tried where others are to be chosen; the usual ones first.
_SPARE = {
    "element": "*|^\x1d\x07",
    "terminator": "~'!\x1c\x15",
    "component": ">:<\x1f\x06",
    "repetition": "^\\`\x1e\x05",
}


@dataclass(frozen=True, slots=True)
class Unwritable:
    """Why a segment cannot be written: an element holds what these separators give a meaning to."""

    segment: str
    position: int  # among the segments given, 1-based
    element: int
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Framing:
    """How bytes are laid out: the separators, what stands behind each terminator, and the text's encoding.

    ``trailing_separators`` has every element separated that a segment has in its release, as old software wants it.
    """

    delimiters: Delimiters = STANDARD_DELIMITERS
    line_end: str = ""
    encoding: str = "latin-1"
    trailing_separators: bool = False


STANDARD_FRAMING = Framing()


def write_segments(segments: Iterable[Segment], framing: Framing = STANDARD_FRAMING) -> bytes | Unwritable:
    """The bytes of segments, or the first element that cannot be written with these separators.

    ISA is not checked for separators: two of its elements are separators.
    """
    out = []
    delimiters = framing.delimiters
    for position, segment in enumerate(segments, 1):
        texts = []
        for number, element in enumerate(segment.elements, 1):
            fault = None if segment.code == "ISA" else _fault(element, delimiters, framing.encoding)
            if fault is not None:
                return Unwritable(segment.code, position, number, str(element), fault)
            texts.append(_joined(element, delimiters))
        out.append(delimiters.element.join((segment.code, *texts)) + delimiters.terminator + framing.line_end)
    return "".join(out).encode(framing.encoding)


def _fault(element: Element, delimiters: Delimiters, encoding: str) -> str | None:
    for value in element_values(element):
        held = next((character for character in delimiters.all() if character in value), None)
        if held is not None:
            return f"holds the separator {held!r}"
        try:
            value.encode(encoding)
        except UnicodeEncodeError:
            return f"holds a character that {encoding} has not"
    if not isinstance(element, str):
        if len(element) > 1 and not delimiters.repetition:
            return "repeats, and the interchange has no repetition separator"
        if any(len(repetition) > 1 for repetition in element) and not delimiters.component:
            return "has components, and the interchange has no component separator"
    return None


def _joined(element: Element, delimiters: Delimiters) -> str:
    if isinstance(element, str):
        return element
    return delimiters.repetition.join(delimiters.component.join(repetition) for repetition in element)


def free_delimiters(wanted: Sequence[Delimiters], used: Container[str]) -> Delimiters:
    """The first of the wanted separators that occur nowhere in the data, each exchanged for another where none is free.

    Where nothing at all is free, the first one wanted stays.
    """
    controls = [one for spare in _SPARE.values() for one in spare if not one.isprintable()]
    chosen: list[str] = []
    for name, spare in _SPARE.items():
        candidates = [*(getattr(one, name) for one in wanted), *spare, *controls]
        free = (one for one in candidates if one and one not in used and one not in chosen)
        chosen.append(next(free, candidates[0]))
    return Delimiters(*chosen)


def group_date(at: dt.datetime, release: str) -> str:
    """GS04 as a release has it."""
    return at.strftime("%y%m%d" if release < _CENTURY_SINCE else "%Y%m%d")


def segment(code: str, *values: Element) -> Segment:
    """A segment to be written; empty elements at its end are left out, as the standard demands."""
    elements = list(values)
    while elements and elements[-1] == "":
        elements.pop()
    return Segment(code, elements, position=0, start=0, end=0)


def filled(held: Segment, release: Release) -> Segment:
    """A segment with an element, be it empty, for each that it has in a release."""
    rule = release.segments.get(held.code)
    missing = 0 if rule is None else len(rule.elements) - len(held.elements)
    return replace(held, elements=[*held.elements, *[""] * missing]) if missing > 0 else held


def isa_segment(header: InterchangeHeader) -> Segment:
    """ISA padded to its fixed width; authorization and security information are not used."""
    delimiters = header.delimiters
    repetition = delimiters.repetition if header.version >= REPETITION_SINCE else STANDARDS_ID
    values: Sequence[str] = (
        "00",
        "",
        "00",
        "",
        header.sender_qualifier,
        header.sender_id,
        header.receiver_qualifier,
        header.receiver_id,
        header.date,
        header.time,
        repetition or STANDARDS_ID,
        header.version,
        header.control_number.zfill(9),
        "1" if header.acknowledgment_requested else "0",
        header.usage,
        delimiters.component,
    )
    padded = [value.ljust(width)[:width] for value, width in zip(values, ISA_WIDTHS, strict=True)]
    return Segment("ISA", list(padded), position=0, start=0, end=0)
