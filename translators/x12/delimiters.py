"""Where an interchange begins and which four characters part its segments, elements, repetitions and components.

Every ISA declares its own characters (X12.5 section 4.3), so they are detected anew at each one. Real files pad ISA
wrongly, end segments with a newline, leave ISA16 empty or cut the ISA short; what can be read beyond doubt is read.
Text is held as latin-1 (one character for each byte), so that offsets in text are offsets in the file.
"""

import re
from dataclasses import dataclass

from translators.source import WINDOW_BYTES, Source

ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
ISA_ELEMENTS = len(ISA_WIDTHS)
SEGMENT_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]{1,2}", re.ASCII)
ISA_BYTES_MAX = 640  # where ISA and the GS behind it must lie

_QUALIFIERS = (0, 2, 4, 6)  # ISA01, ISA03, ISA05, ISA07
_QUALIFIER_WIDTH = 2
_CONTROL_NUMBER = 12  # ISA13
_ELEMENT_BYTES_MAX = 40  # longest believable ISA element; the standard's longest has 15
_ISA_START = re.compile(rb"ISA[^A-Za-z0-9 ]")
_ISA_START_BYTES = 4
_LINE_ENDS = "\r\n"


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The separators of one interchange; ``repetition`` and ``component`` are empty when the interchange has none."""

    element: str = "*"
    terminator: str = "~"
    component: str = ">"
    repetition: str = ""

    def all(self) -> str:
        """Every character that must not occur in data."""
        return self.element + self.terminator + self.component + self.repetition


STANDARD_DELIMITERS = Delimiters()


@dataclass(frozen=True, slots=True)
class IsaText:
    """An ISA as found: its sixteen elements unstripped, its separators, its bytes ``start..end`` with line ends after.

    Attributes:
        elements: ISA01 to ISA16; absent ones are empty.
        fixed_width: every element has the width of the standard.
        complete: all sixteen elements were there.
    """

    elements: tuple[str, ...]
    delimiters: Delimiters
    start: int
    end: int
    fixed_width: bool
    complete: bool


def find_isa(data: Source, position: int) -> int | None:
    """The offset of the next ISA at or behind ``position`` that holds all its elements.

    The word ISA inside a text is none: sixteen elements with qualifiers and a number must follow it.
    """
    return _find_isa(data, position, len(data))


def _find_isa(data: Source, position: int, limit: int) -> int | None:
    """The offset of the first ISA that begins at or behind ``position`` and before ``limit``."""
    while position < limit:
        end = min(position + WINDOW_BYTES, limit)
        window = data[position : end + _ISA_START_BYTES - 1]
        for found in _ISA_START.finditer(window):
            start = position + found.start()
            text = str(data[start : start + ISA_BYTES_MAX], "latin-1")
            elements = text.split(text[3], ISA_ELEMENTS)[1:]
            if len(elements) == ISA_ELEMENTS and _is_plausible(elements):
                return start
        position = end
    return None


class IsaFinder:
    """Finds the next ISA of one file, no farther ahead than asked; each byte is searched once as reading goes on."""

    def __init__(self, data: Source) -> None:
        self._data = data
        self._from = self._until = 0  # what was searched; there is no ISA in it
        self._found: int | None = None  # the ISA that stands where the search ended

    def next(self, position: int, limit: int | None = None) -> int | None:
        """The offset of the next ISA at or behind ``position``, before ``limit``, that holds all its elements."""
        limit = len(self._data) if limit is None else limit
        if not self._from <= position <= self._until:
            self._from = self._until = position
            self._found = None
        if self._found is None and self._until < limit:
            self._found = _find_isa(self._data, self._until, limit)
            self._until = limit if self._found is None else self._found
        return self._found if self._found is not None and self._found < limit else None


def _is_plausible(elements: list[str]) -> bool:
    return (
        all(len(elements[index].strip()) in {0, _QUALIFIER_WIDTH} for index in _QUALIFIERS)
        and elements[_CONTROL_NUMBER].strip().isdigit()
        and all(len(value) <= _ELEMENT_BYTES_MAX for value in elements[:-1])
    )


def read_isa(data: Source, start: int) -> IsaText | None:
    """Read the ISA at ``start``, or None when its separators cannot be told."""
    text = str(data[start : start + ISA_BYTES_MAX], "latin-1")
    separator = text[3:4]
    if not text.startswith("ISA") or separator in {"", " "} or separator.isalnum():
        return None
    parts = text.split(separator, ISA_ELEMENTS)
    if len(parts) == ISA_ELEMENTS + 1 and _is_plausible(parts[1:]):
        ending = _isa16_and_terminator(parts[-1], separator)
        if ending is not None:
            return _whole(text, parts, ending, start)
    return _cut_short(text, separator, start)


def _whole(text: str, parts: list[str], ending: tuple[str, str], start: int) -> IsaText:
    component, terminator = ending
    values = (*parts[1:-1], component)
    # Blanks alone are padding: every other control character may separate, 0x1F often does.
    separator = component.strip(" ")
    return IsaText(
        elements=values,
        delimiters=Delimiters(
            text[3], terminator, separator, _repetition(values[10], values[11], (text[3], terminator, separator))
        ),
        start=start,
        end=start + _behind_line_ends(text, len(text) - len(parts[-1]) + len(component) + len(terminator), terminator),
        fixed_width=all(len(value) == width for value, width in zip(values, ISA_WIDTHS, strict=True)),
        complete=True,
    )


def _isa16_and_terminator(rest: str, separator: str) -> tuple[str, str] | None:
    """ISA16 and the terminator from what follows the sixteenth separator."""
    first, second = rest[:1], rest[1:2]
    if first in {"", separator} or first.isalnum():
        return None
    if first in _LINE_ENDS or _starts_envelope(rest[1:], separator):
        return ("", first) if _ends_segments(rest, first, separator) else None
    if second and second in _LINE_ENDS:
        if _starts_envelope(rest[3:], separator) and not rest[2].isalnum() and rest[2] not in " \r\n":
            return first, rest[1:3]  # each line begins with what should end it
        # ``*>\nGS`` is ISA16 and a newline as terminator, ``*~\nGS...~\n`` an empty ISA16: the next line's end decides.
        line = re.split(r"[\r\n]", rest[1:].lstrip(_LINE_ENDS), maxsplit=1)[0].rstrip(" ")
        return ("", first) if len(line) > 1 and line.endswith(first) else (first, second)
    if second == " ":
        blanks = len(rest) - 1 - len(rest[1:].lstrip(" "))
        component, second = rest[: 1 + blanks], rest[1 + blanks : 2 + blanks]
    else:
        component = first
    if not second or second in {separator, first} or (second.isascii() and second.isalnum()):
        return None
    return component, second + _second_byte(rest[len(component) + 1 :], second)


def _second_byte(rest: str, first_byte: str) -> str:
    """The other byte of a terminator that is one character of two bytes in UTF-8."""
    return rest[0] if "\xc2" <= first_byte <= "\xdf" and "\x80" <= rest[:1] <= "\xbf" else ""


def _starts_envelope(text: str, separator: str) -> bool:
    return text.startswith((f"GS{separator}", f"TA1{separator}", f"IEA{separator}"))


def _ends_segments(text: str, terminator: str, separator: str) -> bool:
    """Whether a doubtful terminator is seen again before ST, GS, GE or IEA."""
    again = re.escape(terminator) + r"[ \r\n]*(?:ST|GS|GE|IEA|TA1)" + re.escape(separator)
    return len(re.findall(again, text)) > 1


def _repetition(isa11: str, isa12: str, taken: tuple[str, ...]) -> str:
    # ISA11 separates repetitions from 00402 on; before that it is the standards id "U", which many still send.
    value = isa11.strip(" ")
    if len(value) != 1 or value.isalnum() or value in taken or not isa12.isdigit() or isa12 < "00402":
        return ""
    return value


def _cut_short(text: str, separator: str, start: int) -> IsaText | None:
    """An ISA with too few elements: the first GS or TA1 behind it tells the terminator."""
    if f"GS{separator}" not in text and f"TA1{separator}" not in text:
        return None
    follower = re.search(rf"([^A-Za-z0-9 \r\n][ \r\n]+|[^A-Za-z0-9 ])(?:GS|TA1){re.escape(separator)}", text)
    if follower is None:
        return None
    at = follower.start()
    terminator = text[at]
    if terminator == separator or not _ends_segments(text[at:], terminator, separator):
        return None
    values = text[:at].split(separator)[1:]
    padded = tuple((values + [""] * ISA_ELEMENTS)[:ISA_ELEMENTS])
    component = padded[-1].strip(" ")
    if len(component) != 1 or component.isalnum():
        component = ""
    return IsaText(
        elements=padded,
        delimiters=Delimiters(separator, terminator, component, ""),
        start=start,
        end=start + _behind_line_ends(text, at + 1, terminator),
        fixed_width=False,
        complete=len(values) == ISA_ELEMENTS,
    )


def _behind_line_ends(text: str, end: int, terminator: str) -> int:
    """The offset behind the line ends after a terminator, which belong to the segment."""
    line_ends = _LINE_ENDS.replace(terminator, "")
    while end < len(text) and text[end] in line_ends:
        end += 1
    return end
