"""A partner's words for the tests, and documents that hold them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from translators.document_parts import CodeAsSent, DateReference, Identifier, Party, ProductId, Reference
from translators.documents import OrderLine, PurchaseOrder
from translators.vocabulary.values import (
    IdentifierRule,
    IdentifierTable,
    QualifierRule,
    UnitRule,
    Vocabulary,
)


def table(name: str, **pairs: str) -> IdentifierTable:
    """A table; of several of theirs the first goes out."""
    theirs: dict[str, str] = {}
    for key, value in pairs.items():
        theirs.setdefault(value, key)
    return IdentifierTable(name, dict(pairs), theirs)


ITEMS = table("items", A1="4711", A2="4712", A1X="4711")
PLANTS = table("plants", P9="0042")
CONTRACTS = table("contracts", K7="C-70")
CASE, SACK, POUND = UnitRule("CA", "EA", Decimal(12)), UnitRule("BG", "KGM", Decimal(25)), Decimal("0.45359237")
WORDS = Vocabulary(
    (
        IdentifierRule("product_ids", (ITEMS,), "VN", "BP"),
        IdentifierRule("parties", (PLANTS,), "92", "91"),
        IdentifierRule("references", (CONTRACTS,), "CT", "CO"),
    ),
    (CASE, SACK, UnitRule("LB", "KGM", POUND, decimals=3), UnitRule("BX", "EA", Decimal(6), product="A2")),
    (
        QualifierRule("references", "ZZ", "DP", "release_number"),
        QualifierRule("references", "IV", field="lines.purchase_order_number"),
        QualifierRule("dates", "063", "001"),
        QualifierRule("dates", "004", field="purchase_order_date"),
        QualifierRule("parties", "DC", "ST"),
        QualifierRule("product_ids", "MG", "MF"),
    ),
)


def in_x12(code: str, unit: str | None) -> dict[str, object]:
    """A unit as the reader of X12 gives it."""
    return {"unit": unit, "unit_as_sent": CodeAsSent(code, "x12_355")}


LINE = OrderLine(
    line_id="1",
    quantity=Decimal(2),
    unit="XCS",
    unit_as_sent=CodeAsSent("CA", "x12_355"),
    unit_price=Decimal("12.60"),
    product_ids=(ProductId("A1", "VN"), ProductId("M-3", "MG")),
)
ORDER = PurchaseOrder(
    number="4500",
    issued_on=date(2026, 3, 1),
    parties=(Party(role_code="DC", identifiers=(Identifier("P9", "92"),)),),
    references=(Reference("CT", None, "K7"), Reference("ZZ", None, "R-3")),
    dates=(DateReference("063", None, date(2026, 4, 1)), DateReference("004", None, date(2026, 2, 1))),
    lines=(LINE,),
)


def order(**line: object) -> PurchaseOrder:
    """An order with one line that differs so."""
    return replace(ORDER, lines=(replace(LINE, **line),))


def words(**changed: object) -> Vocabulary:
    """The words, some of them others."""
    return replace(WORDS, **changed)
