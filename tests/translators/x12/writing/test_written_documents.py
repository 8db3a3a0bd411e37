"""Canonical documents in every release: what is written reads back the same, or a finding names what does not."""

import datetime as dt
import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.translators.x12.conftest import pieces_of, sets_of
from tests.translators.x12.writing.plausible import Maker, WildMaker
from translators.document_parts import (
    Acknowledgment,
    CodeAsSent,
    DateReference,
    DeliveryTerms,
    Description,
    Identifier,
    Measure,
    Note,
    Packages,
    Party,
    ProductId,
    Reference,
    Routing,
    Split,
    Unmapped,
    UnmappedElement,
)
from translators.documents import (
    AcknowledgmentLine,
    Invoice,
    Level,
    OrderLine,
    OrderReference,
    PurchaseOrder,
    PurchaseOrderAcknowledgment,
    Receipt,
    ShipNotice,
    ShipNoticeLine,
)
from translators.findings import Severity
from translators.guide import ElementOverride, Identity, LoopOverride, ReadingRules, SegmentOverride
from translators.json import read as read_json
from translators.shapes import as_json
from translators.x12.dictionary import releases
from translators.x12.documents import translate
from translators.x12.grammar import grammar
from translators.x12.reading import Status
from translators.x12.writing import SET_TYPES, Envelope, FramingRules, write_interchange, write_set

WRITTEN = Path(__file__).parents[3] / "fixtures" / "written"
AT = dt.datetime(2026, 1, 26, 9, 30, tzinfo=dt.UTC)
# What follows from other fields: codes beside words, labels, units as sent.
FOLLOWING = {"label", "document_type", "schema_version", "unit_as_sent", "dimension_unit_as_sent", "level_id", "totals"}


def envelope(release):
    return Envelope(
        Identity("ZZ", "ACMESUPPLY"),
        "ACMESUPPLY",
        Identity("01", "123456789"),
        "BIGCORP",
        release,
        AT,
        1207,
        group_control_number=77,
    )


def written_and_read(document, release):
    """The finding of the writing and the document that a strict reader makes of the bytes."""
    written = write_interchange([document], envelope(release), FramingRules(encoding="utf-8"))
    assert written.data is not None, written
    (piece,) = sets_of(pieces_of(written.data, ReadingRules(encoding="utf-8")))
    assert piece.status is not Status.REJECTED, piece.findings
    return written, translate(piece.type, piece.tree, release).document


def leaves(value, path=()):
    if isinstance(value, dict):
        for name, held in value.items():
            if name not in FOLLOWING:
                yield from leaves(held, (*path, name))
    elif isinstance(value, list):
        for index, held in enumerate(value):
            yield from leaves(held, (*path, index))
    elif value is not None:
        yield path, value


def without_indexes(path):
    return tuple(step for step in path if isinstance(step, str))


def same(value):
    is_number = isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value)
    return Decimal(value).normalize() if is_number else value.rstrip() if isinstance(value, str) else value


def untold(document, read_back, findings):
    """The values that the document read back does not hold, and that no finding names."""
    told = [finding.pointer.strip("/").split("/") for finding in findings if finding.pointer]
    left = [(without_indexes(path), same(value)) for path, value in leaves(as_json(read_back))]
    for path, value in leaves(as_json(document)):
        if is_told([str(step) for step in path], told):
            continue
        if (without_indexes(path), same(value)) in left:
            left.remove((without_indexes(path), same(value)))
        else:
            yield path, value


def is_told(steps, told):
    """Whether a finding names a value, what it stands in or a part of it; a word is told with its code."""
    beside = ([*steps[:-1], f"{steps[-1]}_code"], [*steps[:-1], "code"])
    return any(steps[: len(held)] == held or steps == held[: len(steps)] or held in beside for held in told)


DOCUMENTS = st.builds(
    lambda of, seed, fullness: Maker(seed, fullness).document(of),
    st.sampled_from(list(SET_TYPES)),
    st.integers(0, 2**32),
    st.sampled_from([0.02, 0.05, 0.1, 0.2, 0.35]),
)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.sampled_from(releases()))
def test_what_is_written_reads_back_the_same_or_a_finding_names_it(document, release):
    written = write_set(document, release)
    findings = written.findings
    if not written.is_sound:
        assert any(finding.severity is Severity.ERROR for finding in findings)
        assert all(finding.message for finding in findings)
        return
    assert not any(finding.severity is Severity.ERROR for finding in findings)
    _, read_back = written_and_read(document, release)
    if isinstance(document, Invoice):
        # A line of the invoice's own order does not name it again.
        order = document.purchase_order_number
        lines = (
            replace(line, purchase_order_number=None) if line.purchase_order_number == order else line
            for line in document.lines
        )
        document = replace(document, lines=tuple(lines))
    if isinstance(document, ShipNotice):
        # Levels are the tree; lines and the orders they name follow from it. Without levels the lines are kept.
        kept = {"lines": ()} if document.levels else {}
        document = replace(
            document,
            **kept,
            purchase_order_numbers=(),
            purchase_order_number=None,
            purchase_order_date=None,
            release_number=None,
            contract=None,
        )
        shipment = read_back.levels[0] if read_back.levels else Level(id="1")
        moved = {
            name: getattr(shipment, name)
            for name in vars(document)
            if hasattr(shipment, name) and getattr(document, name) and name not in {"lines", "levels"}
        }
        read_back = replace(read_back, **{name: held for name, held in moved.items() if not getattr(read_back, name)})
    assert list(untold(document, read_back, findings)) == []


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        lambda of, seed: WildMaker(seed, 0.15).document(of), st.sampled_from(list(SET_TYPES)), st.integers(0, 2**32)
    ),
    st.sampled_from([*releases(), "004010VICS", "003999", "x", ""]),
)
def test_whatever_a_document_holds_nothing_is_raised_and_no_bad_set_is_handed_out(document, release):
    written = write_interchange([document], envelope(release))
    if written.data is None:
        found = [*written.findings, *(finding for one in written.sets for finding in one.findings)]
        assert any(finding.severity is Severity.ERROR for finding in found)
        return
    (piece,) = sets_of(pieces_of(written.data))
    assert piece.status is not Status.REJECTED


@pytest.mark.parametrize("release", releases())
@pytest.mark.parametrize("of", SET_TYPES, ids=SET_TYPES.values())
def test_every_release_takes_a_plain_document_of_each_kind(of, release):
    document = Maker(7, 0).document(of)
    written = write_set(document, release)
    assert (grammar(SET_TYPES[of], release) is not None) == (
        written.findings[:1] == () or written.findings[0].code != "not-writable"
    )
    if written.is_sound:
        assert next(held.code for held in written.segments) == "ST"
        assert written.segments[-1].elements == [str(len(written.segments)), "0001"]


# --- goldens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(WRITTEN.glob("*.json")), ids=lambda path: path.stem)
def test_documents_of_our_own_are_written_to_the_byte(path):
    (held, _) = read_json(path.read_bytes())
    assert held.findings == ()
    release = path.stem.partition("-")[2]
    written = write_interchange([held.document], envelope(release), FramingRules(line_end="\n"))
    assert written.data == path.with_suffix(".edi").read_bytes()
    told = [f"{finding.code} {finding.pointer}" for one in written.sets for finding in one.findings]
    assert told == json.loads(path.with_suffix(".findings").read_text())


# --- one thing at a time ----------------------------------------------------------------------------------------------

LINE = OrderLine(
    line_id="1", quantity=Decimal(5), unit="EA", unit_price=Decimal("1.25"), product_ids=(ProductId("A", "VP"),)
)
ORDER = PurchaseOrder(
    number="4711", purpose_code="00", order_type_code="SA", issued_on=dt.date(2026, 1, 5), lines=(LINE,)
)


def lines_of(written):
    return [
        "*".join([held.code, *(e if isinstance(e, str) else "^".join(">".join(p) for p in e) for e in held.elements)])
        for held in written.segments
    ]


def told(written):
    return [(finding.code, finding.pointer, finding.segment, finding.element) for finding in written.findings]


def test_an_order_is_written_with_its_totals():
    written = write_set(ORDER, "004010", set_control_number="0042")
    assert lines_of(written) == [
        "ST*850*0042",
        "BEG*00*SA*4711**20260105",
        "PO1*1*5*EA*1.25**VP*A",
        "CTT*1*5",
        "SE*5*0042",
    ]
    assert written.findings == ()
    assert [held.position for held in written.segments] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"number": "N" * 23}, ("too-long", "/number", "BEG", 3)),
        ({"issued_on": dt.date(1960, 1, 5)}, None),
        ({"order_type_code": "Q9"}, ("code-not-listed", "/order_type_code", "BEG", 2)),
        ({"order_type_code": None, "order_type": "whim"}, ("code-not-listed", "/order_type", "BEG", 2)),
        ({"order_type": "blanket_order"}, ("contradiction", "/order_type", "BEG", 2)),
        ({"issued_at": dt.time(9, 30)}, ("not-carried", "/issued_at", None, None)),
        ({"references": (Reference("DP", value="D\x07P"),)}, ("character-replaced", "/references/0/value", "REF", 2)),
        ({"references": (Reference("DP"),)}, ("missing-value", "/references/0/value", "REF", 2)),
        ({"notes": (Note("L1", "1", None, "x" * 300),)}, ("text-wrapped", "/notes/0/text", "MSG", 1)),
        ({"parties": (Party(role="buyer", name="x" * 61),)}, ("too-long", "/parties/0/name", "N1", 2)),
        (
            {"dates": (DateReference("002", time_zone="XX", time=dt.time(1)),)},
            ("code-not-listed", "/dates/0/time_zone", "DTM", 4),
        ),
        ({"lines": ()}, ("missing-value", "/lines", "PO1", None)),
        ({"issued_on": None}, ("missing-value", "/issued_on", "BEG", 5)),
        (
            {"unmapped": (Unmapped("ZZZ", 7, None, (UnmappedElement(1, "A"),)),)},
            ("not-carried", "/unmapped/0", None, None),
        ),
    ],
)
def test_what_004010_cannot_carry_is_named(change, expected):
    written = write_set(replace(ORDER, **change), "004010")
    assert told(written)[:1] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"quantity": Decimal("1" * 16)}, ("number-not-carried", "/lines/0/quantity", "PO1", 2)),
        ({"unit": "ZZZ"}, ("unit-unknown", "/lines/0/unit", "PO1", 3)),
        ({"unit": "KGM", "unit_as_sent": CodeAsSent("EA", "x12_355")}, ("contradiction", "/lines/0/unit", "PO1", 3)),
        ({"quantity": None}, ("left-out-alone", "/lines/0/unit", "PO1", 3)),
        (
            {"packages": (Packages(quantity=Decimal(1)), Packages(quantity=Decimal(2)))},
            ("too-many", "/lines/0/packages/1", None, None),
        ),
        ({"descriptions": (Description(text="x" * 90),)}, ("too-long", "/lines/0/descriptions/0/text", "PID", 5)),
    ],
)
def test_what_a_line_cannot_carry_is_named(change, expected):
    written = write_set(replace(ORDER, lines=(replace(LINE, **change),)), "004010")
    assert expected in told(written)


def test_a_date_without_its_century_is_not_sent_as_another_date():
    old = replace(ORDER, issued_on=dt.date(1960, 1, 5))
    assert ("date-not-carried", "/issued_on", "BEG", 5) in told(write_set(old, "003040"))
    assert not write_set(old, "003040").is_sound
    # 003070 has an element for the century.
    assert "BEG*00*SA*4711**600105>19" in lines_of(write_set(old, "003070"))
    dated = replace(ORDER, dates=(DateReference("002", date=dt.date(2075, 1, 5)),))
    assert "DTM*002*750105***20" in lines_of(write_set(dated, "003040"))


def test_units_of_rec_20_become_those_of_x12():
    for line, code in (
        (replace(LINE, unit="KGM"), "KG"),
        (replace(LINE, unit="KGM", unit_as_sent=CodeAsSent("KGM", "rec20")), "KG"),
        (replace(LINE, unit=None, unit_as_sent=CodeAsSent("KGM", "rec20")), "KG"),
        (replace(LINE, unit=None, unit_as_sent=CodeAsSent("CS", "x12_355")), "CS"),
    ):
        written = write_set(replace(ORDER, lines=(line,)), "004010")
        assert f"PO1*1*5*{code}*1.25**VP*A" in lines_of(written)


def test_words_without_codes_are_enough():
    line = AcknowledgmentLine(
        line_id="1",
        quantity=Decimal(5),
        unit="EA",
        acknowledgments=(
            Acknowledgment(
                status="quantity_changed", quantity=Decimal(4), dates=(DateReference("068", date=dt.date(2026, 2, 1)),)
            ),
            Acknowledgment(status="rejected", derived=True),
        ),
    )
    answer = PurchaseOrderAcknowledgment(
        purchase_order_number="4711",
        purchase_order_date=dt.date(2026, 1, 5),
        purpose="original",
        parties=(Party(role="ship_to", identifiers=(Identifier("0614141000012", "UL"),)),),
        lines=(line,),
    )
    written = write_set(answer, "004010")
    assert lines_of(written)[1:-2] == [
        "BAK*00*AC*4711*20260105",
        "N1*ST**UL*0614141000012",
        "PO1*1*5*EA",
        "ACK*IQ*4*EA*068*20260201",
    ]
    assert told(written) == [
        ("assumed", "/status_code", "BAK", 2),
        ("assumed", "/lines/0/acknowledgments/0/unit", None, None),
    ]


def test_a_number_that_only_repeats_the_position_is_not_sent():
    assigned = replace(LINE, line_id_assigned=True)
    assert "PO1**5*EA*1.25**VP*A" in lines_of(write_set(replace(ORDER, lines=(assigned,)), "004010"))
    moved = replace(LINE, line_id="2", line_id_assigned=True)
    assert "PO1*2*5*EA*1.25**VP*A" in lines_of(write_set(replace(ORDER, lines=(moved,)), "004010"))


def test_what_found_no_field_goes_back_to_its_place():
    order = replace(
        ORDER,
        lines=(LINE, replace(LINE, line_id="2", references=(Reference("PD", value="7"),))),
        unmapped=(
            Unmapped("REF", 9, "PO1", (UnmappedElement(4, "ZZ", 1, 1), UnmappedElement(4, "9", 2, 1)), "PO1[2]/REF[1]"),
            Unmapped(
                "DIS",
                8,
                "PO1",
                (
                    UnmappedElement(1, "CSH"),
                    UnmappedElement(2, "PC"),
                    UnmappedElement(3, "1"),
                    UnmappedElement(4, "DAT"),
                    UnmappedElement(5, "1"),
                ),
                "PO1[1]/DIS[1]",
            ),
            Unmapped("DIS", 8, "PO1", (UnmappedElement(1, "CSH"),), "PO1[7]/DIS[1]"),
        ),
    )
    written = write_set(order, "004010")
    assert lines_of(written)[2:-2] == [
        "PO1*1*5*EA*1.25**VP*A",
        "DIS*CSH*PC*1*DAT*1",
        "PO1*2*5*EA*1.25**VP*A",
        "REF*PD*7**ZZ>9",
    ]
    assert told(written) == [("not-carried", "/unmapped/2", None, None)]


def test_a_notice_of_lines_becomes_a_tree():
    notice = ShipNotice(
        number="S1",
        issued_on=dt.date(2026, 1, 6),
        issued_at=dt.time(9),
        purpose_code="00",
        references=(Reference("BM", value="B1"),),
        purchase_order_number="4711",
        lines=(ShipNoticeLine(line_id="1", quantity=Decimal(5), unit="EA", product_ids=(ProductId("A", "VP"),)),),
    )
    written = write_set(notice, "004010")
    assert lines_of(written)[1:-2] == [
        "BSN*00*S1*20260106*0900*0004",
        "HL*1**S*1",
        "REF*BM*B1",
        "HL*2*1*O*1",
        "PRF*4711",
        "HL*3*2*I*0",
        "LIN*1*VP*A",
        "SN1*1*5*EA",
    ]
    assert written.findings == ()


def test_levels_are_written_parents_first():
    item = Level(id="9", code="I", line_id="1", quantity=Decimal(1), unit="EA", product_ids=(ProductId("A", "VP"),))
    order = Level(id="5", code="O", order=OrderReference(purchase_order_number="4711"), children=(item,))
    notice = ShipNotice(
        number="S1",
        issued_on=dt.date(2026, 1, 6),
        issued_at=dt.time(9),
        purpose_code="00",
        levels=(Level(id="2", code="S", children=(order,)),),
    )
    assert [line for line in lines_of(write_set(notice, "004010")) if line.startswith("HL")] == [
        "HL*2**S",
        "HL*5*2*O",
        "HL*9*5*I",
    ]


def test_packages_nested_without_end_are_cut_and_told():
    deep = [{"level_id": f"p{n}", "kind": "pack"} for n in range(200)]
    text = {
        "document_type": "ship_notice",
        "schema_version": "1.0",
        "number": "S1",
        "issued_on": "2026-01-06",
        "issued_at": "09:00",
        "lines": [
            {
                "line_id": "1",
                "quantity": "5",
                "unit": "EA",
                "product_ids": [{"id": "A", "qualifier": "VP"}],
                "packages": deep,
            }
        ],
    }
    (held, _) = read_json(json.dumps(text).encode())
    written = write_set(held.document, "004010")
    assert written.is_sound
    assert any(finding.pointer.startswith("/lines/0/packages") for finding in written.findings)


def test_measures_without_their_partner_do_not_become_something_else():
    notice = ShipNotice(
        number="S1",
        issued_on=dt.date(2026, 1, 6),
        issued_at=dt.time(9),
        levels=(Level(id="1", code="I", quantity=Decimal(1), unit="EA", quantity_ordered=Measure(Decimal(3))),),
    )
    written = write_set(notice, "004010")
    assert not written.is_sound
    assert ("number-not-carried", "/levels/0/quantity_ordered/value", "SN1", 5) in told(written)


@pytest.mark.parametrize(
    ("document", "release", "word"),
    [(ORDER, "009999", "has no tables"), (ORDER, "", "has no tables"), (Receipt(number="1"), "004010", "receipt")],
)
def test_what_cannot_be_written_at_all_says_why(document, release, word):
    written = write_set(document, release)
    assert not written.is_sound
    (finding,) = written.findings
    assert (finding.code, finding.severity) == ("not-writable", Severity.ERROR)
    assert word in finding.message


def test_a_release_with_a_suffix_is_that_of_its_digits():
    assert write_set(ORDER, "004010VICS").is_sound
    assert lines_of(write_set(ORDER, "005010", implementation="X999"))[0] == "ST*850*0001*X999"
    assert lines_of(write_set(ORDER, "004010", implementation="X999"))[0] == "ST*850*0001"


# --- the agreement ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (ElementOverride("BEG", 5, usage="not_used"), None),
        (ElementOverride("PO1", 3, usage="not_used"), ("not-carried", "/lines/0/unit", None, None)),
        (
            ElementOverride("PO1", 6, codes=frozenset({"BP"})),
            ("code-not-listed", "/lines/0/product_ids/0/qualifier", "PO1", 6),
        ),
        (ElementOverride("BEG", 3, length_max=3), ("too-long", "/number", "BEG", 3)),
        (ElementOverride("BEG", 4, usage="required"), ("missing-value", "/release_number", "BEG", 4)),
        (SegmentOverride("FOB", max_use=1), ("too-many", "/delivery_terms/1", None, None)),
        (SegmentOverride("CUR", usage="required"), ("missing-value", "/currency", "CUR", 2)),
    ],
)
def test_what_is_written_obeys_the_agreement(rule, expected):
    order = replace(ORDER, delivery_terms=(DeliveryTerms(freight_payment="PP"), DeliveryTerms(freight_payment="CC")))
    written = write_set(order, "004010", rules=(rule,))
    if expected is None:
        assert "BEG*00*SA*4711" in lines_of(written) or not written.is_sound
    else:
        assert expected in told(written)


def test_a_code_is_left_out_by_the_agreement_or_by_the_release_and_it_is_said_which():
    line = replace(LINE, product_ids=(ProductId("A", "9Q"),))
    order = replace(ORDER, lines=(line,))
    agreed = ElementOverride("PO1", 6, codes=frozenset({"BP"}))
    by_release, by_agreement = (
        [finding.message for finding in write_set(order, "004010", rules=rules).findings if finding.element == 6]
        for rules in ((), (agreed,))
    )
    assert "not in the code list of the release" in by_release[0]
    assert "not among the codes of the agreement" in by_agreement[0]


ANSWERED_LINE = AcknowledgmentLine(
    line_id="1", quantity=Decimal(5), unit="EA", acknowledgments=(Acknowledgment(code="IB", quantity=Decimal(5)),)
)
ANSWERED = PurchaseOrderAcknowledgment(
    number="SO-1",
    purpose_code="00",
    status_code="AC",
    purchase_order_number="4711",
    purchase_order_date=dt.date(2026, 7, 1),
    issued_on=dt.date(2026, 7, 2),
    lines=(ANSWERED_LINE,),
)
SCHEDULED = replace(ORDER, lines=(replace(LINE, splits=(Split(location="0004", quantity=Decimal(5)),)),))


@pytest.mark.parametrize(
    ("document", "rules", "expected"),
    [
        # A code in a mandatory element, whether or not the segment must be there.
        (
            ANSWERED,
            [ElementOverride("ACK", 1, codes=frozenset({"IA", "IQ"}))],
            ("ACK", 1, "IB", "/lines/0/acknowledgments/0/code"),
        ),
        (
            ANSWERED,
            [LoopOverride("PO1/ACK", usage="required"), ElementOverride("ACK", 1, codes=frozenset({"IA", "IQ"}))],
            ("ACK", 1, "IB", "/lines/0/acknowledgments/0/code"),
        ),
        # A word for which the release has a code, and the agreement has not.
        (
            replace(
                ANSWERED,
                lines=(replace(ANSWERED_LINE, acknowledgments=(Acknowledgment("backordered", quantity=Decimal(5)),)),),
            ),
            [ElementOverride("ACK", 1, codes=frozenset({"IA"}))],
            ("ACK", 1, "backordered", "/lines/0/acknowledgments/0/status"),
        ),
        # An element that the agreement makes mandatory: the line is not lost with it.
        (
            ORDER,
            [ElementOverride("PO1", 6, usage="required", codes=frozenset({"BP"}))],
            ("PO1", 6, "VP", "/lines/0/product_ids/0/qualifier"),
        ),
        # ... and another code is not put in its place.
        (
            ORDER,
            [ElementOverride("PO1", 6, usage="required", codes=frozenset({"BP", "ZZ"}))],
            ("PO1", 6, "VP", "/lines/0/product_ids/0/qualifier"),
        ),
        (
            replace(ORDER, order_type_code="BE"),
            [ElementOverride("BEG", 2, codes=frozenset({"SA"}))],
            ("BEG", 2, "BE", "/order_type_code"),
        ),
        # A unit, alone in what it takes with it: the quantity.
        (
            ORDER,
            [ElementOverride("PO1", 3, usage="required", codes=frozenset({"CA"}))],
            ("PO1", 3, "EA", "/lines/0/unit"),
        ),
        (
            ANSWERED,
            [ElementOverride("ACK", 3, codes=frozenset({"CA"}))],
            ("ACK", 3, "EA", "/lines/0/acknowledgments/0/unit"),
        ),
        # A length.
        (ORDER, [ElementOverride("BEG", 3, length_max=3)], ("BEG", 3, "4711", "/number")),
        # A segment that would be empty without it.
        (
            replace(ORDER, routing=(Routing(mode="M"),)),
            [ElementOverride("TD5", 4, codes=frozenset({"A", "S"}))],
            ("TD5", 4, "M", "/routing/0/mode"),
        ),
        (SCHEDULED, [ElementOverride("SDQ", 1, codes=frozenset({"CA"}))], ("SDQ", 1, "EA", "/lines/0/splits/0/unit")),
        (
            SCHEDULED,
            [ElementOverride("SDQ", 3, length_max=3)],
            ("SDQ", 3, "0004", "/lines/0/splits/0/location"),
        ),
    ],
)
def test_a_set_is_refused_by_what_the_agreement_keeps_out_of_a_mandatory_element(document, rules, expected):
    written = write_set(document, "004010", rules=tuple(rules))
    assert write_set(document, "004010").is_sound
    assert not written.is_sound
    errors = [finding for finding in written.findings if finding.severity is Severity.ERROR]
    segment, element, value, pointer = expected
    (first,) = errors
    assert (first.segment, first.element, first.value) == (segment, element, value)
    assert first.pointer == pointer
    assert "agreed are" in first.message or "are agreed" in first.message
    assert "`vocabulary`" in first.message
    assert "`rules`" in first.message


def test_codes_that_the_agreement_adds_are_written():
    line = replace(LINE, product_ids=(ProductId("A", "9Q"),))
    rule = ElementOverride("PO1", 6, codes_added=frozenset({"9Q"}))
    written = write_set(replace(ORDER, lines=(line,)), "004010", rules=(rule,))
    assert "PO1*1*5*EA*1.25**9Q*A" in lines_of(written)
    assert written.findings == ()


def test_a_reference_that_finds_no_room_in_ref_is_an_n9():
    order = replace(ORDER, references=(Reference("DP", value="1"), Reference("IA", value="2")))
    written = write_set(order, "004010", rules=(SegmentOverride("REF", max_use=1),))
    assert lines_of(written)[2:4] == ["REF*DP*1", "N9*IA*2"]
    assert written.findings == ()
