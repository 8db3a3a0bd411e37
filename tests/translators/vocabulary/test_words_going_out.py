"""What goes out gets their words; what has none does not go."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.translators.vocabulary.words import CASE, ITEMS, ORDER, PLANTS, WORDS, words
from translators.document_parts import (
    Acknowledgment,
    CodeAsSent,
    DateReference,
    Identifier,
    Party,
    Price,
    ProductId,
    Reference,
    Schedule,
    Split,
    Totals,
)
from translators.documents import AcknowledgmentLine, Document, OrderLine, PackageReference, PurchaseOrder, ShipNotice
from translators.documents import ShipNoticeLine as NoticeLine
from translators.findings import Severity
from translators.vocabulary.outward import into_theirs
from translators.vocabulary.values import IdentifierRule, QualifierRule, UnitRule, Vocabulary

OURS = OrderLine(
    line_id="7",
    quantity=Decimal(24),
    unit="EA",
    unit_price=Decimal("1.05"),
    product_ids=(ProductId("4711", "BP"), ProductId("M-3", "MF")),
)


def sent(part: OrderLine, vocabulary: Vocabulary = WORDS, syntax: str = "x12") -> OrderLine:
    worded = into_theirs(PurchaseOrder(number="1", lines=(part,)), vocabulary, syntax)
    assert worded.findings == ()
    assert isinstance(worded.document, PurchaseOrder)
    return worded.document.lines[0]


def told(document: Document, vocabulary: Vocabulary = WORDS, syntax: str = "x12") -> list[tuple[str, Severity, str]]:
    found = into_theirs(document, vocabulary, syntax).findings
    return [(finding.code, finding.severity, finding.pointer or "") for finding in found]


def order(**line: object) -> PurchaseOrder:
    return PurchaseOrder(number="1", lines=(replace(OURS, **line),))


def test_theirs_takes_the_place_of_ours() -> None:
    made = sent(OURS)
    assert [(one.qualifier, one.id, one.label) for one in made.product_ids] == [
        ("VN", "A1", "vendor's item number"),
        ("MG", "M-3", "manufacturer's part number"),
    ]
    party = Party(role="ship_to", role_code="ST", identifiers=(Identifier("0042", "91"), Identifier("77", "1")))
    document = PurchaseOrder(number="1", parties=(party,), references=(Reference("CO", None, "C-70"),))
    made_order = into_theirs(document, WORDS, "x12").document
    assert isinstance(made_order, PurchaseOrder)
    assert made_order.parties[0].identifiers == (Identifier("P9", "92"), Identifier("77", "1"))
    assert (made_order.parties[0].role, made_order.parties[0].role_code) == (None, "DC")
    assert made_order.references == (Reference("CT", "contract number", "K7"),)


def test_the_stores_of_a_line_go_out_by_their_names() -> None:
    ours = Split("0042", "91", Decimal(12))
    assert sent(replace(OURS, splits=(ours,))).splits == (Split("P9", "92", Decimal(1)),)
    as_sent = replace(ours, location_as_sent=Identifier("P9", "92"))
    assert sent(replace(OURS, splits=(as_sent,))).splits == (Split("P9", "92", Decimal(1)),)
    strict = words(identifiers=(IdentifierRule("parties", (PLANTS,), "92", "91", "reject"),))
    strange = order(splits=(Split("9", "91", Decimal(12)),))
    assert told(strange, strict) == [("identifier-unknown", "error", "/lines/0/splits/0/location")]


def test_ours_may_go_out_behind_theirs() -> None:
    rule = IdentifierRule("product_ids", (ITEMS,), "VN", "BP", send_ours=True)
    made = sent(OURS, words(identifiers=(rule,), qualifiers=()))
    assert [(one.qualifier, one.id) for one in made.product_ids] == [("VN", "A1"), ("BP", "4711"), ("MF", "M-3")]


def test_theirs_that_stands_there_is_not_written_twice() -> None:
    ids = (ProductId("A1X", "VN"), ProductId("4711", "BP"))
    assert [one.id for one in sent(replace(OURS, product_ids=ids)).product_ids] == ["A1X"]


@pytest.mark.parametrize(("missing", "severity"), [("keep", None), ("warn", "warning"), ("reject", "error")])
def test_ours_that_the_table_has_not(missing: str, severity: str | None) -> None:
    rule = IdentifierRule("product_ids", (ITEMS,), "VN", "BP", missing)
    vocabulary = words(identifiers=(rule,))
    expected = [("identifier-unknown", severity, "/lines/0/product_ids/0")] if severity else []
    assert told(order(product_ids=(ProductId("9", "BP"),)), vocabulary) == expected
    assert told(order(product_ids=(ProductId("9", "BP"), ProductId("A1", "VN"))), vocabulary) == []


def test_what_they_used_goes_back_to_them() -> None:
    rules = (QualifierRule("references", "ZZ", "DP"), QualifierRule("references", "19", "DP"))
    vocabulary = Vocabulary((), (CASE, UnitRule("CS", "EA", Decimal(12))), rules)
    document = order(unit_as_sent=CodeAsSent("CS", "x12_355", Decimal(12)), quantity_as_sent=Decimal(2))
    document = replace(
        document, references=(Reference("DP", None, "1", qualifier_as_sent="19"), Reference("DP", None, "2"))
    )
    made = into_theirs(document, vocabulary, "x12").document
    assert isinstance(made, PurchaseOrder)
    assert [(one.qualifier, one.qualifier_as_sent) for one in made.references] == [("19", None), ("ZZ", None)]
    assert made.lines[0].unit_as_sent == CodeAsSent("CS", "x12_355")
    assert (made.lines[0].quantity, made.lines[0].quantity_as_sent) == (2, None)


def test_a_unit_that_they_sent_as_it_is_stays() -> None:
    part = replace(OURS, unit_as_sent=CodeAsSent("EA", "x12_355"), quantity=Decimal(5))
    assert sent(part).quantity == 5


def test_a_field_goes_out_under_the_qualifier_it_was_read_from() -> None:
    document = replace(
        order(references=(Reference("IV", None, "there"),)), release_number="R-3", purchase_order_date=date(2026, 2, 1)
    )
    made = into_theirs(document, WORDS, "x12").document
    assert isinstance(made, PurchaseOrder)
    assert [(one.qualifier, one.value) for one in made.references] == [("ZZ", "R-3")]
    assert made.dates == (DateReference("004", "purchase order date", date(2026, 2, 1)),)
    again = into_theirs(made, WORDS, "x12").document
    assert again.references == made.references
    item = Vocabulary((), (), (QualifierRule("product_ids", "MG", field="lines.price_basis"),))
    made_line = sent(replace(OURS, price_basis="ab", product_ids=()), item)
    assert [(one.qualifier, one.id) for one in made_line.product_ids] == [("MG", "ab")]


# --- units -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("syntax", "unit", "as_sent"),
    [("x12", "XCS", CodeAsSent("CA", "x12_355")), ("json", "CA", None), ("xml", "CA", None)],
)
def test_a_line_is_counted_in_their_unit(syntax: str, unit: str, as_sent: CodeAsSent | None) -> None:
    made = sent(OURS, syntax=syntax)
    assert (made.quantity, made.unit, made.unit_as_sent, made.unit_price) == (2, unit, as_sent, Decimal("12.60"))


def test_answers_schedules_prices_and_packages_go_with_their_line() -> None:
    part = AcknowledgmentLine(
        **vars(OURS),
        acknowledgments=(Acknowledgment(quantity=Decimal(12), unit="EA"), Acknowledgment(quantity=Decimal(12))),
        schedules=(Schedule(Decimal(24)),),
        prices=(Price(unit_price=Decimal(1), quantity=Decimal(36), unit="EA"),),
    )
    made = sent(part)
    assert isinstance(made, AcknowledgmentLine)
    assert [one.quantity for one in made.acknowledgments] == [1, 1]
    assert (made.schedules[0].quantity, made.prices[0].unit_price, made.prices[0].quantity) == (2, 12, 3)
    package = PackageReference(level_id="1", quantity=Decimal(18))
    notice = ShipNotice(number="1", lines=(NoticeLine(quantity=Decimal(24), unit="EA", packages=(package,)),))
    assert told(notice) == [("quantity-uneven", "error", "/lines/0/packages/0/quantity")]


def test_a_quantity_that_is_no_whole_case_does_not_go_out() -> None:
    document = order(quantity=Decimal(30))
    assert told(document) == [("quantity-uneven", "error", "/lines/0/quantity")]
    (finding,) = into_theirs(document, WORDS, "x12").findings
    assert finding.message == (
        "line 7: quantity 30 EA is no whole number of CA (each 12 EA); send 24 or 36 EA, or allow rounding with "
        "`decimals` of the unit in the profile"
    )
    assert "send 12 EA" in into_theirs(order(quantity=Decimal(5)), WORDS, "x12").findings[0].message


@pytest.mark.parametrize(
    ("rule", "quantity", "made", "code"),
    [
        (UnitRule("CA", "EA", Decimal(12), decimals=0), 30, Decimal(2), "quantity-rounded"),
        (UnitRule("CA", "EA", Decimal(12), decimals=1), 30, Decimal("2.5"), None),
        (UnitRule("CA", "EA", Decimal(12), decimals=1), 25, Decimal("2.1"), "quantity-rounded"),
        (UnitRule("CA", "EA", Decimal(12), decimals=1), 24, Decimal(2), None),
        (UnitRule("TH", "EA", Decimal(1000)), 1500, Decimal("1.5"), None),
        (UnitRule("TH", "EA", Decimal(3)), 10, None, "quantity-uneven"),
        (UnitRule("Q9", "EA", Decimal(4)), 10, None, "quantity-uneven"),
        (UnitRule("PC", "EA", Decimal(1)), 30, Decimal(30), None),
    ],
)
def test_what_does_not_come_out_even(rule: UnitRule, quantity: int, made: Decimal | None, code: str | None) -> None:
    worded = into_theirs(order(quantity=Decimal(quantity), unit_price=None), words(units=(rule,)), "x12")
    assert [finding.code for finding in worded.findings] == ([code] if code else [])
    assert isinstance(worded.document, PurchaseOrder)
    assert worded.document.lines[0].quantity == (Decimal(quantity) if made is None else made)
    refused = [finding.code for finding in worded.findings if finding.severity is Severity.ERROR]
    assert refused == ([code] if made is None else [])


def test_a_price_that_was_rounded_goes_back_as_it_was() -> None:
    part = replace(OURS, unit_price=Decimal("0.8333333333"), unit_price_as_sent=Decimal(10))
    made = sent(part)
    assert (made.unit_price, made.unit_price_as_sent) == (Decimal(10), None)
    assert sent(replace(part, unit_price=Decimal("0.9"))).unit_price == Decimal("10.8")
    huge = order(unit_price=Decimal("9" * 38))
    assert told(huge) == [("price-too-large", "error", "/lines/0/unit_price")]


def test_the_first_rule_goes_out_and_that_of_the_item_before_it() -> None:
    units = (CASE, UnitRule("DZ", "EA", Decimal(12)), UnitRule("BX", "EA", Decimal(6), product="A1"))
    assert sent(OURS, words(units=units[:2])).unit_as_sent == CodeAsSent("CA", "x12_355")
    made = sent(OURS, words(units=units))
    assert (made.quantity, made.unit_as_sent) == (4, CodeAsSent("BX", "x12_355"))


def test_a_sum_of_quantities_goes_with_them() -> None:
    document = replace(order(), totals=Totals(hash_total=Decimal(24)))
    made = into_theirs(document, WORDS, "x12").document
    assert made.totals == Totals(hash_total=Decimal(2))
    assert into_theirs(ORDER, Vocabulary(), "x12").document is ORDER
