"""What was read is written again: every tree to the segment, every canonical document but for named changes of form."""

import itertools
from pathlib import Path

import pytest

from tests.translators.x12.conftest import CORPUS, FIXTURES, pieces_of, sets_of
from translators.guide import ReadingRules
from translators.x12.delimiters import Delimiters
from translators.x12.dictionary import load_release
from translators.x12.documents import translate
from translators.x12.reader import read
from translators.x12.reading import GroupOpened, InterchangeOpened, SetRead, Status
from translators.x12.tree import Segment
from translators.x12.writer import Framing, write_segments
from translators.x12.writing import SET_TYPES, write_set

WRITTEN = frozenset(SET_TYPES.values())
FILES = sorted(
    path
    for folder in (FIXTURES, CORPUS)
    for path in folder.rglob("*")
    if path.is_file() and path.suffix not in {".tsv", ".md"}
)


def opened_sets(path):
    """The transaction sets of a file that have a tree, each with the ISA and the tables it was read under."""
    opened, tables = None, None
    for piece in pieces_of(path.read_bytes(), ReadingRules()):
        match piece:
            case InterchangeOpened():
                opened = piece.header
            case GroupOpened():
                tables = piece.tables
            case SetRead() if piece.tree is not None and opened is not None:
                yield opened, tables, piece


def text(segment):
    parts = (
        element if isinstance(element, str) else "^".join(">".join(part) for part in element)
        for element in segment.elements
    )
    return "*".join((segment.code, *(part.rstrip() for part in parts))).rstrip("*")


# --- the tree ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_tree_is_written_as_the_segments_it_was_read_from(path):
    for header, _, piece in opened_sets(path):
        segments = list(piece.tree.walk())
        # An ISA whose separators cannot all be told leaves some of them out.
        delimiters = header.delimiters
        framing = Framing(
            Delimiters(delimiters.element, delimiters.terminator, delimiters.component, delimiters.repetition)
        )
        body = write_segments(segments, framing)
        if not isinstance(body, bytes):
            continue  # a separator in data, kept as text: what would be misread is refused
        start = path.read_bytes()[: piece.start]
        again = [
            held
            for held in sets_of(list(read(start + body, ReadingRules())))
            if held.control_number == piece.control_number
        ]
        assert [text(held) for held in again[-1].tree.walk()] == [text(held) for held in segments]


# --- the canonical document -------------------------------------------------------------------------------------------


def test_there_is_a_set_of_each_kind_to_write():
    found = {piece.type for path in FILES for _, _, piece in opened_sets(path) if piece.status is not Status.REJECTED}
    assert found >= WRITTEN


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_document_is_written_as_the_set_it_was_read_from(path):
    for _, tables, piece in opened_sets(path):
        if piece.type not in WRITTEN or piece.status is Status.REJECTED:
            continue
        document = translate(piece.type, piece.tree, tables).document
        written = write_set(document, tables, set_control_number=piece.control_number)
        assert written.is_sound, written.findings
        read_before = in_one_form(list(piece.tree.walk()), tables)
        written_now = in_one_form(list(written.segments), tables)
        if any(form.startswith("REF") and segment.code == "N9" for form, segment in notes_of(piece, tables)):
            # A reference by N9 stands among the others, before what stood before it.
            read_before, written_now = sorted(read_before), sorted(written_now)
        assert written_now == read_before


def notes_of(piece, tables):
    segments = list(piece.tree.walk())
    return [(in_one_form([held, *after], tables)[0], held) for held, *after in windows(segments) if held.code == "N9"]


def windows(segments):
    return [segments[at : at + 2] for at in range(len(segments))]


def in_one_form(segments: list[Segment], release: str) -> list[str]:
    """Segments but for what canonical documents do not keep, because it says nothing.

    - blanks behind a value, zeros before a number or behind its decimals, ``.5`` for ``0.5``, seconds of 00
    - a century beside a date that is read rightly without it (up to 003070)
    - N9 that is a reference alone is REF; lines of an address or a name stand two in a segment
    - CTT may be added, and so SE01 may count one more
    """
    has_messages = {
        id(segment) for segment, after in itertools.pairwise(segments) if after.code in {"MSG", "DTM", "MTX"}
    }
    form: list[str] = []
    lines: list[str] = []
    for segment in segments:
        if segment.code in {"N2", "N3"}:
            lines.extend(held for held in segment.elements if held)
            continue
        if lines:
            form.append("lines*" + "*".join(lines))
            lines = []
        if segment.code in {"SE", "CTT"}:
            continue
        code = segment.code
        if code == "N9" and id(segment) not in has_messages and not segment.value(4):
            code = "REF"
        form.append(plain(code, segment, release))
    return form


def plain(code: str, segment: Segment, release: str) -> str:
    rule = load_release(release).segments[segment.code]
    values = []
    for number, element in enumerate(segment.elements, 1):
        held = rule.elements[number - 1]
        if held.number == "624" or (held.components and held.components[-1].number == "624"):
            values.append("" if held.number == "624" else segment.value(number))
            continue
        value = element if isinstance(element, str) else "^".join(">".join(part) for part in element)
        kind = held.components[0].type if held.components else held.type
        values.append(number_or_text(value.rstrip(), kind))
    return "*".join((code, *values)).rstrip("*")


def number_or_text(value: str, kind: str) -> str:
    if kind == "TM" and len(value) > len("HHMM"):
        return value.removesuffix("00")
    if not value or not (kind == "R" or kind.startswith("N")) or ">" in value or "^" in value:
        return value
    whole, _, decimals = value.partition(".")
    return f"{whole.lstrip('0') or '0'}.{decimals.rstrip('0')}".rstrip(".")


def test_the_corpus_is_read_where_it_lies():
    assert FILES
    assert Path(FIXTURES) in {path.parent for path in FILES}
