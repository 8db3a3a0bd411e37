"""What a canonical document must make sense of, whatever syntax it came in.

An error means that nobody can act on the document; everything else is a warning and travels with it.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from translators.documents import (
    ApplicationAdvice,
    Document,
    FunctionalAcknowledgment,
    Header,
    InventoryAdvice,
    Invoice,
    OrderLine,
    OrderStatus,
    PlanningSchedule,
    PurchaseOrder,
    PurchaseOrderAcknowledgment,
    PurchaseOrderChange,
    PurchaseOrderChangeAcknowledgment,
    Receipt,
    ReceiptLine,
    RemittanceAdvice,
    ScheduleLine,
    ShipNotice,
    ShippingSchedule,
)
from translators.findings import Finding, Level, Severity

# Dates of what is still to come (element 374): requested or promised delivery and shipment, cancel after.
_TO_COME: Final = frozenset({"001", "002", "010", "061", "063", "067", "068", "069", "079"})


# Numbers are looked up and order events, so they are kept in indexes. X12 has room for 30 characters at most.
NUMBER_CHARACTERS_MAX: Final = 200


def check(document: Document) -> list[Finding]:
    """The findings of one document, with JSON pointers into its canonical form."""
    if isinstance(document, FunctionalAcknowledgment):
        return list(_functional_acknowledgment(document))
    found = [*_numbers(document), *_number_lengths(document)]
    found.extend(_dates(document))
    match document:
        case ShipNotice():
            found.extend(_ship_notice(document))
        case ApplicationAdvice():
            found.extend(_application_advice(document))
        case RemittanceAdvice():
            found.extend(_remittance_advice(document))
        case PlanningSchedule() | ShippingSchedule():
            found.extend(_line_ids(document.lines))
            found.extend(_schedule(document))
        case OrderStatus() | InventoryAdvice():
            # Orders have lines of the same number, and stock may be below zero.
            pass
        case Receipt():
            found.extend(_quantities(document.lines, may_be_zero=True))
            # A receipt may hold goods of several orders, each with a line 1.
            if document.purchase_order_number:
                found.extend(_line_ids(document.lines))
        case _:
            found.extend(_line_ids(document.lines))
            found.extend(_quantities(document.lines, may_be_zero=not isinstance(document, PurchaseOrder)))
    return found


def _numbers(document: Document) -> Iterator[Finding]:
    match document:
        case PurchaseOrder() | ShipNotice() | Invoice() | Receipt() | InventoryAdvice() | OrderStatus():
            if not document.number:
                yield _finding("number-missing", "the document has no number; send one", "/number", Severity.ERROR)
        case PurchaseOrderAcknowledgment() | PurchaseOrderChange() | PurchaseOrderChangeAcknowledgment():
            if not document.purchase_order_number:
                message = "no order is named, so the document belongs to none; send purchase_order_number"
                yield _finding("order-number-missing", message, "/purchase_order_number", Severity.ERROR)
        case PlanningSchedule() | ShippingSchedule():
            # BFR02 and BFR03: one of the two is enough.
            if not document.number and not document.release_number:
                message = "the schedule has neither number nor release_number; send one of them"
                yield _finding("number-missing", message, "/number", Severity.ERROR)
        case ApplicationAdvice() | RemittanceAdvice() | FunctionalAcknowledgment():
            return


def _number_lengths(document: Header) -> Iterator[Finding]:
    for field in ("number", "purchase_order_number"):
        value = getattr(document, field, None)
        if value is not None and len(value) > NUMBER_CHARACTERS_MAX:
            message = f"{field} has {len(value)} characters, {NUMBER_CHARACTERS_MAX} at most; send the number alone"
            yield _finding("number-too-long", message, f"/{field}", Severity.ERROR)


def _functional_acknowledgment(document: FunctionalAcknowledgment) -> Iterator[Finding]:
    if not document.group_control_number:
        message = "no group is named, so nothing is acknowledged; send group_control_number"
        yield _finding("group-number-missing", message, "/group_control_number", Severity.ERROR)


def _ship_notice(document: ShipNotice) -> Iterator[Finding]:
    for index, line in enumerate(document.lines):
        if not line.purchase_order_number and not document.purchase_order_number:
            message = "the line names no order; it cannot be matched by its order"
            yield _finding("order-number-missing", message, f"/lines/{index}/purchase_order_number")
        if line.quantity is not None and line.quantity < 0:
            yield _negative(index, line.quantity)


def _application_advice(document: ApplicationAdvice) -> Iterator[Finding]:
    if not document.results:
        message = "the advice says nothing of any document; send results"
        yield _finding("results-missing", message, "/results", Severity.ERROR)
    for index, result in enumerate(document.results):
        if result.status is None:
            message = f"{result.status_code or 'the result'} says neither accepted nor rejected; it cannot be matched"
            yield _finding("status-missing", message, f"/results/{index}/status")


def _remittance_advice(document: RemittanceAdvice) -> Iterator[Finding]:
    if document.amount is None:
        yield _finding("amount-missing", "the advice names no amount that is paid", "/amount")


def _schedule(document: PlanningSchedule | ShippingSchedule) -> Iterator[Finding]:
    for index, line in enumerate(document.lines):
        for at, forecast in enumerate(line.forecasts):
            if forecast.quantity is not None and forecast.quantity < 0:
                message = f"the quantity {forecast.quantity} is below zero"
                yield _finding("quantity-negative", message, f"/lines/{index}/forecasts/{at}/quantity")
            if forecast.starts_on and forecast.ends_on and forecast.ends_on < forecast.starts_on:
                message = f"the period ends on {forecast.ends_on} before it begins on {forecast.starts_on}"
                yield _finding("period-reversed", message, f"/lines/{index}/forecasts/{at}/ends_on")


def _line_ids(lines: Iterable[OrderLine | ReceiptLine | ScheduleLine]) -> Iterator[Finding]:
    seen: set[str] = set()
    told: set[str] = set()
    for index, line in enumerate(lines):
        number = line.line_id
        if number not in seen:
            seen.add(number)
        elif number not in told:  # the second of its kind is told, not every further one
            told.add(number)
            yield _finding("line-id-repeated", f"line {number} stands more than once", f"/lines/{index}/line_id")


def _quantities(lines: Iterable[OrderLine | ReceiptLine], *, may_be_zero: bool) -> Iterator[Finding]:
    for index, line in enumerate(lines):
        quantity = line.quantity
        if quantity is None:
            continue
        if quantity.is_signed() and quantity:
            yield _negative(index, quantity)
        elif not quantity and not may_be_zero:
            yield _finding("quantity-zero", "nothing is ordered by this line", f"/lines/{index}/quantity")


def _negative(index: int, quantity: Decimal) -> Finding:
    message = f"the quantity {quantity} is below zero"
    return _finding("quantity-negative", message, f"/lines/{index}/quantity")


def _dates(document: Header) -> Iterator[Finding]:
    if document.issued_on is None:
        return
    for index, held in enumerate(document.dates):
        if held.date is not None and held.qualifier in _TO_COME and held.date < document.issued_on:
            message = f"{held.label or held.qualifier} {held.date} lies before the document's date {document.issued_on}"
            yield _finding("date-before-issue", message, f"/dates/{index}/date")


def _finding(code: str, message: str, pointer: str, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(Level.DOCUMENT, code, message, severity, pointer=pointer)
