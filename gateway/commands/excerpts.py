"""The piece of a file that a finding speaks of: one segment or line, and the place in it."""

from dataclasses import dataclass

from gateway.commands.output import visible
from translators.source import Source
from translators.x12.delimiters import Delimiters

LOOKED_AT_BYTES = 4_096  # on either side of the place
_GAP = "..."


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Text that is safe to print, with the place that is meant between what stands before and behind it."""

    before: str
    place: str
    behind: str

    def fitted(self, characters: int) -> "Excerpt":
        """The same in so many characters: what is far from the place is cut off."""
        before, place, behind = self.before, self.place, self.behind
        if len(before) + len(place) + len(behind) <= characters:
            return self
        place = _head(place, characters // 2)
        room = characters - len(place)
        if len(behind) < room // 2:
            before = _tail(before, room - len(behind))
        else:
            before = _tail(before, max(room // 2, len(_GAP)))
        return Excerpt(before, place, _head(behind, max(room - len(before), len(_GAP))))


def _head(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: max(characters - len(_GAP), 0)] + _GAP


def _tail(text: str, characters: int) -> str:
    return text if len(text) <= characters else _GAP + text[len(text) - max(characters - len(_GAP), 0) :]


def of_segment(
    source: Source, interchange_start: int, delimiters: Delimiters, offset: int, element: int | None
) -> Excerpt | None:
    """The segment of an interchange that the offset lies in; None where there is none.

    Args:
        source: the file.
        interchange_start: the offset of the ISA.
        delimiters: of this interchange.
        offset: of the element, of the segment, or of the terminator where something is missing at its end.
        element: number of the element that is meant; looked up when the offset is that of its segment.
    """
    terminator, separator = delimiters.terminator.encode("latin-1"), delimiters.element.encode("latin-1")
    before = bytes(source[max(interchange_start, offset - LOOKED_AT_BYTES) : offset])
    before = before.rpartition(terminator)[2].lstrip(b"\r\n")
    segment = before + bytes(source[offset : offset + LOOKED_AT_BYTES]).partition(terminator)[0]
    if not segment.strip():
        return None
    if segment.startswith(b"ISA" + separator):
        segment = _without_passwords(segment, separator)
    start = len(before)
    if element is not None and start == 0:
        parts = segment.split(separator)
        start = min(sum(len(part) + 1 for part in parts[:element]), len(segment))
    end = segment.find(separator, start)
    return _excerpt(segment, start, len(segment) if end < 0 else end)


def of_line(source: Source, offset: int) -> Excerpt | None:
    """The line that the offset lies in; None where it is blank."""
    before = bytes(source[max(0, offset - LOOKED_AT_BYTES) : offset]).rpartition(b"\n")[2]
    line = (before + bytes(source[offset : offset + LOOKED_AT_BYTES]).partition(b"\n")[0]).rstrip(b"\r")
    indentation = len(line) - len(line.lstrip())
    start = max(len(before), indentation) - indentation
    line = line[indentation:]
    return _excerpt(line, start, start + 1) if line else None


def _excerpt(text: bytes, start: int, end: int) -> Excerpt:
    try:
        text.decode()
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "latin-1"
    before, place, behind = (
        visible(part.decode(encoding, "replace")) for part in (text[:start], text[start:end], text[end:])
    )
    return Excerpt(before, place, behind)


def _without_passwords(segment: bytes, separator: bytes) -> bytes:
    """ISA with what ISA02 and ISA04 hold made unreadable, each of its width."""
    parts = segment.split(separator)
    for index in (2, 4):
        if index < len(parts) and parts[index].strip():
            parts[index] = b"#" * len(parts[index])
    return separator.join(parts)
