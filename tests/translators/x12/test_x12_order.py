"""Where segments that have several places in a set are read, and what is said of those that have none there."""

import pytest

from tests.translators.x12.conftest import interchange, pieces_of, sets_of
from translators.findings import Level
from translators.guide import ReadingRules
from translators.x12.faults import SegmentError
from translators.x12.sets import FUNCTIONAL_IDS
from translators.x12.tree import Loop

# Segments that need their values to be no finding of their own; the others say nothing here and are only placed.
FULL = {"S": "HL*1**S", "O": "HL*2*1*O", "I": "HL*3*2*I", "SF": "N1*SF*ACME"}
LENIENT = ReadingRules(tolerances=frozenset({"segment-order", "unknown-segments"}))


def shape(loop):
    """The tree as text: each loop in brackets behind the segment that opens it."""
    return " ".join(f"[{shape(item)}]" if isinstance(item, Loop) else item.code for item in loop.items)


def read(kind, release, codes, rules=LENIENT):
    """The shape of a set of bare segments, and what is wrong with their order: AK304 (but 8) and segment."""
    body = "".join(FULL.get(code, code) + "~" for code in codes.split())
    (one,) = sets_of(pieces_of(interchange(body, release=release, kind=kind, group=FUNCTIONAL_IDS[kind]), rules))
    found = [(finding.code.value, finding.segment) for finding in one.findings if finding.level is Level.SEGMENT]
    ordered = [fault for fault in found if fault[0] != SegmentError.ELEMENT_ERRORS]
    return shape(one.tree).removeprefix("ST ").removesuffix(" SE"), ordered


GOOD = {
    "850: references, dates and charges of the order, of a party and of a line": (
        "850", "004010", "BEG REF REF PER SAC CUR DTM TD5 N9 MSG N1 N3 REF PER N1 PO1 REF SAC DTM N1 REF PO1 CTT AMT",
        "BEG REF REF PER [SAC CUR] DTM TD5 [N9 MSG] [N1 N3 REF PER] [N1] [PO1 REF [SAC] DTM [N1 REF]] [PO1] [CTT AMT]",
    ),
    "850: charges of the header, of a line and of a subline": (
        "850", "005010", "BEG SAC SAC N1 PO1 SAC SLN SAC PO1 CTT",
        "BEG [SAC] [SAC] [N1] [PO1 [SAC] [SLN [SAC]]] [PO1] [CTT]",
    ),
    "850: LS and LE bound the lead times": (
        "850", "004010", "BEG PO1 LS LDT QTY MSG REF LM LQ LDT LE N9 PO1 CTT",
        "BEG [PO1 [LS [LDT QTY MSG REF [LM LQ]] [LDT] LE] [N9]] [PO1] [CTT]",
    ),
    "850: an LS without lead times": (
        "850", "004010", "BEG PO1 LS LE CTT", "BEG [PO1 [LS LE]] [CTT]",
    ),
    "850: codes of a lead time, and of the line behind LE": (
        "850", "005010", "BEG PO1 LS LDT LM LQ LE LM LQ CTT", "BEG [PO1 [LS [LDT [LM LQ]] LE] [LM LQ]] [CTT]",
    ),
    "850: a store split keeps to its line": (
        "850", "004010", "BEG PO1 PID SDQ SDQ PO1 SDQ CTT", "BEG [PO1 [PID] SDQ SDQ] [PO1 SDQ] [CTT]",
    ),
    "850: amounts of the header and, behind CTT, of the whole": (
        "850", "003050", "BEG AMT REF AMT PO1 AMT REF CTT AMT", "BEG [AMT REF] [AMT] [PO1 [AMT REF]] CTT AMT",
    ),
    "850: notes float in the early releases": (
        "850", "003040", "NTE BEG NTE N1 N3 NTE N4 PO1 NTE NTE PO1 CTT NTE",
        "NTE BEG NTE [N1 N3 NTE N4] [PO1 NTE NTE] [PO1] CTT NTE",
    ),
    "855: several acknowledgments of a line": (
        "855", "004010", "BAK REF N1 PO1 PID REF ACK DTM ACK DTM PO1 ACK CTT",
        "BAK REF [N1] [PO1 [PID] REF [ACK DTM] [ACK DTM]] [PO1 [ACK]] [CTT]",
    ),
    "856: segments before the first level": (
        "856", "004010", "BSN DTM DTM S TD5 REF DTM N1 N3 REF O PRF REF I LIN SN1 MAN N1 CTT",
        "BSN DTM DTM [HL TD5 REF DTM [N1 N3 REF]] [HL PRF REF] [HL LIN SN1 MAN [N1]] CTT",
    ),
    "860: lines changed, with their own charges and parties": (
        "860", "004010", "BCH REF SAC N1 POC SAC N1 POC CTT", "BCH REF [SAC] [N1] [POC [SAC] [N1]] [POC] [CTT]",
    ),
    "810: taxes and charges of the header, of a line, of a charge and of the whole": (
        "810", "004010", "BIG CUR REF N1 REF ITD DTM IT1 TXI CTP PID SAC TXI IT1 TDS TXI CAD SAC TXI CTT",
        "BIG CUR REF [N1 REF] ITD DTM [IT1 TXI CTP [PID] [SAC TXI]] [IT1] TDS TXI CAD [SAC TXI] CTT",
    ),
    "820: remittances of an entity": (
        "820", "005010", "BPR TRN REF DTM N1 N3 ENT NM1 RMR REF DTM ADX REF ENT RMR",
        "BPR TRN REF DTM [N1 N3] [ENT [NM1] [RMR REF DTM [ADX [REF]]]] [ENT [RMR]]",
    ),
    "824: errors of an original transaction": (
        "824", "005010", "BGN N1 REF OTI REF DTM AMT TED NTE TED OTI",
        "BGN [N1 REF] [OTI REF DTM AMT [TED NTE] [TED]] [OTI]",
    ),
    "830: forecasts of a line, and those of its delivery pattern": (
        "830", "004010", "BFR REF N1 LIN UIT REF N1 FST QTY SDP FST SHP REF LIN UIT CTT",
        "BFR REF [N1] [LIN UIT REF [N1] [FST QTY] [SDP FST] [SHP REF]] [LIN UIT] CTT",
    ),
    "830: a description behind a subline is the subline's": (
        "830", "003010", "BFR LIN UIT SLN PID LIN UIT PID CTT", "BFR [LIN UIT [SLN PID]] [LIN UIT PID] CTT",
    ),
    "846: references and parties inside LS and LE, parties of the line behind them": (
        "846", "004010", "BIA DTM REF N1 LIN PID DTM QTY LS REF N1 LE N1 LIN QTY CTT",
        "BIA DTM REF [N1] [LIN PID DTM [QTY [LS [REF N1] LE]] [N1]] [LIN [QTY]] CTT",
    ),
    "861: what was received": (
        "861", "004010", "BRA REF DTM N1 RCD LIN PID REF N1 RCD CTT",
        "BRA REF DTM [N1] [RCD LIN PID REF [N1]] [RCD] CTT",
    ),
    "862: packing in a release whose own table had lost it": (
        "862", "003010", "BSS DTM N1 LIN UIT PKG PO4 REF FST DTM SDQ SHP LIN UIT CTT",
        "BSS DTM [N1] [LIN UIT PKG PO4 REF [FST DTM SDQ] [SHP]] [LIN UIT] CTT",
    ),
    "865: lines acknowledged": (
        "865", "004010", "BCA REF N1 POC ACK DTM ACK CTT", "BCA REF [N1] [POC [ACK DTM] [ACK]] [CTT]",
    ),
    "870: orders and their items": (
        "870", "004010", "BSR REF S PRF ISR O PRF PO1 ISR CTT", "BSR [REF] [HL PRF [ISR]] [HL PRF [PO1 [ISR]]] CTT",
    ),
    "997": (
        "997", "004010", "AK1 AK2 AK3 AK4 AK4 AK3 AK5 AK2 AK5 AK9",
        "AK1 [AK2 [AK3 AK4 AK4] [AK3] AK5] [AK2 AK5] AK9",
    ),
    "999": (
        "999", "005010", "AK1 AK2 IK3 CTX IK4 CTX IK4 IK5 AK2 IK5 AK9",
        "AK1 [AK2 [IK3 CTX [IK4 CTX] [IK4]] IK5] [AK2 IK5] AK9",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_a_segment_with_several_places_is_read_where_it_stands(case):
    kind, release, codes, expected = GOOD[case]
    assert read(kind, release, codes) == (expected, [])


BAD = {
    "1: no segment of X12 here": ("850", "004010", "BEG QQQ PO1 CTT", "BEG QQQ [PO1] [CTT]", [("1", "QQQ")]),
    "6: a segment of other sets": ("850", "004010", "BEG BIG PO1 CTT", "BEG BIG [PO1] [CTT]", [("6", "BIG")]),
    "6: such a segment in a loop": ("850", "004010", "BEG PO1 BSN CTT", "BEG [PO1 BSN] [CTT]", [("6", "BSN")]),
    "6: notes are gone from the 850": ("850", "004010", "BEG NTE PO1 CTT", "BEG NTE [PO1] [CTT]", [("6", "NTE")]),
    "2: its loop is not open": ("850", "004010", "BEG N3 PO1 CTT", "BEG N3 [PO1] [CTT]", [("2", "N3")]),
    "2: LE without LS": ("850", "004010", "BEG PO1 LE CTT", "BEG [PO1 LE] [CTT]", [("2", "LE")]),
    "2: a reference before the first level": ("856", "004010", "BSN REF S CTT", "BSN REF [HL] CTT", [("2", "REF")]),
    "2: a line's schedule before any line": ("850", "004010", "BEG SCH PO1 CTT", "BEG SCH [PO1] [CTT]", [("2", "SCH")]),
    "3: the beginning": ("850", "004010", "REF PO1 CTT", "REF [PO1] [CTT]", [("3", "BEG")]),
    "3: every line": ("850", "004010", "BEG CTT", "BEG [CTT]", [("3", "PO1")]),
    "3: LE": ("850", "004010", "BEG PO1 LS LDT PO1 CTT", "BEG [PO1 [LS [LDT]]] [PO1] [CTT]", [("3", "LE")]),
    "5: twice what may stand once": ("850", "004010", "BEG BEG PO1 CTT", "BEG BEG [PO1] [CTT]", [("5", "BEG")]),
    "5: three lines of names": ("850", "004010", "BEG N1 N2 N2 N2 PO1", "BEG [N1 N2 N2 N2] [PO1]", [("5", "N2")]),
    "7: too late in the header": ("850", "004010", "BEG N1 CUR PO1 CTT", "BEG [N1] CUR [PO1] [CTT]", [("7", "CUR")]),
    "7: too late in a loop": ("850", "004010", "BEG N1 N4 N3 PO1 CTT", "BEG [N1 N4 N3] [PO1] [CTT]", [("7", "N3")]),
    "7: a loop that comes late is read as one": (
        "855", "004010", "BAK PO1 CTT PO1 ACK CTT", "BAK [PO1] [CTT] [PO1 [ACK]] [CTT]", [("7", "PO1")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_segment_without_a_place_is_told_of_in_the_words_of_ak304(case):
    kind, release, codes, expected, found = BAD[case]
    assert read(kind, release, codes) == (expected, found)


def test_a_loop_over_its_maximum():
    _, found = read("850", "004010", "BEG" + " SF" * 202 + " PO1")
    assert found == [("4", "N1")] * 2


def severities(body, release):
    (one,) = sets_of(pieces_of(interchange(f"BEG*00*SA*1**{body}", release=release)))
    return [(finding.segment, finding.element, finding.code.value, finding.severity.value) for finding in one.findings]


@pytest.mark.parametrize(
    ("body", "release", "expected"),
    [
        # PO413 without PO410 to PO412: a note that real files break, so it is told and rejects nothing.
        ("20260105~PO1*1*5*EA~PO4*1*********1*1*1*EA~", "004010", []),
        ("20260105~PO1*1*5*EA~PO4*1************EA~", "004010", [("PO4", 10, "2", "warning")]),
        # Other notes reject, in the releases where they were checked.
        ("20260105~PO1*1*5*EA***VP~", "004010", [("PO1", 7, "2", "error")]),
        ("20260105~PO1*1*5*EA***VP~", "005010", [("PO1", 7, "2", "error")]),
        ("20260105~PO1*1*5*EA***VP~", "004030", [("PO1", 7, "2", "warning")]),
        ("260105~PO1*1*5*EA***VP~CTT*1~", "003050", [("PO1", 7, "2", "warning")]),
        # A code that the lists before and after have is taken in the release between.
        ("20260105~REF*A6*1~PO1*1*5*EA~", "005030", []),
        ("20260105~DTM*AFC*20260105~PO1*1*5*EA~", "005010", []),
        ("20260105~DTM*AFC*20260105~PO1*1*5*EA~", "004010", [("DTM", 1, "7", "error")]),
    ],
)
def test_what_is_not_sure_in_the_tables_rejects_nothing(body, release, expected):
    assert severities(body, release) == expected
