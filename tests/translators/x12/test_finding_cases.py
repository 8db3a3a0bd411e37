"""Each row: the segments of an 850, and what must be said of them, with the place and the code of the standard."""

import pytest

from tests.translators.x12.conftest import interchange, pieces_of, sets_of
from translators.findings import Severity
from translators.guide import ReadingRules
from translators.x12.delimiters import STANDARD_DELIMITERS
from translators.x12.dictionary import Release
from translators.x12.elements import At, ElementChecker
from translators.x12.faults import Ledger
from translators.x12.reading import Status

BEG = "BEG*00*SA*4500012345**20260105~"
PO1 = "PO1*1*5*EA*9.95**VP*AC-1001~"

# name, segments, (segment, position, element, component, code, the text at the byte offset)
SEGMENT_CASES = [
    ("mandatory segment", PO1, [("BEG", 2, None, None, "3", "PO1*")]),
    ("mandatory loop", BEG, [("PO1", 3, None, None, "3", "SE*")]),
    ("unrecognized", f"{BEG}ZZ9*1~{PO1}", [("ZZ9", 3, None, None, "1", "ZZ9*")]),
    ("not in this set", f"{BEG}HL*1**S~{PO1}", [("HL", 3, None, None, "6", "HL*")]),
    ("loop not opened", f"{BEG}N3*Street~{PO1}", [("N3", 3, None, None, "2", "N3*")]),
    ("out of sequence", f"{BEG}N1*ST*Plant~CUR*BY*USD~{PO1}", [("CUR", 4, None, None, "7", "CUR*")]),
    ("used too often", f"{BEG}CUR*BY*USD~CUR*BY*EUR~{PO1}", [("CUR", 4, None, None, "5", "CUR*BY*EUR")]),
    ("loop too often", f"{BEG}{'SAC*N*C310~' * 26}{PO1}", [("SAC", 28, None, None, "4", "SAC*N*C310~PO1")]),
    ("trailing separators", f"{BEG}{PO1[:-1]}**~", [("PO1", 3, 9, None, "8", "PO1*")]),
    ("segment without elements", f"{BEG}{PO1}PO1~", [("PO1", 4, None, None, "8", "PO1~")]),
    (
        "segments without elements behind many of their kind",
        f"{BEG}{PO1 * 9}PO1~",
        [("PO1", 12, None, None, "8", "PO1~")],
    ),
    ("empty segment", f"{BEG}~{PO1}", [(None, 3, None, None, "1", "~PO1")]),
    ("no segment", f"{BEG}junk and more~{PO1}", [(None, 3, None, None, "1", "junk")]),
]
ELEMENT_CASES = [
    ("mandatory", f"BEG*00*SA***20260105~{PO1}", [("BEG", 2, 3, None, "1", "**20260105")]),
    ("mandatory at the end", f"BEG*00*SA*45~{PO1}", [("BEG", 2, 5, None, "1", "~PO1")]),
    ("mandatory but blank", f"BEG*00*SA*  **20260105~{PO1}", [("BEG", 2, 3, None, "1", "  **")]),
    ("conditional P", f"{BEG}PER*BD*Dana*TE~{PO1}", [("PER", 3, 4, None, "2", "~PO1")]),
    ("conditional R", f"{BEG}REF*DP~{PO1}", [("REF", 3, 2, None, "2", "~PO1")]),
    ("conditional C", f"{BEG}FOB*PP**Dock~{PO1}", [("FOB", 3, 2, None, "2", "*Dock")]),
    ("conditional L", f"{BEG}CUR*BY*USD********007~{PO1}", [("CUR", 3, 11, None, "2", "~PO1")]),
    ("exclusion E", f"{BEG}MEA**HT*5*EA****04~{PO1}", [("MEA", 3, 8, None, "10", "04~")]),
    ("too many", f"{BEG}REF*DP*1***9~{PO1}", [("REF", 3, 5, None, "3", "9~")]),
    ("too short", f"{BEG}REF*D*1~{PO1}", [("REF", 3, 1, None, "4", "D*1")]),
    ("too long", f"{BEG}REF*DPXX*1~{PO1}", [("REF", 3, 1, None, "5", "DPXX")]),
    ("character", f"{BEG}REF*DP*a\x01b~{PO1}", [("REF", 3, 2, None, "6", "a\x01b")]),
    ("number", f"{BEG}PO1*1*five*EA~", [("PO1", 3, 2, None, "6", "five")]),
    ("whole number", f"{BEG}PO1*1*5*EA~CTT*1.5~", [("CTT", 4, 1, None, "6", "1.5")]),
    ("code", f"BEG*QQ*SA*45**20260105~{PO1}", [("BEG", 2, 1, None, "7", "QQ")]),
    ("date", f"BEG*00*SA*45**20260230~{PO1}", [("BEG", 2, 5, None, "8", "20260230")]),
    ("short date", f"BEG*00*SA*45**260130~{PO1}", [("BEG", 2, 5, None, "4", "260130")]),
    ("leap day", f"BEG*00*SA*45**20240229~{PO1}", []),
    ("no leap day", f"BEG*00*SA*45**20250229~{PO1}", [("BEG", 2, 5, None, "8", "20250229")]),
    ("time", f"{BEG}DTM*002*20260105*2460~{PO1}", [("DTM", 3, 3, None, "9", "2460")]),
    ("time with hundredths", f"{BEG}DTM*002*20260105*23595999~{PO1}", []),
    ("component missing", f"{BEG}REF*DP*1**ZZ~{PO1}", [("REF", 3, 4, 2, "1", "~PO1")]),
    ("component separator at the end", f"{BEG}REF*DP*1**ZZ>9>~{PO1}", [("REF", 3, 4, None, "8", "REF")]),
    ("component code", f"{BEG}MEA**HT*5*QQ~{PO1}", [("MEA", 3, 4, 1, "7", "QQ")]),
    ("component note", f"{BEG}REF*DP*1**ZZ>9>ZZ~{PO1}", [("REF", 3, 4, 4, "2", "REF")]),
    ("components where none are", f"{BEG}REF*DP*1>2~{PO1}", [("REF", 3, 2, None, "3", "1>2")]),
    ("decimals", f"{BEG}PO1*1*-.5*EA*12.~", []),
    ("exponent", f"{BEG}PO1*1*5*EA*1.2E3~", []),
    ("sign and point are not counted", f"{BEG}PO1*1*-12345678.9*EA~", []),
    ("digits are counted", f"{BEG}PO1*1*1234567890.123456*EA~", [("PO1", 3, 2, None, "5", "1234567890.")]),
]

CASES = SEGMENT_CASES + ELEMENT_CASES


def places(piece, data):
    text = data.decode("latin-1")
    return [
        (
            finding.segment,
            finding.position,
            finding.element,
            finding.component,
            str(finding.code),
            text[finding.byte_offset :],
        )
        for finding in piece.findings
    ]


@pytest.mark.parametrize(("segments", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_a_departure_is_told_with_its_place_and_code(segments, expected):
    data = interchange(segments)
    (piece,) = sets_of(pieces_of(data))
    found = places(piece, data)
    assert [one[:5] for one in found] == [one[:5] for one in expected]
    for one, wanted in zip(found, expected, strict=True):
        assert one[5].startswith(wanted[5])
    assert piece.status is (Status.REJECTED if expected else Status.ACCEPTED)


TOLERANCES = [
    ("code-values", f"BEG*QQ*SA*45**20260105~{PO1}"),
    ("element-lengths", f"{BEG}REF*DPXX*1~{PO1}"),
    ("unknown-segments", f"{BEG}ZZ9*1~{PO1}"),
    ("unknown-segments", f"{BEG}HL*1**S~{PO1}"),
    ("segment-order", f"{BEG}N1*ST*Plant~CUR*BY*USD~{PO1}"),
    ("trailing-separators", f"{BEG}{PO1[:-1]}**~"),
    ("empty-segments", f"{BEG}~{PO1}"),
    ("separators-in-data", f"{BEG}REF*DP*1>2~{PO1}"),
]


@pytest.mark.parametrize(("tolerance", "segments"), TOLERANCES)
def test_a_tolerated_departure_is_a_warning_and_the_set_is_accepted_with_errors(tolerance, segments):
    data = interchange(segments)
    (strict,) = sets_of(pieces_of(data))
    (lenient,) = sets_of(pieces_of(data, ReadingRules(tolerances=frozenset({tolerance}))))
    assert strict.status is Status.REJECTED
    assert lenient.status is Status.ACCEPTED_WITH_ERRORS
    assert [finding.code for finding in lenient.findings] == [finding.code for finding in strict.findings]
    assert {finding.severity for finding in lenient.findings} == {Severity.WARNING}


def test_a_separator_that_is_a_control_character_is_never_kept_as_text():
    data = interchange(f"{BEG}REF*DP*1>2~{PO1}").replace(b">", b"\x1e")
    (piece,) = sets_of(pieces_of(data, ReadingRules(tolerances=frozenset({"separators-in-data"}))))
    assert piece.status is Status.REJECTED


def test_findings_are_capped_and_errors_push_warnings_out():
    body = f"{BEG}{'ZZ9*1~' * 20}{'REF**~' * 20}{PO1}"
    rules = ReadingRules(tolerances=frozenset({"unknown-segments"}), findings_per_set_max=10)
    (piece,) = sets_of(pieces_of(interchange(body), rules))
    assert len(piece.findings) == 10
    assert {finding.severity for finding in piece.findings} == {Severity.ERROR}
    assert piece.findings_omitted == 20 + 20 * 3 - 10


def test_a_syntax_note_of_a_release_that_carried_it_over_rejects_nothing():
    release = Release("004010")
    release.notes_decide = False
    ledger = Ledger(frozenset(), 10)
    checker = ElementChecker(release, STANDARD_DELIMITERS, "latin-1", ledger)
    checker.check(release.segments["REF"], ["REF", "DP"], At("REF", 3, None, 0))
    assert [(finding.code, finding.severity) for finding in ledger.findings] == [("2", Severity.WARNING)]


def test_a_set_full_of_errors_is_read_to_its_end_without_a_closer_look():
    body = f"{BEG}{'REF**~' * 6_000}{PO1}"
    (piece,) = sets_of(pieces_of(interchange(body)))
    assert piece.status is Status.REJECTED
    assert piece.segments == 6_004
    assert 5_000 <= len(piece.findings) + piece.findings_omitted < 5_010


def test_components_of_an_element_that_repeats():
    # CTX01 of the 999 is the one element that may repeat, ten times.
    body = "AK1*PO*78*005010~AK2*850*0001~IK3*REF*4**8~{}IK5*R*5~AK9*R*1*1*0~"
    rows = [
        ("CTX*SITUATIONAL TRIGGER^OTHER:5~", []),
        (f"CTX*{'^'.join('abcdefghijk')}~", [("CTX", 5, 1, None, "12")]),
        ("CTX*:5~", [("CTX", 5, 1, 1, "1")]),
        ("CTX*A:B:C~", [("CTX", 5, 1, 3, "13")]),
        ("CTX*A:~", [("CTX", 5, 1, None, "8")]),
    ]
    for segment, expected in rows:
        data = interchange(
            body.format(segment),
            kind="999",
            group="FA",
            release="005010",
            version="00501",
            repetition="^",
            component=":",
        )
        (piece,) = sets_of(pieces_of(data))
        assert [one[:5] for one in places(piece, data)] == expected, segment
