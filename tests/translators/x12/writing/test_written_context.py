"""What an answer takes over from the order that it answers; what it says itself stays."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

from translators.document_parts import Acknowledgment, Identifier, Measure, Party, PaymentTerms, ProductId, Reference
from translators.documents import (
    AcknowledgmentLine,
    ChangeAcknowledgmentLine,
    Invoice,
    InvoiceLine,
    Level,
    OrderLine,
    OrderReference,
    PurchaseOrder,
    PurchaseOrderAcknowledgment,
    PurchaseOrderChangeAcknowledgment,
    Receipt,
    ShipNotice,
    ShipNoticeLine,
)
from translators.x12.writing import with_context, write_set

IDS = (ProductId("W-100", "VP"), ProductId("4006381333931", "EN"))
ORDER = PurchaseOrder(
    number="4711",
    issued_on=dt.date(2026, 1, 5),
    contract="C-1",
    release_number="R2",
    currency="USD",
    parties=(
        Party(role="buyer", role_code="BY", name="BigCorp"),
        Party(role="ship_to", role_code="ST", name="Plant 7"),
    ),
    references=(Reference("DP", value="0042"), Reference("ZZ", value="secret")),
    payment_terms=(PaymentTerms(net_days=Decimal(30)),),
    lines=(
        OrderLine(line_id="10", quantity=Decimal(24), unit="EA", unit_price=Decimal("9.75"), product_ids=IDS),
        OrderLine(line_id="20", quantity=Decimal(2), unit="KGM", product_ids=(ProductId("G-7", "VP"),)),
    ),
)


def test_an_acknowledgment_repeats_the_order():
    said = Acknowledgment(status="accepted", quantity=Decimal(20))
    line = AcknowledgmentLine(line_id="0010", quantity=Decimal(20), acknowledgments=(said,))
    answer = with_context(PurchaseOrderAcknowledgment(lines=(line,), currency="EUR"), ORDER)
    assert (answer.purchase_order_number, answer.purchase_order_date) == ("4711", dt.date(2026, 1, 5))
    assert (answer.contract, answer.release_number, answer.currency) == ("C-1", "R2", "EUR")
    assert [held.qualifier for held in answer.references] == ["DP"]
    assert [party.role for party in answer.parties] == ["buyer", "ship_to"]
    (filled,) = answer.lines
    assert (filled.line_id, filled.quantity, filled.unit, filled.unit_price) == (
        "0010",
        Decimal(20),
        "EA",
        Decimal("9.75"),
    )
    assert filled.product_ids == IDS
    assert filled.acknowledgments[0].unit == "EA"
    assert write_set(replace(answer, purpose_code="00", status_code="AC"), "004010").is_sound


def test_what_the_answer_says_is_never_replaced():
    own = AcknowledgmentLine(
        line_id="10", quantity=Decimal(1), unit="BX", unit_price=Decimal(1), product_ids=(ProductId("other", "VP"),)
    )
    answer = PurchaseOrderAcknowledgment(
        purchase_order_number="4711",
        purchase_order_date=dt.date(2025, 1, 1),
        contract="C-9",
        parties=(Party(role="ship_to", name="Elsewhere"),),
        references=(Reference("DP", value="1"),),
        lines=(own,),
    )
    filled = with_context(answer, ORDER)
    assert (filled.purchase_order_date, filled.contract) == (dt.date(2025, 1, 1), "C-9")
    assert [(party.role, party.name) for party in filled.parties] == [("ship_to", "Elsewhere"), ("buyer", "BigCorp")]
    assert filled.references == answer.references
    assert (filled.lines[0].unit, filled.lines[0].unit_price) == ("BX", Decimal(1))
    assert filled.lines[0].product_ids == (ProductId("other", "VP"), IDS[1])


def test_an_answer_to_another_order_takes_nothing_from_this_one():
    answer = PurchaseOrderAcknowledgment(purchase_order_number="9999")
    assert with_context(answer, ORDER) == answer


def test_a_line_without_a_number_is_known_by_its_item():
    line = AcknowledgmentLine(line_id="1", line_id_assigned=True, product_ids=(ProductId("G-7", "VP"),))
    unknown = AcknowledgmentLine(line_id="77", product_ids=(ProductId("none", "VP"),))
    answer = with_context(PurchaseOrderAcknowledgment(lines=(line, unknown)), ORDER)
    assert (answer.lines[0].line_id, answer.lines[0].line_id_assigned, answer.lines[0].unit) == ("20", None, "KGM")
    assert answer.lines[1] == unknown


def test_an_answer_to_a_change_repeats_the_order_too():
    line = ChangeAcknowledgmentLine(line_id="20", change_code="QI")
    answer = with_context(PurchaseOrderChangeAcknowledgment(lines=(line,)), ORDER)
    assert answer.purchase_order_number == "4711"
    assert (answer.lines[0].quantity, answer.lines[0].unit, answer.lines[0].change_code) == (Decimal(2), "KGM", "QI")


def test_an_invoice_takes_terms_and_prices_but_no_quantities():
    line = InvoiceLine(line_id="1", order_line_id="10")
    elsewhere = InvoiceLine(line_id="2", purchase_order_number="9999", order_line_id="20")
    invoice = with_context(Invoice(number="I1", lines=(line, elsewhere)), ORDER)
    assert invoice.payment_terms == ORDER.payment_terms
    assert (invoice.lines[0].quantity, invoice.lines[0].unit, invoice.lines[0].unit_price) == (
        None,
        "EA",
        Decimal("9.75"),
    )
    assert invoice.lines[0].product_ids == IDS
    assert invoice.lines[1] == elsewhere


def test_a_ship_notice_is_filled_in_lines_and_levels():
    notice = ShipNotice(number="S1", lines=(ShipNoticeLine(line_id="10", quantity=Decimal(5)),))
    (line,) = with_context(notice, ORDER).lines
    assert (line.purchase_order_number, line.purchase_order_date, line.unit) == ("4711", dt.date(2026, 1, 5), "EA")
    assert line.quantity_ordered == Measure(Decimal(24), unit="EA")
    item = Level(id="3", code="I", line_id="20", quantity=Decimal(1))
    order = Level(id="2", code="O", order=OrderReference(purchase_order_number="4711"), children=(item,))
    tree = with_context(ShipNotice(number="S1", levels=(Level(id="1", code="S", children=(order,)),)), ORDER)
    filled = tree.levels[0].children[0]
    assert (filled.order.issued_on, filled.order.contract) == (dt.date(2026, 1, 5), "C-1")
    assert (filled.children[0].unit, filled.children[0].product_ids) == ("KGM", (ProductId("G-7", "VP"),))


def test_in_a_shipment_of_several_orders_only_this_one_is_filled():
    lines = (
        ShipNoticeLine(line_id="10", purchase_order_number="4711"),
        ShipNoticeLine(line_id="10", purchase_order_number="9999"),
    )
    party = Party(role="ship_to", identifiers=(Identifier("1", "92"),))
    notice = with_context(ShipNotice(number="S1", parties=(party,), lines=lines), ORDER)
    assert notice.parties == (party,)
    assert notice.purchase_order_number is None
    assert (notice.lines[0].unit, notice.lines[1]) == ("EA", lines[1])


def test_other_documents_come_back_as_they_are():
    receipt = Receipt(number="1")
    assert with_context(receipt, ORDER) is receipt
