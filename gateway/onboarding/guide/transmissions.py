"""X12 explained segment by segment: what each element says, in words, with the place where it is described."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final

from gateway.onboarding.guide.code_words import code_label
from gateway.onboarding.guide.evidence import placed
from gateway.onboarding.guide.names import segment_name
from gateway.onboarding.guide.words import date_words, time_words
from translators.findings import Finding, Level
from translators.guide import ReadingRules
from translators.x12.delimiters import Delimiters, IsaFinder, read_isa
from translators.x12.dictionary import ElementRule, SegmentRule, choose_release, load_release
from translators.x12.reader import read
from translators.x12.reading import GroupOpened, Piece, SetRead
from translators.x12.results import InterchangeResult, collect_results
from translators.x12.tokenizer import TokenStream

SEGMENTS_SHOWN_MAX: Final = 400  # of one sample; a sample is no bulk file
_VALUE_SHOWN_MAX: Final = 120
_SECRET: Final = {"ISA": (2, 4)}
_TOLD_IN: Final = {
    Level.INTERCHANGE: "TA105",
    Level.GROUP: "AK905",
    Level.TRANSACTION_SET: "AK502",
    Level.SEGMENT: "AK304",
    Level.ELEMENT: "AK403",
}
_ENVELOPE: Final = frozenset({"ISA", "GS", "GE", "IEA"})
_FALLBACK_RELEASE: Final = "004010"

AnchorOf = Callable[[str, str], str]
"""The anchor of a segment's description by its loops and its code; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Said:
    """One element of a segment: its value as it stands, and what it says."""

    ref: str
    name: str
    value: str
    means: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Line:
    """One segment of a transmission.

    Attributes:
        text: as it is sent, control characters made visible.
        depth: how many loops are around it; 0 for envelopes.
        anchor: where the segment is described; empty where it is not.
        faults: what our reader says of it.
    """

    code: str
    name: str
    text: str
    depth: int
    said: tuple[Said, ...]
    anchor: str = ""
    faults: tuple[str, ...] = ()

    @property
    def is_envelope(self) -> bool:
        """Whether it belongs to the envelope, which looks the same in every file."""
        return self.code in _ENVELOPE


@dataclass(frozen=True, slots=True)
class Transmission:
    """A whole file of X12.

    Attributes:
        sets: what was read of its transaction sets.
        results: what an acknowledgment tells of it.
        faults: what is wrong with it, beside what stands at its lines.
        omitted: so many further segments are not shown.
    """

    lines: tuple[Line, ...]
    sets: tuple[SetRead, ...]
    results: tuple[InterchangeResult, ...]
    faults: tuple[str, ...]
    accepted: bool
    release: str = ""
    omitted: int = 0


@dataclass(slots=True)
class _Reading:
    """What our reader made of the file."""

    sets: list[SetRead] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    release: str = ""
    faults: list[tuple[int | None, str]] = field(default_factory=list)
    accepted: bool = True


def explain(data: bytes, rules: ReadingRules, anchor_of: AnchorOf = lambda _loop, _code: "") -> Transmission:
    """What a file says; whatever the bytes are, nothing is raised."""
    reading = _read(data, rules)
    loops = {
        segment.start: (loop, segment)
        for found in reading.sets
        if found.tree is not None
        for loop, segment in placed(found.tree)
    }
    tables = load_release(choose_release(reading.release or _FALLBACK_RELEASE).name or _FALLBACK_RELEASE)
    lines: list[Line] = []
    omitted = 0
    at_line: dict[int, list[str]] = {}
    elsewhere: list[str] = []
    tokens = [(_decoded(text, rules), start, delimiters) for text, start, delimiters in _tokens(data)]
    starts = [start for _, start, _ in tokens]
    for offset, fault in reading.faults:
        found = 0 if offset is None else bisect_right(starts, offset)
        if found:
            at_line.setdefault(starts[found - 1], []).append(fault)
        else:
            elsewhere.append(fault)
    for text, start, delimiters in tokens:
        if len(lines) >= SEGMENTS_SHOWN_MAX:
            omitted += 1
            continue
        loop, segment = loops.get(start, ("", None))
        parts = text.split(delimiters.element)
        code = parts[0].strip()
        held = parts[1:] if segment is None else [_joined(element, delimiters) for element in segment.elements]
        anchor = anchor_of(loop, code) if segment is not None else ""
        lines.append(
            Line(
                code=code,
                name=segment_name(code),
                text=_visible(_masked(code, parts, delimiters)) + _visible(delimiters.terminator),
                depth=len(loop.split("/")) if loop else 0,
                said=tuple(_said(code, held, tables.segments.get(code), delimiters, anchor)),
                anchor=anchor,
                faults=tuple(at_line.get(start, ())),
            )
        )
    return Transmission(
        lines=tuple(lines),
        sets=tuple(reading.sets),
        results=collect_results(reading.pieces),
        faults=tuple(elsewhere),
        accepted=reading.accepted,
        release=reading.release,
        omitted=omitted,
    )


def _read(data: bytes, rules: ReadingRules) -> _Reading:
    reading = _Reading()
    for piece in read(data, rules):
        reading.pieces.append(piece)
        if isinstance(piece, GroupOpened):
            reading.release = reading.release or piece.header.release
            continue
        if isinstance(piece, SetRead):
            reading.sets.append(piece)
        for finding in piece.findings:
            reading.faults.append((finding.byte_offset, told(finding)))
            if finding.severity == "error":
                reading.accepted = False
    return reading


def told(finding: Finding) -> str:
    """A finding in words, with the code under which an acknowledgment tells it."""
    element = _TOLD_IN.get(finding.level)
    return finding.message if element is None else f"{finding.message} ({element} = {finding.code})"


def _decoded(text: str, rules: ReadingRules) -> str:
    """Text as its encoding has it: segments are cut with one character for each byte."""
    return text if rules.encoding == "latin-1" else text.encode("latin-1", "replace").decode(rules.encoding, "replace")


def _tokens(data: bytes) -> Iterator[tuple[str, int, Delimiters]]:
    """Every segment of the file with its place, the interchange headers among them."""
    finder = IsaFinder(data)
    position = 0
    while (start := finder.next(position)) is not None:
        isa = read_isa(data, start)
        if isa is None:
            position = start + 1
            continue
        header = isa.delimiters.element.join(("ISA", *isa.elements))
        yield header, isa.start, isa.delimiters
        stream = TokenStream(data, isa.end, isa.delimiters, finder)
        position = isa.end
        while (token := stream.next()) is not None:
            position = token[2]
            if token[0].strip():
                yield token[0], token[1], isa.delimiters
        position = max(position, start + 1)


def _masked(code: str, parts: list[str], delimiters: Delimiters) -> str:
    hidden = _SECRET.get(code, ())
    return delimiters.element.join(
        "*" * len(part) if number in hidden and part.strip() else part for number, part in enumerate(parts)
    )


def _joined(element: str | tuple[tuple[str, ...], ...], delimiters: Delimiters) -> str:
    if isinstance(element, str):
        return element
    return delimiters.repetition.join(delimiters.component.join(part) for part in element)


def _said(code: str, held: list[str], rule: SegmentRule | None, delimiters: Delimiters, anchor: str) -> Iterator[Said]:
    for number, value in enumerate(held, 1):
        if not value.strip() or number in _SECRET.get(code, ()):
            continue
        ref = f"{code}{number:02d}"
        element = rule.elements[number - 1] if rule is not None and number <= len(rule.elements) else None
        if element is not None and element.components and delimiters.component:
            for index, part in enumerate(value.split(delimiters.component), 1):
                if part.strip() and index <= len(element.components):
                    yield _of(f"{ref}-{index}", element.components[index - 1], part, anchor)
            continue
        yield _of(ref, element, value, anchor)


def _of(ref: str, element: ElementRule | None, value: str, anchor: str) -> Said:
    shown = _visible(value.strip())
    if len(shown) > _VALUE_SHOWN_MAX:
        shown = f"{shown[:_VALUE_SHOWN_MAX]}..."
    name = element.name if element is not None else ""
    means = "" if element is None else meaning_of_value(element, value.strip())
    return Said(ref, name, shown, means, f"{anchor}-{ref}" if anchor else "")


def meaning_of_value(element: ElementRule, value: str) -> str:
    """What a value says beyond its characters: the label of a code, a day, a number with its decimals."""
    if element.type == "ID" or element.codes:
        return code_label(element.number, value)
    if element.type == "DT":
        return date_words(value) or ""
    if element.type == "TM":
        return time_words(value) or ""
    if element.type.startswith("N") and element.type not in {"N", "N0"}:
        try:
            return f"{Decimal(value).scaleb(-int(element.type[1:])):f}"
        except (InvalidOperation, ValueError):
            return ""
    return ""


def _visible(text: str) -> str:
    """Control characters as their hexadecimal values: a terminator may be one."""
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def visible_lines(text: str) -> str:
    """Text line by line as people read it, without what is no character."""
    return "\n".join(_visible(line.replace("\t", "    ")) for line in text.splitlines())


def _shown(character: str) -> str:
    named = {"\r": "<CR>", "\n": "<LF>", "\t": "<TAB>"}
    if character in named:
        return named[character]
    return character if character.isprintable() else f"<{ord(character):02X}>"
