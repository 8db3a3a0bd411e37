"""What follows from the whole of a document: numbers of lines, status without ACK, the order it belongs to.

Nothing here comes from an element of its own; what is said stands beside the fields that it follows from.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from translators.codes import APPLICATION_SCOPE, words
from translators.document_parts import Acknowledgment, ProductId, Reference
from translators.documents import (
    AcknowledgmentLine,
    ApplicationResult,
    ChangeAcknowledgmentLine,
    ChangeLine,
    InventoryLine,
    InvoiceLine,
    OrderLine,
    ReceiptLine,
    ScheduleLine,
)
from translators.x12.documents.element_values import Values
from translators.x12.documents.filling import Filling, complete


def purchase_order(_: Filling, values: Values) -> None:
    """An order: its lines."""
    values["lines"] = _lines(OrderLine, values)


def purchase_order_change(_: Filling, values: Values) -> None:
    """A change of an order: its lines."""
    values["lines"] = _lines(ChangeLine, values)


def inventory_advice(_: Filling, values: Values) -> None:
    """An inventory advice: its lines."""
    values["lines"] = _lines(InventoryLine, values)


def with_ids(lines: list[Values]) -> list[Values]:
    """Lines without a number of their own (PO101 is optional) are known by their position."""
    for position, line in enumerate(lines, 1):
        if "line_id" not in line:
            line["line_id"] = str(position)
            line["line_id_assigned"] = True
    return lines


def _lines(of: type[Any], values: Values) -> list[Any]:
    return [complete(of, line) for line in with_ids(values.get("lines", []))]


# --- answers to orders -----------------------------------------------------------------------------------------------


def purchase_order_acknowledgment(_: Filling, values: Values) -> None:
    """An answer to an order: its lines, and their status where the seller sent none."""
    values["lines"] = _answered(AcknowledgmentLine, values)


def purchase_order_change_acknowledgment(_: Filling, values: Values) -> None:
    """An answer to a change: its lines, and their status where the seller sent none."""
    values["lines"] = _answered(ChangeAcknowledgmentLine, values)


def _answered(of: type[Any], values: Values) -> list[Any]:
    lines = with_ids(values.get("lines", []))
    for line in lines:
        if not line.get("acknowledgments"):
            derived = _derived(values.get("status_code"), line)
            if derived is not None:
                line["acknowledgments"] = [derived]
    return [complete(of, line) for line in lines]


# What the status of the whole says of a line that stands in the document without ACK (half of all 855s carry none).
# AC and AE announce changes or exceptions without telling which: the line's own values are the seller's.
_STATUS_WITHOUT_ACK: Final = {
    "accepted": "accepted",
    "accepted_with_changes": "accepted_with_changes",
    "accepted_with_exceptions": "accepted_with_changes",
    "rejected": "rejected",
    "counter_offer": "accepted_with_changes",
    "on_hold": "on_hold",
}
# POC02 in 865: the change of this line is refused, whatever becomes of the rest.
_CHANGE_REFUSED: Final = "RC"


def _derived(status_code: str | None, line: Values) -> Acknowledgment | None:
    status = _STATUS_WITHOUT_ACK.get(words("0587").get(status_code or "", ""))
    change = line.get("change_code")
    if change == _CHANGE_REFUSED:
        status = "rejected"
    if status is None:
        return None
    quantity: Decimal | None = line.get("quantity")
    if change is None and quantity is not None and quantity == 0 and status != "on_hold":
        status = "rejected"  # nothing will come; of a change it may be what the buyer asked for
    return Acknowledgment(
        status=status,
        quantity=quantity,
        unit=line.get("unit"),
        unit_as_sent=line.get("unit_as_sent"),
        derived=True,
    )


# --- bills and receipts ----------------------------------------------------------------------------------------------


def invoice(_: Filling, values: Values) -> None:
    """An invoice: its lines with order and amount, and the day that it is due."""
    for line in values.get("lines", []):
        _set(line, "purchase_order_number", _id(line, "PO") or _reference(line, "PO"))
        _set(line, "order_line_id", _id(line, "PL") or _reference(line, "LI"))
        _set(line, "line_amount", _first(held.amount for held in line.get("amounts", ()) if held.qualifier == "1"))
    values["lines"] = _lines(InvoiceLine, values)
    _set(values, "due_on", _first(terms.due_on for terms in values.get("payment_terms", ())))


def receipt(_: Filling, values: Values) -> None:
    """A receipt: its lines with their order, the shipment and the day it came."""
    order = values.get("order")
    number = None if order is None else order.purchase_order_number
    for line in values.get("lines", []):
        own = line.get("order")
        _set(line, "purchase_order_number", (own and own.purchase_order_number) or _id(line, "PO") or number)
    only = _only(line.get("purchase_order_number") for line in values.get("lines", []))
    _set(values, "purchase_order_number", number or only)
    _set(values, "shipment_number", _reference(values, "SI"))
    # 050: received
    _set(values, "received_on", _first(held.date for held in values.get("dates", ()) if held.qualifier == "050"))
    values["lines"] = _lines(ReceiptLine, values)


def remittance_advice(_: Filling, values: Values) -> None:
    """A remittance advice is known by the number that its payment is traced by."""
    _set(values, "number", _first(trace.number for trace in values.get("traces", ())))


# --- schedules, advices ----------------------------------------------------------------------------------------------


def schedule(_: Filling, values: Values) -> None:
    """A schedule: its lines, each with its order."""
    for line in values.get("lines", []):
        _set(line, "purchase_order_number", _id(line, "PO") or _reference(line, "PO"))
    _set(values, "purchase_order_number", _only(line.get("purchase_order_number") for line in values.get("lines", [])))
    values["lines"] = _lines(ScheduleLine, values)


def application_advice(_: Filling, values: Values) -> None:
    """An application advice: what each of its results speaks of, and the order if it is but one."""
    for result in values.get("results", []):
        _set(result, "scope", APPLICATION_SCOPE.get(result.get("status_code", "")))
    references = [result.get("reference") for result in values.get("results", [])]
    _set(values, "purchase_order_number", _only(held.id for held in references if held and held.qualifier == "PO"))
    values["results"] = [complete(ApplicationResult, result) for result in values.get("results", [])]


def functional_acknowledgment(kind: str) -> Callable[[Filling, Values], None]:
    """A functional acknowledgment says which of the two it is."""

    def finish(_: Filling, values: Values) -> None:
        values["acknowledgment_type"] = kind

    return finish


# --- what is looked for ----------------------------------------------------------------------------------------------


def _set(values: Values, name: str, value: object) -> None:
    if value is not None and name not in values:
        values[name] = value


def _first(found: Iterable[Any]) -> Any:  # noqa: ANN401 - whatever is looked for
    return next((value for value in found if value is not None), None)


def _only(found: Iterable[Any]) -> Any:  # noqa: ANN401 - whatever is looked for
    """The value that all of them are; None when they differ or there is none."""
    different = set(found)
    return different.pop() if len(different) == 1 else None


def _id(values: Values, qualifier: str) -> str | None:
    ids: Iterable[ProductId] = values.get("product_ids", ())
    return next((held.id for held in ids if held.qualifier == qualifier), None)


def _reference(values: Values, qualifier: str) -> str | None:
    references: Iterable[Reference] = values.get("references", ())
    return next((held.value for held in references if held.qualifier == qualifier and held.value), None)
