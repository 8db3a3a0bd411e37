import pytest

from tests.translators.x12.conftest import FIXTURES, interchange, pieces_of, sets_of
from translators.guide import ReadingRules
from translators.x12.delimiters import Delimiters
from translators.x12.reading import InterchangeOpened
from translators.x12.tree import Segment
from translators.x12.writer import Framing, Unwritable, isa_segment, segment, write_segments

WHOLE = sorted(path for path in FIXTURES.glob("8*.edi") if "841" not in path.name)
READ_ALL = ReadingRules(tolerances=frozenset({"newer-release"}))


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_what_was_read_is_written_to_the_byte(path):
    data = path.read_bytes()
    delimiters = None
    written = 0
    for piece in pieces_of(data, READ_ALL):
        if isinstance(piece, InterchangeOpened):
            delimiters = piece.header.delimiters
            head = write_segments([isa_segment(piece.header)], Framing(delimiters))
            assert data[piece.header.start :].startswith(head)
    for opened, piece in opened_and_sets(data):
        raw = data[piece.start : piece.end]
        delimiters = opened.header.delimiters
        line_end = raw[len(raw.rstrip(b"\r\n")) :].decode() if delimiters.terminator not in "\r\n" else ""
        line_end = "\n" if delimiters.terminator == "\r" else line_end
        if piece.tree is not None:
            assert write_segments(piece.tree.walk(), Framing(delimiters, line_end)) == raw
            written += 1
    assert written or path.name.startswith("860")


def opened_and_sets(data):
    opened = None
    for piece in pieces_of(data, READ_ALL):
        if isinstance(piece, InterchangeOpened):
            opened = piece
        elif piece in sets_of([piece]):
            yield opened, piece


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        ("a*b", "holds the separator '*'"),
        ("a~b", "holds the separator '~'"),
        ("a>b", "holds the separator '>'"),
        ((("a", "b*"),), "holds the separator '*'"),
        ((("a",), ("b",)), "repeats, and the interchange has no repetition separator"),
        ("\u20ac", "holds a character that latin-1 has not"),
    ],
)
def test_what_would_be_misread_is_refused(element, reason):
    refused = write_segments([segment("ST", "850", "0001"), segment("REF", "DP", element)])
    assert isinstance(refused, Unwritable)
    assert (refused.segment, refused.position, refused.element, refused.reason) == ("REF", 2, 2, reason)


def test_components_need_their_separator():
    framing = Framing(Delimiters(component=""))
    refused = write_segments([segment("REF", "DP", "1", "", (("ZZ", "9"),))], framing)
    assert isinstance(refused, Unwritable)
    assert refused.reason == "has components, and the interchange has no component separator"


def test_empty_elements_at_the_end_are_left_out():
    assert write_segments([segment("REF", "DP", "", "")]) == b"REF*DP~"
    assert write_segments(
        [segment("REF", "", (("A", "B"), ("C",)))], Framing(Delimiters("|", "!", ":", "^"), "\n")
    ) == (b"REF||A:B^C!\n")
    assert write_segments([segment("N1", "ST", "Québec")], Framing(encoding="utf-8")) == "N1*ST*Québec~".encode()


def test_elements_with_parts_are_tuples_of_repetitions_of_components():
    data = interchange("BEG*00*SA*45**20260105~REF*PD*7**ZZ>9001>ZZ>77~PO1*1*5*EA~")
    (piece,) = sets_of(pieces_of(data))
    reference = piece.tree.segment("REF")
    assert reference.elements == ["PD", "7", "", (("ZZ", "9001", "ZZ", "77"),)]
    assert [reference.value(4, component) for component in (1, 2, 5)] == ["ZZ", "9001", ""]
    assert isinstance(reference, Segment)


def test_text_is_read_in_the_encoding_of_the_agreement(fixture_bytes):
    for name, encoding in (("850-004010-latin1.edi", "latin-1"), ("850-004010-utf8.edi", "utf-8")):
        (piece,) = sets_of(pieces_of(fixture_bytes(name), ReadingRules(encoding=encoding)))
        assert [loop.segment("N1").value(2) for loop in piece.tree.loops("N1")][1] == "Plantation Québec"
        assert piece.findings == []
    (piece,) = sets_of(pieces_of(fixture_bytes("850-004010-latin1.edi"), ReadingRules(encoding="utf-8")))
    assert [(finding.code, finding.segment, finding.element) for finding in piece.findings] == [("6", "N1", 2)]
