"""X12 trees to canonical documents: nothing lost, nothing raised, and the truth of each fixture looked at by hand."""

import datetime as dt
import json
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translators.guide import ReadingRules
from translators.shapes import as_json, schema
from translators.x12.documents import translate
from translators.x12.documents.element_values import calendar_date, clock_time
from translators.x12.documents.levels import LEVEL_DEPTH_MAX
from translators.x12.documents.special_segments import sscc
from translators.x12.reader import read
from translators.x12.reading import GroupOpened, SetRead
from translators.x12.sets import DOCUMENT_TYPES
from translators.x12.tree import Loop, Segment, element_values

FIXTURES = Path(__file__).parent.parent / "fixtures"
EVERY_TOLERANCE = ReadingRules(
    tolerances=frozenset({"unknown-segments", "code-values", "element-lengths", "segment-order", "newer-release"})
)
GOLDEN = sorted(path.stem for path in (FIXTURES / "canonical").glob("*.json"))


def sets_of(path, rules=EVERY_TOLERANCE):
    tables = ""
    for piece in read(path.read_bytes(), rules):
        if isinstance(piece, GroupOpened):
            tables = piece.tables or ""
        elif isinstance(piece, SetRead) and piece.tree is not None:
            yield piece.type, piece.tree, tables


@cache
def validator(document_type):
    return jsonschema.Draft202012Validator(schema(document_type))


def leaves(value):
    if isinstance(value, dict):
        for held in value.values():
            yield from leaves(held)
    elif isinstance(value, list):
        for held in value:
            yield from leaves(held)
    elif value is not None:
        yield str(value)


def decimal(text):
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        return None


def forms(value):
    """What a value may look like in canonical JSON."""
    yield value
    yield value.rstrip()
    yield value.strip()
    yield from value.rstrip().split("\n")
    stripped = value.strip()
    date = calendar_date(stripped, "") if stripped.isdigit() else None
    if date is not None:
        yield date.isoformat()
    time = clock_time(stripped)
    if time is not None:
        yield time.isoformat()


def lost(piece, shown):
    texts = {line for leaf in leaves(shown) for line in (leaf, *leaf.split("\n"))}
    numbers = {number for text in texts if (number := decimal(text)) is not None}
    years = {text[:2] for text in texts if len(text) == 10 and text[4:5] == "-"}
    for segment in piece.tree.walk():
        if segment.code == "DTM" and segment.value(5) in years:
            texts.add(segment.value(5))  # the century of DTM02, up to 003070
        if segment.code in {"ST", "SE", "LS", "LE"}:
            continue
        for number, held in enumerate(segment.elements, 1):
            for value in element_values(held):
                exact = decimal(value.strip())
                as_number = exact is not None and (exact in numbers or (exact / 100).normalize() in numbers)
                if value.strip() and not as_number and not texts.intersection(forms(value)):
                    yield f"{segment.code}{number:02} at {segment.position}: {value}"


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_documents(name):
    expected = json.loads((FIXTURES / "canonical" / f"{name}.json").read_text("utf-8"))
    documents = [as_json(translate(*held).document) for held in sets_of(FIXTURES / "x12" / f"{name}.edi")]
    assert documents == expected


def tree(text):
    """A tree of segments, one a line; indented lines stand in the loop that the line above them opens."""
    root = Loop("")
    stack = [(-1, root)]
    for position, line in enumerate(text.strip("\n").split("\n"), 1):
        indent = len(line) - len(line.lstrip())
        code, *elements = line.strip().split("*")
        while stack[-1][0] >= indent:
            stack.pop()
        held = [tuple(tuple(part.split(":")) for part in e.split("^")) if ":" in e else e for e in elements]
        segment = Segment(code, held, position, 0, 0)
        if code in {"PO1", "N1", "N9", "HL", "SAC", "ACK", "CTP", "PID", "SLN", "SCH", "AMT", "CTT", "LS"}:
            loop = Loop(code, [segment])
            stack[-1][1].items.append(loop)
            stack.append((indent, loop))
        else:
            stack[-1][1].items.append(segment)
    return root


def order(text):
    mapped = translate("850", tree(text))
    return as_json(mapped.document), mapped.findings


def test_line_without_number_is_known_by_its_position():
    shown, _ = order("PO1**5*EA\nPO1*A*6*EA\nPO1**7*EA")
    assert [line["line_id"] for line in shown["lines"]] == ["1", "A", "3"]
    assert [line.get("line_id_assigned") for line in shown["lines"]] == [True, None, True]


def test_unit_without_sure_counterpart_is_null_and_told_once():
    shown, findings = order("PO1*1*5*CS\nPO1*2*5*CS\nPO1*3*5*CA")
    assert [line["unit"] for line in shown["lines"]] == [None, None, "XCS"]
    assert shown["lines"][0]["unit_as_sent"] == {"code": "CS", "list": "x12_355"}
    assert [finding.code for finding in findings] == ["unit-unknown"]


def test_allowance_has_two_implied_decimals():
    shown, findings = order("SAC*C*D240***1250**********Freight\nSAC*A*C310***12.50")
    freight, discount = shown["allowances_charges"]
    assert (freight["amount"], freight["is_charge"], freight["label"]) == ("12.50", True, "freight")
    assert (discount["amount"], discount["is_charge"]) == ("12.50", False)
    assert [(finding.segment, finding.element) for finding in findings] == [("SAC", 5)]


def test_store_split():
    shown, _ = order("PO1*1*8*EA\n  SDQ*EA*92*0001*5*0002*3*0003")
    assert [(split["location"], split["quantity"]) for split in shown["lines"][0]["splits"]] == [
        ("0001", "5"),
        ("0002", "3"),
    ]
    assert shown["unmapped"] == [
        {
            "segment": "SDQ",
            "position": 2,
            "loop": "PO1",
            "elements": [{"element": 7, "value": "0003"}],
            "place": "PO1[1]/SDQ[1]",
        }
    ]


def test_note_and_reference_by_n9():
    shown, _ = order("N9*L1*1*Terms\n  MSG*Deliver early.\n  MSG*Ring twice.\nN9*PD*PROMO1")
    assert shown["notes"] == [
        {"qualifier": "L1", "reference": "1", "description": "Terms", "text": "Deliver early.\nRing twice."}
    ]
    (reference,) = shown["references"]
    assert (reference["qualifier"], reference["value"]) == ("PD", "PROMO1")


def test_composite_keeps_what_was_not_read():
    shown, _ = order("PO1*1*8*EA\n  CTP**CAT*9*1*EA:1:2\nREF*ZZ*A**L1:B")
    assert shown["lines"][0]["prices"][0]["unit"] == "EA"
    kept = {entry["segment"]: entry["elements"] for entry in shown["unmapped"]}
    assert [part["value"] for part in kept["CTP"]] == ["1", "2"]
    assert [(part["element"], part["component"], part["value"]) for part in kept["REF"]] == [(4, 1, "L1"), (4, 2, "B")]


@pytest.mark.parametrize(
    ("line", "code", "element"),
    [
        ("DTM*002*20261332", "8", 2),
        ("PO1*1*many*EA", "6", 2),
        ("DTM*002*20260101*2561", "9", 3),
        ("AMT*TT*1E3", "6", 2),
    ],
)
def test_values_that_cannot_be_taken_stay_as_sent(line, code, element):
    shown, findings = order(line)
    assert [(finding.code, finding.element) for finding in findings] == [(code, element)]
    assert shown["unmapped"][0]["elements"] == [{"element": element, "value": line.split("*")[element]}]


@pytest.mark.parametrize(
    ("digits", "century", "date"),
    [
        ("20260105", "", dt.date(2026, 1, 5)),
        ("260105", "", dt.date(2026, 1, 5)),
        ("980105", "", dt.date(1998, 1, 5)),
        ("980105", "20", dt.date(2098, 1, 5)),
        ("20260230", "", None),
        ("2026", "", None),
    ],
)
def test_dates(digits, century, date):
    assert calendar_date(digits, century) == date


@pytest.mark.parametrize(
    ("bak02", "line", "status"),
    [
        ("AT", "PO1*1*5*EA", "accepted"),
        ("AD", "PO1*1*0*EA", "rejected"),
        ("AC", "PO1*1*5*EA", "accepted_with_changes"),
        ("RJ", "PO1*1*5*EA", "rejected"),
        ("AH", "PO1*1*5*EA", "on_hold"),
        ("AK", "PO1*1*5*EA", "accepted"),
        ("AE", "PO1*1*5*EA", "accepted_with_changes"),
        ("RO", "PO1*1*5*EA", "accepted_with_changes"),
        ("RD", "PO1*1*5*EA", "rejected"),
        ("RF", "PO1*1*5*EA", "rejected"),
        ("RN", "PO1*1*5*EA", "rejected"),
        ("RV", "PO1*1*5*EA", "rejected"),
        ("AH", "PO1*1*0*EA", "on_hold"),
        ("AT", "PO1*1**EA", "accepted"),
        ("AP", "PO1*1*5*EA", None),
        ("ZZ", "PO1*1*5*EA", None),
        ("NA", "PO1*1*5*EA", None),
    ],
)
def test_status_without_ack_follows_from_the_whole(bak02, line, status):
    shown = as_json(translate("855", tree(f"BAK*00*{bak02}*4500012345*20260105\n{line}")).document)
    acknowledgments = shown["lines"][0].get("acknowledgments", [])
    assert [held["status"] for held in acknowledgments] == ([status] if status else [])
    assert all(held["derived"] for held in acknowledgments)


def test_several_acknowledgments_of_a_line():
    text = "BAK*00*AC*1*20260105\nPO1*1*100*CA\n  ACK*IQ*60*CA*068*20260120\n  ACK*IB*40*CA\n  ACK*ZX*1*CA"
    shown = as_json(translate("855", tree(text)).document)
    held = shown["lines"][0]["acknowledgments"]
    assert [(item.get("status"), item["code"], item["quantity"]) for item in held] == [
        ("quantity_changed", "IQ", "60"),
        ("backordered", "IB", "40"),
        (None, "ZX", "1"),
    ]
    assert held[0]["dates"][0]["date"] == "2026-01-20"
    assert "derived" not in held[0]


def notice(text):
    mapped = translate("856", tree(f"BSN*00*S1*20260119*1430\n{text}"))
    return as_json(mapped.document), [finding.code for finding in mapped.findings]


def test_several_orders_with_packs_and_pallets():
    shown, findings = notice(
        "HL*1**S\nHL*2*1*O\n  PRF*PO1***20260105\nHL*3*2*T\n  MAN*GM*00000123456789012345\nHL*4*3*P\n"
        "  MAN*AA*000123456789012352\nHL*5*4*I\n  LIN*1*VP*X\n  SN1**4*EA\nHL*6*1*O\n  PRF*PO2\nHL*7*6*I\n  SN1*9*5*EA"
    )
    assert findings == []
    first, second = shown["lines"]
    assert (first["purchase_order_number"], first["purchase_order_date"], first["line_id"]) == (
        "PO1",
        "2026-01-05",
        "1",
    )
    assert [(held["kind"], held["sscc"]) for held in first["packages"]] == [
        ("pack", "000123456789012352"),
        ("tare", "000123456789012345"),
    ]
    assert (second["purchase_order_number"], second["line_id"], second["quantity"]) == ("PO2", "9", "5")
    assert shown["purchase_order_numbers"] == ["PO1", "PO2"]
    assert "purchase_order_number" not in shown
    assert shown["levels"][0]["children"][0]["children"][0]["kind"] == "tare"


def test_order_below_the_pallet_and_pack_below_the_item():
    shown, _ = notice(
        "HL*1**S\nHL*2*1*T\n  MAN*GM*00000123456789012345\nHL*3*2*O\n  PRF*PO1\nHL*4*3*I\n  SN1**9*EA\n"
        "HL*5*4*P\n  SN1**6*EA\n  MAN*CP*1Z99\nHL*6*4*P\n  SN1**3*EA\n  MAN*CP*1Z98"
    )
    (line,) = shown["lines"]
    assert line["quantity"] == "9"
    assert shown["purchase_order_number"] == line["purchase_order_number"] == "PO1"
    assert [(held["level_id"], held.get("quantity")) for held in line["packages"]] == [
        ("5", "6"),
        ("6", "3"),
        ("2", None),
    ]


def test_broken_parents_stay_at_the_root_and_are_told():
    shown, findings = notice("HL*1**S\nHL*2*9*O\n  PRF*PO1\nHL*2*2*I\n  SN1**1*EA\nHL*4*4*I\n  SN1**2*EA")
    assert [level["id"] for level in shown["levels"]] == ["1", "2", "4"]
    assert findings == ["level-parent-unknown", "level-id-repeated", "level-parent-unknown"]
    assert shown["lines"][0]["purchase_order_number"] == "PO1"


def test_endless_nesting_ends():
    chain = "\n".join(f"HL*{number}*{number - 1 or ''}*I\n  SN1**1*EA" for number in range(1, 300))
    shown, findings = notice(chain)
    assert len(shown["lines"]) == 299
    assert set(findings) == {"level-too-deep"}

    def depth(levels):
        return 1 + max((depth(level.get("children", [])) for level in levels), default=-1)

    assert depth(shown["levels"]) == LEVEL_DEPTH_MAX


@pytest.mark.parametrize(
    ("qualifier", "number", "expected"),
    [
        ("GM", "00000123456789012345", "000123456789012345"),
        ("AA", "000123456789012345", "000123456789012345"),
        ("GM", "10000123456789012345", None),
        ("CP", "000123456789012345", None),
        ("GM", "1Z99", None),
    ],
)
def test_sscc(qualifier, number, expected):
    assert sscc(qualifier, number) == expected


codes = st.sampled_from(
    [
        "BEG",
        "BAK",
        "BSN",
        "REF",
        "PO1",
        "ACK",
        "SAC",
        "SDQ",
        "MAN",
        "HL",
        "LIN",
        "SN1",
        "PRF",
        "N1",
        "N3",
        "N4",
        "DTM",
        "N9",
        "MSG",
        "CTP",
        "PO4",
        "TD1",
        "TD5",
        "CTT",
        "SCH",
        "ITD",
        "ZZ9",
        "AK4",
    ]
)
values = st.one_of(
    st.just(""),
    st.text(max_size=6),
    st.sampled_from(["1", "12.5", "20260105", "1430", "EA", "²", "99999999", "-.5", " "]),
    st.lists(st.lists(st.text(max_size=3), min_size=1, max_size=3).map(tuple), min_size=1, max_size=2).map(tuple),
)
segments = st.builds(Segment, codes, st.lists(values, max_size=12), st.integers(1, 99), st.just(0), st.just(0))
trees = st.recursive(
    segments,
    lambda inner: st.builds(Loop, codes, st.lists(inner, max_size=6)),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(DOCUMENT_TYPES)), st.lists(trees, max_size=6))
def test_whatever_the_tree_nothing_is_raised_and_nothing_lost(set_type, items):
    root = Loop("", items)
    shown = as_json(translate(set_type, root).document)
    assert validator(shown["document_type"]).is_valid(shown)
    piece = SetRead(set_type, "0001", "", None, 0, root, [], 0, 0, 0)
    assert list(lost(piece, shown)) == []
