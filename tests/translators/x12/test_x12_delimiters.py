import pytest

from tests.translators.x12.conftest import isa, pieces_of, sets_of
from translators.x12.delimiters import Delimiters, IsaFinder, find_isa, read_isa
from translators.x12.reading import FileRead, InterchangeOpened, Status

TAIL = (
    "GS*PO*A*B*20260105*0930*7*X*004010~ST*850*0001~BEG*00*SA*45**20260105~PO1*1*5*EA~SE*4*0001~GE*1*7~IEA*1*000000001~"
)


def framed(separator, terminator, component, line_end):
    values = isa()[:-2].split("*")
    head = separator.join([*values, ""])[: -len(separator)] + component + terminator + line_end
    body = TAIL.replace("*", separator).replace("~", terminator + line_end)
    return (head + body).encode("latin-1")


@pytest.mark.parametrize("separator", ["*", "|", "^", "\x07", "\x1d", "\x7f", "\t"])
@pytest.mark.parametrize(
    ("terminator", "line_end"),
    [
        ("~", ""), ("~", "\n"), ("~", "\r\n"), ("~", "\n\n"), ("\n", ""), ("\r", ""), ("\r", "\n"), ("!", "\n"),
        ("\\", ""), ("$", "\r"), ("\x15", ""), ("\x1c", "\n"), ("'", ""), ("\x85", ""), ("\xc3\x96", "\n"),
    ],
)  # fmt: skip
def test_any_separators_with_any_line_ends(separator, terminator, line_end):
    data = framed(separator, terminator, ">", line_end)
    pieces = pieces_of(data)
    assert isinstance(pieces[0], InterchangeOpened)
    assert pieces[0].header.delimiters == Delimiters(separator, terminator, ">", "")
    assert [piece.status for piece in sets_of(pieces)] == [Status.ACCEPTED]
    assert isinstance(pieces[-1], FileRead)
    assert pieces[-1].bytes_in_segments == len(data)
    assert sum(len(piece.findings) for piece in pieces if hasattr(piece, "findings")) == 0


HEAD = isa()[:-2]  # up to ISA15 and the separator behind it
GS = "GS*PO*A*B*20260105*0930*7*X*004010"

# what stands behind the sixteenth separator; component separator and terminator, None when they cannot be told
ENDINGS = [
    (f">~{GS}~ST*850*1~", (">", "~")),
    (f">\n{GS}\nST*850*1\n", (">", "\n")),
    (f">\r\n{GS}\r\nST*850*1\r\n", (">", "\r")),
    (f"~\n{GS}~\nST*850*1~\n", ("", "~")),  # ISA16 is empty, each line ends with a tilde
    (f"~\r{GS}\rST*850*1\r", ("~", "\r")),  # the tilde separates components
    (f"~{GS}~ST*850*1~", ("", "~")),
    (f"\n{GS}\nST*850*1\n", ("", "\n")),
    (f">  ~{GS}~ST*850*1~", (">", "~")),
    (f"^\n~{GS}\n~ST*850*1\n~", ("^", "\n~")),  # each line begins with what should end it
    (f">{GS}ST*850*1", None),
    (f"A~{GS}~ST*850*1~", None),
    (">", None),
    ("", None),
]


@pytest.mark.parametrize(("ending", "expected"), ENDINGS)
def test_isa16_and_the_terminator(ending, expected):
    found = read_isa((HEAD + ending).encode("latin-1"), 0)
    if expected is None:
        assert found is None or found.delimiters.terminator == "~"
    else:
        assert found is not None
        assert (found.delimiters.component, found.delimiters.terminator) == expected


@pytest.mark.parametrize(
    ("version", "isa11", "repetition"),
    [
        ("00401", "U", ""),
        ("00401", "^", ""),
        ("00402", "^", "^"),
        ("00501", "^", "^"),
        ("00501", "U", ""),
        ("00501", "1", ""),
        ("00501", ">", ""),
        ("nonsense"[:5], "^", ""),
    ],
)
def test_isa11_separates_repetitions_from_00402_on(version, isa11, repetition):
    text = isa(version=version, repetition=isa11) + TAIL
    found = read_isa(text.encode(), 0)
    assert found is not None
    assert found.delimiters.repetition == repetition


def test_an_isa_cut_short_is_read_by_what_follows_it():
    found = read_isa(b"ISA*00*x*ZZ*ME~\nGS*PO*A*B~ST*850*1~", 0)
    assert found is not None
    assert not found.complete
    assert (found.delimiters.element, found.delimiters.terminator, found.end) == ("*", "~", 16)


def test_an_isa_is_more_than_three_letters():
    whole = isa().encode()
    assert find_isa(b"the ISA*00*is*not*here " + whole, 0) == 23
    assert find_isa(b"VISA*00*" + b"x" * 900, 0) is None


def test_a_finder_answers_as_a_search_would():
    data = b"xx" + isa().encode() + b"yy" + isa().encode() + b"zz"
    finder = IsaFinder(data)
    for position in (0, 2, 1, 3, 110, 0, 111, 5, len(data)):
        assert finder.next(position) == find_isa(data, position)


def test_each_interchange_has_its_own_separators(fixture_bytes):
    opened = [p for p in pieces_of(fixture_bytes("850-two-interchanges.edi")) if isinstance(p, InterchangeOpened)]
    assert [piece.header.delimiters for piece in opened] == [
        Delimiters("*", "~", ">", ""),
        Delimiters("|", "!", ">", "^"),
    ]


def test_binary_segments_are_measured_by_their_length(fixture_bytes):
    pieces = pieces_of(fixture_bytes("841-004010-binary.edi"))
    (piece,) = sets_of(pieces)
    assert (piece.segments, [finding.code for finding in piece.findings]) == (4, ["1"])
    inside = b"x~" + isa().encode()
    long = inside * 9_000  # longer than a window, full of what looks like interchanges
    data = fixture_bytes("841-004010-binary.edi")
    before, after = data.index(b"BIN*"), data.index(b"~\nSE*")
    data = data[:before] + b"BIN*%d*%b" % (len(long), long) + data[after:]
    (piece,) = sets_of(pieces_of(data))
    assert piece.segments == 4
    assert piece.end - piece.start > len(long)
    assert pieces_of(data)[-1].bytes_in_segments == len(data)


CONTROLS_AND_MARKS = [*map(chr, range(1, 32)), "\x7f", *"|;<=>?@#%&_\"`{}[]()/,+!$\\'"]
ROLES = {"element": "*", "terminator": "~", "component": ":", "repetition": "^"}


@pytest.mark.parametrize("role", ROLES)
def test_any_character_that_stands_in_no_data_separates(role, fixture_bytes):
    data = fixture_bytes("850-005010.edi").replace(b"\n", b"")
    present = set(data.decode()) - set(ROLES.values())
    line_ends = {"\r", "\n"} if role != "terminator" else set()  # elsewhere a line end belongs to its terminator
    for character in set(CONTROLS_AND_MARKS) - present - line_ends:
        pieces = pieces_of(data.replace(ROLES[role].encode(), character.encode()))
        assert isinstance(pieces[0], InterchangeOpened)
        assert getattr(pieces[0].header.delimiters, role) == character
        assert [(piece.status, piece.findings) for piece in sets_of(pieces)] == [(Status.ACCEPTED, [])]
