"""What holds between the segments of a whole set: totals at its end, the tree of its levels."""

import pytest

from tests.translators.x12.conftest import interchange, pieces_of, sets_of
from translators.catalog import TranslatedDocument, translate
from translators.findings import Severity
from translators.guide import ReadingRules
from translators.x12.reading import Status

BEG = "BEG*00*SA*4500012345**20260105~"
BSN = "BSN*00*SN-1*20260105*0930~"
HL_S = "HL*1**S*1~"


def po1(*quantities: str) -> str:
    return "".join(f"PO1*{at}*{quantity}*EA*1~" for at, quantity in enumerate(quantities, 1))


def told(body: str, *tolerances: str, **header: str):
    (piece,) = sets_of(pieces_of(interchange(body, **header), ReadingRules(tolerances=frozenset(tolerances))))
    return piece, [(f.segment, f.position, f.element, str(f.code), f.severity.value) for f in piece.findings]


TOTALS = [
    ("right", f"{BEG}{po1('5', '7')}CTT*2~", []),
    ("leading zeros", f"{BEG}{po1('5', '7')}CTT*002~", []),
    ("no CTT", f"{BEG}{po1('5', '7')}", []),
    ("a line lost", f"{BEG}{po1('5', '7')}CTT*3~", [("CTT", 5, 1, "7", "error")]),
    ("a line too many", f"{BEG}{po1('5', '7')}CTT*1*12~", [("CTT", 5, 1, "7", "error")]),
    ("zero", f"{BEG}{po1('5', '7')}CTT*0~", [("CTT", 5, 1, "7", "error")]),
    ("no number", f"{BEG}{po1('5')}CTT*x~", [("CTT", 4, 1, "6", "error")]),
    ("sum", f"{BEG}{po1('5.5', '7')}CTT*2*12.5~", []),
    ("sum with zeros", f"{BEG}{po1('5.5', '7')}CTT*2*12.50~", []),
    ("sum of digits alone", f"{BEG}{po1('5.5', '7')}CTT*2*62~", []),
    ("sum cut to its room", f"{BEG}{po1('9999999999.9', '9999999999.9')}CTT*2*9999999998~", []),
    ("another sum", f"{BEG}{po1('5', '7')}CTT*2*13~", [("CTT", 5, 2, "7", "warning")]),
    ("exponents are not summed", f"{BEG}{po1('5E99', '7')}CTT*2*13~", []),
    ("amounts behind it", f"{BEG}{po1('5')}CTT*2~AMT*TT*5~", [("CTT", 4, 1, "7", "error")]),
]


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in TOTALS], ids=[row[0] for row in TOTALS])
def test_totals_of_an_order(body, expected):
    assert told(body)[1] == expected


@pytest.mark.parametrize(
    ("kind", "group", "body", "right"),
    [
        ("855", "PR", "BAK*00*AC*1*20260105~PO1*1*5*EA*1~PO1*2*6*EA*1~CTT*{}*11~", "2"),
        ("860", "PC", "BCH*01*SA*1***20260105~POC*1*QD*5*2*EA*1~CTT*{}*5~", "1"),
        ("865", "CA", "BCA*01*AC*1***20260105~POC*1*QD*5*2*EA*1~CTT*{}*5~", "1"),
        ("810", "IN", "BIG*20260105*1~IT1*1*5*EA*1~IT1*2*5*EA*1~TDS*1000~CTT*{}*10~", "2"),
        ("856", "SH", f"{BSN}{HL_S}HL*2*1*O*1~PRF*PO-1~HL*3*2*I*0~LIN**VP*A~SN1**5*EA~CTT*{{}}*5~", "3"),
        ("861", "RC", "BRA*1*20260105*00*1~DTM*050*20260105~RCD*1*5*EA~CTT*{}*5~", "1"),
    ],
)
def test_each_set_counts_its_own_lines(kind, group, body, right):
    assert told(body.format(right), kind=kind, group=group)[1] == []
    piece, found = told(body.format("7"), kind=kind, group=group)
    assert found == [("CTT", piece.segments - 1, 1, "7", "error")]
    piece, found = told(body.format("7"), "control-totals", kind=kind, group=group)
    assert [one[4] for one in found] == ["warning"]
    assert piece.status is Status.ACCEPTED_WITH_ERRORS


def test_a_ship_notice_that_counts_its_items_is_told_how_to_count():
    body = f"{BSN}{HL_S}HL*2*1*O*1~HL*3*2*I*0~SN1**5*EA~HL*4*2*I*0~SN1**5*EA~CTT*2~"
    piece, found = told(body, kind="856", group="SH")
    assert found == [("CTT", 9, 1, "7", "warning")]
    assert "count all HL segments" in piece.findings[0].message


def test_a_wrong_total_is_told_with_its_byte_and_the_remedy():
    data = interchange(f"{BEG}{po1('5', '7')}CTT*2*13~")
    (piece,) = sets_of(pieces_of(data))
    (finding,) = piece.findings
    assert data[finding.byte_offset :].startswith(b"13~")
    assert finding.message == "CTT02 is `13`, but the sum of PO102 is 12; send the sum, or leave CTT02 out"


TREES = [
    ("S-O-I", f"{HL_S}HL*2*1*O*1~HL*3*2*I*0~", []),
    ("S-O-T-P-I", f"{HL_S}HL*2*1*O*1~HL*3*2*T*1~HL*4*3*P*1~HL*5*4*I*0~", []),
    ("S-T-O-I", f"{HL_S}HL*2*1*T*1~HL*3*2*O*1~HL*4*3*I*0~", []),
    ("not ordinals", "HL*10**S*1~HL*7*10*O*1~HL*8*7*I*0~", []),
    ("no HL04", "HL*1**S~HL*2*1*O~HL*3*2*I~", []),
    ("several shipments", f"{HL_S}HL*2*1*O*0~HL*3**S*1~HL*4*3*O*0~", []),
    ("unknown parent", f"{HL_S}HL*2*1*O*0~HL*3*9*I*0~", [("HL", 5, 2, "7", "error")]),
    ("parent of itself", f"{HL_S}HL*2*1*O*0~HL*3*3*I~", [("HL", 5, 2, "7", "error")]),
    ("parent comes later", f"{HL_S}HL*2*3*I*0~HL*3*1*O*1~", [("HL", 4, 2, "7", "error")]),
    ("circle", f"{HL_S}HL*2*3*P*1~HL*3*2*P*1~", [("HL", 4, 2, "7", "error"), ("HL", 3, 4, "7", "warning")]),
    ("used twice", f"{HL_S}HL*2*1*O*1~HL*2*1*I~", [("HL", 5, 1, "7", "error"), ("HL", 4, 4, "7", "warning")]),
    ("flat", "HL*1**S~HL*2**O~HL*3**I~", [("HL", 4, 2, "7", "warning")]),
    ("no HL01", "HL***S~HL***O~", [("HL", 3, 1, "1", "error"), ("HL", 4, 1, "1", "error")]),
    ("children denied", "HL*1**S*0~HL*2*1*O*1~", [("HL", 3, 4, "7", "warning")]),
    ("order below an item", f"{HL_S}HL*2*1*I*1~HL*3*2*O*0~", [("HL", 5, 3, "7", "warning")]),
    ("shipment below an order", f"{HL_S}HL*2*1*O*1~HL*3*2*S*0~", [("HL", 5, 3, "7", "warning")]),
]


@pytest.mark.parametrize(("levels", "expected"), [row[1:] for row in TREES], ids=[row[0] for row in TREES])
def test_trees(levels, expected):
    piece, found = told(BSN + levels, kind="856", group="SH")
    assert found == expected
    assert (piece.status is Status.REJECTED) == any(one[4] == "error" for one in found)
    assert all("; " in finding.message for finding in piece.findings)


def test_a_broken_tree_can_be_tolerated():
    body = f"{BSN}{HL_S}HL*2*9*O~HL*2*1*O~"
    piece, found = told(body, "hierarchy", kind="856", group="SH")
    assert {one[4] for one in found} == {"warning"}
    assert piece.status is Status.ACCEPTED_WITH_ERRORS


def test_what_contradicts_the_tree_is_told_once_for_all_levels():
    levels = "".join(f"HL*{at}*1*O*1~" for at in range(2, 50))
    piece, found = told(f"{BSN}{HL_S}{levels}", kind="856", group="SH")
    assert found == [("HL", 4, 4, "7", "warning")]
    assert "`2` and 47 more have" in piece.findings[0].message


def test_a_level_without_its_place_is_told_of_once():
    data = interchange(f"{BSN}{HL_S}HL*2*9*O~HL*2*1*O~", kind="856", group="SH")
    rules = ReadingRules(tolerances=frozenset({"hierarchy"}))
    (document,) = (one for one in translate(data, rules) if isinstance(one, TranslatedDocument))
    assert document.document is not None
    places = [(finding.position, finding.element) for finding in document.findings if finding.segment == "HL"]
    assert sorted(set(places)) == sorted(places)
    assert {finding.severity for finding in document.findings} == {Severity.WARNING}


def test_a_truncated_set_is_still_checked_for_its_tree():
    data = interchange(f"{BSN}{HL_S}HL*2*9*O~", kind="856", group="SH").partition(b"SE*")[0]
    (piece,) = sets_of(pieces_of(data))
    assert ("HL", 4, 2) in [(finding.segment, finding.position, finding.element) for finding in piece.findings]
