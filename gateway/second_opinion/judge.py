"""pyx12 reads a file and judges it; what it cannot judge is told, and nothing that happens inside it gets out.

pyx12 takes one interchange at a time, since it drops a second one with other separators without a word, and an ISA as
it knows it: 106 characters, version 00401 or 00501. Another ISA is written anew for it and then not judged. It stops
at an empty segment, at text without terminator and at a segment longer than its buffer; some input makes it raise.
"""

import io
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from operator import attrgetter
from typing import Any

from pyx12.map_walker import walk_tree
from pyx12.x12file import X12Reader

from gateway.second_opinion.export import INTERCHANGE_VERSIONS, SET_PATH
from gateway.second_opinion.maps import Maps, temporary_maps
from gateway.second_opinion.observations import ELEMENT_KINDS, Kind, Observation, Unjudged
from translators.source import Source
from translators.x12.delimiters import ISA_WIDTHS, IsaFinder, IsaText, read_isa
from translators.x12.dictionary import choose_release, releases
from translators.x12.grammar import set_types

Foreign = Any  # an object of pyx12, which has no annotations

JUDGE = f"pyx12 {metadata.version('pyx12')}"
JUDGED_BYTES_MAX = 33_554_432  # it takes three seconds for a megabyte
OBSERVATIONS_MAX = 100_000
_ENOUGH = f"after {OBSERVATIONS_MAX:,} faults it is not asked any more"
_ISA_BYTES = 106
_ANY_SET = "997"  # every release has it; the control segments are in the map of every set
_REPETITION_SINCE = "00402"
_BINARY = re.compile(r"[\r\n ]*(?:BIN|BDS)")
_PLACE = re.compile(r"(?:[A-Z][A-Z0-9]{1,2})?([0-9]{2})(?:-([0-9]{2}))?")
_ENVELOPE = frozenset({"ISA", "IEA", "TA1", "GS", "GE"})
_OUTSIDE = _ENVELOPE | {"ST", "SE"}
_BLANKS = frozenset("\t\x00\x0b\x0c\r\n")
_SPARE_SEPARATORS = "".join(map(chr, range(0x1F, 0x00, -1)))

# What pyx12's codes mean: of its walker (AK304), and of its reader (TA105, AK905, AK502).
_WALKER = {"1": Kind.PLACE, "2": Kind.PLACE, "3": Kind.SEGMENT_MISSING, "4": Kind.USES, "5": Kind.USES}
_READER = {
    ("isa", "001"): Kind.CONTROL_NUMBER,
    ("isa", "021"): Kind.COUNT,
    ("isa", "023"): Kind.TRAILER_MISSING,
    ("isa", "024"): Kind.TRAILER_MISSING,
    ("isa", "025"): Kind.DUPLICATE,
    ("gs", "3"): Kind.TRAILER_MISSING,
    ("gs", "4"): Kind.CONTROL_NUMBER,
    ("gs", "5"): Kind.COUNT,
    ("gs", "6"): Kind.DUPLICATE,
    ("st", "2"): Kind.TRAILER_MISSING,
    ("st", "3"): Kind.CONTROL_NUMBER,
    ("st", "4"): Kind.COUNT,
    ("st", "23"): Kind.DUPLICATE,
    ("seg", "1"): Kind.PLACE,
    ("seg", "8"): Kind.EMPTY,
    ("seg", "SEG1"): Kind.TRAILING_SEPARATORS,
    ("seg", "HL1"): Kind.HL_NUMBER,
    ("seg", "HL2"): Kind.HL_PARENT,
}


@dataclass(slots=True)
class Judgment:
    """What pyx12 says of a file.

    Attributes:
        starts: offsets of the segments that it read, in order.
        observations: what it found.
        unjudged: the parts of the file that it did not judge.
        interchanges: each ISA that it was shown, in the order of their offsets.
    """

    starts: list[int] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    unjudged: list[Unjudged] = field(default_factory=list)
    interchanges: list[IsaText] = field(default_factory=list)

    def interchange_at(self, offset: int) -> IsaText:
        """The interchange that holds the offset of a segment."""
        return self.interchanges[bisect_right(self.interchanges, offset, key=attrgetter("start")) - 1]


def judge(data: Source, maps: Maps | None = None) -> Judgment:
    """Have pyx12 validate a file with maps of our grammar: structure, elements, notes, code lists, envelopes.

    Maps that are handed in keep what was loaded for the next file. Nothing is raised, whatever the bytes are.
    """
    if maps is None:
        with temporary_maps() as own:
            return judge(data, own)
    judgment = Judgment()
    if len(data) > JUDGED_BYTES_MAX:
        judgment.unjudged.append(Unjudged(0, len(data), f"it takes too long for more than {JUDGED_BYTES_MAX:,} bytes"))
        return judgment
    finder = IsaFinder(data)
    position = 0
    while len(judgment.observations) < OBSERVATIONS_MAX:
        start = finder.next(position)
        isa = None if start is None else read_isa(data, start)
        if start is None or isa is None:
            break
        _skip(judgment, data, position, start)
        judgment.interchanges.append(isa)
        after = finder.next(isa.end)
        position = len(data) if after is None else after
        _Interchange(data, isa, position, maps, judgment).judge()
    _skip(judgment, data, position, len(data))
    return judgment


def _skip(judgment: Judgment, data: Source, start: int, end: int) -> None:
    """Note bytes that pyx12 was not shown."""
    if bytes(data[start : min(end, start + _ISA_BYTES)]).strip():
        is_enough = len(judgment.observations) >= OBSERVATIONS_MAX
        judgment.unjudged.append(
            Unjudged(start, end, _ENOUGH if is_enough else "no whole ISA stands before these bytes")
        )


class _Interchange:
    """One interchange in pyx12's hands."""

    def __init__(self, data: Source, isa: IsaText, end: int, maps: Maps, judgment: Judgment) -> None:
        self._isa = isa
        self._end = end
        self._maps = maps
        self._judgment = judgment
        self._body = str(data[isa.end : end], "latin-1")
        self._release: str | None = None
        self._node: Foreign = None  # where in the map of the open set pyx12 stands; None between sets
        self._walker: Foreign = None
        self._set_start = 0
        self._levels: set[str] = set()  # HL01 in the open set
        self._why_not: str | None = None  # why the open set is not judged
        self._is_whole = False  # pyx12 got to the end

    def judge(self) -> None:
        """Judge it, as far as pyx12 gets."""
        isa = self._isa
        if len(isa.delimiters.terminator) != 1:
            self._unjudged(isa.start, self._end, "it reads no terminator of two bytes")
            return
        if _has_binary(self._body, isa.delimiters.terminator):
            self._unjudged(isa.start, self._end, "it does not read binary segments by their length")
            return
        header = _isa_for_pyx12(isa, self._body)
        if isa.delimiters.component == "" or header != isa.delimiters.element.join(("ISA", *isa.elements)):
            self._unjudged(isa.start, isa.end, "it reads no ISA of this shape or version: it was given another")
            is_own = False
        else:
            is_own = True
        at = isa.start
        reader: Foreign = None
        for reader, segment, at in self._segments(header + isa.delimiters.terminator + self._body):
            if len(self._judgment.observations) >= OBSERVATIONS_MAX:
                self._close_set(at)
                self._unjudged(at, self._end, _ENOUGH)
                return
            if segment.get_seg_id() != "ISA" or is_own:
                self._take(segment, reader, at)
            else:
                reader.pop_errors()
        if reader is not None and self._is_whole:
            reader.cleanup()
            self._reader_errors(reader, at, "IEA")
        self._close_set(self._end)

    def _segments(self, text: str) -> Iterator[tuple[Foreign, Foreign, int]]:
        """The reader of pyx12, with each segment that it reads and the segment's offset in the file."""
        try:
            reader = X12Reader(io.StringIO(text, newline=""))
            segments = iter(reader)
        except Exception as raised:  # noqa: BLE001  # whatever happens in foreign code is a value here
            self._unjudged(self._isa.start, self._end, _raised(raised))
            return
        position, at, code = -1, self._isa.start, ""
        while code != "IEA":
            start = self._isa.end + max(position, 0)
            try:
                segment = next(segments, None)
            except Exception as raised:  # noqa: BLE001  # IndexError at a stray SE, for one
                self._close_set(start)
                self._unjudged(start, self._end, _raised(raised))
                return
            if segment is None:
                self._stopped(position)
                return
            code = segment.get_seg_id() or ""
            if code[:1] in _BLANKS:
                self._close_set(start)
                self._unjudged(start, self._end, "it takes blanks before a segment for a part of its code")
                return
            if position >= 0:
                cut = self._body.find(self._isa.delimiters.terminator, position)
                raw = self._body[position:cut]
                bare = raw.lstrip("\r\n")
                bare = bare.lstrip() if bare.startswith(" ") else bare  # as pyx12 does
                at = start + len(raw) - len(bare)
            position = cut + 1 if position >= 0 else 0
            self._judgment.starts.append(at)
            yield reader, segment, at
        self._is_whole = True
        if self._body[position:].strip():
            self._unjudged(self._isa.end + position, self._end, "it takes these bytes behind IEA for nothing")

    def _stopped(self, position: int) -> None:
        """Note what is left where pyx12 hands out no more segments."""
        left = self._body[max(position, 0) :]
        if not left.strip():
            self._is_whole = True
            return
        terminator = self._isa.delimiters.terminator
        is_empty = terminator in left and not left.split(terminator, 1)[0].strip()
        why = "an empty segment" if is_empty else "text without terminator, or longer than its buffer"
        start = self._isa.end + max(position, 0)
        self._close_set(start)
        self._unjudged(start, self._end, f"it stops without a word at {why}")

    def _take(self, segment: Foreign, reader: Foreign, at: int) -> None:
        code = segment.get_seg_id()
        if code in _ENVELOPE:
            self._leave_set(segment, reader, at)
            if code == "GS":
                choice = choose_release(segment.get_value("GS08") or "")
                self._release = choice.name if choice.exact else None
            in_group = code in {"GS", "GE"}
            release = self._release if in_group else releases()[-1]
            self._reader_errors(reader, at, code)
            if release is None:
                self._unjudged(at, at + 1, "the release of this group has no tables")
            else:
                path = f"/ISA_LOOP/GS_LOOP/{code}" if in_group else f"/ISA_LOOP/{code}"
                self._elements(self._maps.load(_ANY_SET, release).getnodebypath(path), segment, at)
            return
        if code == "ST":
            self._leave_set(segment, reader, at)
            self._open_set(segment, at)
            self._reader_errors(reader, at, code)
            if self._node is not None:
                self._elements(self._node, segment, at)
            return
        self._reader_errors(reader, at, code, segment)
        if code == "HL":
            self._levels.add(segment.get_value("HL01") or "")
        self._place(segment, reader, at)

    def _open_set(self, segment: Foreign, at: int) -> None:
        set_type, release = segment.get_value("ST01") or "", self._release
        self._set_start, self._node, self._why_not = at, None, None
        self._levels.clear()
        if release is None:
            self._why_not = "the release of its group has no tables"
        elif set_type not in set_types(release):
            self._why_not = f"there is no grammar for this set in release {release}"
        else:
            self._node = self._maps.load(set_type, release).getnodebypath(f"{SET_PATH}/ST")
            self._walker = walk_tree()
            self._walker.forceWalkCounterToLoopStart(SET_PATH, f"{SET_PATH}/ST")

    def _leave_set(self, segment: Foreign, reader: Foreign, at: int) -> None:
        """Let pyx12 say what is missing where a set ends without SE."""
        if self._node is not None:
            try:
                errors = self._walk(segment, reader)[1]
            except Exception as raised:  # noqa: BLE001  # see above
                self._unjudged(at, at + 1, _raised(raised))
                errors = []
            for error in errors:
                if error.err_cde == "3" and error.map_node.id not in _OUTSIDE:
                    self._note(at, error.map_node.id, None, Kind.SEGMENT_MISSING, "3", error.err_str)
        self._close_set(at)

    def _walk(self, segment: Foreign, reader: Foreign) -> tuple[Foreign, Foreign]:
        node, _, _, errors = self._walker.walk_errors(
            self._node, segment, reader.get_seg_count(), reader.get_cur_line(), reader.get_ls_id()
        )
        return node, errors

    def _close_set(self, at: int) -> None:
        if self._why_not is not None:
            self._unjudged(self._set_start, at, self._why_not)
        self._node = self._why_not = None

    def _place(self, segment: Foreign, reader: Foreign, at: int) -> None:
        """Let pyx12 place a segment of a set in its map, and look at the elements of what it placed."""
        code = segment.get_seg_id()
        if self._node is None:
            if self._why_not is None:
                self._note(at, code or "", None, Kind.PLACE, "1", f"{code} stands in no transaction set")
        else:
            try:
                node, errors = self._walk(segment, reader)
            except Exception as raised:  # noqa: BLE001  # see above
                self._node, self._set_start, self._why_not = None, at, _raised(raised)
                return
            for error in errors:
                missing = error.err_cde == "3"
                named = error.map_node.id if missing else code
                self._note(at, named or "", None, _WALKER.get(error.err_cde, Kind.OTHER), error.err_cde, error.err_str)
            if node is not None:
                self._node = node
                self._elements(node, segment, at)
        if code == "SE":
            self._node = None

    def _elements(self, node: Foreign, segment: Foreign, at: int) -> None:
        try:
            _, errors = node.is_valid_errors(segment)
        except Exception as raised:  # noqa: BLE001  # it raises IndexError at a composite with too many components
            self._unjudged(at, at + 1, _raised(raised))
            return
        for error in errors:
            kind = ELEMENT_KINDS.get(error.err_cde, Kind.OTHER)
            if kind is Kind.CHARACTER and "invalid composite" in error.err_str:
                kind = Kind.SURPLUS
            is_note = kind in {Kind.CONDITION, Kind.EXCLUSION}
            place = None if is_note else _PLACE.fullmatch(str(error.refdes))
            self._note(at, segment.get_seg_id() or "", place, kind, error.err_cde, error.err_str, error.err_val)

    def _reader_errors(
        self,
        reader: Foreign,
        at: int,
        code: str | None,
        segment: Foreign = None,
    ) -> None:
        for level, number, message, _, _ in reader.pop_errors():
            if self._why_not is not None and level == "seg":
                continue
            kind = _READER.get((level, number), Kind.OTHER)
            if kind is Kind.HL_PARENT and segment.get_value("HL02") in self._levels:
                kind = Kind.HL_ORDER
            place = _PLACE.fullmatch({"HL1": "HL01", "HL2": "HL02"}.get(number, ""))
            self._note(at, code or "", place, kind, number, message)

    def _note(
        self,
        at: int,
        segment: str,
        place: re.Match[str] | None,
        kind: Kind,
        code: str,
        message: str,
        value: str | None = None,
    ) -> None:
        element = None if place is None else int(place[1])
        component = None if place is None or place[2] is None else int(place[2])
        self._judgment.observations.append(Observation(at, segment, element, component, kind, code, message, value))

    def _unjudged(self, start: int, end: int, reason: str) -> None:
        if end > start:
            self._judgment.unjudged.append(Unjudged(start, end, reason))


def _raised(error: Exception) -> str:
    return f"it raised {type(error).__name__} here"


def _has_binary(body: str, terminator: str) -> bool:
    return ("BIN" in body or "BDS" in body) and any(map(_BINARY.match, body.split(terminator)))


def _isa_for_pyx12(isa: IsaText, body: str) -> str:
    """ISA up to its sixteenth element as pyx12 reads it: fixed widths, one of two versions, a component separator."""
    values = [value.strip(" ").ljust(width)[:width] for value, width in zip(isa.elements, ISA_WIDTHS, strict=True)]
    if values[11] not in INTERCHANGE_VERSIONS:
        values[11] = INTERCHANGE_VERSIONS[values[11] >= _REPETITION_SINCE]
    separators = isa.delimiters.element + isa.delimiters.terminator
    component = isa.delimiters.component or next(
        (one for one in _SPARE_SEPARATORS if one not in body and one not in separators), "\x1f"
    )
    values[10] = isa.elements[10][:1] or "U"
    return isa.delimiters.element.join(("ISA", *values[:15], component[:1]))
