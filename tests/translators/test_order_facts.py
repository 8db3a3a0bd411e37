"""What a document says of its orders, for each kind and word."""

from datetime import date
from decimal import Decimal

import pytest

from translators.document_parts import Acknowledgment, Measure
from translators.documents import (
    AcknowledgmentLine,
    ChangeLine,
    InventoryAdvice,
    Invoice,
    InvoiceLine,
    OrderLine,
    PurchaseOrder,
    PurchaseOrderAcknowledgment,
    PurchaseOrderChange,
    PurchaseOrderChangeAcknowledgment,
    Receipt,
    RemittanceAdvice,
    ShipNotice,
    ShipNoticeLine,
)
from translators.order_facts import ORDERS_MAX, OrderFacts, order_facts

DAY = date(2026, 3, 1)


def acknowledged(status=None, *lines):
    said = tuple(
        AcknowledgmentLine(line_id=str(number), acknowledgments=(Acknowledgment(status=word),))
        for number, word in enumerate(lines, 1)
    )
    return PurchaseOrderAcknowledgment(purchase_order_number="PO", status=status, lines=said)


@pytest.mark.parametrize(
    ("document", "facts"),
    [
        (
            PurchaseOrder(number="PO", issued_on=DAY, lines=(OrderLine(line_id="1"), OrderLine(line_id="2"))),
            OrderFacts(("PO",), "send", (2,), DAY),
        ),
        (PurchaseOrder(number="PO", purpose="duplicate"), OrderFacts(("PO",), None, (0,))),
        (PurchaseOrder(number="PO", purpose="cancellation"), OrderFacts(("PO",), "cancel", (0,))),
        (PurchaseOrder(), None),
        (
            PurchaseOrderChange(
                purchase_order_number="PO",
                lines=(
                    ChangeLine(line_id="1", change_code="AI"),
                    ChangeLine(line_id="2", change="line_added"),
                    ChangeLine(line_id="3", change_code="DI", change="line_deleted"),
                    ChangeLine(line_id="4", change_code="QI"),
                ),
            ),
            OrderFacts(("PO",), "change", (1,)),
        ),
        (
            PurchaseOrderChange(purchase_order_number="PO", purpose="cancellation"),
            OrderFacts(("PO",), "cancel", (0,)),
        ),
        (acknowledged("accepted"), OrderFacts(("PO",), "accept")),
        (acknowledged("accepted_with_exceptions"), OrderFacts(("PO",), "accept_with_changes")),
        (acknowledged("counter_offer"), OrderFacts(("PO",), "accept_with_changes")),
        (acknowledged("rejected"), OrderFacts(("PO",), "reject")),
        (acknowledged("on_hold"), OrderFacts(("PO",), "answer")),
        (acknowledged("a word of their own"), OrderFacts(("PO",), "answer")),
        (acknowledged(None), OrderFacts(("PO",), "answer")),
        (acknowledged(None, "accepted", "accepted"), OrderFacts(("PO",), "accept")),
        (acknowledged(None, "accepted", "backordered"), OrderFacts(("PO",), "accept_with_changes")),
        (acknowledged(None, "accepted", "rejected"), OrderFacts(("PO",), "accept_with_changes")),
        (acknowledged(None, "rejected", "deleted"), OrderFacts(("PO",), "reject")),
        (acknowledged(None, "accepted", None), OrderFacts(("PO",), "answer")),
        (acknowledged(None, "accepted", "on_hold"), OrderFacts(("PO",), "answer")),
        (
            PurchaseOrderChangeAcknowledgment(purchase_order_number="PO", status="accepted"),
            OrderFacts(("PO",), "accept"),
        ),
        (
            PurchaseOrderChangeAcknowledgment(purchase_order_number="PO", status="rejected"),
            OrderFacts(("PO",), "answer"),
        ),
        (PurchaseOrderAcknowledgment(), None),
        (
            Invoice(
                number="I",
                purchase_order_number="PO",
                lines=(
                    InvoiceLine(line_id="1", purchase_order_number="PO2"),
                    InvoiceLine(line_id="2", purchase_order_number="PO"),
                ),
            ),
            OrderFacts(("PO", "PO2"), "invoice"),
        ),
        (Invoice(number="I", purchase_order_number="PO", kind="credit_note"), OrderFacts(("PO",), None)),
        (Invoice(number="I"), None),
        (Receipt(number="R", purchase_order_number="PO"), OrderFacts(("PO",), "close")),
        (RemittanceAdvice(purchase_order_number="PO"), OrderFacts(("PO",), "close")),
        (InventoryAdvice(number="N", purchase_order_number="PO"), None),
    ],
)
def test_each_kind_of_document(document, facts):
    assert order_facts(document) == facts


def line(line_id="1", order=None, quantity=None, ordered=None, **more):
    measure = Measure(Decimal(ordered), unit="EA") if ordered is not None else None
    return ShipNoticeLine(
        line_id=line_id,
        purchase_order_number=order,
        quantity=None if quantity is None else Decimal(quantity),
        unit="EA",
        quantity_ordered=measure,
        **more,
    )


DOZEN = ShipNoticeLine(line_id="1", quantity=Decimal(1), unit="DZN", quantity_ordered=Measure(Decimal(12), unit="EA"))


@pytest.mark.parametrize(
    ("lines", "deed", "shipped"),
    [
        ((), "ship", 0),
        ((line("1"), line("1"), line("2")), "ship", 2),
        ((line("1", quantity=5, ordered=5),), "ship", 1),
        ((line("1", quantity=5, ordered=9), line("2")), "ship_part", 1),
        ((line("1", quantity=5, ordered=9, quantity_shipped_to_date=Decimal(9)),), "ship", 1),
        ((line("1", quantity=5, ordered=9), line("1", quantity=4, ordered=9)), "ship", 1),
        ((line("1", quantity=5, ordered=9), line(None, quantity=4, ordered=9)), "ship_part", 0),
        ((line("1", status="partly_backordered"),), "ship_part", 0),
        # A dozen is not less than twelve.
        ((DOZEN,), "ship", 1),
        ((line(None),), "ship", 0),
    ],
)
def test_a_ship_notice_shows_what_is_missing(lines, deed, shipped):
    notice = ShipNotice(number="S", purchase_order_number="PO", lines=lines)
    assert order_facts(notice) == OrderFacts(("PO",), deed, (shipped,))


def test_a_ship_notice_may_be_of_several_orders_or_void():
    notice = ShipNotice(
        number="S",
        purchase_order_numbers=("A", "B"),
        lines=(line("1", "A"), line("2", "A"), line("1", "B"), line("9", "C")),
    )
    assert order_facts(notice) == OrderFacts(("A", "B", "C"), "ship", (2, 1, 1))
    assert order_facts(ShipNotice(number="S", purchase_order_number="A", purpose="cancellation")) == OrderFacts(
        ("A",), None
    )
    assert order_facts(ShipNotice(number="S")) is None


def test_the_orders_of_one_document_have_a_limit():
    facts = order_facts(ShipNotice(number="S", purchase_order_numbers=tuple(map(str, range(ORDERS_MAX + 5)))))
    assert facts is not None
    assert len(facts.orders) == ORDERS_MAX
    assert facts.lines_of(ORDERS_MAX + 1) == 0
