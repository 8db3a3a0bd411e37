"""After damage reading finds its footing: at the next segment, set or interchange; nothing that was sent is garbage."""

import pytest

from tests.translators.x12.conftest import findings_of, interchange, isa, pieces_of, sets_of
from translators.guide import ReadingRules
from translators.x12 import groups
from translators.x12.reading import FileRead, GroupClosed, GroupOpened, InterchangeClosed, InterchangeOpened, Status
from translators.x12.report import report

BODY = "BEG*00*SA*45**20260105~PO1*1*5*EA~"
SET = f"ST*850*0001~{BODY}SE*4*0001~"
GS = "GS*PO*ACMESUPPLY*BIGCORP*20260105*0930*7*X*004010~"
GROUP = f"{GS}{SET}GE*1*7~"
IEA = "IEA*1*000000001~"
TA1 = "TA1*000000072*260104*0915*A*000~"
GOOD = interchange(BODY)
EVERYTHING = ReadingRules(tolerances=frozenset({"trailing-garbage", "leading-bytes", "missing-trailer"}))


def read_whole(text, rules=None):
    """The pieces of a file of which every byte lies in a segment."""
    pieces = pieces_of(text.encode("latin-1"), rules or ReadingRules())
    file = pieces[-1]
    assert isinstance(file, FileRead)
    assert file.bytes_in_segments == file.bytes_total == len(text)
    return pieces


def codes(pieces):
    return [(finding.level.value, str(finding.code), finding.severity.value) for finding in findings_of(pieces)]


def test_a_set_without_a_group_is_read_in_the_release_of_its_interchange():
    pieces = read_whole(f"{isa()}{SET}{IEA}")
    (piece,) = sets_of(pieces)
    assert (piece.type, piece.segments, piece.status, piece.findings) == ("850", 4, Status.ACCEPTED, [])
    (opened,) = [one for one in pieces if isinstance(one, GroupOpened)]
    assert (opened.tables, opened.header.functional_id, opened.header.control_number) == ("004010", "PO", "")
    assert codes(pieces) == [("interchange", "022", "error")]


def test_a_set_behind_its_group_is_read_in_the_release_of_that_group():
    header = GS.replace("004010", "005010")
    second = SET.replace("0001", "0002")
    pieces = read_whole(f"{isa()}{header}{SET}GE*1*7~{second}GE*1*8~IEA*2*000000001~")
    opened = [one for one in pieces if isinstance(one, GroupOpened)]
    assert [one.tables for one in opened] == ["005010", "005010"]
    assert [one.control_number for one in sets_of(pieces)] == ["0001", "0002"]
    assert codes(pieces) == [("interchange", "022", "error")]


def test_an_iea_of_another_interchange_does_not_end_this_one_when_segments_follow():
    pieces = read_whole(f"{isa()}{GS}{SET}ST*850*0002~{BODY}IEA*garbage~SE*junk~SE*4*0002~GE*2*7~{IEA}")
    assert [piece.segments for piece in sets_of(pieces)] == [4, 3]
    (closed,) = [piece for piece in pieces if isinstance(piece, InterchangeClosed)]
    assert ("interchange", "001", "error") not in codes(pieces)
    assert closed.status is Status.REJECTED
    mismatched = read_whole(f"{isa()}{GROUP}IEA*1*000000009~")
    assert codes(mismatched) == [("interchange", "001", "error")]


@pytest.mark.parametrize("behind", [GROUP, SET, "GE*1*7~", "\r\n  ST*850*0009~"])
def test_no_tolerance_for_garbage_swallows_segments_behind_an_interchange(behind):
    found = report("file", GOOD + behind.encode(), EVERYTHING)
    assert not found["accepted"]
    assert [finding["code"] for finding in found["findings"]] == ["no-interchange"]
    assert "send ISA before them" in found["findings"][0]["message"]


def test_text_behind_an_interchange_is_garbage_however_long():
    found = report("file", GOOD + b"Sent by ST Ltd. " * 100_000, EVERYTHING)
    assert found["accepted"]
    assert [finding["code"] for finding in found["findings"]] == ["trailing-garbage"]


def test_segments_far_behind_an_interchange_are_seen():
    found = report("file", GOOD + b"x " * 300_000 + GROUP.encode(), EVERYTHING)
    assert [finding["code"] for finding in found["findings"]] == ["no-interchange"]


def test_an_isa_that_cannot_be_read_is_called_one():
    (finding,) = report("file", b"\xef\xbb\xbf" + isa()[:-1].encode() + b"GSPO", ReadingRules())["findings"]
    assert (finding["code"], finding["byte_offset"]) == ("no-interchange", 0)
    assert "an ISA that cannot be read" in finding["message"]


def test_the_next_interchange_is_read_behind_an_isa_that_cannot_be():
    data = b"ISA*00*" + b"x" * 700 + b"\n" + GOOD
    assert [piece.status for piece in sets_of(pieces_of(data))] == [Status.ACCEPTED]


@pytest.mark.parametrize(
    ("body", "groups", "numbers"),
    [
        (f"{TA1}{GROUP}{IEA}", 1, ["000000072"]),
        (f"{GROUP}{TA1}{IEA}", 1, ["000000072"]),
        (f"{GROUP}{TA1}{GROUP.replace('*7', '*8')}{TA1}IEA*2*000000001~", 2, ["000000072", "000000072"]),
        (f"{TA1}IEA*0*000000001~", 0, ["000000072"]),
    ],
)
def test_ta1_may_stand_before_between_and_behind_groups(body, groups, numbers):
    pieces = read_whole(isa() + body)
    assert codes(pieces) == []
    assert len([piece for piece in pieces if isinstance(piece, GroupClosed)]) == groups
    (closed,) = [piece for piece in pieces if isinstance(piece, InterchangeClosed)]
    assert [one.control_number for one in closed.acknowledgments] == numbers


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (TA1, TA1.replace("*A*", "*Z*"), ("TA1", 4)),
        (TA1, TA1.replace("000000072", "72"), ("TA1", 1)),
        (TA1, TA1.replace("260104", "269904"), ("TA1", 2)),
        (TA1, "TA1*000000072*260104*0915*A~", ("TA1", 5)),
        ("*20260105*0930*7", "*20261305*0930*7", ("GS", 4)),
        ("*20260105*0930*7", "*20260105*9930*7", ("GS", 5)),
        ("*X*004010", "*Q*004010", ("GS", 7)),
        ("*ACMESUPPLY*BIGCORP*2026", f"*{'A' * 16}*BIGCORP*2026", ("GS", 2)),
    ],
)
def test_what_an_envelope_segment_holds_amiss_is_told_and_rejects_nothing(old, new, place):
    pieces = read_whole(f"{isa()}{TA1}{GROUP}{IEA}".replace(old, new))
    (finding,) = findings_of(pieces)
    assert (finding.segment, finding.element, finding.code, finding.severity.value) == (*place, "024", "warning")
    assert "; send " in finding.message
    assert [piece.status for piece in sets_of(pieces)] == [Status.ACCEPTED]


@pytest.mark.parametrize("year", ["20260105", "260105"])
def test_gs04_has_its_century_or_none(year):
    assert codes(read_whole(f"{isa()}{GROUP}{IEA}".replace("20260105*0930*7", f"{year}*0930*7"))) == []


def test_a_set_ends_where_the_next_begins():
    broken = SET.replace("SE*4*0001~", "")
    pieces = read_whole(f"{isa()}{GS}{broken}{SET.replace('0001', '0002')}GE*2*7~{IEA}")
    assert [(piece.control_number, piece.status) for piece in sets_of(pieces)] == [
        ("0001", Status.REJECTED),
        ("0002", Status.ACCEPTED),
    ]


def test_an_interchange_ends_where_the_next_begins_in_the_middle_of_a_segment():
    cut = f"{isa()}{GS}ST*850*0001~BEG*00*SA*4"
    pieces = pieces_of(cut.encode() + GOOD)
    assert [piece.status for piece in sets_of(pieces)] == [Status.REJECTED, Status.ACCEPTED]
    assert pieces[-1].bytes_in_segments == len(cut) + len(GOOD)


def test_a_segment_longer_than_windows_is_one_segment():
    long = f"BEG*00*SA*45**20260105~N9*ZZ*1~MSG*{'x' * 900_000}~PO1*1*5*EA~"
    pieces = read_whole(interchange(long).decode())
    (piece,) = sets_of(pieces)
    assert piece.segments == 6
    assert [(finding.segment, finding.code) for finding in piece.findings] == [("MSG", "5")]


@pytest.mark.parametrize("size", [5, 70_000, 600_000, 3_000_000])
def test_a_binary_segment_without_any_terminator_in_it_is_one_segment(size):
    data = interchange(f"BIN*{size}*{'x' * size}~", kind="841", group="SP")
    (piece,) = sets_of(pieces_of(data))
    assert piece.segments == 3
    assert pieces_of(data)[-1].bytes_in_segments == len(data)


def test_every_interchange_has_its_own_terminator_and_kinds_of_it_may_change():
    texts = [GOOD, GOOD.replace(b"~", b"\n"), GOOD.replace(b"~", b"\x1c\r\n"), GOOD.replace(b"*", b"\x1d")]
    pieces = pieces_of(b"".join(texts))
    opened = [piece.header.delimiters for piece in pieces if isinstance(piece, InterchangeOpened)]
    assert [one.terminator for one in opened] == ["~", "\n", "\x1c", "~"]
    assert [one.element for one in opened] == ["*", "*", "*", "\x1d"]
    assert [piece.status for piece in sets_of(pieces)] == [Status.ACCEPTED] * 4
    assert pieces[-1].findings == []


def test_bytes_that_are_no_utf8_are_a_finding_where_utf8_is_agreed():
    body = BODY + "N9*ZZ*1~MSG*Gr\xf6\xdfe~"
    latin, utf8 = interchange(body), interchange(body).decode("latin-1").encode()
    rules = ReadingRules(encoding="utf-8")
    assert [piece.status for piece in sets_of(pieces_of(latin))] == [Status.ACCEPTED]
    assert [piece.status for piece in sets_of(pieces_of(utf8, rules))] == [Status.ACCEPTED]
    (piece,) = sets_of(pieces_of(latin, rules))
    assert [(finding.segment, finding.element, finding.code) for finding in piece.findings] == [("MSG", 1, "6")]


@pytest.mark.parametrize("binary", ["BIN*9~", "BIN*~", "BIN*999999999*x~", "BDS*ZZ*4*x~"])
def test_a_binary_segment_whose_length_leads_nowhere_is_text(binary):
    pieces = read_whole(interchange(f"{binary * 50}REF*DP*1~{binary}", kind="841", group="SP").decode())
    assert [piece.segments for piece in sets_of(pieces)] == [54]


def test_a_binary_segment_at_the_very_start_of_a_window_is_read_by_its_length():
    binary = "BIN*5*~~~~~~"
    for before in range(4_000, 4_120):
        data = (
            f"{isa()}{GS.replace('PO', 'SP')}ST*841*0001~REF*ZZ*{'x' * (before - 170)}~{binary}SE*4*0001~GE*1*7~{IEA}"
        )
        assert [piece.segments for piece in sets_of(read_whole(data))] == [4]


def test_ta1_segments_beyond_all_measure_are_told_of_and_not_kept():
    data = f"{isa()}{TA1 * 10_050}IEA*0*000000001~"
    pieces = read_whole(data)
    (closed,) = [piece for piece in pieces if isinstance(piece, InterchangeClosed)]
    assert len(closed.acknowledgments) == 10_000
    assert codes(pieces) == [("interchange", "022", "error")]


@pytest.mark.parametrize("trailer", ["SE*{}*0001~", ""])
def test_a_set_beyond_all_measure_is_counted_to_its_end_but_not_kept(trailer, monkeypatch):
    monkeypatch.setattr(groups, "SET_SEGMENTS_MAX", 20)
    text = f"{isa()}{GS}ST*850*0001~{BODY}{'REF*DP*1~' * 30}{trailer.format(34)}GE*1*7~{IEA}"
    (piece,) = sets_of(read_whole(text))
    assert (piece.tree, piece.status, piece.segments) == (None, Status.REJECTED, 34 if trailer else 33)
    assert "no further than 20 segments" in " ".join(finding.message for finding in piece.findings)


@pytest.mark.parametrize("segments", [18, 19, 20])
def test_a_set_of_nearly_that_size_is_read(segments, monkeypatch):
    monkeypatch.setattr(groups, "SET_SEGMENTS_MAX", 20)
    body = BODY + "PID*F****NUT~" * (segments - 2)
    (piece,) = sets_of(pieces_of(interchange(body)))
    assert piece.tree is not None
    assert not any("no further" in finding.message for finding in piece.findings)


def test_long_values_of_headers_are_not_kept():
    long = "7" * 100_000
    pieces = pieces_of(
        f"{isa()}{GS.replace('*7*', f'*{long}*')}ST*850*{long}~{BODY}SE*4*{long}~GE*1*{long}~{IEA}".encode()
    )
    (opened,) = [piece for piece in pieces if isinstance(piece, GroupOpened)]
    (piece,) = sets_of(pieces)
    assert len(opened.header.control_number) < 100
    assert len(piece.control_number) < 100
