"""What the documents around an order must make sense of."""

import datetime as dt
from decimal import Decimal

import pytest

from translators.acknowledgment_documents import ApplicationAdvice, ApplicationResult
from translators.documents import Receipt, ReceiptLine
from translators.payment_documents import RemittanceAdvice
from translators.planning_documents import (
    Forecast,
    InventoryAdvice,
    InventoryLine,
    OrderStatus,
    PlanningSchedule,
    ScheduleLine,
    ShippingSchedule,
)
from translators.rules import check

FORECASTS = (
    Forecast(quantity=Decimal(-1)),
    Forecast(starts_on=dt.date(2026, 1, 5), ends_on=dt.date(2026, 1, 4)),
)
TWICE = (ScheduleLine(line_id="1"), ScheduleLine(line_id="1", forecasts=FORECASTS))
RECEIVED = (ReceiptLine(line_id="1", quantity=Decimal(0)), ReceiptLine(line_id="1", quantity=Decimal(-2)))

CASES = {
    "advice of nothing": (ApplicationAdvice(number="1"), [("results-missing", "/results")]),
    "result without a verdict": (
        ApplicationAdvice(number="1", results=(ApplicationResult(status="rejected"), ApplicationResult())),
        [("status-missing", "/results/1/status")],
    ),
    "payment of nothing": (RemittanceAdvice(number="1"), [("amount-missing", "/amount")]),
    "payment": (RemittanceAdvice(amount=Decimal(1)), []),
    "schedule without a number": (PlanningSchedule(), [("number-missing", "/number")]),
    "schedule known by its release": (PlanningSchedule(release_number="R-1"), []),
    "schedule": (
        ShippingSchedule(number="1", lines=TWICE),
        [
            ("line-id-repeated", "/lines/1/line_id"),
            ("quantity-negative", "/lines/1/forecasts/0/quantity"),
            ("period-reversed", "/lines/1/forecasts/1/ends_on"),
        ],
    ),
    "inventory without a number": (InventoryAdvice(), [("number-missing", "/number")]),
    "stock below zero": (InventoryAdvice(number="1", lines=(InventoryLine(line_id="1", quantity=Decimal(-1)),)), []),
    "status without a number": (OrderStatus(), [("number-missing", "/number")]),
    "receipt of several orders": (Receipt(number="1", lines=RECEIVED), [("quantity-negative", "/lines/1/quantity")]),
    "receipt of one order": (
        Receipt(number="1", purchase_order_number="2", lines=RECEIVED),
        [("quantity-negative", "/lines/1/quantity"), ("line-id-repeated", "/lines/1/line_id")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_document_must_make_sense_of(case):
    document, expected = CASES[case]
    assert [(finding.code, finding.pointer) for finding in check(document)] == expected
