"""Whatever the bytes are: nothing is raised, every byte is accounted for, the pieces keep their order."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.x12.conftest import CORPUS, FIXTURES, STRICT, isa, pieces_of
from translators.findings import Finding
from translators.guide import ReadingRules
from translators.x12.reading import (
    FileRead,
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeOpened,
    SetRead,
)
from translators.x12.report import report

LENIENT = ReadingRules(
    tolerances=frozenset({"missing-trailer", "newer-release", "code-values", "separators-in-data", "segment-order"}),
    encoding="utf-8",
    findings_per_set_max=3,
)
LETTER = {
    InterchangeOpened: "I",
    GroupOpened: "G",
    SetRead: "s",
    GroupClosed: "g",
    InterchangeClosed: "i",
    FileRead: "f",
}
VALID = sorted(path.read_bytes() for path in FIXTURES.glob("*.edi"))
PARTS = [
    isa().encode(),
    b"ISA*",
    b"GS*PO*A*B*20260101*0000*1*X*004010~",
    b"ST*850*0001~",
    b"BEG*00*SA*1**20260101~",
    b"PO1*1~",
    b"SE*4*0001~",
    b"GE*1*1~",
    b"IEA*1*000000001~",
    b"TA1*000000001*260101*0000*A*000~",
    b"BIN*4*~~~~~",
    b"BIN*99*x~",
    b"N1*ST~",
    b"HL*1**S~",
    b"REF*DP*1**ZZ>1~",
    b"junk",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    *(bytes([one]) for one in b"~\n *>\x00"),
]


def check(data: bytes, rules: ReadingRules) -> None:
    pieces = pieces_of(data, rules)
    last = pieces[-1]
    assert isinstance(last, FileRead)
    assert last.bytes_total == len(data)
    assert last.bytes_unaccounted == 0
    assert 0 <= last.bytes_in_segments <= len(data)
    assert re.fullmatch("(I(Gs*g)*i)*f", "".join(LETTER[type(piece)] for piece in pieces))
    for piece in pieces:
        for finding in getattr(piece, "findings", []):
            assert isinstance(finding, Finding)
            assert finding.byte_offset is not None
            assert 0 <= finding.byte_offset <= len(data)
            assert finding.value is None or len(finding.value) <= 99
        if isinstance(piece, SetRead):
            assert 0 <= piece.start < piece.end <= len(data)
            assert len(piece.findings) <= rules.findings_per_set_max
            if piece.tree is not None:
                assert sorted(one.position for one in piece.tree.walk()) == list(range(1, piece.segments + 1))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes(data):
    check(data, STRICT)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["*", "|", "\x1d", "~"]), st.sampled_from(["~", "\n", "\r", "'"]))
def test_random_bytes_behind_an_isa(data, separator, terminator):
    head = isa().replace("~", "\x00").replace("*", separator).replace("\x00", terminator)
    check(head.encode("latin-1") + data, LENIENT)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=25))
def test_parts_in_any_order(parts):
    check(b"".join(parts), STRICT)
    check(isa().encode() + b"".join(parts), LENIENT)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(VALID),
    st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 30), st.binary(max_size=6)), min_size=1, max_size=4),
)
def test_valid_files_with_pieces_cut_out_and_put_in(data, cuts):
    for start, length, put in cuts:
        data = data[:start] + put + data[start + length :]
    check(data, STRICT)
    check(data, LENIENT)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(VALID), st.integers(0, 1200))
def test_files_cut_off_anywhere(data, end):
    check(data[:end], STRICT)


def test_files_longer_than_a_window():
    line = b"REF*ZZ*" + b"x" * 25 + b"~\r\n"
    body = b"GS*PO*A*B*20260101*0000*1*X*004010~\r\nST*850*0001~\r\nBEG*00*SA*1**20260101~\r\n" + line * 20_000
    data = isa().encode() + b"\r\n" + body + b"PO1*1*1*EA~\r\nSE*20004*0001~\r\nGE*1*1~\r\nIEA*1*000000001~\r\n"
    check(data, STRICT)
    assert report("long", data, STRICT)["accepted"]
    assert report("long", memoryview(data), STRICT) == report("long", data, STRICT)


def test_text_of_several_windows_without_a_terminator():
    check(isa().encode() + b"x" * 700_000, STRICT)
    check(isa().encode() + b"\n" * 700_000, STRICT)
    check(isa().encode() + b"ISA*" * 50_000, STRICT)


def corpus_files():
    files = sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.suffix != ".tsv")
    return files or sorted(FIXTURES.glob("*.edi"))


@pytest.mark.parametrize("path", corpus_files(), ids=lambda path: path.name)
def test_files_from_the_field(path):
    check(path.read_bytes(), STRICT)
    check(path.read_bytes(), LENIENT)
