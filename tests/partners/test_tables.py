"""Tables of identifiers: what is read, and where each fault is told to be."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.loader import LoadedProfile, load_profile, unpack
from partners.tables import FAULTS_MAX, ROWS_MAX, TABLE_BYTES_MAX, Table, read_table
from tests.partners.profiles import NORTHWIND, write

WITH_TABLE = NORTHWIND + "vocabulary:\n  tables:\n    - {file: items.csv, of: product_ids, theirs: VN, ours: BP}\n"


def table(data: bytes) -> Table:
    read = read_table(data)
    assert isinstance(read, Table), read
    return read


@pytest.mark.parametrize(
    "data",
    [
        b"theirs,ours\nA-1,4711\nA-2,0012\n",
        b"theirs,ours\r\nA-1,4711\r\nA-2,0012",
        b"\xef\xbb\xbftheirs;ours\nA-1;4711\nA-2;0012\n",
        b"Description,OURS , Theirs\nBolt, 4711,A-1\n\n,,\nNut,0012 ,A-2\n",
        b'"theirs","ours"\n"A-1","4711"\nA-2,"0012"\nA-1,4711\n',
    ],
    ids=["plain", "crlf", "bom and semicolons", "columns, blanks and empty rows", "quotes and a pair twice"],
)
def test_what_spreadsheets_write_is_read(data: bytes) -> None:
    read = table(data)
    assert read.ours == {"A-1": "4711", "A-2": "0012"}
    assert read.theirs == {"4711": "A-1", "0012": "A-2"}
    assert (len(read), read.warnings) == (2, ())


@pytest.mark.parametrize(
    ("data", "line", "column", "what"),
    [
        (b"", 1, 1, "the table is empty"),
        (b"\n \n", 1, 1, "the table is empty"),
        (b"their,ours\n", 1, 1, "the column `theirs` is missing"),
        (b"theirs,ours,ours\n", 1, 13, "the column `ours` stands twice"),
        # Each would be looked for among all before it.
        (b"theirs," * 200_000 + b"ours\n", 1, 1, "more than 100 columns"),
        (b"theirs,ours\nA-1,1\n,2\n", 3, 1, "`theirs` is empty"),
        (b"theirs,note,ours\nA-1,x,\n", 2, 7, "`ours` is empty"),
        (b"theirs,ours\nA-1\n", 2, 4, "`ours` is empty"),
        (b"theirs,ours\nA-1,1\nA-1,2\n", 3, 1, "`A-1` is `1` in line 2 and `2` here"),
        (b'ours,theirs\n"1",A-1\n"2",A-1\n', 3, 5, "`A-1` is `1` in line 2 and `2` here"),
        (b"theirs,ours\n" + b"A" * 201 + b",1\n", 2, 1, "more than 200 characters"),
        (b'theirs,ours\n"A\n1",1\n', 2, 1, "a line break"),
        (b'theirs,ours\nA-1,"1\n', 2, 1, "not CSV"),
        (b"theirs,ours\nA\xff,1\n", 2, 2, "byte 0xff is not UTF-8"),
        (b"theirs,ours\nA-1,\x00\n", 2, 5, "control character 0x00"),
        (b"PK\x03\x04rest", 1, 1, "a workbook"),
        (b"\xff\xfet\x00", 1, 1, "UTF-16"),
        (b"theirs,ours\n" + b"x" * TABLE_BYTES_MAX, 1, 1, "more than 2,097,152 bytes"),
        (b"theirs,ours,preferred\nA,1,yes\nB,1,yes\n", 3, 5, "another of theirs that is preferred, in line 2"),
        (b"theirs,ours,preferred\nA,1,perhaps\n", 2, 5, "`preferred` is `perhaps`"),
    ],
)
def test_each_fault_has_its_place(data: bytes, line: int, column: int, what: str) -> None:
    faults = read_table(data)
    assert isinstance(faults, tuple)
    assert (faults[0].line, faults[0].column) == (line, column)
    assert what in faults[0].what
    assert faults[0].would_be_right


def test_a_table_has_limits() -> None:
    rows = b"".join(b"%d,%d\n" % (number, number) for number in range(ROWS_MAX))
    assert len(table(b"theirs,ours\n" + rows)) == ROWS_MAX
    faults = read_table(b"theirs,ours\n" + rows + b"one,more\n")
    assert isinstance(faults, tuple)
    assert faults[0].what == "more than 100,000 pairs"
    many = read_table(b"theirs,ours\n" + b"A,\n" * 1_000)
    assert len(many) == FAULTS_MAX


def test_of_several_of_theirs_the_first_goes_out_or_the_one_that_is_marked() -> None:
    read = table(b"theirs,ours\nA,1\nB,1\n")
    assert read.theirs == {"1": "A"}
    assert [(fault.line, fault.severity) for fault in read.warnings] == [(3, "warning")]
    read = table(b"theirs,ours,preferred\nA,1,\nB,1,YES\nC,1,no\n")
    assert (read.theirs, read.warnings) == ({"1": "B"}, ())


@given(st.binary(max_size=200) | st.text(alphabet='theirsou,;"\n\r 1A', max_size=80).map(lambda text: text.encode()))
def test_whatever_it_holds_nothing_is_raised(data: bytes) -> None:
    for body in (data, b"theirs,ours\n" + data):
        read = read_table(body)
        assert isinstance(read, Table) or all(fault.line > 0 and fault.column > 0 for fault in read)


def test_a_profile_brings_its_tables_and_they_are_read_once(tmp_path: Path) -> None:
    folder = write(tmp_path, "northwind-parts", WITH_TABLE, items_csv=b"theirs,ours\nA-1,4711\n")
    loaded = load_profile(folder)
    assert isinstance(loaded, LoadedProfile)
    assert loaded.tables["items.csv"].ours == {"A-1": "4711"}
    again = unpack(loaded.pack())
    assert isinstance(again, LoadedProfile)
    assert again.tables["items.csv"] is loaded.tables["items.csv"]
    assert again.digest == loaded.digest


def test_a_broken_table_leaves_the_profile_out_with_file_and_line(tmp_path: Path) -> None:
    folder = write(tmp_path, "northwind-parts", WITH_TABLE, items_csv=b"theirs,ours\nA-1,\n")
    problems = load_profile(folder)
    assert isinstance(problems, tuple)
    told = f"{folder}/items.csv:2:5: `ours` is empty; fill it in, or remove the line"
    assert [(str(problem), problem.field) for problem in problems] == [(told, "vocabulary.tables[0].file")]
    (folder / "profile.yaml").write_text(WITH_TABLE + "status: draft\n")
    draft = load_profile(folder)
    assert isinstance(draft, LoadedProfile)
    assert told.replace(": `", ": warning: `") in [str(point) for point in draft.open_points]
    assert draft.tables == {}
