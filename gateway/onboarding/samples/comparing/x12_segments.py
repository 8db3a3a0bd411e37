"""X12 by segment and element: line ends do not count, and of what is new each time only its form.

Control numbers are ours to give, and dates of envelopes those of the day; ISA15 says whether a partner is live.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.onboarding.samples.comparing.differences import shortened
from translators.x12.delimiters import Delimiters, find_isa, read_isa

# Beyond, a segment that is missing is no longer looked for: finding it costs the square of their number.
ALIGNED_SEGMENTS_MAX = 2_000
# The element separator and the terminator of ISA have no element of their own.
_SEPARATORS = ("element separator", "segment terminator")
_COMPONENT, _REPETITION = "\x1d", "\x1e"
_ANY = "any"
_WIDTH = "width"
# By segment and element what is new each time: `any` value, or any of the same width.
_NEW = {
    ("ISA", 9): _WIDTH,
    ("ISA", 10): _WIDTH,
    ("ISA", 13): _WIDTH,
    ("ISA", 15): _ANY,
    ("GS", 4): _WIDTH,
    ("GS", 5): _WIDTH,
    ("GS", 6): _ANY,
    ("ST", 2): _ANY,
    ("SE", 2): _ANY,
    ("GE", 2): _ANY,
    ("IEA", 2): _WIDTH,
}
# Of an acknowledgment also when the interchange was written that it answers: where that cannot be read, it is now.
_NEW_IN_TA1 = {("TA1", 2): _WIDTH, ("TA1", 3): _WIDTH}

_Part = tuple[str, str | None, str | None]  # place, expected, came


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment: its code and elements, whatever separated them, and how it was written."""

    number: int
    elements: tuple[str, ...]
    text: str

    @property
    def code(self) -> str:
        return self.elements[0]

    @property
    def steady(self) -> tuple[str, ...]:
        """The elements, what is new each time by its form alone."""
        return tuple(_form(self.code, index, value) for index, value in enumerate(self.elements))


def x12_differences(expected: bytes, came: bytes) -> Iterator[_Part]:
    """Where two X12 files differ, in words such as ``segment 5 (AK4), element 2``."""
    ours, theirs = _segments(expected), _segments(came)
    if not ours or not theirs:
        if ours or theirs or expected.strip() != came.strip():
            yield "", _first_line(expected), _first_line(came)
        return
    for name, one, other in zip(_SEPARATORS, _ends(expected), _ends(came), strict=True):
        if one != other:
            yield name, repr(one), repr(other)
    if max(len(ours), len(theirs)) > ALIGNED_SEGMENTS_MAX:
        yield from _side_by_side(ours, theirs)
        return
    matcher = difflib.SequenceMatcher(
        None, [one.steady for one in ours], [one.steady for one in theirs], autojunk=False
    )
    for tag, ours_from, ours_to, theirs_from, theirs_to in matcher.get_opcodes():
        if tag != "equal":
            yield from _side_by_side(ours[ours_from:ours_to], theirs[theirs_from:theirs_to])


def _side_by_side(ours: list[_Segment], theirs: list[_Segment]) -> Iterator[_Part]:
    """Segments that stand in each other's place; those of another code, or beyond, are missing or too many."""
    for one, other in zip(ours, theirs, strict=False):
        if one.code == other.code:
            yield from _elements(one, other)
        else:
            yield f"segment {other.number}", shortened(one.text), shortened(other.text)
    shared = min(len(ours), len(theirs))
    for one in ours[shared:]:
        yield f"segment {one.number} ({one.code})", shortened(one.text), None
    for other in theirs[shared:]:
        yield f"segment {other.number} ({other.code})", None, shortened(other.text)


def _elements(one: _Segment, other: _Segment) -> Iterator[_Part]:
    for index in range(1, max(len(one.elements), len(other.elements))):
        ours, theirs = (held.elements[index] if index < len(held.elements) else "" for held in (one, other))
        if _form(one.code, index, ours) != _form(one.code, index, theirs):
            place = f"segment {other.number} ({other.code}), element {index}"
            yield place, _shown(ours), _shown(theirs)


def _form(code: str, index: int, value: str) -> str:
    kind = _NEW.get((code, index)) or _NEW_IN_TA1.get((code, index))
    if kind is None:
        return value
    return kind if kind == _ANY or not value.isdigit() else f"{kind} {len(value)}"


def _shown(value: str) -> str | None:
    return shortened(value.replace(_COMPONENT, ":").replace(_REPETITION, "^")) if value else None


def _first_line(data: bytes) -> str | None:
    return shortened(data.decode("latin-1").strip().partition("\n")[0]) or None


def _ends(data: bytes) -> tuple[str, str]:
    start = find_isa(data, 0)
    isa = None if start is None else read_isa(data, start)
    return ("", "") if isa is None else (isa.delimiters.element, isa.delimiters.terminator)


def _segments(data: bytes) -> list[_Segment]:
    """The segments of every interchange of a file."""
    found: list[_Segment] = []
    start = find_isa(data, 0)
    while start is not None:
        isa = read_isa(data, start)
        following = find_isa(data, start + 1)
        if isa is not None:
            text = data[start : len(data) if following is None else following].decode("latin-1")
            for held in text.split(isa.delimiters.terminator):
                if bare := held.strip("\r\n\t "):
                    found.append(_Segment(len(found) + 1, _parts(bare, isa.delimiters), bare))
        start = following
    return found


def _parts(text: str, delimiters: Delimiters) -> tuple[str, ...]:
    """Code and elements; empty ones at the end do not count."""
    elements = text.split(delimiters.element)
    if elements[0] != "ISA":  # ISA11 and ISA16 are the separators themselves
        for separator, mark in ((delimiters.component, _COMPONENT), (delimiters.repetition, _REPETITION)):
            if separator:
                elements = [element.replace(separator, mark) for element in elements]
        while len(elements) > 1 and not elements[-1]:
            elements.pop()
    return tuple(elements)
