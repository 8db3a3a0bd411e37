"""What comes in gets our words, and theirs stay beside them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.translators.vocabulary.words import CONTRACTS, ITEMS, LINE, ORDER, PLANTS, POUND, WORDS, in_x12, order, words
from translators.document_parts import (
    Acknowledgment,
    AllowanceCharge,
    CodeAsSent,
    Identifier,
    Measure,
    Measurement,
    Packages,
    Price,
    ProductId,
    Reference,
    Schedule,
    Split,
    Totals,
)
from translators.documents import (
    AcknowledgmentLine,
    Document,
    InvoiceLine,
    Level,
    OrderLine,
    PackageReference,
    PurchaseOrder,
    ReceiptLine,
    ScheduleLine,
    ShipNotice,
    ShipNoticeLine,
    Subline,
)
from translators.findings import Severity
from translators.planning_documents import Forecast
from translators.vocabulary.inward import into_ours
from translators.vocabulary.values import IdentifierRule, IdentifierTable, QualifierRule, UnitRule, Vocabulary

CASE = in_x12("CA", "XCS")
OURS = {"unit": "EA", "unit_as_sent": CodeAsSent("CA", "x12_355", Decimal(12))}


def read(document: Document, vocabulary: Vocabulary = WORDS) -> Document:
    worded = into_ours(document, vocabulary)
    assert worded.findings == ()
    assert into_ours(worded.document, vocabulary).document == worded.document
    return worded.document


def line(part: OrderLine, vocabulary: Vocabulary = WORDS) -> OrderLine:
    document = read(PurchaseOrder(number="1", lines=(part,)), vocabulary)
    assert isinstance(document, PurchaseOrder)
    return document.lines[0]


def told(document: Document, vocabulary: Vocabulary) -> list[tuple[str, Severity, str | None, str | None]]:
    found = into_ours(document, vocabulary).findings
    return [(finding.code, finding.severity, finding.pointer, finding.value) for finding in found]


# --- identifiers -----------------------------------------------------------------------------------------------------


def test_ours_stands_beside_theirs_wherever_it_is_named() -> None:
    document = read(ORDER)
    assert isinstance(document, PurchaseOrder)
    assert [(one.qualifier, one.id) for one in document.lines[0].product_ids] == [
        ("VN", "A1"),
        ("MF", "M-3"),
        ("BP", "4711"),
    ]
    assert document.lines[0].product_ids[2].label == "buyer's part number"
    assert [(one.qualifier, one.id) for one in document.parties[0].identifiers] == [("92", "P9"), ("91", "0042")]
    assert [(one.qualifier, one.value) for one in document.references] == [("CT", "K7"), ("DP", "R-3"), ("CO", "C-70")]


def test_sublines_levels_and_answers_are_gone_through() -> None:
    theirs, both = (ProductId("A2", "VN"),), ["A2", "4712"]
    part = AcknowledgmentLine(
        line_id="1", sublines=(Subline(product_ids=theirs),), acknowledgments=(Acknowledgment(product_ids=theirs),)
    )
    made = line(part)
    assert isinstance(made, AcknowledgmentLine)
    assert [one.id for one in made.sublines[0].product_ids] == both
    assert [one.id for one in made.acknowledgments[0].product_ids] == both
    notice = ShipNotice(
        levels=(Level(id="1", children=(Level(id="2", product_ids=theirs),)),),
        lines=(ShipNoticeLine(product_ids=theirs),),
    )
    made_notice = read(notice)
    assert isinstance(made_notice, ShipNotice)
    assert [one.id for one in made_notice.levels[0].children[0].product_ids] == both
    assert [one.id for one in made_notice.lines[0].product_ids] == both


def test_a_store_that_a_line_is_split_among_is_a_party() -> None:
    split = Split("P9", "92", Decimal(1))
    made = line(replace(LINE, splits=(split, Split("P8", "92", Decimal(1)))))
    assert (made.splits[0].location, made.splits[0].location_qualifier) == ("0042", "91")
    assert made.splits[0].location_as_sent == Identifier("P9", "92")
    assert (made.splits[0].quantity, made.splits[1].location, made.splits[1].location_as_sent) == (12, "P8", None)
    strict = words(identifiers=(IdentifierRule("parties", (PLANTS,), "92", "91", "reject"),))
    assert told(order(splits=(Split("P8", "92"),)), strict)[0][2:] == ("/lines/0/splits/0/location", "P8")


def test_what_they_name_themselves_is_not_added_again() -> None:
    ids = (ProductId("A1", "VN"), ProductId("4711", "BP"))
    assert line(OrderLine(line_id="1", product_ids=ids)).product_ids == ids


def test_ours_that_differs_from_the_table_is_told() -> None:
    ids = (ProductId("A1", "VN"), ProductId("4799", "BP"))
    worded = into_ours(order(product_ids=ids), WORDS)
    assert [(one.code, one.pointer) for one in worded.findings] == [
        ("identifier-contradiction", "/lines/0/product_ids")
    ]
    assert "they name BP 4799, and by the table the item VN A1 is BP 4711" in worded.findings[0].message
    assert isinstance(worded.document, PurchaseOrder)
    assert {one.id for one in worded.document.lines[0].product_ids} == {"A1", "4799", "4711"}


@pytest.mark.parametrize(("missing", "severity"), [("keep", None), ("warn", "warning"), ("reject", "error")])
def test_what_the_table_has_not(missing: str, severity: str | None) -> None:
    rule = IdentifierRule("product_ids", (ITEMS,), "VN", "BP", missing)
    document = order(product_ids=(ProductId("B9", "VN"), ProductId("4", "SK")))
    found = told(document, words(identifiers=(rule,)))
    expected = [("identifier-unknown", severity, "/lines/0/product_ids/0", "B9")] if severity else []
    assert found == expected
    assert told(order(product_ids=(ProductId("4", "SK"),)), words(identifiers=(rule,))) == []


def test_a_table_of_any_qualifier_misses_nothing_where_it_has_one() -> None:
    rule = IdentifierRule("product_ids", (ITEMS,), None, "BP", "reject")
    assert told(order(product_ids=(ProductId("X", "UP"), ProductId("A1", "VN"))), words(identifiers=(rule,))) == []
    assert len(told(order(product_ids=(ProductId("X", "UP"), ProductId("Y", "VN"))), words(identifiers=(rule,)))) == 1


def test_without_a_qualifier_of_ours_it_stands_under_theirs() -> None:
    rule = IdentifierRule("product_ids", (ITEMS,), "VN", None, "reject")
    made = line(LINE, words(identifiers=(rule,), qualifiers=()))
    assert [(one.qualifier, one.id) for one in made.product_ids] == [("VN", "A1"), ("MG", "M-3"), ("VN", "4711")]


def test_tables_are_looked_up_one_after_the_other() -> None:
    own = IdentifierTable("own", {"A1": "own"}, {"own": "A1"})
    rule = IdentifierRule("product_ids", (own, ITEMS), "VN", "BP")
    vocabulary = words(identifiers=(rule,), qualifiers=())
    assert [one.id for one in line(LINE, vocabulary).product_ids] == ["A1", "M-3", "own"]
    assert [one.id for one in line(replace(LINE, product_ids=(ProductId("A2", "VN"),)), vocabulary).product_ids] == [
        "A2",
        "4712",
    ]


def test_the_same_is_told_once_a_document_and_not_without_end() -> None:
    rule = IdentifierRule("product_ids", (ITEMS,), "VN", "BP", "warn")
    lines = tuple(OrderLine(line_id=str(n), product_ids=(ProductId(f"B{n}", "VN"),)) for n in range(300))
    worded = into_ours(replace(ORDER, lines=lines + lines), words(identifiers=(rule,)))
    assert (len(worded.findings), worded.findings_omitted) == (100, 200)


# --- qualifiers ------------------------------------------------------------------------------------------------------


def test_a_qualifier_of_theirs_becomes_ours() -> None:
    document = read(ORDER)
    assert isinstance(document, PurchaseOrder)
    assert document.references[1] == Reference("DP", "department", "R-3", qualifier_as_sent="ZZ")
    assert (document.dates[0].qualifier, document.dates[0].qualifier_as_sent) == ("001", "063")
    party = document.parties[0]
    assert (party.role, party.role_code, party.role_code_as_sent) == ("ship_to", "ST", "DC")
    made = document.lines[0].product_ids[1]
    assert (made.qualifier, made.qualifier_as_sent, made.label) == ("MF", "MG", "manufacturer")


def test_its_value_fills_a_field_that_is_empty() -> None:
    document = read(ORDER)
    assert isinstance(document, PurchaseOrder)
    assert (document.release_number, document.purchase_order_date) == ("R-3", date(2026, 2, 1))
    document = read(replace(ORDER, release_number="7"))
    assert isinstance(document, PurchaseOrder)
    assert document.release_number == "7"
    invoice_line = InvoiceLine(line_id="1", references=(Reference("IV", None, None, "4711-B"),))
    made = line(invoice_line)
    assert isinstance(made, InvoiceLine)
    assert made.purchase_order_number == "4711-B"
    assert line(OrderLine(line_id="1", references=(Reference("IV", None, "x"),))).line_id == "1"


def test_a_party_and_an_item_number_may_fill_a_field() -> None:
    rules = (
        QualifierRule("parties", "DC", field="contract"),
        QualifierRule("product_ids", "MG", field="lines.price_basis"),
    )
    document = read(ORDER, words(qualifiers=rules, units=()))
    assert isinstance(document, PurchaseOrder)
    assert (document.contract, document.lines[0].price_basis) == ("P9", "M-3")


# --- units -----------------------------------------------------------------------------------------------------------


def test_a_line_is_counted_in_our_unit_and_keeps_what_was_sent() -> None:
    made = line(LINE)
    assert (made.quantity, made.unit, made.quantity_as_sent) == (Decimal(24), "EA", Decimal(2))
    assert made.unit_as_sent == CodeAsSent("CA", "x12_355", Decimal(12))
    assert (made.unit_price, made.unit_price_as_sent) == (Decimal("1.05"), Decimal("12.60"))


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"schedules": (Schedule(Decimal(1), **CASE),)}, Schedule(Decimal(12), **OURS, quantity_as_sent=Decimal(1))),
        ({"schedules": (Schedule(Decimal(1)),)}, Schedule(Decimal(12), quantity_as_sent=Decimal(1))),
        ({"schedules": (Schedule(Decimal(1), "EA"),)}, Schedule(Decimal(1), "EA")),
        ({"measurements": (Measurement(value=Decimal(3), maximum=Decimal(4), **CASE),)},
         Measurement(value=Decimal(36), maximum=Decimal(48), **OURS)),
        ({"measurements": (Measurement(value=Decimal(3)),)}, Measurement(value=Decimal(3))),
        ({"packages": (Packages(weight=Measure(Decimal(2), None, **in_x12("LB", "LBR"))),)},
         Packages(weight=Measure(Decimal("0.90718474"), None, "KGM", CodeAsSent("LB", "x12_355", POUND)))),
        ({"prices": (Price(unit_price=Decimal(6), quantity=Decimal(5), **CASE),)},
         Price(unit_price=Decimal("0.5"), quantity=Decimal(60), **OURS, quantity_as_sent=Decimal(5),
               unit_price_as_sent=Decimal(6))),
        ({"prices": (Price(unit_price=Decimal(6), basis="PE", **CASE),)},
         Price(unit_price=Decimal(6), basis="PE", **OURS)),
        ({"allowances_charges": (AllowanceCharge(rate=Decimal(6), quantity=Decimal(5), **CASE),)},
         AllowanceCharge(rate=Decimal("0.5"), quantity=Decimal(60), **OURS, quantity_as_sent=Decimal(5),
                         rate_as_sent=Decimal(6))),
        ({"allowances_charges": (AllowanceCharge(rate=Decimal(6)),)}, AllowanceCharge(rate=Decimal(6))),
    ],
)  # fmt: skip
def test_everything_that_stands_in_a_unit_goes_with_it(part: dict[str, object], expected: object) -> None:
    (name,) = part
    made = line(replace(LINE, **part))
    assert getattr(made, name) == (expected,)


def test_an_answer_counts_as_its_line_where_it_says_no_unit() -> None:
    said = (Acknowledgment(quantity=Decimal(1), unit_price=Decimal(12)), Acknowledgment(quantity=Decimal(7), unit="EA"))
    made = line(AcknowledgmentLine(**{**vars(LINE), "acknowledgments": said}))
    assert isinstance(made, AcknowledgmentLine)
    assert [(one.quantity, one.quantity_as_sent, one.unit_price) for one in made.acknowledgments] == [
        (Decimal(12), Decimal(1), Decimal(1)),
        (Decimal(7), None, None),
    ]


def test_a_receipt_has_three_units() -> None:
    part = ReceiptLine(
        line_id="1", quantity=Decimal(2), **CASE, quantity_accepted=Decimal(1),
        quantity_returned=Decimal(1), returned_unit="EA",
        quantity_shipped=Decimal(3), quantity_shipped_to_date=Decimal(4),
    )  # fmt: skip
    made = into_ours(replace(ORDER, lines=(part,)), WORDS).document
    numbers = made.lines[0]
    assert (numbers.quantity, numbers.quantity_accepted, numbers.quantity_returned) == (24, 12, 1)
    assert (numbers.quantity_shipped, numbers.quantity_shipped_to_date) == (36, 48)


def test_a_forecast_counts_as_its_line() -> None:
    part = ScheduleLine(line_id="1", **CASE, forecasts=(Forecast(quantity=Decimal(5)),))
    made = into_ours(replace(ORDER, lines=(part,)), WORDS).document
    assert made.lines[0].forecasts[0].quantity == 60


def test_a_ship_notice_tells_the_same_at_its_levels_and_in_its_lines() -> None:
    pack = Level(id="3", code="P", quantity=Decimal(1), **CASE)
    item = Level(id="2", code="I", quantity=Decimal(2), quantity_shipped_to_date=Decimal(9), **CASE, children=(pack,))
    flat = ShipNoticeLine(
        level_id="2",
        quantity=Decimal(2),
        **CASE,
        quantity_ordered=Measure(Decimal(3), None, **CASE),
        packages=(
            PackageReference(level_id="3", quantity=Decimal(1)),
            PackageReference(level_id="9", quantity=Decimal(2)),
        ),
    )
    made = read(ShipNotice(number="1", levels=(item,), lines=(flat,)))
    assert isinstance(made, ShipNotice)
    assert (made.levels[0].quantity, made.levels[0].quantity_shipped_to_date) == (24, 108)
    assert made.levels[0].children[0].quantity == 12
    one = made.lines[0]
    assert (one.quantity, one.quantity_as_sent) == (24, 2)
    assert one.quantity_ordered is not None
    assert one.quantity_ordered.value == 36
    assert [package.quantity for package in one.packages] == [12, 24]


def test_a_unit_may_hold_for_one_item_alone() -> None:
    box = in_x12("BX", "XBX")
    assert line(replace(LINE, **box)).quantity == 2
    made = line(replace(LINE, **box, product_ids=(ProductId("A2", "SK"),)))
    assert (made.quantity, made.unit) == (12, "EA")
    ours = words(units=(UnitRule("BX", "EA", Decimal(6), product="4712"), UnitRule("BX", "EA", Decimal(8))))
    made = line(replace(LINE, **box, product_ids=(ProductId("A2", "VN"),)), ours)
    assert made.quantity == 12
    assert line(replace(LINE, **box), ours).quantity == 16


def test_codes_that_look_alike_are_those_of_their_own_list() -> None:
    vocabulary = words(units=(UnitRule("KG", "XKG", Decimal(1)), UnitRule("CASE", "EA", Decimal(4))))
    keg = line(replace(LINE, unit="KG", unit_as_sent=CodeAsSent("KG", "rec20")), vocabulary)
    assert (keg.unit, keg.unit_as_sent) == ("XKG", CodeAsSent("KG", "rec20"))
    own = line(replace(LINE, unit="CASE", unit_as_sent=None), vocabulary)
    assert (own.quantity, own.unit_as_sent) == (8, CodeAsSent("CASE", "partner", Decimal(4)))
    # They say themselves that they mean each: what was sent before that is no longer asked.
    ready = replace(LINE, unit="EA")
    assert line(ready, words(identifiers=(), qualifiers=())) is ready


def test_a_price_that_does_not_come_out_even_is_rounded_and_said() -> None:
    worded = into_ours(order(unit_price=Decimal(10)), WORDS)
    assert isinstance(worded.document, PurchaseOrder)
    made = worded.document.lines[0]
    assert (made.unit_price, made.unit_price_as_sent) == (Decimal("0.8333333333"), Decimal(10))
    (finding,) = worded.findings
    assert (finding.code, finding.severity, finding.pointer) == ("price-rounded", "warning", "/lines/0/unit_price")
    assert "line 1: 10 for one CA of 12 EA does not come out even" in finding.message


def test_a_price_by_the_piece_or_the_hundred_stays() -> None:
    for basis in ("PE", "HP", "TP"):
        made = line(replace(LINE, price_basis=basis))
        assert (made.unit_price, made.unit_price_as_sent) == (Decimal("12.60"), None)
    assert line(replace(LINE, price_basis="CT")).unit_price == Decimal("1.05")


def test_a_further_price_without_a_unit_is_kept_and_said() -> None:
    worded = into_ours(order(prices=(Price(kind="RES", unit_price=Decimal(3)),)), WORDS)
    assert [(one.code, one.pointer) for one in worded.findings] == [
        ("price-unit-unsaid", "/lines/0/prices/0/unit_price")
    ]


def test_a_number_too_large_for_our_unit_is_refused() -> None:
    huge = Decimal("9" * 38)
    assert told(order(quantity=huge, unit_price=None), WORDS) == [
        ("quantity-too-large", Severity.ERROR, "/lines/0/quantity", "9" * 38)
    ]
    tiny = words(units=(UnitRule("CA", "EA", Decimal("0.000000001")),))
    assert told(order(unit_price=huge), tiny)[0][:2] == ("price-too-large", Severity.ERROR)


def test_a_sum_of_quantities_goes_with_them() -> None:
    totals = Totals(hash_total=Decimal(2))
    document = read(replace(ORDER, totals=totals))
    assert isinstance(document, PurchaseOrder)
    assert document.totals == Totals(hash_total=Decimal(24))
    document = read(replace(ORDER, totals=Totals(hash_total=Decimal(5))))
    assert isinstance(document, PurchaseOrder)
    assert document.totals == Totals(hash_total=Decimal(5))


def test_nothing_said_changes_nothing() -> None:
    assert into_ours(ORDER, Vocabulary()).document is ORDER
    assert not Vocabulary()
    assert (replace(PLANTS), replace(CONTRACTS)) == (PLANTS, CONTRACTS)
