"""What holds for any bytes whatever. Each property takes bytes and raises AssertionError where it does not hold.

The ordinary suite tries them on mutations of sound files, `python -m tests.fuzz` has atheris look for more.
"""

import datetime as dt
import itertools
import re
from collections.abc import Callable, Iterable

from translators.catalog import TranslatedDocument, TranslationResult, translate
from translators.document_reading import DocumentRead
from translators.findings import Finding, Severity
from translators.guide import AcknowledgmentRules, GroupAnswer, Identity, ReadingRules, Tolerance, Validation
from translators.json.reader import read as read_json
from translators.x12.acknowledgment import write_acknowledgments
from translators.x12.delimiters import IsaFinder, find_isa, read_isa
from translators.x12.dictionary import choose_release
from translators.x12.reader import read
from translators.x12.reading import (
    FileRead,
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeHeader,
    InterchangeOpened,
    Piece,
    SetRead,
    Status,
)
from translators.x12.results import collect_results
from translators.x12.tokenizer import Tokenizer
from translators.x12.tree import Segment
from translators.x12.writer import Framing, isa_segment, segment, write_segments
from translators.x12.writing import Envelope, FramingRules, write_interchange

NOW = dt.datetime(2026, 1, 5, 9, 30, tzinfo=dt.UTC)
STRICT = ReadingRules()
EVERY_TOLERANCE: frozenset[Tolerance] = frozenset(Tolerance.__args__)
LENIENT = ReadingRules(tolerances=EVERY_TOLERANCE, encoding="utf-8", findings_per_set_max=3)
STRICTEST = ReadingRules(validation=Validation("basic", "reject", "mandatory"))
TRIMMING = ReadingRules(
    tolerances=EVERY_TOLERANCE, encoding="utf-8", validation=Validation("extended", "trim", "optional")
)
ACKNOWLEDGMENTS = (
    AcknowledgmentRules(ta1="always", groups=(GroupAnswer("purchase_order", ("004",), None, "none"),)),
    AcknowledgmentRules(functional="999", accepted_sets=False, envelope="per_group", ours=Identity("ZZ", "US")),
)
_LETTERS = {
    InterchangeOpened: "I",
    GroupOpened: "G",
    SetRead: "s",
    GroupClosed: "g",
    InterchangeClosed: "i",
    FileRead: "f",
}


def tokenizes(data: bytes) -> None:
    """Tokens follow each other without a gap, from behind ISA to the end of the interchange."""
    finder = IsaFinder(data)
    start = finder.next(0)
    isa = None if start is None else read_isa(data, start)
    if isa is None:
        isa = read_isa(data, 0)
    if isa is None:
        return
    assert isa.start < isa.end <= len(data)
    tokenizer = Tokenizer(data, isa.end, isa.delimiters, finder)
    position, told = isa.end, 0
    for text, begin, end in tokenizer:
        assert position <= begin < end <= len(data), "tokens overlap or go back"
        told += begin - position
        position = end
        assert text == "" or text in str(data[begin:end], "latin-1")
    assert told == tokenizer.leading_bytes, "bytes between tokens are not told of"
    assert find_isa(data, len(data)) is None


def reads(data: bytes) -> None:
    """Every byte is accounted for, the pieces keep their order, findings point into the file."""
    for rules in (STRICT, LENIENT, STRICTEST, TRIMMING):
        pieces = list(read(data, rules))
        last = pieces[-1]
        assert isinstance(last, FileRead)
        assert last.bytes_total == len(data)
        assert last.bytes_unaccounted == 0
        assert 0 <= last.bytes_in_segments <= len(data)
        assert re.fullmatch("(I(Gs*g)*i)*f", "".join(_LETTERS[type(piece)] for piece in pieces))
        for piece in pieces:
            _check_piece(piece, data, rules)


def _check_piece(piece: Piece, data: bytes, rules: ReadingRules) -> None:
    for finding in getattr(piece, "findings", ()):
        assert isinstance(finding, Finding)
        assert finding.byte_offset is not None
        assert 0 <= finding.byte_offset <= len(data)
        assert finding.value is None or len(finding.value) <= 99
        assert finding.message
    if isinstance(piece, SetRead):
        assert 0 <= piece.start < piece.end <= len(data)
        assert len(piece.findings) <= rules.findings_per_set_max
        has_error = any(finding.severity is Severity.ERROR for finding in piece.findings)
        assert has_error == (piece.status is Status.REJECTED)
        if piece.tree is not None:
            assert sorted(one.position for one in piece.tree.walk()) == list(range(1, piece.segments + 1))


def validates_alike(data: bytes) -> None:
    """Reading the same bytes again, as a view, gives the same pieces; no more tolerance, no fewer errors."""
    strict = list(read(data, STRICT))
    assert strict == list(read(memoryview(data), STRICT))
    accepted = {piece.start for piece in strict if isinstance(piece, SetRead) and piece.status is Status.ACCEPTED}
    lenient = ReadingRules(tolerances=EVERY_TOLERANCE)
    rejected = {
        piece.start for piece in read(data, lenient) if isinstance(piece, SetRead) and piece.status is Status.REJECTED
    }
    assert not accepted & rejected, "tolerances reject what is accepted without them"


def is_acknowledged(data: bytes) -> None:
    """What the bytes earn is valid X12 itself, without one error, and earns no acknowledgment in turn."""
    for reading, rules in itertools.product((STRICT, LENIENT), ACKNOWLEDGMENTS):
        results = collect_results(read(data, reading))
        answer = write_acknowledgments(results, control_numbers=itertools.count(1), now=NOW, rules=rules)
        if not answer:
            continue
        errors = [
            finding
            for piece in read(answer, STRICT)
            for finding in getattr(piece, "findings", ())
            if finding.severity is Severity.ERROR
        ]
        errors = [one for one in errors if not _is_echo(one)]
        assert errors == [], (errors[0], answer)
        earned = collect_results(read(answer, STRICT))
        plain = AcknowledgmentRules(ta1="never")
        assert not write_acknowledgments(earned, control_numbers=itertools.count(1), now=NOW, rules=plain)


def _is_echo(finding: Finding) -> bool:
    """An answer bears what was sent, known or not: the addresses turned round, GS01 and ST01, the release of GS08."""
    place = finding.segment, finding.element
    if place in {("GS", 8), ("ST", 1)}:
        return "GS08" in finding.message
    return "code" in finding.message and place in {("ISA", 5), ("ISA", 7), ("AK1", 1), ("AK2", 1)}


def translates(data: bytes) -> None:
    """Each document comes with its place; what is accepted is JSON that reads as the same document."""
    for rules in (STRICT, LENIENT):
        items = list(translate(data, rules))
        result = items[-1]
        assert isinstance(result, TranslationResult)
        assert result.bytes_unaccounted == 0
        for item in items[:-1]:
            assert isinstance(item, TranslatedDocument)
            assert (item.document is None) == (item.status is Status.REJECTED), item
            if item.document is not None:
                (again, _) = read_json(item.document)
                assert isinstance(again, DocumentRead)
                assert again.document is not None, again.findings


def writes_back(data: bytes) -> None:
    """Sets that are accepted, written with their own separators, read as the same segments."""
    header = group = tables = None
    for piece in read(data, STRICT):
        if isinstance(piece, InterchangeOpened):
            header = piece.header
        elif isinstance(piece, GroupOpened):
            group, tables = piece.header, piece.tables
        elif isinstance(piece, SetRead) and piece.status is Status.ACCEPTED and piece.tree is not None:
            assert header is not None
            assert group is not None
            assert tables is not None
            framing, number = Framing(header.delimiters), "000000001"
            envelope = InterchangeHeader(
                *("ZZ", "US", "ZZ", "THEM", "260105", "0930"),
                version="00501" if header.delimiters.repetition else "00401",
                control_number=number,
                acknowledgment_requested=False,
                usage="P",
                start=0,
                delimiters=header.delimiters,
            )
            sent = list(piece.tree.walk())
            if any(one.code in {"BIN", "BDS"} for one in sent):
                continue
            gs = segment("GS", group.functional_id, "A1", "B2", "20260105", "0930", "1", "X", tables)
            ends = segment("GE", "1", "1"), segment("IEA", "1", number)
            written = write_segments([isa_segment(envelope), gs, *sent, *ends], framing)
            assert isinstance(written, bytes), written
            (again,) = (one for one in read(written, STRICT) if isinstance(one, SetRead))
            assert again.tree is not None
            assert _texts(again.tree.walk()) == _texts(sent)


def _texts(segments: Iterable[Segment]) -> list[tuple[str, list[object]]]:
    return [(one.code, list(one.elements)) for one in segments]


def documents_write(data: bytes) -> None:
    """A document that was read is written in the same and in another release without a fault, or it is told why not."""
    for item in translate(data, LENIENT):
        if not isinstance(item, TranslatedDocument) or item.document is None:
            continue
        if item.document_type not in {"purchase_order", "purchase_order_acknowledgment", "ship_notice", "invoice"}:
            continue
        read_again = next(iter(read_json(item.document)))
        assert isinstance(read_again, DocumentRead)
        if read_again.document is None:
            continue
        for release in ("004010", "005010", "003040"):
            envelope = Envelope(Identity("ZZ", "US"), "US", Identity("ZZ", "THEM"), "THEM", release, NOW, 1)
            written = write_interchange([read_again.document], envelope, FramingRules())
            if written.data is None:
                said = [*written.findings, *(one for held in written.sets for one in held.findings)]
                assert any(one.severity is Severity.ERROR for one in said)
                continue
            errors = [
                finding
                for piece in read(written.data, STRICT)
                for finding in getattr(piece, "findings", ())
                if finding.severity is Severity.ERROR
            ]
            assert errors == [], (errors[0], written.data)
            assert choose_release(release).name == release


PROPERTIES: dict[str, Callable[[bytes], None]] = {
    "tokenizer": tokenizes,
    "reader": reads,
    "validator": validates_alike,
    "acknowledgment": is_acknowledged,
    "translation": translates,
    "writer": writes_back,
    "documents": documents_write,
}
